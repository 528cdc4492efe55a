"""What TensorFlow's layers for words give, for tests/keras/test_words.py.

    KERAS_BACKEND=tensorflow python tools/reference_words.py tests/keras/reference/words.json

runs where TensorFlow is installed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

TEXTS = [
    "", "a", "ab", "abc", "abcd", "hello wo", "the quick brown", "x" * 17, "y" * 33, "z" * 64,
    "lorem ipsum dolor sit amet co", "w" * 65, "q" * 128, "r" * 129, "u" * 200, "汉字", "-5",
    "the quick brown fox jumps over the lazy dog, twice",
]  # fmt: skip
WORDS = [["a", "c", "d", "d"], ["d", "z", "b", "z"]]
LINES = [["the cat sat on the mat"], ["The dog; the log."], ["a  mouse\ta house"]]
VOCABULARY = {"vocabulary": ["a", "b", "c", "d"]}
NUMBERS = {"vocabulary": [12, 36, 1138, 42]}

#: name -> (arguments, data to adapt to, inputs)
CASES: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "StringLookup": (VOCABULARY, None, WORDS),
    "StringLookup, masked": ({**VOCABULARY, "mask_token": "d"} | {"vocabulary": ["a", "b"]}, None,
                             WORDS),
    "StringLookup, five unknown": ({**VOCABULARY, "num_oov_indices": 5}, None, WORDS),
    "StringLookup, salted": ({**VOCABULARY, "num_oov_indices": 5, "salt": 3}, None, WORDS),
    "StringLookup, inverted": ({**VOCABULARY, "invert": True}, None, [[1, 3, 4], [4, 0, 2]]),
    "StringLookup, adapted": ({"max_tokens": 4}, WORDS, WORDS),
    "StringLookup, document frequencies": ({"output_mode": "tf_idf"}, WORDS, WORDS),
    "StringLookup, padded": ({"output_mode": "multi_hot", "max_tokens": 9,
                              "pad_to_max_tokens": True}, WORDS, WORDS),
    "IntegerLookup": (NUMBERS, None, [[12, 1138, 42], [42, 1000, 36]]),
    "IntegerLookup, inverted": ({**NUMBERS, "invert": True}, None, [[1, 3, 4], [4, 0, 2]]),
    "IntegerLookup, two unknown": ({**NUMBERS, "num_oov_indices": 2}, None, [[12, 7], [-3, 36]]),
    "IntegerLookup, hashed": ({**NUMBERS, "num_oov_indices": 4, "oov_method": "farmhash"}, None,
                              [[100, 300, 700], [1100, 1700, 2000]]),
    "IntegerLookup, adapted": ({"mask_token": 0}, [[5, 5, 0, 7]], [[5, 7, 0, 9]]),
    "TextVectorization": ({}, LINES, LINES),
    "TextVectorization, short": ({"output_sequence_length": 4, "max_tokens": 6}, LINES, LINES),
    "TextVectorization, long": ({"output_sequence_length": 9}, LINES, LINES),
    "TextVectorization, pairs": ({"ngrams": 2, "output_mode": "count"}, LINES, LINES),
    "TextVectorization, frequencies": ({"output_mode": "tf_idf"}, LINES, LINES),
    "TextVectorization, letters": ({"split": "character", "standardize": "lower"}, LINES, LINES),
    "TextVectorization, whole": ({"split": None, "standardize": None}, LINES, LINES),
    "Hashing": ({"num_bins": 7}, None, [["A"], ["B"], ["汉"], [""]]),
    "Hashing, masked": ({"num_bins": 7, "mask_value": ""}, None, [["A"], ["B"], ["C"], [""]]),
    "Hashing, salted": ({"num_bins": 7, "salt": [133, 137]}, None, [["A"], ["B"], ["C"]]),
    "Hashing, numbers": ({"num_bins": 9, "output_mode": "one_hot"}, None, [[1], [-2], [3000]]),
    "HashedCrossing": ({"num_bins": 50}, None, [["A", "B", "A"], [101, 101, -102]]),
    "HashedCrossing, one hot": ({"num_bins": 5, "output_mode": "one_hot"}, None,
                                [[["A"], ["B"]], [["x"], ["y"]]]),
}  # fmt: skip


def hashes(text: str, number: int) -> dict[str, Any]:
    words, numbers = tf.constant([[text]]), tf.constant([[number]], tf.int64)
    cross = tf.sparse.to_dense(tf.sparse.cross_hashed([words, numbers, words], 2**40))
    return {
        "text": text, "number": number, "cross": int(cross[0, 0]),
        "farm": int(tf.strings.to_hash_bucket_fast(words, 2**62)[0, 0]),
        "sip": int(tf.strings.to_hash_bucket_strong(words, 2**62, key=[7, 9])[0, 0]),
    }  # fmt: skip


def layer(name: str) -> dict[str, Any]:
    arguments, adapt, inputs = CASES[name]
    made = getattr(keras.layers, name.partition(",")[0])(**arguments)
    if adapt is not None:
        made.adapt(np.array(adapt))
    many = name.startswith("HashedCrossing")
    out = made([tf.constant(x) for x in inputs] if many else tf.constant(inputs)).numpy()
    if out.dtype == object:
        out = np.vectorize(bytes.decode)(out)
    vocabulary = made.get_vocabulary() if hasattr(made, "get_vocabulary") else None
    return {
        "name": name, "arguments": arguments, "adapt": adapt, "inputs": inputs, "many": many,
        "output": out.tolist(), "vocabulary": vocabulary and [_plain(w) for w in vocabulary],
    }  # fmt: skip


def _plain(word: Any) -> Any:
    return word if isinstance(word, str) else int(word)


def main(path: str) -> None:
    found = {
        "hashes": [hashes(text, i - 5) for i, text in enumerate(TEXTS)],
        "layers": [layer(name) for name in CASES],
    }
    Path(path).write_text(json.dumps(found, ensure_ascii=False, indent=0) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
