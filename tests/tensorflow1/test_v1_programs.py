"""Programs in the manner of TensorFlow 1's years: they run unmodified, and learn."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lamella

HERE = Path(__file__).parent
ROOT = Path(lamella.__file__).parent.parent


def above(pattern: str, least: float):
    """The number behind `pattern` is at least `least`."""
    return lambda text: number(pattern, text) >= least


def below(pattern: str, most: float):
    """The number behind `pattern` is at most `most`."""
    return lambda text: number(pattern, text) <= most


def near(pattern: str, value: float, tolerance: float):
    """The number behind `pattern` is near `value`."""
    return lambda text: abs(number(pattern, text) - value) <= tolerance


def says(*lines: str):
    """All of these are printed."""
    return lambda text: all(line in text for line in lines)


def number(pattern: str, text: str) -> float:
    """The last number that follows `pattern` in the text."""
    found = re.findall(pattern + r"\s*([-+]?\d+\.?\d*(?:e[-+]?\d+)?)", text)
    assert found, f"{pattern!r} is not in what was printed"
    return float(found[-1])


LEARNS = {
    "autoencoder": [below(r"Step 300: Minibatch Loss:", 0.08)],
    "batch_norm_ema": [below("test loss", 0.1), says("one row (1, 1)")],
    "bidirectional_gru": [above("accuracy", 0.8)],
    "char_rnn": [below("train loss", 0.2), says("sample: hello")],
    "cnn_functions": [above("test accuracy", 0.85)],
    "compat_v1": [below("loss", 0.02)],
    "dataset_iterators": [above("accuracy", 0.95), says("one shot [0, 4, 16, 36, 64]",
                          "shapes [None, 4] [None]", "pass 12.0", "pass 21.0")],
    "dcgan_small": [below(r"discriminator from \S+ to", 1.0), says("images (4, 28, 28, 1)")],
    "dqn_target": [says("policy [1, 1, 1, 1]")],
    "dynamic_lstm_lengths": [above("Accuracy:", 0.85)],
    "eager_1x": [near("W =", 3.0, 0.2), near("B =", 2.0, 0.2), near("adam", 1.0, 0.01),
                 says("eager: True", "sum [22. 32.]", "derivative 6.0", "steps 100",
                      "batch [1 4]")],
    "estimator_custom": [above("Testing Accuracy:", 0.88), above("canned accuracy", 0.9)],
    "flags_app": [below("final loss", 1e-3), says("steps 300 verbose True")],
    "gan": [near("generated mean", 4.0, 0.5)],
    "graphs_and_sessions": [says(
        "names v:0 a/b/v:0 a/w:0 a/ignored/plus:0", "own values 3.0 1.0", "uninitialised: True",
        "by name 1.0", "foreign: True", "exists: True", "missing: True", "shape: True",
        "nested [[2.0, 4.0], [6.0, 8.0]] [[2.0, 3.0], [4.0, 5.0]]")],
    "hello_graph": [says("Hello, TensorFlow!", "a + b = 5", "a * b = 6", "sum 12", "product 35",
                         "matmul [[12.]]")],
    "highway_layers": [below("loss", 0.2), says("gate (300, 16)")],
    "kmeans": [below("error", 0.3)],
    "layers_cnn_scope": [above("Testing Accuracy:", 0.85), says("variables 8")],
    "linear_fit_012": [near("W", 0.1, 0.01), near(r"W \S+ b", 0.3, 0.01)],
    "linear_regression": [near("W=", 3.0, 0.1), near("b=", 0.5, 0.1), below("cost=", 0.01)],
    "logistic_regression_mnist": [above("accuracy", 0.89)],
    "lstm_static": [above("Testing Accuracy:", 0.75)],
    "matrix_factorization": [below("RMSE", 0.3)],
    "metrics_streaming": [says("turn 0 ['0.8400'", "turn 1 ['0.8400'", "expected 0.8400",
                               "confusion [[156, 32], [32, 180]]")],
    "mlp_dicts": [above("Accuracy:", 0.92)],
    "monitored_session": [says("part 0 runs 50", "part 1 runs 350"), below("loss", 0.01)],
    "multi_device": [below("loss", 0.1), says("variables 4")],
    "nearest_neighbor": [above("Accuracy:", 0.85)],
    "newton_hessian": [below("gradient norm", 1e-4), says("27.0", "18.0", "[None]")],
    "policy_gradient": [below(r"length from \S+ to", 25)],
    "py_func_print": [says("before False [b'w']", "after True 0", "py_func [1.5, 0.0] 3",
                           "shape and count: [2 1][3]", "refused True", "string tensor")],
    "resnet_layers": [above("accuracy", 0.8), says("shape (?, 16) 16 updates 8", "rate 0.0010")],
    "save_restore": [below("loss", 1e-4), says("saved model.ckpt-30", "step 230", "kept 2")],
    "slim_net": [above("accuracy", 0.85), says("regularisation losses 4", "conv1/weights")],
    "summaries_board": [below("loss", 0.5), says("layer1/activation:0")],
    "svm_hinge": [above("accuracy", 0.97)],
    "text_cnn": [above("accuracy", 0.9), says("step 150", "summary bytes True")],
    "vae": [below("Step 400, Loss:", 200.0), says("decoded (3, 784)")],
    "while_loops": [says("counter 10", "fibonacci 55 6765", "scan [1, 3, 6, 10, 15, 21] 21",
                         "map [-1, -2, -3, -4, -5, -6]", "case [-1.0, 3.5, 40.0]", "13.5",
                         "steps [0.0, 0.75, 1.5, 2.25, 3.0]")],
    "word2vec_nce": [above("same group", 0.4)],
}  # fmt: skip


@pytest.fixture(scope="module")
def results():
    """What each program printed and how it ended: all of them in one process of their own."""
    env = {k: v for k, v in os.environ.items() if k not in ("KERAS_BACKEND", "LAMELLA_DEBUG")}
    paths = [str(HERE / "programs" / f"{name}.py") for name in [*LEARNS, "queues_refused"]]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(HERE / "runner.py"), *paths],
        env={**env, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {Path(r["path"]).stem: r for r in lines}, done.stderr[-2000:]


@pytest.mark.parametrize("name", LEARNS)
def test_program(name, results):
    ended, printed = results
    assert name in ended, f"the process ended before this program: {printed}"
    assert ended[name]["error"] is None, ended[name]["error"]
    text = ended[name]["printed"]
    for i, check in enumerate(LEARNS[name]):
        assert check(text), f"check {i} of {name} failed; it printed\n{text[-1500:]}"


def test_queues_are_refused_with_the_line_and_what_to_use(results):
    error = results[0]["queues_refused"]["error"]
    assert "tf.train.string_input_producer is not supported" in error
    assert "queues_refused.py:4" in error
    assert "tf.data" in error


def test_every_program_is_checked():
    programs = {p.stem for p in (HERE / "programs").glob("*.py")}
    assert programs == {*LEARNS, "queues_refused"}
    assert len(programs) >= 30
