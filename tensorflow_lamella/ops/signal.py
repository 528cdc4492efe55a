"""tf.signal: Fourier transforms, frames and windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorflow_lamella.core.dispatch import Array, op
from tensorflow_lamella.core.dtypes import numpy_dtype
from tensorflow_lamella.ops.reduce import axes_of


def _complex(x: Any) -> Any:
    return np.complex128 if x.dtype in (np.float64, np.complex128) else np.complex64


def _define(name: str, f: Callable[..., Any], axes: int) -> None:
    def function(input: Array) -> Any:
        where = tuple(range(-axes, 0))
        return f(input, axes=where).astype(_complex(input))

    op(f"signal.{name}")(function)


for _n, _suffix in ((1, ""), (2, "2d"), (3, "3d")):
    _define(f"fft{_suffix}", np.fft.fftn, _n)
    _define(f"ifft{_suffix}", np.fft.ifftn, _n)


@op("signal.rfft")
def rfft(input_tensor: Array, fft_length: Any = None) -> Any:
    n = None if fft_length is None else int(np.reshape(fft_length, -1)[0])
    return np.fft.rfft(input_tensor, n).astype(_complex(input_tensor))


@op("signal.irfft")
def irfft(input_tensor: Array, fft_length: Any = None) -> Any:
    n = None if fft_length is None else int(np.reshape(fft_length, -1)[0])
    kind = np.float64 if input_tensor.dtype == np.complex128 else np.float32
    return np.fft.irfft(input_tensor, n).astype(kind)


@op("signal.rfft2d")
def rfft2d(input_tensor: Array, fft_length: Any = None) -> Any:
    shape = None if fft_length is None else [int(n) for n in fft_length]
    return np.fft.rfft2(input_tensor, shape).astype(_complex(input_tensor))


@op("signal.irfft2d")
def irfft2d(input_tensor: Array, fft_length: Any = None) -> Any:
    shape = None if fft_length is None else [int(n) for n in fft_length]
    kind = np.float64 if input_tensor.dtype == np.complex128 else np.float32
    return np.fft.irfft2(input_tensor, shape).astype(kind)


@op("signal.fftshift")
def fftshift(x: Array, axes: Any = None) -> Any:
    return np.fft.fftshift(x, axes_of(axes))


@op("signal.ifftshift")
def ifftshift(x: Array, axes: Any = None) -> Any:
    return np.fft.ifftshift(x, axes_of(axes))


def _cosines(n: int, periodic: bool, first: float, second: float, dtype: Any) -> np.ndarray:
    divisor = n if periodic and n % 2 == 0 else n - 1  # as TensorFlow has it
    place = 2 * np.pi * np.arange(n) / max(divisor, 1)
    return (first - second * np.cos(place)).astype(numpy_dtype(dtype))


@op("signal.hann_window")
def hann_window(window_length: Any, periodic: bool = True, dtype: Any = "float32") -> Any:
    return _cosines(int(window_length), periodic, 0.5, 0.5, dtype)


@op("signal.hamming_window")
def hamming_window(window_length: Any, periodic: bool = True, dtype: Any = "float32") -> Any:
    return _cosines(int(window_length), periodic, 0.54, 0.46, dtype)


def _frames(signal: Any, length: int, step: int, pad_end: bool, fill: Any, axis: int) -> Any:
    """Overlapping pieces: the axis becomes two, (frames, length)."""
    axis = axis % signal.ndim
    n = signal.shape[axis]
    count = -(-n // step) if pad_end else max(0, 1 + (n - length) // step)
    if pad_end:
        missing = max(0, (count - 1) * step + length - n)
        widths = [(0, missing if a == axis else 0) for a in range(signal.ndim)]
        signal = np.pad(signal, widths, constant_values=fill)
    index = np.arange(count)[:, None] * step + np.arange(length)
    return np.take(signal, index, axis=axis)


@op("signal.frame")
def frame(signal: Array, frame_length: Any, frame_step: Any, pad_end: bool = False,
          pad_value: Any = 0, axis: int = -1) -> Any:  # fmt: skip
    return _frames(signal, int(frame_length), int(frame_step), pad_end, pad_value, axis)


@op("signal.stft")
def stft(signals: Array, frame_length: Any, frame_step: Any, fft_length: Any = None,
         window_fn: Any = hann_window, pad_end: bool = False) -> Any:  # fmt: skip
    length = int(frame_length)
    n = 1 << (length - 1).bit_length() if fft_length is None else int(fft_length)
    pieces = _frames(signals, length, int(frame_step), pad_end, 0, -1)
    if window_fn is not None:
        pieces = pieces * np.asarray(window_fn(length, dtype=pieces.dtype.name))
    return np.fft.rfft(pieces, n).astype(_complex(signals))


@op("signal.overlap_and_add")
def overlap_and_add(signal: Array, frame_step: Any) -> Any:
    """Frames laid over each other, `frame_step` apart, and added."""
    step, (count, length) = int(frame_step), signal.shape[-2:]
    total = (count - 1) * step + length
    pieces = [np.pad(signal[..., k, :], [(0, 0)] * (signal.ndim - 2)
                     + [(k * step, total - k * step - length)]) for k in range(count)]  # fmt: skip
    out = pieces[0]
    for piece in pieces[1:]:
        out = out + piece
    return out


@op("signal.linear_to_mel_weight_matrix")
def linear_to_mel_weight_matrix(
    num_mel_bins: int = 20, num_spectrogram_bins: int = 129, sample_rate: Any = 8000,
    lower_edge_hertz: float = 125.0, upper_edge_hertz: float = 3800.0, dtype: Any = "float32",
) -> Any:  # fmt: skip
    """Triangles on the mel scale, (spectrogram bins, mel bins)."""
    hertz = np.linspace(0.0, float(np.asarray(sample_rate)) / 2, int(num_spectrogram_bins))[1:]
    place = _mel(hertz)[:, None]
    edges = np.linspace(_mel(lower_edge_hertz), _mel(upper_edge_hertz), num_mel_bins + 2)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (place - low) / (middle - low), (high - place) / (high - middle)
    weights = np.maximum(0.0, np.minimum(rising, falling))
    return np.pad(weights, [(1, 0), (0, 0)]).astype(numpy_dtype(dtype))


def _mel(hertz: Any) -> Any:
    return 1127.0 * np.log(1.0 + np.asarray(hertz) / 700.0)


def _dct2(x: Any, norm: Any) -> Any:
    n = x.shape[-1]
    k, i = np.arange(n)[:, None], np.arange(n)[None, :]
    basis = 2 * np.cos(np.pi * k * (2 * i + 1) / (2 * n))
    if norm == "ortho":
        basis = basis * np.where(k == 0, np.sqrt(1 / (4 * n)), np.sqrt(1 / (2 * n)))
    return np.matmul(x, basis.T.astype(x.dtype))


@op("signal.dct")
def dct(input: Array, type: int = 2, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    """The discrete cosine transform of type 2."""
    if type != 2:
        raise ValueError(f"tf.signal.dct: only type 2 is supported, got {type}")
    return _dct2(input if n is None else input[..., : int(n)], norm)


@op("signal.mfccs_from_log_mel_spectrograms")
def mfccs_from_log_mel_spectrograms(log_mel_spectrograms: Array) -> Any:
    x = log_mel_spectrograms
    return _dct2(x, None) * x.dtype.type(1 / np.sqrt(2.0 * x.shape[-1]))
