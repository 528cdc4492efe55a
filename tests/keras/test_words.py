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


# ---- words in compiled steps -------------------------------------------------------------------


def is_compiled(function: object) -> bool:
    return type(getattr(function, "_step", function)).__name__ == "StepFunction"


def fitted(make: object, x: object, y: np.ndarray, **how: bool) -> tuple[keras.Model, list[float]]:
    keras.utils.set_random_seed(1)
    model = make()
    model.compile(keras.optimizers.Adam(0.1), "mse", **how)
    history = model.fit(x, y, batch_size=2, epochs=4, shuffle=False, verbose=0).history
    return model, history["loss"]


def vectorizing() -> keras.Model:
    """Rows of a batch are as long as its longest text."""
    vectorize = layers.TextVectorization()
    vectorize.adapt(REVIEWS)
    layer = layers.Embedding(12, 4, mask_zero=True)
    inputs = keras.Input((), dtype="string")
    x = layers.GlobalAveragePooling1D()(layer(vectorize(inputs)))
    return keras.Model(inputs, layers.Dense(1)(x))


def crossing() -> keras.Model:
    """Words, crossed words and numbers."""
    genre, country = (keras.Input((1,), dtype="string", name=n) for n in ("genre", "country"))
    year = keras.Input((1,), name="year")
    x = layers.concatenate([
        layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")(genre),
        layers.HashedCrossing(8, output_mode="one_hot")([genre, country]),
        layers.Hashing(4, output_mode="one_hot")(country),
        year,
    ])  # fmt: skip
    return keras.Model([genre, country, year], layers.Dense(1)(x))


def column(*words: object) -> np.ndarray:
    return np.array(words)[:, None]


COLUMNS = {
    "genre": column("a", "b", "b", "c"), "country": column("x", "y", "x", "z"),
    "year": column(1.0, 2.0, 3.0, 4.0), "title": column("of", "no", "layer", "here"),
}  # fmt: skip
TARGET = np.array([[1], [0], [1], [0]], "float32")


@pytest.mark.parametrize(("make", "x"), [(vectorizing, REVIEWS), (crossing, COLUMNS)])
def test_steps_of_models_that_begin_with_words_are_compiled(make, x) -> None:
    model, losses = fitted(make, x, TARGET)
    assert is_compiled(model.train_function)
    eager, expected = fitted(make, x, TARGET, run_eagerly=True)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    out = model.predict(x, batch_size=3, verbose=0)
    assert is_compiled(model.predict_function)
    np.testing.assert_allclose(out, eager.predict(x, batch_size=3, verbose=0), rtol=1e-3)


def test_steps_take_the_words_of_their_own_batch() -> None:
    lookup = layers.StringLookup(vocabulary=["a", "b"])
    model = keras.Sequential([keras.Input((2,), dtype="string"), lookup])
    batches = [np.array(x) for x in ([["a", "b"]], [["b", "z"]], [["long word", "a"]])]
    for batch in batches:
        np.testing.assert_array_equal(model.predict_on_batch(batch), lookup(batch))
    assert is_compiled(model.predict_function)


class Lengths(layers.Layer):
    """Looks at words in Python."""

    def call(self, x):
        return np.array([[len(word)] for word in np.asarray(x)[:, 0]], "float32")


class Equal(layers.Layer):
    """Functions of NumPy, on words alone."""

    def call(self, x):
        return (np.squeeze(x, -1) == "d")[:, None].astype("float32")


class Methods(layers.Layer):
    """Methods and attributes of arrays."""

    def call(self, x):
        return x.reshape(-1, 1).T.astype("S").T.astype("U").view("uint32")[:, :1]


@pytest.mark.parametrize("layer", [Lengths, Equal, Methods])
def test_layers_that_look_at_words_see_each_batch(layer) -> None:
    inputs = keras.Input((1,), dtype="string")
    out = keras.layers.Lambda(lambda x: layer()(x), output_shape=(1,), dtype="float32")
    model = keras.Model(inputs, out(inputs))
    model.compile("sgd", "mse", jit_compile=False)
    codes = [[97], [100], [97]]
    expected = {Lengths: [[3], [1], [2]], Equal: [[0], [1], [0]], Methods: codes}[layer]
    x = column("abc", "d", "ae").astype(object)
    np.testing.assert_array_equal(model.predict(x, batch_size=1, verbose=0), expected)
    assert is_compiled(model.predict_function) == (layer is not Lengths)


def test_words_and_numbers_crossed_are_computed_in_eager_steps() -> None:
    inputs = [keras.Input((1,), dtype="string"), keras.Input((1,), dtype="int32")]
    cross = layers.HashedCrossing(100)
    model = keras.Model(inputs, cross(inputs))
    x = [column("a", "b", "a"), column(1, 1, 2).astype("int32")]
    np.testing.assert_array_equal(model.predict(x, batch_size=1, verbose=0), cross(x))
    assert not is_compiled(model.predict_function)
