"""tf.strings: tensors of strings, computed where their values are known."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorflow_lamella import names
from tensorflow_lamella.core import state
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dispatch import Array, Arrays, op
from tensorflow_lamella.core.dtypes import numpy_dtype
from tensorflow_lamella.errors import InvalidArgumentError, OnlyInPython, unsupported
from tensorflow_lamella.names import export


def each(f: Callable[[Any], Any], x: Any, dtype: Any = object) -> np.ndarray:
    """`f` on every element."""
    out = np.empty(x.shape, dtype)
    for index, item in np.ndenumerate(np.asarray(x)):
        out[index] = f(item)
    return out


def _text(f: Callable[[str], str]) -> Callable[[bytes], bytes]:
    """A function of text on UTF-8."""
    return lambda s: f(s.decode("utf-8", "replace")).encode()


def _define(name: str, f: Callable[[bytes], Any], dtype: Any = object) -> None:
    def function(input: Array, encoding: str = "") -> Any:
        return each(f, input, dtype)

    op(name)(function)


_define("strings.lower", _text(str.lower))
_define("strings.upper", _text(str.upper))
_define("strings.strip", bytes.strip)


@op("strings.length")
def length(input: Array, unit: str = "BYTE") -> Any:
    count = len if unit.upper() == "BYTE" else (lambda s: len(s.decode("utf-8", "replace")))
    return each(count, input, np.int32)


@op("strings.join")
def join(inputs: Arrays, separator: str = "") -> Any:
    parts = np.broadcast_arrays(*inputs)
    out = np.empty(parts[0].shape, object)
    for index in np.ndindex(out.shape):
        out[index] = separator.encode().join(p[index] for p in parts)
    return out


@op("strings.reduce_join")
def reduce_join(
    inputs: Array, axis: Any = None, keepdims: bool = False, separator: str = ""
) -> Any:
    link = separator.encode()
    if axis is None:
        joined = np.empty((), object)
        joined[()] = link.join(np.asarray(inputs).reshape(-1).tolist())
        return np.reshape(joined, (1,) * inputs.ndim) if keepdims else joined
    rows = np.moveaxis(inputs, int(axis), -1)
    out = np.empty(rows.shape[:-1], object)
    for index in np.ndindex(out.shape):
        out[index] = link.join(rows[index].tolist())
    return np.expand_dims(out, int(axis)) if keepdims else out


@op("strings.substr")
def substr(input: Array, pos: Any, len: Any, unit: str = "BYTE") -> Any:
    start, count = int(np.asarray(pos)), int(np.asarray(len))
    if unit.upper() == "BYTE":
        return each(lambda s: s[start:][:count], input)
    return each(_text(lambda s: s[start:][:count]), input)


def _python_regex(pattern: Any) -> re.Pattern[bytes]:
    """RE2 syntax as Python's: the classes with names are written out."""
    text = np.asarray(to_array(pattern)).item().decode()
    for name, chars in _CLASSES.items():
        text = text.replace(f"[:{name}:]", chars)
    return re.compile(text.encode())


_CLASSES = {
    "punct": r"!-/:-@\[-`{-~", "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9",
    "space": r"\s", "upper": "A-Z", "lower": "a-z", "word": r"\w", "cntrl": r"\x00-\x1f\x7f",
}  # fmt: skip


@op("strings.regex_replace")
def regex_replace(input: Array, pattern: Any, rewrite: Any, replace_global: bool = True) -> Any:
    compiled = _python_regex(pattern)
    new = np.asarray(to_array(rewrite)).item()
    return each(lambda s: compiled.sub(new, s, 0 if replace_global else 1), input)


@op("strings.regex_full_match")
def regex_full_match(input: Array, pattern: Any) -> Any:
    compiled = _python_regex(pattern)
    return each(lambda s: compiled.fullmatch(s) is not None, input, bool)


@op("strings.to_number")
def to_number(input: Array, out_type: Any = "float32") -> Any:
    kind = numpy_dtype(out_type)

    def number(s: bytes) -> Any:
        try:
            return float(s) if kind.kind == "f" else int(s)
        except ValueError:
            raise InvalidArgumentError(f"StringToNumberOp could not correctly convert string: "
                                       f"{s.decode(errors='replace')}") from None  # fmt: skip

    return each(number, input, kind)


@op("strings.as_string", "as_string")
def as_string(input: Array, precision: int = -1, scientific: bool = False, shortest: bool = False,
              width: int = -1, fill: str = "") -> Any:  # fmt: skip
    def text(x: Any) -> bytes:
        if isinstance(x, (bool, np.bool_)):
            return b"true" if x else b"false"
        if isinstance(x, (float, np.floating)):
            kind = "e" if scientific else "g" if shortest else "f"
            s = f"{float(x):.{6 if precision < 0 else precision}{kind}}"
        else:
            s = str(x)
        return s.rjust(max(width, 0), fill or " ").encode()

    _is_known(input)
    return each(text, input)


def _is_known(x: Any) -> None:
    if state.is_traced_value(x):
        raise OnlyInPython("it makes strings of numbers")


@export("strings.format")
def format(template: str, inputs: Any, placeholder: str = "{}", summarize: int = 3,
           name: Any = None) -> Any:  # fmt: skip
    """The template with its placeholders replaced by tensors."""
    from tensorflow_lamella.core.dispatch import wrap
    from tensorflow_lamella.ops.program import numbers_text

    several = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    for x in several:
        array = to_array(x)
        _is_known(array)
        shown = numbers_text(np.asarray(array), summarize)
        template = template.replace(placeholder, shown, 1)
    return wrap(to_array(template))


@op("strings.to_hash_bucket", "strings.to_hash_bucket_fast", "strings.to_hash_bucket_strong")
def to_hash_bucket(input: Array, num_buckets: int, key: Any = None) -> Any:
    """A bucket for every string; the function is not TensorFlow's."""
    return each(lambda s: zlib.crc32(s) % int(num_buckets), input, np.int64)


def words(s: bytes, sep: Any) -> list[bytes]:
    """The parts of a string: between white space, or between separators."""
    if not sep:
        return s.split()
    return s.split(sep.encode() if isinstance(sep, str) else sep)


@op("strings.split")
def split(input: Array, sep: Any = None, maxsplit: int = -1) -> Any:
    """The words of one string; of several strings a ragged tensor."""
    return _parts(input, lambda s: words(s, sep))


@op("strings.bytes_split")
def bytes_split(input: Array) -> Any:
    return _parts(input, lambda s: [bytes([c]) for c in s])


@op("strings.unicode_split")
def unicode_split(input: Array, input_encoding: str, errors: str = "replace",
                  replacement_char: int = 65533) -> Any:  # fmt: skip
    return _parts(input, lambda s: list(s.decode(input_encoding, errors)))


@op("strings.unicode_decode")
def unicode_decode(input: Array, input_encoding: str, errors: str = "replace",
                   replacement_char: int = 65533,
                   replace_control_characters: bool = False) -> Any:  # fmt: skip
    return _parts(input, lambda s: list(map(ord, s.decode(input_encoding, errors))), np.int32)


def _parts(input: np.ndarray, f: Callable[[bytes], list[Any]], dtype: Any = object) -> Any:
    """`f` of a string as an array; of several strings a row for each."""
    if input.ndim == 0:
        return _array(f(input.item()), dtype)
    rows = [f(s) for s in input.reshape(-1)]
    flat = _array([part for row in rows for part in row], dtype)
    out = names.get("RaggedTensor").from_row_lengths(flat, [len(row) for row in rows])
    for size in input.shape[:0:-1]:
        out = names.get("RaggedTensor").from_row_lengths(out, [size] * (len(out) // size))
    return out


def _array(parts: list[Any], dtype: Any) -> np.ndarray:
    return to_array(parts) if parts and dtype is object else np.array(parts, dtype)


@op("_split_evenly")
def split_evenly(input: Array, sep: Any = None) -> Any:
    """`strings.split` in a graph: of several strings, if they have equally many words."""
    if input.ndim == 0:
        return _array(words(input.item(), sep), object)
    rows = [words(s, sep) for s in input.reshape(-1)]
    if len({len(r) for r in rows}) > 1:
        raise unsupported("tf.strings.split of strings with different numbers of words in a graph",
                          "split them one by one, or with Python's str.split")  # fmt: skip
    return np.reshape(to_array(rows), (*input.shape, -1))


@op("strings.unicode_encode")
def unicode_encode(input: Array, output_encoding: str, errors: str = "replace",
                   replacement_char: int = 65533) -> Any:  # fmt: skip
    out = np.empty(input.shape[:-1], object)
    for index in np.ndindex(out.shape):
        out[index] = "".join(map(chr, input[index])).encode(output_encoding, errors)
    return out


@op("strings.unicode_transcode")
def unicode_transcode(input: Array, input_encoding: str, output_encoding: str,
                      errors: str = "replace", replacement_char: int = 65533,
                      replace_control_characters: bool = False) -> Any:  # fmt: skip
    return each(lambda s: s.decode(input_encoding, errors).encode(output_encoding), input)


@op("strings.ngrams")
def ngrams(data: Array, ngram_width: Any, separator: str = " ") -> Any:
    """Neighbouring words joined, along the last axis."""
    n, link = int(ngram_width), separator.encode()
    rows = data.reshape(-1, data.shape[-1])
    joined = [[link.join(row[i : i + n]) for i in range(len(row) - n + 1)] for row in rows]
    return np.reshape(np.array(joined, object), (*data.shape[:-1], -1))
