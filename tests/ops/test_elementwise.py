"""Every elementwise primitive compiled, against its NumPy meaning."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from lamella import ops
from lamella.primitive import PRIMITIVES, Primitive
from lamella.types import BOOL, FLOATS, SIGNED, UNSIGNED, Type, bfloat16, dtype_of, is_float

sys.path.insert(0, str(Path(__file__).parent.parent / "kernels"))
from harness import check, program, run_loop, typed

DTYPES = (BOOL, *SIGNED, *UNSIGNED, *FLOATS)
#: Primitives with attributes or operands of their own kinds have tests below.
SPECIAL = {"select", "convert", "bitcast", "polygamma"}
ELEMENTWISE = [
    p for p in PRIMITIVES.values() if p.family == "elementwise" and p.name not in SPECIAL
]


def accepts(p: Primitive, dtype: np.dtype) -> int:
    """The number of operands of `dtype` that the primitive takes; 0 if it does not."""
    for n in (1, 2, 3):
        try:
            p.typing(*[Type((1,), dtype)] * n)
            p.numpy(*[np.ones(1, dtype)] * n)
            return n
        except TypeError:
            continue
    return 0


CASES = [(p, d) for p in ELEMENTWISE for d in DTYPES if accepts(p, d)]


def special_values(dtype: np.dtype) -> np.ndarray:
    """Zeros, ones, infinities, NaN, denormals and large numbers; extremes of integers."""
    if dtype == BOOL:
        return np.array([False, True])
    if not is_float(dtype):
        info = np.iinfo(dtype)
        return np.array([0, 1, 2, 3, 7, info.max, info.min, info.max - 1, info.max // 3], dtype)
    tiny = {2: 1e-7, 4: 1e-40, 8: 1e-310}[dtype.itemsize]
    large = {2: 3e4, 4: 3e38, 8: 1e308}[dtype.itemsize]
    values = [0.0, -0.0, 1, -1, 0.5, -0.5, 2, 3, -3, 10.5, tiny, -tiny, large, -large, 100, -88.5,
              np.inf, -np.inf, np.nan, 1e4, 12345.678]  # fmt: skip
    return np.array(values).astype(dtype)


def operands(p: Primitive, dtype: np.dtype, n: int, size: int) -> list[np.ndarray]:
    rng = np.random.default_rng(size)
    special = special_values(dtype)
    if n == 2:
        grid = np.stack(np.meshgrid(special, special), -1).reshape(-1, 2)
        pool = [grid[:, 0], grid[:, 1]]
    else:
        pool = [special] * n
    xs = []
    for column in pool:
        if is_float(dtype):
            rest = rng.normal(size=size).astype(np.float32) * 3
        else:
            rest = rng.integers(0, 2 if dtype == BOOL else 100, size)
        xs.append(np.concatenate([column, rest.astype(dtype)])[: max(size, 0)])
    if p is ops.power and not is_float(dtype):
        xs[1] = np.abs(xs[1].astype(np.int64) % 60).astype(dtype)
    return xs


def assert_close(p: Primitive, got: np.ndarray, want: np.ndarray, scale: float = 1.0) -> None:
    if not is_float(want.dtype):
        np.testing.assert_array_equal(got, want)
        return
    eps = {2: 2**-10, 4: 2**-23, 8: 2**-52}[want.dtype.itemsize]
    eps = 2**-7 if want.dtype == bfloat16 else eps
    tiny = {2: 2**-14, 4: 2.0**-126, 8: 2.0**-1022}[want.dtype.itemsize]
    loose = {"lgamma", "digamma", "erfinv", "tan"}
    factor = 64 if p.name in loose else 5
    np.testing.assert_allclose(
        got.astype(np.float64), want.astype(np.float64),
        rtol=factor * eps * scale, atol=(2e-6 if p.name in loose else 0) + factor * tiny * eps,
    )  # fmt: skip


@pytest.mark.parametrize(("p", "dtype"), CASES, ids=[f"{p}-{d.name}" for p, d in CASES])
def test_compiled_agrees_with_numpy(p: Primitive, dtype: np.dtype) -> None:
    n = accepts(p, dtype)
    size = 467  # all pairs of special values, then random ones; not a multiple of the lanes
    xs = operands(p, dtype, n, size)
    body = program(p, *[Type(xs[0].shape, dtype)] * n)
    (want,) = body.run(*xs)
    (got,) = run_loop(body, *xs)
    assert got.dtype == want.dtype
    assert_close(p, got, want)


@pytest.mark.parametrize("size", [0, 1, 7, 16, 64, 1000, 70000])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "int8", "bool"])
def test_sizes(size: int, dtype: str) -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.integers(0, 2, size).astype(dtype_of(dtype)) for _ in range(2))
    check(ops.maximum, x, y)


@pytest.mark.parametrize("source", [d.name for d in DTYPES])
@pytest.mark.parametrize("target", [d.name for d in DTYPES])
def test_convert(source: str, target: str) -> None:
    x = np.array([0, 1, 2, 3, 7, 100, 250, 33, 64, 5, 6, 9, 77, 12, 15, 18, 90], "float64")
    if source != "bool" and not source.startswith("uint") and not target.startswith("uint"):
        x = np.concatenate([x, -x])
    if is_float(dtype_of(source)) and target != "bool":
        x = np.concatenate([x, x + 0.3])
    if "int8" in (source, target):
        x = np.clip(x, -128, 127)
    x = x.astype(dtype_of(source))
    check(lambda v: ops.convert(v, dtype=target), x, rtol=0, atol=0)


@pytest.mark.parametrize("source", ["float32", "float64"])
@pytest.mark.parametrize("target", ["float16", "bfloat16"])
def test_rounding_to_half(source: str, target: str) -> None:
    rng = np.random.default_rng(0)
    special = [1e-6, 6e-8, 65519, 65520, 1e30, 1e300, np.inf, np.nan, -0.0]
    # Ties of float16, and what float32 rounds to them.
    ties = np.outer(1 + (2 * np.arange(40) + 1) / 2048, [1 - 1e-12, 1, 1 + 1e-12]).ravel()
    x = np.concatenate([rng.normal(size=1000), special, ties, -ties])
    with np.errstate(over="ignore"):
        x = x.astype(source)
        want = x.astype(dtype_of(target)).view("uint16")
    body = program(lambda v: ops.convert(v, dtype=target), typed(len(x), dtype=source))
    (got,) = run_loop(body, x)
    numbers = ~np.isnan(x)
    np.testing.assert_array_equal(got.view("uint16")[numbers], want[numbers])
    assert np.isnan(got[~numbers].astype("float32")).all()


@pytest.mark.parametrize("source", ["float32", "float64", "float16", "bfloat16", "int32", "uint8"])
def test_bitcast(source: str) -> None:
    x = np.arange(50).astype(dtype_of(source))
    target = {1: "int8", 2: "uint16", 4: "uint32", 8: "int64"}[x.itemsize]
    check(lambda v: ops.bitcast(v, dtype=target), x)
    check(lambda v: ops.bitcast(ops.bitcast(v, dtype=target), dtype=source), x)


@pytest.mark.parametrize("dtype", [d.name for d in DTYPES])
def test_select(dtype: str) -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.integers(0, 2, 45).astype(dtype_of(dtype)) for _ in range(2))
    check(ops.select, rng.random(45) < 0.5, x, y)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_polygamma(order: int) -> None:
    x = np.linspace(0.1, 30, 100)
    check(lambda v: ops.polygamma(v, order=order), x, rtol=1e-13, atol=0)
    check(lambda v: ops.polygamma(v, order=order), x.astype("float32"), rtol=3e-7, atol=0)


def test_philox_known_answers() -> None:
    """The vectors of Random123's own tests: counter, second counter word, key -> the block."""
    known = [
        (0x00000000, 0x00000000, 0x00000000, 0x6CD10DF2_FF1DAE59),
        (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xAB4FD7AD_2C3F628B),
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0xF62A4C12_DD7CE038),
    ]
    *words, blocks = zip(*known)
    counter, second, key = (np.array(x, "uint32") for x in words)
    bits = np.array(blocks, "uint64")
    np.testing.assert_array_equal(ops.philox.numpy(counter, key, second), bits)
    (got,) = run_loop(program(ops.philox, *[typed(3, dtype="uint32")] * 3), counter, key, second)
    np.testing.assert_array_equal(got, bits)
