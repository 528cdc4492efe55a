"""A part of Keras's own tests, and the bookkeeping of the command that runs them all."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SPEC = importlib.util.spec_from_file_location("suite", ROOT / "tools" / "run_keras_tests.py")
suite = importlib.util.module_from_spec(SPEC)
sys.modules["suite"] = suite
SPEC.loader.exec_module(suite)

FILES = [  # one of each kind, what needs neither TensorFlow nor JAX
    "callbacks/early_stopping_test.py",
    "layers/layer_test.py",
    "layers/normalization/batch_normalization_test.py",
    "layers/rnn/lstm_test.py",
    "losses/losses_test.py",
    "metrics/accuracy_metrics_test.py",
    "models/functional_test.py",
    "ops/core_test.py",
    "ops/ops_test.py",
    "optimizers/loss_scale_optimizer_test.py",
    "optimizers/optimizer_test.py",
]


@pytest.mark.parametrize("file", FILES)
def test_file_of_keras_passes(file):
    records = suite.run_files([file], suite.Settings(folder_timeout=300))[file]
    suite.apply_exclusions(file, records, suite.read_exclusions())
    outcomes = {record["outcome"] for record in records.values()}
    assert "passed" in outcomes
    assert "uncollectable" not in outcomes
    assert not {test: r for test, r in records.items() if suite.is_bad(r)}


def run(tmp_path, monkeypatch, text, **settings):
    """The records of a test file that stands where Keras's would."""
    (tmp_path / "some_test.py").write_text(text)
    monkeypatch.setattr(suite, "keras_folder", lambda: tmp_path)
    return suite.run_files(["some_test.py"], suite.Settings(**settings))["some_test.py"]


def test_a_crash_and_a_hang_cost_one_test_each(tmp_path, monkeypatch):
    records = run(
        tmp_path, monkeypatch,
        "import os, time\n"
        "def test_before(): pass\n"
        "def test_crash(): os.abort()\n"
        "def test_between(): pass\n"
        "def test_hang(): time.sleep(60)\n"
        "def test_after(): assert False, 'so it is'\n",
        test_timeout=2,
    )  # fmt: skip
    outcomes = {test: record["outcome"] for test, record in records.items()}
    assert outcomes == {
        "test_before": "passed", "test_crash": "crashed", "test_between": "passed",
        "test_hang": "crashed", "test_after": "failed",
    }  # fmt: skip
    assert "so it is" in records["test_after"]["message"]


@pytest.mark.parametrize(
    ("text", "outcome"),
    [("import os; os._exit(3)", "crashed"), ("import package_that_nobody_has", "uncollectable")],
)
def test_a_file_that_cannot_run_leaves_the_others(text, outcome, tmp_path, monkeypatch):
    (tmp_path / "a_test.py").write_text("def test(): pass")
    (tmp_path / "b_test.py").write_text(text)
    (tmp_path / "c_test.py").write_text("def test(): pass")
    monkeypatch.setattr(suite, "keras_folder", lambda: tmp_path)
    found = suite.run_files(["a_test.py", "b_test.py", "c_test.py"], suite.Settings())
    assert found["b_test.py"][""]["outcome"] == outcome
    assert [found[f]["test"]["outcome"] for f in ("a_test.py", "c_test.py")] == ["passed"] * 2


def test_missing_packages_are_no_failures(tmp_path, monkeypatch):
    (records,) = run(tmp_path, monkeypatch, "import package_that_nobody_has").values()
    assert records["outcome"] == "uncollectable"
    (records,) = run(tmp_path, monkeypatch, "import keras.module_that_nobody_has").values()
    assert records["outcome"] == "failed"
    (records,) = run(
        tmp_path, monkeypatch,
        "def test(): raise ValueError('this requires more: pip install numpy')",
    ).values()  # fmt: skip
    assert records["outcome"] == "failed"
    (records,) = run(
        tmp_path, monkeypatch,
        "def test(): raise ImportError('pip install package-that-nobody-has')",
    ).values()  # fmt: skip
    assert records["outcome"] == "skipped"


def test_a_test_that_skips_itself_says_why(tmp_path, monkeypatch):
    text = "import pytest\ndef test(): pytest.skip('no GPU')"
    (record,) = run(tmp_path, monkeypatch, text).values()
    assert (record["outcome"], record["message"]) == ("skipped", "no GPU")


def test_exclusions_cover_failures_and_go_stale(tmp_path):
    path = tmp_path / "exclusions.txt"
    path.write_text("# why\n\na_test.py::T::test_x[*  # a reason # with a sign\n")
    exclusions = suite.read_exclusions(path)
    assert exclusions == {"a_test.py::T::test_x[*": "a reason # with a sign"}
    records = {f"T::test_x[{o}]": {"outcome": o} for o in ("passed", "failed", "skipped")}
    records["T::test_y"] = {"outcome": "failed"}
    suite.apply_exclusions("a_test.py", records, exclusions)
    assert [r["outcome"] for r in records.values()] == ["stale", "excluded", "skipped", "failed"]
    assert [suite.is_bad(r) for r in records.values()] == [True, False, False, True]


def test_what_fails_without_tensorflow_may_pass_with_it():
    records = {o: {"outcome": o} for o in ("passed", "failed")}
    suite.apply_exclusions("a_test.py", records, {"a_test.py::*": "without TensorFlow: why"})
    assert [r["outcome"] for r in records.values()] == ["passed", "excluded"]


def test_the_table_counts_by_folder():
    results = {
        "ops/a_test.py": {"t": {"outcome": "passed"}, "u": {"outcome": "crashed"}},
        "ops/b_test.py": {"t": {"outcome": "excluded"}},
        "nn/c_test.py": {"": {"outcome": "uncollectable"}},
    }
    rows = [line.split() for line in suite.table(results).splitlines()]
    assert rows[0] == ["folder", "passed", "excluded", "failed", "skipped", "uncollectable"]
    assert rows[1:] == [["nn", "1"], ["ops", "1", "1", "1"], ["total", "1", "1", "1", "1"]]
