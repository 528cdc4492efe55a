"""Sound in files: WAV."""

from __future__ import annotations

import io
import wave
from typing import Any, NamedTuple

import numpy as np

from tensorflow_lamella.core.dispatch import Array, op
from tensorflow_lamella.errors import InvalidArgumentError


class DecodeWav(NamedTuple):
    """audio: [samples, channels] float32 in [-1, 1); sample_rate: int32."""

    audio: Any
    sample_rate: Any


@op("audio.decode_wav")
def decode_wav(contents: Array, desired_channels: Any = -1, desired_samples: Any = -1) -> Any:
    """16-bit samples; cut or filled with silence where `desired_samples` says so."""
    try:
        with wave.open(io.BytesIO(np.asarray(contents).item())) as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise InvalidArgumentError(f"this is no WAV file: {error}") from None
    if width != 2:
        raise InvalidArgumentError(f"only 16-bit WAV files can be read, this has {8 * width} bits")
    audio = np.frombuffer(data, "<i2").reshape(-1, channels).astype(np.float32) / 32768
    if int(desired_channels) > 0:
        audio = np.resize(audio.T, (int(desired_channels), len(audio))).T
    if int(desired_samples) > 0:
        missing = max(0, int(desired_samples) - len(audio))
        audio = np.pad(audio[: int(desired_samples)], ((0, missing), (0, 0)))
    return DecodeWav(np.ascontiguousarray(audio), np.int32(rate))
