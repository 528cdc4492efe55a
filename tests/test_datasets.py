"""MNIST is the real one, bit for bit."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import numpy as np
import pytest

from lamella import native
from lamella.datasets import mnist

SHA256 = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}


@pytest.fixture(scope="module")
def data():
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


@pytest.mark.parametrize("name", SHA256)
def test_the_bytes_are_those_of_the_published_files(data, name):
    assert hashlib.sha256(data[name].tobytes()).hexdigest() == SHA256[name]


def test_shapes_and_dtypes_are_those_of_keras(data):
    assert {name: (a.dtype.name, a.shape) for name, a in data.items()} == {
        "x_train": ("uint8", (60000, 28, 28)),
        "y_train": ("uint8", (60000,)),
        "x_test": ("uint8", (10000, 28, 28)),
        "y_test": ("uint8", (10000,)),
    }


def test_arrays_belong_to_the_caller(data):
    for array in data.values():
        assert array.flags.writeable
        assert array.flags.c_contiguous
    (first, _), _ = mnist.load_data()
    first[:] = 0
    (again, _), _ = mnist.load_data()
    assert again[0].any()


def test_labels_are_counted_as_published(data):
    assert np.bincount(data["y_test"]).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip


def test_it_stays_small():
    assert len(files("lamella.datasets").joinpath("mnist.npz").read_bytes()) < 8_000_000


def test_any_number_of_threads_unpacks_the_same(data):
    before = native.num_threads()
    try:
        for threads in (1, 3):
            native.set_num_threads(threads)
            (x_train, _), _ = mnist.load_data()
            np.testing.assert_array_equal(x_train, data["x_train"])
    finally:
        native.set_num_threads(before)
