"""Data sets that Keras makes of folders and arrays, and layers that learn from them."""

from __future__ import annotations

import wave
from pathlib import Path

import keras
import numpy as np
import pytest

rng = np.random.default_rng(5)


def folders(root: Path, name: str, write) -> Path:
    """Two classes, of four files each."""
    for kind in ("cats", "dogs"):
        (root / kind).mkdir(parents=True)
        for i in range(4):
            write(root / kind / f"{i}.{name}", kind, i)
    return root


def test_images_of_a_folder(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")

    def write(path, kind, i):
        pixels = np.full((20, 30, 3), 200 if kind == "dogs" else 50, "uint8")
        image.fromarray(pixels).save(path)

    folder = folders(tmp_path / "images", "png", write)
    data = keras.utils.image_dataset_from_directory(
        folder, image_size=(8, 10), batch_size=3, seed=1, verbose=False
    )
    assert data.class_names == ["cats", "dogs"]
    for x, y in data:
        np.testing.assert_allclose(np.asarray(x)[:, 0, 0, 0], np.where(y, 200, 50))
    model = keras.Sequential([keras.layers.Rescaling(1 / 255), keras.layers.Flatten(),
                              keras.layers.Dense(1)])  # fmt: skip
    model.compile("adam", "mse")
    losses = model.fit(data, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    train, rest = keras.utils.image_dataset_from_directory(
        folder, image_size=(4, 4), validation_split=0.25, subset="both", seed=1, verbose=False
    )
    assert [sum(len(y) for _, y in part) for part in (train, rest)] == [6, 2]


def test_texts_of_a_folder(tmp_path: Path) -> None:
    folder = folders(tmp_path / "texts", "txt", lambda p, kind, i: p.write_text(f"{kind} say {i}"))
    data = keras.utils.text_dataset_from_directory(folder, batch_size=3, seed=1, verbose=False)
    vectorize = keras.layers.TextVectorization(output_sequence_length=4)
    vectorize.adapt(data.map(lambda x, y: x))
    assert vectorize.get_vocabulary()[:3] == ["", "[UNK]", "say"]
    x, y = next(iter(data.map(lambda x, y: (vectorize(x), y))))
    assert tuple(x.shape) == (3, 4)
    assert tuple(y.shape) == (3,)


def test_sounds_of_a_folder(tmp_path: Path) -> None:
    def write(path, kind, i):
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(np.full(100, 16384, "<i2").tobytes())

    folder = folders(tmp_path / "sounds", "wav", write)
    data = keras.utils.audio_dataset_from_directory(
        folder, batch_size=8, output_sequence_length=120, verbose=False
    )
    ((x, y),) = data
    np.testing.assert_array_equal(np.asarray(x)[:, :, 0], [[0.5] * 100 + [0] * 20] * 8)
    assert sorted(np.asarray(y)) == [0] * 4 + [1] * 4


def test_windows_of_a_series() -> None:
    series = np.arange(20.0)
    data = keras.utils.timeseries_dataset_from_array(series, series[4:], 4, batch_size=5)
    for x, y in data:
        np.testing.assert_array_equal(np.asarray(x)[:, -1] + 1, y)
    left, right = keras.utils.split_dataset(series, 0.75)
    assert [len(list(part)) for part in (left, right)] == [15, 5]


def test_feature_space() -> None:
    table = {"size": rng.random(6), "kind": np.array(list("abcabc")), "age": np.arange(6) % 3}
    space = keras.utils.FeatureSpace(
        features={
            "size": keras.utils.FeatureSpace.float_normalized(),
            "kind": keras.utils.FeatureSpace.string_categorical(),
            "age": keras.utils.FeatureSpace.integer_categorical(),
        },
        crosses=[keras.utils.FeatureSpace.cross(("kind", "age"), crossing_dim=8)],
        output_mode="concat",
    )
    space.adapt(table)
    found = np.asarray(space(table))
    assert found.shape == (6, 1 + 4 + 4 + 8)
    np.testing.assert_allclose(found.sum(axis=1).mean(), 3, atol=1e-5)  # three one-hot codes
    codes = found[:, [set(column) <= {0, 1} for column in found.T.tolist()]]
    np.testing.assert_array_equal(codes.sum(axis=1), 3)


def test_what_needs_another_engine_says_so(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises(NotImplementedError, match="KERAS_BACKEND=tensorflow"):
        model.export(tmp_path / "model")
