"""Whole processes: interrupts, kills, the cache folder, threads, the same bits."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import keras
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")

START = """
import os, signal, sys, threading, time
import lamella, keras, numpy as np
from keras import layers
keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
x = rng.normal(size=(4096, 20)).astype("float32")
y = rng.integers(0, 3, 4096)
def network():
    model = keras.Sequential([layers.Input((20,)), layers.Dense(64, activation="relu"),
                              layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model
"""


def command(program):
    return [sys.executable, "-c", START + textwrap.dedent(program)]


def environment(**variables):
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"PYTHONPATH": path} | variables


def python(program, **variables):
    """What the program prints."""
    done = subprocess.run(
        command(program), env=environment(**variables), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@posix
@pytest.mark.parametrize("setting", ["plain", "callback", "execution", "generator", "eager"])
def test_interrupt_stops_within_a_second_after_a_whole_step(setting):
    """Two counters, the first and the last thing that a step writes, agree."""
    out = python(
        f"""
        setting = {setting!r}
        class Model(keras.Model):
            def __init__(self):
                super().__init__()
                self.dense = layers.Dense(3)
                self.first, self.last = (self.add_weight(shape=(), initializer="zeros",
                                         dtype="int64", trainable=False) for _ in range(2))
            def call(self, x):
                return self.dense(x)
            def train_step(self, data):
                self.first.assign_add(1)
                logs = super().train_step(data)
                self.last.assign_add(1)
                return logs
        model = Model()
        model.compile("adam", "mse", run_eagerly=setting == "eager",
                      steps_per_execution=10**6 if setting == "execution" else 1)
        target = x[:, :3]
        def batches():
            while True:
                yield x[:32], target[:32]
        watch = [keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)]
        arguments = dict(batch_size=1, epochs=10**6)
        data = (np.tile(x, (400, 1)), np.tile(target, (400, 1)))
        if setting == "callback":
            arguments["callbacks"] = watch
        if setting == "generator":
            data, arguments = (batches(),), dict(steps_per_epoch=10**6)
        def press():
            global pressed
            pressed = time.perf_counter()
            os.kill(os.getpid(), signal.SIGINT)
        model.fit(x[:1], target[:1], verbose=0)
        threading.Timer(1.0, press).start()
        try:
            model.fit(*data, verbose=0, **arguments)
        except KeyboardInterrupt:
            print(time.perf_counter() - pressed)
        print(int(model.first), int(model.last), int(model.optimizer.iterations))
        variables = model.variables + model.optimizer.variables
        print(all(np.isfinite(v.numpy()).all() for v in variables))
        before = int(model.first)
        model.fit(x, target, verbose=0)
        print(int(model.first) - before)
        """
    )
    seconds, first, last, iterations, finite, more = out
    assert float(seconds) < 1
    assert first == last == iterations != "0"
    assert finite == "True"
    assert more == "128"


@posix
def test_interrupt_while_compiling():
    out = python(
        """
        def press():
            global pressed
            pressed = time.perf_counter()
            os.kill(os.getpid(), signal.SIGINT)
        stack = [layers.Input((24, 24, 3))]
        for width in range(4, 24):
            stack += [layers.Conv2D(width, 3, padding="same"), layers.BatchNormalization()]
        model = keras.Sequential([*stack, layers.Flatten(), layers.Dense(3)])
        model.compile("adam", "mse")
        images, target = rng.normal(size=(8, 24, 24, 3)), np.zeros((8, 3))
        before = model.get_weights()
        threading.Timer(1.0, press).start()
        try:
            model.fit(images, target, verbose=0)
            print("compiled too fast")
        except KeyboardInterrupt:
            print(time.perf_counter() - pressed)
        print(all((a == b).all() for a, b in zip(before, model.get_weights())))
        small = network()
        print(np.isfinite(small.fit(x, y, verbose=0).history["loss"][0]))
        """,
        LAMELLA_CACHE="0",
    )
    assert float(out[0]) < 1  # what is being compiled is finished
    assert out[1:] == ["True", "True"]


@posix
def test_killed_while_checkpointing_keeps_whole_files(tmp_path):
    """Files named by epoch, and one that is replaced after each: all can be read."""
    program = f"""
        model = network()
        files = r"{tmp_path}/{{epoch:05d}}.weights.h5", r"{tmp_path}/latest.weights.h5"
        save = [keras.callbacks.ModelCheckpoint(file, save_weights_only=True) for file in files]
        model.fit(x, y, batch_size=512, epochs=10**5, verbose=0, callbacks=save)
        """
    process = subprocess.Popen(command(program), env=environment())
    try:
        deadline = time.monotonic() + 120
        while len(list(tmp_path.iterdir())) < 9 and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    files = sorted(tmp_path.glob("*.h5"))
    assert len(files) >= 8
    model = keras.Sequential(
        [keras.layers.Input((20,)), keras.layers.Dense(64), keras.layers.Dense(3)]
    )
    for file in files:
        model.load_weights(file)
        assert all(np.isfinite(w).all() for w in model.get_weights())


# -- the surroundings ------------------------------------------------------------------------

TRAIN = "print(network().fit(x, y, verbose=0).history['loss'][0])"


def test_without_a_usable_cache_folder(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    expected = python(TRAIN, LAMELLA_CACHE_DIR=str(tmp_path / "cache"))
    assert len(list((tmp_path / "cache").iterdir())) > 1
    assert python(TRAIN, LAMELLA_CACHE_DIR=str(tmp_path / "file")) == expected
    assert python(TRAIN, LAMELLA_CACHE="0") == expected
    for k, path in enumerate(sorted((tmp_path / "cache").iterdir())):  # damage each entry
        data = path.read_bytes()
        path.write_bytes([data[: len(data) // 2], b"", data[:-1] + b"\xff", b"x" * 99][k % 4])
    assert python(TRAIN, LAMELLA_CACHE_DIR=str(tmp_path / "cache")) == expected
    os.chmod(tmp_path / "cache", 0o500)
    try:
        assert python(TRAIN, LAMELLA_CACHE_DIR=str(tmp_path / "cache")) == expected
    finally:
        os.chmod(tmp_path / "cache", 0o700)


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5"])
def test_wrong_number_of_threads_is_told(number):
    done = subprocess.run(
        command(TRAIN), env=environment(LAMELLA_NUM_THREADS=number), capture_output=True, text=True
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "LAMELLA_NUM_THREADS" in last
    assert number in last


# -- the same bits ---------------------------------------------------------------------------

BITS = """
    import hashlib
    images = rng.normal(size=(200, 14, 14, 2)).astype("float32")
    series = rng.normal(size=(200, 9, 5)).astype("float32")
    labels = rng.integers(0, 3, 200)
    def digest(data, *stack):
        keras.utils.set_random_seed(11)
        model = keras.Sequential([*stack, layers.Dense(3, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(data, labels, batch_size=24, epochs=2, verbose=0,
                            validation_split=0.1).history
        weights = [v.numpy() for v in model.variables + model.optimizer.variables]
        everything = b"".join(w.tobytes() for w in weights) + repr(history).encode()
        print(hashlib.sha256(everything + model.predict(data, verbose=0).tobytes()).hexdigest())
    digest(images, layers.Flatten(), layers.Dense(100, activation="relu"), layers.Dense(30))
    digest(images, layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(),
           layers.BatchNormalization(), layers.Conv2D(8, 3, strides=2), layers.Flatten())
    digest(series, layers.LSTM(16, return_sequences=True), layers.Bidirectional(layers.GRU(8)))
    digest(images, layers.Flatten(), layers.Dense(64), layers.Dropout(0.4),
           layers.GaussianNoise(0.1), layers.LayerNormalization())
"""


def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads():
    reference = python(BITS, LAMELLA_NUM_THREADS="1")
    assert len(set(reference)) == 4
    for threads in "1234":
        assert python(BITS, LAMELLA_NUM_THREADS=threads) == reference, f"{threads} threads"
