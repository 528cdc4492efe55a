"""tf.saved_model as programs of TensorFlow 2 use it: a folder that the program loads again."""

from __future__ import annotations

import keras
import numpy as np
import pytest

X = np.linspace(-1, 1, 8, dtype="float32").reshape(4, 2)


@pytest.fixture(autouse=True, scope="module")
def classes(tf):
    """The classes of a program, where programs have them: in the module."""

    class Line(tf.Module):
        """As in TensorFlow's guide to modules: variables and a function."""

        def __init__(self, size, name=None):
            super().__init__(name=name)
            self.size = size
            self.w = tf.Variable(np.ones((size, 1), "float32"))
            self.b = tf.Variable([0.5], trainable=False, name="bias")
            self.all = [self.w, {"size": size, "b": self.b}, (1, None)]

        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
        def __call__(self, x):
            return x @ self.w + self.b

    class Two(tf.Module):
        def __init__(self):
            self.first, self.second = Line(2), Line(2)

    globals().update(Line=Line, Two=Two)
    for cls in (Line, Two):
        cls.__qualname__ = cls.__name__


def test_a_keras_model_has_a_serving_signature(tf, tmp_path):
    model = keras.Sequential([keras.Input((2,), name="rows"), keras.layers.Dense(1, name="out")])
    tf.saved_model.save(model, str(tmp_path / "1"))
    assert tf.saved_model.contains_saved_model(tmp_path / "1")
    loaded = tf.saved_model.load(str(tmp_path / "1"))
    infer = loaded.signatures["serving_default"]
    assert list(infer.structured_outputs) == ["out"]
    expected = model.predict(X, verbose=0)
    for out in (infer(tf.constant(X)), infer(rows=tf.constant(X)), infer(dense_input=X)):
        np.testing.assert_allclose(out["out"].numpy(), expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(loaded(X), expected, rtol=1e-5, atol=1e-7)
    with pytest.raises(TypeError, match="takes rows, got a, b"):
        infer(a=X, b=X)


def test_it_is_the_folder_of_model_save(tf, tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.save(tmp_path / "m.keras")
    (tmp_path / "folder").mkdir()
    (tmp_path / "m.keras").rename(tmp_path / "folder" / "model.keras")
    assert tf.saved_model.load(tmp_path / "folder")(X).shape == (4, 1)


def test_a_module_comes_back_with_its_functions(tf, tmp_path):
    module = globals()["Two"]()
    module.first.w.assign([[2.0], [3.0]])
    tf.saved_model.save(module, str(tmp_path / "m"))
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    assert isinstance(loaded, type(module))
    assert len(loaded.variables) == 4
    np.testing.assert_allclose(loaded.first(X), module.first(X))
    loaded.first.w.assign([[0.0], [0.0]])
    np.testing.assert_allclose(loaded.first(X), 0.5 * np.ones((4, 1)))
    first = loaded.first
    assert first.all[0] is first.w
    assert first.all[1]["b"] is first.b
    assert first.all[2] == (1, None)
    assert not first.b.trainable
    assert first.b.name == "bias:0"


def test_what_cannot_be_kept_says_so(tf, tmp_path):
    module = tf.Module()
    module.f = tf.function(lambda x: x)
    with pytest.raises(TypeError, match=r"Module\.f is of Function.*make it a method"):
        tf.saved_model.save(module, str(tmp_path))
    with pytest.raises(TypeError, match=r"tf\.train\.Checkpoint"):
        tf.saved_model.save(3, str(tmp_path))
    with pytest.raises(FileNotFoundError, match="holds no model"):
        tf.saved_model.load(str(tmp_path / "nothing"))


def test_a_class_that_is_not_there_is_named(tf, tmp_path, monkeypatch):
    tf.saved_model.save(globals()["Line"](2), str(tmp_path))
    monkeypatch.delitem(globals(), "Line")
    with pytest.raises(ValueError, match=r"the class Line .* define it there"):
        tf.saved_model.load(str(tmp_path))


def test_what_tensorflow_wrote_is_refused(tf, tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01")
    with pytest.raises(ValueError, match="written by TensorFlow, which only TensorFlow can read"):
        tf.saved_model.load(str(tmp_path))


def test_lite_is_refused_with_its_name(tf):
    with pytest.raises(AttributeError, match=r"tf\.lite is not part .*real TensorFlow"):
        tf.lite.TFLiteConverter.from_keras_model(None)
