"""Memory: dead models are freed, kernels are shared, long use stays flat."""

import gc
import weakref
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from lamella.compile import Executable
from lamella.compile.executable import is_readable
from lamella.native import jit

RNG = np.random.default_rng(3)
X = RNG.normal(size=(50, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 50)


def network():
    stack = [layers.Dense(16, activation="relu"), layers.Dropout(0.1), layers.LSTM(4)]
    model = keras.Sequential(
        [layers.Input((6,)), layers.Reshape((3, 2)), *stack, layers.Dense(3, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def use(model):
    model.fit(X, Y, verbose=0, validation_split=0.2, callbacks=[keras.callbacks.TerminateOnNaN()])
    model.train_on_batch(X, Y)
    model.predict(X, verbose=0)


def executables():
    gc.collect()
    return [o for o in gc.get_objects() if isinstance(o, Executable)]


def test_dead_models_are_freed_and_leave_their_kernels():
    model = network()
    use(model)
    before, kernels = len(executables()), len(jit._loaded)
    for _ in range(2):
        other = network()
        use(other)
        assert len(executables()) > before
        gone = weakref.ref(other), weakref.ref(other.layers[1].kernel.value)
        del other
        assert len(executables()) == before
        assert [ref() for ref in gone] == [None, None]
    assert len(jit._loaded) == kernels


def test_compiling_anew_frees_the_old_steps():
    model = network()
    use(model)
    before = len(executables())
    for _ in range(3):
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        use(model)
    assert len(executables()) == before


def megabytes():
    """What of this process is in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
@pytest.mark.parametrize(("kind", "count"), [("fit", 1000), ("predict", 10_000), ("model", 1000)])
def test_memory_stays_flat(kind, count):
    model = network()
    steps = {
        "fit": lambda: model.fit(X, Y, verbose=0),
        "predict": lambda: model.predict(X, verbose=0),
        "model": lambda: use(network()),
    }
    for _ in range(count // 10):
        steps[kind]()
    gc.collect()
    before = megabytes()
    for _ in range(count - count // 10):
        steps[kind]()
    gc.collect()
    assert megabytes() - before < 8


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8", "bool"])
def test_zeros_are_arrays_that_kernels_may_write(dtype):
    one, other = (keras.Variable("zeros", shape=(3, 700), dtype=dtype) for _ in range(2))
    assert one.dtype == dtype
    assert one.shape == (3, 700)
    assert is_readable(one._array)
    assert not one.numpy().any()
    one.assign(keras.ops.ones((3, 700), dtype))
    assert one.numpy().all()
    assert not other.numpy().any()
