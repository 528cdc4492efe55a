"""What one process measures, and what it starts from."""

import argparse
import json

import numpy as np

from bench import measure
from bench.prepared import Prepared


def limits(least, most, seconds):
    return argparse.Namespace(least=least, most=most, seconds=seconds)


def test_units_stop_at_the_most(monkeypatch):
    clock = iter([10.0, 11.0, 13.0])
    monkeypatch.setattr(measure.time, "time", lambda: next(clock))
    units = measure.Units(4.0, limits(1, 2, 100.0))
    assert [units({"loss": loss}) for loss in (3.0, 2.0, 1.0)] == [False, False, True]
    assert units.first() == 6.0
    assert units.warm() == [1.0, 2.0]


def test_units_stop_when_the_seconds_are_spent_but_not_before_the_least(monkeypatch):
    clock = iter([0.0, 5.0, 10.0])
    monkeypatch.setattr(measure.time, "time", lambda: next(clock))
    units = measure.Units(0.0, limits(2, 12, 1.0))
    assert [units({}) for _ in range(3)] == [False, False, True]


def test_repeat_warms_up_and_counts():
    calls = []
    times = measure.repeat(lambda: calls.append(0), seconds=0.0)
    assert len(calls) == 3 + 5
    assert 0 <= times["min"] <= times["median"]


def test_peak_memory_sees_an_array():
    before = measure.peak_memory()
    block = np.ones(40_000_000, "float64")  # 320 MB
    assert block[-1] == 1.0
    assert measure.peak_memory() > max(before, 320)


def test_prepared_keeps_named_inputs_and_the_order_of_weights(tmp_path):
    path = tmp_path / "w.npz"
    arrays = {"x/b": np.arange(4), "x/a": np.arange(4) * 2, "y": np.arange(4) * 3}
    np.savez(path, **arrays, **{"weight/z/kernel": np.ones(2), "weight/a/bias": np.zeros(1)})
    facts = {"rows": 4, "batch_size": 2, "epochs": 1, "flops_per_row": 8}
    path.with_suffix(".json").write_text(json.dumps(facts))
    prepared = Prepared(path)
    assert list(prepared.weights) == ["z/kernel", "a/bias"]
    x, y = prepared.take(2)
    assert x["a"].tolist() == [0, 2]
    assert y.tolist() == [0, 3]
