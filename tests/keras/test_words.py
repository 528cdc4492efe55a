"""Layers for words, without TensorFlow: their numbers are those of TensorFlow's."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from keras_lamella.src.words import hashing

REFERENCE = json.loads((Path(__file__).parent / "reference" / "words.json").read_text())
REVIEWS = np.array(["A good film!", "bad, bad film", "Good. Really good", "really bad"])


@pytest.mark.parametrize("case", REFERENCE["hashes"], ids=lambda c: f"{len(c['text'])} letters")
def test_hashes_are_those_of_tensorflow(case: dict) -> None:
    text = case["text"].encode()
    assert hashing.farm_hash(text) % 2**62 == case["farm"]
    assert hashing.sip_hash(text, (7, 9)) % 2**62 == case["sip"]
    assert hashing.cross_hash([text, case["number"], text]) % 2**40 == case["cross"]


@pytest.mark.parametrize("case", REFERENCE["layers"], ids=lambda c: c["name"])
def test_layers_are_those_of_tensorflow(case: dict) -> None:
    layer = getattr(layers, case["name"].partition(",")[0])(**case["arguments"])
    if case["adapt"] is not None:
        layer.adapt(np.array(case["adapt"]))
    inputs = case["inputs"]
    out = layer([np.array(x) for x in inputs] if case["many"] else np.array(inputs))
    expected = np.array(case["output"])
    if out.dtype == object:
        out = np.vectorize(bytes.decode)(out)
    assert out.shape == expected.shape
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(out, expected, rtol=1e-6)
    else:
        np.testing.assert_array_equal(out, expected)
    if case["vocabulary"] is not None:
        assert layer.get_vocabulary() == case["vocabulary"]


def test_integers_are_looked_up_in_compiled_steps() -> None:
    x = np.array([[12, 1138, 42], [42, 1000, 37]])
    for arguments in ({"num_oov_indices": 2}, {"mask_token": 42}, {"output_mode": "multi_hot"}):
        layer = layers.IntegerLookup(vocabulary=[12, 36, 1138], **arguments)
        model = keras.Sequential([keras.Input((3,), dtype="int64"), layer])
        np.testing.assert_array_equal(model.predict(x, verbose=0), layer(x))
        assert type(model.predict_function._step).__name__ == "StepFunction"


def test_a_model_from_text_to_sentiment(tmp_path: Path) -> None:
    vectorize = layers.TextVectorization(output_mode="multi_hot")
    vectorize.adapt(REVIEWS)
    model = keras.Sequential([
        keras.Input((1,), dtype="string"), vectorize, layers.Dense(1, activation="sigmoid"),
    ])  # fmt: skip
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy")
    labels = np.array([[1], [0], [1], [0]], "float32")
    losses = model.fit(REVIEWS[:, None], labels, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2
    probabilities = model.predict(REVIEWS[:, None], verbose=0)
    assert ((probabilities > 0.5) == labels).all()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(REVIEWS[:, None], verbose=0), probabilities)
    with pytest.raises(TypeError, match="TextVectorization"):
        keras.Sequential([layers.Dense(1)]).predict(REVIEWS[:, None], verbose=0)


def test_vocabularies_are_saved_and_read(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("one\ntwo\n")
    layer = layers.StringLookup(vocabulary=str(path), mask_token="")
    assert layer.get_vocabulary() == ["", "[UNK]", "one", "two"]
    layer = layers.StringLookup(output_mode="tf_idf")
    layer.adapt(np.array([["a", "b"], ["a", "c"]]))
    model = keras.Sequential([keras.Input((2,), dtype="string"), layer])
    model.save(tmp_path / "lookup.keras")
    loaded = keras.models.load_model(tmp_path / "lookup.keras")
    x = np.array([["a", "z"], ["c", "c"]])
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_words_are_learned_from_batches() -> None:
    layer = layers.TextVectorization(split="character", standardize=None)
    layer.adapt((np.array([text]) for text in ("ab", "b", "ü")), steps=2)
    assert layer.get_vocabulary() == ["", "[UNK]", "b", "a"]
    layer = layers.TextVectorization(
        standardize=lambda x: np.char.replace(np.char.upper(x), "-", " "),
        split=lambda x: [text.split(";") for text in x],
    )
    layer.adapt(["a-b;c", "c"])
    assert layer.get_vocabulary() == ["", "[UNK]", "C", "A B"]


def test_unknown_words_are_an_error_where_no_number_is_for_them() -> None:
    layer = layers.StringLookup(vocabulary=["a"], num_oov_indices=0)
    with pytest.raises(ValueError, match="found OOV values"):
        layer(["b"])


def test_statistics_are_learned_from_arrays_and_batches() -> None:
    x = np.random.default_rng(0).normal(3, 2, (400, 2)).astype("float32")
    for data in (x, [x[:300], x[300:]], (part for part in np.split(x, 4))):
        layer = layers.Normalization()
        layer.adapt(data)
        np.testing.assert_allclose(layer(x).mean(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(layer(x).std(axis=0), 1, atol=1e-3)
    layer = layers.Discretization(num_bins=4)
    layer.adapt(x[:, 0])
    assert np.bincount(layer(x[:, 0])).min() > 80
