"""The benchmark's tables: ratios, failures, and losses that stray."""

import pytest

from bench import report


def run(workload, backend, warm, check=1.0, losses=(0.5, 0.25)):
    each = {"median": 2e-3, "min": 1e-3}
    return {
        "workload": workload,
        "backend": backend,
        "round": 0,
        "warm": warm,
        "first": 3.0,
        "import": 1.0,
        "memory": 100.0,
        "others": 0.1,
        "check": check,
        "metrics": [{"loss": loss} for loss in losses],
        "predict_one": each,
        "call_one": each,
        "predict_many": each,
        "predict_many_rows": 10,
    }


def results(*runs, backends=("lamella", "jax", "tensorflow", "jax-scan")):
    facts = {"rows": 1_000, "epochs": 1, "batch_size": 10, "flops_per_row": 10**6}
    return {
        "machine": {"processor": "P", "cores": 2, "system": "S", "peak_gflops": 10.0},
        "environments": {name: {"megabytes": 5.0} for name in ("lamella", "jax", "tensorflow")},
        "workloads": dict.fromkeys(dict.fromkeys(r["workload"] for r in runs), facts),
        "backends": list(backends),
        "runs": list(runs),
    }


def failed(workload, backend):
    return {"workload": workload, "backend": backend, "round": 0, "error": "Boom: no memory"}


def test_ratios_are_to_the_fastest_peer_and_to_the_fastest_plain():
    text = report.markdown(
        results(
            run("a", "lamella", [0.5]),
            run("a", "jax", [2.0, 1.5, 9.0]),  # median 2.0
            run("a", "tensorflow", [4.0]),
            run("a", "jax-scan", [1.0]),
            run("b", "lamella", [1.0]),
            run("b", "jax", [9.0]),
        )
    )
    assert "| a | 4.00 (jax) | 2.00 (jax-scan) | 2.0 | 20% |" in text
    assert "| b | 9.00 (jax) |  | 1.0 | 10% |" in text
    assert "Geometric mean: 6.00" in text
    assert "| a | 0.500 (0.500) | 2.00 (1.50) | 4.00 (4.00) | 1.00 (1.00) |" in text


def test_a_failed_backend_is_in_the_tables_with_its_error():
    text = report.markdown(results(failed("a", "lamella"), run("a", "jax", [1.0])))
    assert "| a | failed |  |  |  |" in text  # among the ratios
    assert "| a | failed | 1.00 (1.00) |  |  |" in text
    assert "- a on lamella: `Boom: no memory`" in text


def test_what_was_not_measured_is_blank_and_not_failed():
    text = report.markdown(results(run("a", "jax", [1.0])))
    assert "| a |  |  |  |  |" in text
    assert "failed" not in text.split("## Import")[0]


def test_a_backend_that_failed_in_one_round_keeps_its_figures():
    text = report.markdown(results(failed("a", "jax"), run("a", "jax", [1.0])))
    assert "- a on jax: failed in 1 rounds" in text
    assert "1.00 (1.00)" in text


@pytest.mark.parametrize("wrong", [1.05, float("nan")])
def test_a_loss_that_strays_is_named(wrong):
    runs = [run("a", "jax", [1.0]), run("a", "tensorflow", [1.0]), run("a", "jax-scan", [1.0])]
    assert "All losses agree." in report.markdown(results(*runs))
    text = report.markdown(results(*runs, run("a", "lamella", [1.0], check=wrong)))
    assert f"**a, 20 identical steps: the loss on lamella is {wrong:.4g}" in text


def test_losses_are_compared_at_the_last_epoch_that_all_reached():
    short = run("a", "jax", [1.0], losses=(0.5, 0.3))
    long = run("a", "lamella", [1.0], losses=(0.5, 0.3, 0.01))
    assert "All losses agree." in report.markdown(results(short, long))
