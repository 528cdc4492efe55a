"""The hash functions by which Keras's layers put words into buckets, on bytes.

FarmHash's 64-bit fingerprint (G. Pike, 2014), SipHash-2-4 (J.-P. Aumasson and D. J. Bernstein,
2012), and the combination of fingerprints that feature crosses use. A model gets the same
buckets as under TensorFlow, so its embeddings keep their meaning.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_ALL = 0xFFFFFFFFFFFFFFFF


def _word(s: bytes, at: int) -> int:
    return int.from_bytes(s[at : at + 8], "little")


def _rotate(x: int, n: int) -> int:
    """Bits moved right by n, around the end of the word."""
    x &= _ALL
    return ((x >> n) | (x << (64 - n))) & _ALL


def _fold(x: int) -> int:
    x &= _ALL
    return x ^ (x >> 47)


def _mix(u: int, v: int, factor: int) -> int:
    a = _fold((u ^ v) * factor)
    return _fold((v ^ a) * factor) * factor & _ALL


def farm_hash(s: bytes) -> int:
    """The 64-bit fingerprint of `s`."""
    n = len(s)
    if n <= 16:
        return _short(s)
    if n <= 32:
        return _mix(*_ends(s), _K2 + 2 * n)
    return _medium(s) if n <= 64 else _long(s)


def _short(s: bytes) -> int:
    n = len(s)
    factor = _K2 + 2 * n
    if n >= 8:
        a, b = _word(s, 0) + _K2, _word(s, n - 8)
        c, d = _rotate(b, 37) * factor + a, (_rotate(a, 25) + b) * factor
        return _mix(c & _ALL, d & _ALL, factor)
    if n >= 4:
        first, last = (int.from_bytes(s[i : i + 4], "little") for i in (0, n - 4))
        return _mix(n + (first << 3), last, factor)
    if n == 0:
        return _K2
    y, z = s[0] + (s[n >> 1] << 8), n + (s[n - 1] << 2)
    return _fold((y * _K2) ^ (z * _K0)) * _K2 & _ALL


def _ends(s: bytes) -> tuple[int, int]:
    """Two words from the first and last 16 bytes."""
    n = len(s)
    factor = _K2 + 2 * n
    a, b = _word(s, 0) * (_K1 if n <= 32 else _K2), _word(s, 8)
    c, d = _word(s, n - 8) * factor, _word(s, n - 16) * _K2
    y = _rotate(a + b, 43) + _rotate(c, 30) + d
    return y & _ALL, (a + _rotate(b + _K2, 18) + c) & _ALL


def _medium(s: bytes) -> int:
    n = len(s)
    factor = _K2 + 2 * n
    a = _word(s, 0) * _K2
    y, rest = _ends(s)
    z = _mix(y, rest, factor)
    e, f = _word(s, 16) * factor, _word(s, 24)
    g, h = (y + _word(s, n - 32)) * factor, (z + _word(s, n - 24)) * factor
    first = _rotate(e + f, 43) + _rotate(g, 30) + h
    return _mix(first & _ALL, (e + _rotate(f + a, 18) + g) & _ALL, factor)


def _block(s: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    """32 bytes mixed into the pair (a, b)."""
    w, x, y, z = (_word(s, at + 8 * i) for i in range(4))
    a += w
    b = _rotate(b + a + z, 21)
    c, a = a, a + x + y
    return (a + z) & _ALL, (b + _rotate(a, 44) + c) & _ALL


def _round(s: bytes, at: int, state: tuple, factor: int, weight: int) -> tuple:
    """64 bytes mixed into the state (x, y, z, v, w)."""
    x, y, z, v, w = state
    x = _rotate(x + y + v[0] + _word(s, at + 8), 37) * factor ^ w[1] * weight
    y = _rotate(y + v[1] + _word(s, at + 48), 42) * factor + v[0] * weight + _word(s, at + 40)
    z = _rotate(z + w[0], 33) * factor
    v = _block(s, at, v[1] * factor, x + w[0])
    w = _block(s, at + 32, z + w[1], y + _word(s, at + 16))
    return z & _ALL, y & _ALL, x & _ALL, v, w


def _long(s: bytes) -> int:
    n, seed = len(s), 81
    y = seed * _K1 + 113
    state: tuple = (seed * _K2 + _word(s, 0), y, _fold(y * _K2 + 113) * _K2, (0, 0), (0, 0))
    for at in range(0, (n - 1) // 64 * 64, 64):
        state = _round(s, at, state, _K1, 1)
    x, y, z, v, w = state
    factor = _K1 + ((z & 0xFF) << 1)
    w = (w[0] + ((n - 1) & 63), w[1])
    v = (v[0] + w[0], v[1])
    w = (w[0] + v[0], w[1])
    x, y, z, v, w = _round(s, n - 64, (x, y, z, v, w), factor, 9)
    first = _mix(v[0], w[0], factor) + _fold(y) * _K0 + z
    return _mix(first & _ALL, (_mix(v[1], w[1], factor) + x) & _ALL, factor)


def sip_hash(s: bytes, key: Sequence[int]) -> int:
    """SipHash-2-4 of `s` under a key of two 64-bit words."""
    k0, k1 = (k & _ALL for k in key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D,
         k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]  # fmt: skip
    padded = s + bytes(7 - len(s) % 8) + bytes([len(s) & 0xFF])
    for (word,) in struct.iter_unpack("<Q", padded):
        v[3] ^= word
        _sip_rounds(v, 2)
        v[0] ^= word
    v[2] ^= 0xFF
    _sip_rounds(v, 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _sip_rounds(v: list[int], count: int) -> None:
    a, b, c, d = v
    for _ in range(count):
        a, c = (a + b) & _ALL, (c + d) & _ALL
        b, d = _rotate(b, 51) ^ a, _rotate(d, 48) ^ c
        a = _rotate(a, 32)
        c, a = (c + b) & _ALL, (a + d) & _ALL
        b, d = _rotate(b, 47) ^ c, _rotate(d, 43) ^ a
        c = _rotate(c, 32)
    v[:] = a, b, c, d


_CROSS = 0xC6A4A7935BD1E995


def cross_hash(features: Sequence[bytes | int]) -> int:
    """One fingerprint for a combination of words and whole numbers."""
    found = 0xDECAFCAFFE
    for feature in features:
        word = farm_hash(feature) if isinstance(feature, bytes) else int(feature) & _ALL
        found = (found ^ _CROSS) ^ (_fold(word * _CROSS) * _CROSS & _ALL)
        found = _fold(_fold(found * _CROSS) * _CROSS)
    return found
