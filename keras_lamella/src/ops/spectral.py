"""Fourier transforms; Keras passes complex numbers as pairs (real, imaginary)."""

from __future__ import annotations

import math

import numpy as np

from keras_lamella.src.ops.dtypes import accumulator, as_dtype, is_floating, to_float
from keras_lamella.src.tensor import convert_to_tensor


def complex_of(x):
    """The complex tensor of a pair (real, imaginary)."""
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(
            f"Input `x` should be a tuple of two tensors - real and imaginary.Received: x={x}"
        )
    real, imag = map(convert_to_tensor, x)
    if real.shape != imag.shape:
        raise ValueError(
            "Input `x` should be a tuple of two tensors - real and imaginary."
            "Both the real and imaginary parts should have the same shape. "
            f"Received: x[0].shape = {real.shape}, x[1].shape = {imag.shape}"
        )
    if not (is_floating(real.dtype) and is_floating(imag.dtype)):
        raise ValueError(f"At least one tensor in input `x` is not of type float.Received: x={x}.")
    return real + 1j * imag


def _pair(z):
    return np.real(z), np.imag(z)


def fft(x):
    return _pair(np.fft.fft(complex_of(x)))


def fft2(x):
    return _pair(np.fft.fft2(complex_of(x)))


def ifft2(x):
    return _pair(np.fft.ifft2(complex_of(x)))


def rfft(x, fft_length=None):
    x = to_float(x)
    return _pair(np.fft.rfft(as_dtype(x, accumulator(x.dtype)), n=fft_length, axis=-1))


def irfft(x, fft_length=None):
    return np.fft.irfft(complex_of(x), n=fft_length, axis=-1)


def extract_sequences(x, sequence_length, sequence_stride):
    """[..., signal] to [..., sequences, sequence_length]."""
    x = convert_to_tensor(x)
    return np.take(x, _frames(x.shape[-1], sequence_length, sequence_stride), axis=-1)


def _frames(signal_length, length, stride):
    """The indices of each frame: [frame, length]."""
    count = max(0, (signal_length - length) // stride + 1)
    return (np.arange(count)[:, None] * stride + np.arange(length)).astype(np.int32)


def _window(window, sequence_length, fft_length, dtype):
    """The window, centred in `fft_length` elements."""
    left = (fft_length - sequence_length) // 2
    if window is None:
        return np.ones(fft_length, dtype)
    if isinstance(window, str):
        window = _named_window(window, sequence_length)
    window = convert_to_tensor(window, dtype)
    if window.shape != (sequence_length,):
        raise ValueError(
            "The shape of `window` must be equal to [sequence_length]."
            f"Received: window shape={window.shape}"
        )
    return np.pad(window, (left, fft_length - sequence_length - left))


def _named_window(name, length):
    """The periodic window."""
    share = {"hann": 0.5, "hamming": 0.54}
    if name not in share:
        raise ValueError(
            "If a string is passed to `window`, it must be one of "
            f'`"hann"`, `"hamming"`. Received: window={name}'
        )
    a = share[name]
    return a - (1 - a) * np.cos(2 * math.pi * np.arange(length) / length)


def stft(x, sequence_length, sequence_stride, fft_length, window="hann", center=True):
    x = convert_to_tensor(x)
    if x.dtype not in (np.float32, np.float64):
        raise TypeError(
            f"Invalid input type. Expected `float32` or `float64`. Received: input type={x.dtype}"
        )
    if fft_length < sequence_length:
        raise ValueError(
            "`fft_length` must equal or larger than `sequence_length`. "
            f"Received: sequence_length={sequence_length}, fft_length={fft_length}"
        )
    taper = _window(window, sequence_length, fft_length, x.dtype)
    if center:
        edge = (fft_length // 2, fft_length // 2)
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [edge], mode="reflect")
    frames = extract_sequences(x, fft_length, sequence_stride)
    return _pair(np.fft.rfft(frames * taper, axis=-1))


def istft(
    x,
    sequence_length,
    sequence_stride,
    fft_length,
    length=None,
    window="hann",
    center=True,
):
    x = complex_of(x)
    if x.ndim < 2:
        raise ValueError(f"Input `x` must have at least 2 dimensions. Received shape: {x.shape}")
    frames = np.fft.irfft(x, n=fft_length, axis=-1)
    if window is not None:
        taper = _window(window, sequence_length, fft_length, frames.dtype)
        frames = frames * _inverse_window(taper, sequence_stride)
    signal = _overlap_add(frames, sequence_stride)
    start = fft_length // 2 if center else 0
    if length is not None:
        stop = start + length
    else:
        stop = signal.shape[-1] - start if center else signal.shape[-1]
    signal = signal[..., start:stop]
    missing = (stop - start) - signal.shape[-1]
    if missing > 0:
        signal = np.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(0, missing)])
    return as_dtype(signal, frames.dtype)


def _inverse_window(taper, stride):
    """The window by which overlapping frames of `taper` add up to the signal again."""
    blocks = -(-taper.shape[0] // stride)
    squares = np.pad(taper * taper, (0, blocks * stride - taper.shape[0]))
    power = np.sum(np.reshape(squares, (blocks, stride)), axis=0)
    return taper / np.tile(power, blocks)[: taper.shape[0]]


def _overlap_add(frames, stride):
    """[..., frames, length] to the signal [..., samples] whose frames they are.

    A frame is cut into blocks of `stride`; block k of frame t belongs to block t + k.
    """
    *batch, count, length = frames.shape
    blocks = -(-length // stride)
    fill = [(0, 0)] * (frames.ndim - 1) + [(0, blocks * stride - length)]
    parts = np.reshape(np.pad(frames, fill), (*batch, count, blocks, stride))
    total = None
    for k in range(blocks):
        shifted = [(0, 0)] * len(batch) + [(k, blocks - 1 - k), (0, 0)]
        part = np.pad(parts[..., k, :], shifted)
        total = part if total is None else total + part
    samples = (count - 1) * stride + length
    return np.reshape(total, (*batch, -1))[..., :samples]
