"""The benchmark's processes: order, results, failures and time limits."""

import os
import sys
import time

import pytest

from bench import plain, schedule, workloads

WORKERS = {
    "works": "import json, sys; open(sys.argv[3], 'w').write(json.dumps({'warm': [1.0]}))",
    "fails": "print('first'); raise ValueError('out of luck')",
    "hangs": """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
open(os.environ['CHILD_FILE'], 'w').write(str(child.pid))
time.sleep(60)
""",
}


@pytest.fixture
def launch(tmp_path, monkeypatch):
    """launch(kind, timeout): the result of a worker of that kind."""
    for kind, text in WORKERS.items():
        (tmp_path / f"worker_{kind}.py").write_text(text)
        variables = {"PYTHONPATH": str(tmp_path), "CHILD_FILE": str(tmp_path / "child")}
        backend = schedule.Backend("none", f"worker_{kind}", variables)
        monkeypatch.setitem(schedule.BACKENDS, kind, backend)

    def run(kind, timeout=30.0):
        job = schedule.Job("mnist_mlp", kind, sys.executable, tmp_path / "none.npz")
        return schedule.measure(job, schedule.Limits(timeout=timeout))

    return run


def test_a_result_comes_back_with_the_load_of_others(launch):
    result = launch("works")
    assert result["warm"] == [1.0]
    assert 0.0 <= result["others"] <= 1.05


def test_a_failure_is_its_last_line(launch):
    assert launch("fails") == {"error": "ValueError: out of luck"}


def test_a_hung_worker_and_its_children_are_ended(launch, tmp_path):
    assert launch("hangs", timeout=2.0) == {"error": "no result after 2 s"}
    child = int((tmp_path / "child").read_text())
    deadline = time.time() + 5
    while is_running(child) and time.time() < deadline:
        time.sleep(0.05)
    assert not is_running(child)


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = f"/proc/{pid}/stat"
    return not (os.path.exists(stat) and open(stat).read().rsplit(")", 1)[1].split()[0] == "Z")


def test_every_round_measures_each_pair_once():
    names, backends = list(workloads.NAMES), list(schedule.BACKENDS)
    rows = list(schedule.order(2, names, backends))
    assert len(rows) == len(set(rows)) == 2 * (4 * len(names) + 3 * len(plain.NAMES))
    assert all(backend not in schedule.PLAIN or name in plain.NAMES for _, name, backend in rows)
    assert [row[1] for row in rows if row[0] == 0 and row[2] == "jax"] == names
