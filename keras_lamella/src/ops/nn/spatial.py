"""Spatial arguments: per-axis tuples, output sizes, padding."""

from __future__ import annotations

from typing import NamedTuple


class Window(NamedTuple):
    """How windows lie along one axis: `out` of them, `low` and `high` elements of padding."""

    out: int
    low: int
    high: int


def per_axis(value: int | tuple[int, ...], n: int, name: str) -> tuple[int, ...]:
    """`value` for each of `n` axes."""
    values = (value,) * n if isinstance(value, int) else tuple(int(v) for v in value)
    if len(values) == 1:
        values *= n
    if len(values) != n:
        raise ValueError(f"`{name}` must be an int or {n} ints. Received: {name}={value}")
    return values


def window(size: int, kernel: int, stride: int, padding: str, dilation: int = 1) -> Window:
    """The windows of `kernel` taps, `dilation` apart, over an axis of `size` elements."""
    reach = (kernel - 1) * dilation + 1
    if padding == "valid":
        return Window(max(0, (size - reach) // stride + 1), 0, 0)
    out = -(-size // stride)
    total = max((out - 1) * stride + reach - size, 0)
    if padding == "same":
        return Window(out, total // 2, total - total // 2)
    if padding == "causal":
        return Window(out, reach - 1, max(0, total - reach + 1))
    raise ValueError(
        f"`padding` must be one of 'valid', 'same', 'causal'. Received: padding={padding}"
    )


def spatial_axes(ndim: int, data_format: str) -> tuple[int, ...]:
    """The spatial axes of a batch of images, signals or volumes."""
    return tuple(range(1, ndim - 1) if data_format == "channels_last" else range(2, ndim))
