"""From the runs to one summary per workload and backend, and from the summaries to Markdown."""

import statistics
from collections.abc import Callable, Iterable
from typing import Any

from bench.schedule import BACKENDS, PEERS, PLAIN

CHECK_TOLERANCE = 0.02  # of the loss after 20 identical steps: peers differ by 0.8% on resnet20
LOSS_TOLERANCE = 0.25  # of the loss of the last epoch that all reached, each with its own shuffling

Summary = dict[str, Any]
Cell = Callable[[Summary], str]


def one_line(run: dict[str, Any]) -> str:
    """A run as one line of progress."""
    head = f"round {run['round'] + 1}  {run['workload']:18}{run['backend']:14}"
    if "error" in run:
        return f"{head}failed: {run['error']}"
    warm = statistics.median(run["warm"])
    loss = run["check"]  # of the same 20 steps on every backend
    times = f"warm {seconds(warm)}  first {seconds(run['first'])}"
    return f"{head}{times}  loss {loss:.4g}  others {run['others']:.0%}"


def summarize(runs: Iterable[dict[str, Any]]) -> Summary:
    """Medians and minima over the rounds of one workload on one backend; else {"error"}."""
    runs = list(runs)
    good = [run for run in runs if "error" not in run]
    if not good:
        return {"error": runs[-1]["error"]} if runs else {}
    warm = [seconds for run in good for seconds in run["warm"]]
    summary: Summary = {
        "warm": statistics.median(warm),
        "warm_min": min(warm),
        "failures": len(runs) - len(good),
        "losses": [metrics["loss"] for metrics in good[0]["metrics"]],
        "check": good[0]["check"],
        "predict_many_rows": good[0]["predict_many_rows"],
    }
    for key in ("first", "first_cached", "import", "memory", "others"):
        values = [run[key] for run in good if key in run]
        if values:
            summary[key] = statistics.median(values)
    for key in ("predict_one", "call_one", "predict_many"):
        summary[key] = statistics.median(run[key]["median"] for run in good)
        summary[f"{key}_min"] = min(run[key]["min"] for run in good)
    return summary


def summaries(results: dict[str, Any]) -> dict[str, dict[str, Summary]]:
    """{workload: {backend: summary}}; empty where a backend has no such workload."""
    return {
        workload: {
            backend: summarize(
                run
                for run in results["runs"]
                if (run["workload"], run["backend"]) == (workload, backend)
            )
            for backend in results["backends"]
        }
        for workload in results["workloads"]
    }


def markdown(results: dict[str, Any]) -> str:
    """All tables."""
    of = summaries(results)
    machine = results["machine"]
    peak = machine["peak_gflops"]
    parts = [
        "# Benchmark",
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, "
        + (f"float32 peak {peak:.0f} GFLOP/s." if peak else "float32 peak not measured."),
        section("Warm epoch, seconds: median (minimum)", results, of, warm_cell),
        section(
            "Loss after 20 identical steps; loss of the last common epoch",
            results,
            of,
            loss_cell(of),
        ),
        "\n".join(disagreements(of)) or "All losses agree.",
        section(
            "Share of the machine that other processes took meanwhile", results, of, others_cell
        ),
        section(
            "First epoch in a fresh process, seconds (with cached code)", results, of, first_cell
        ),
        section(
            "`model.predict` of one row, ms: median (minimum)",
            results,
            of,
            milliseconds("predict_one"),
        ),
        section(
            "`model(x)` of one row, ms: median (minimum)", results, of, milliseconds("call_one")
        ),
        section("`model.predict` of many rows, rows/s", results, of, predict_many_cell),
        section("Peak memory, MB", results, of, lambda s: f"{s['memory']:.0f}"),
        costs(results, of),
        failures(of),
    ]
    if "lamella" in results["backends"]:
        parts.insert(2, ratios(results, of))
    return "\n\n".join(part for part in parts if part) + "\n"


def section(
    title: str, results: dict[str, Any], of: dict[str, dict[str, Summary]], cell: Cell
) -> str:
    backends = results["backends"]
    rows = [
        [workload, *(show(of[workload][backend], cell) for backend in backends)] for workload in of
    ]
    return f"## {title}\n\n{table(['workload', *backends], rows)}"


def show(summary: Summary, cell: Cell) -> str:
    if not summary:
        return ""
    return "failed" if "error" in summary else cell(summary)


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def seconds(value: float) -> str:
    return f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def warm_cell(summary: Summary) -> str:
    return f"{seconds(summary['warm'])} ({seconds(summary['warm_min'])})"


def others_cell(summary: Summary) -> str:
    return f"{summary['others']:.0%}"


def first_cell(summary: Summary) -> str:
    cached = summary.get("first_cached")
    return f"{summary['first']:.1f}" + (f" ({cached:.1f})" if cached is not None else "")


def milliseconds(key: str) -> Cell:
    return lambda summary: f"{summary[key] * 1e3:.3g} ({summary[f'{key}_min'] * 1e3:.3g})"


def predict_many_cell(summary: Summary) -> str:
    return f"{summary['predict_many_rows'] / summary['predict_many']:,.0f}"


def loss_cell(of: dict[str, dict[str, Summary]]) -> Cell:
    common = {id(s): common_units(row) for row in of.values() for s in row.values()}

    def cell(summary: Summary) -> str:
        return f"{summary['check']:.4f}; {summary['losses'][common[id(summary)] - 1]:.4g}"

    return cell


def common_units(row: dict[str, Summary]) -> int:
    """Units of training that every backend of a workload reached."""
    return min((len(s["losses"]) for s in row.values() if "losses" in s), default=0)


def disagreements(of: dict[str, dict[str, Summary]]) -> list[str]:
    """A line for each backend whose losses stray from the median of all."""
    lines = []
    for workload, row in of.items():
        good = {backend: s for backend, s in row.items() if "losses" in s}
        last = common_units(row) - 1
        checks = {backend: s["check"] for backend, s in good.items()}
        losses = {backend: s["losses"][last] for backend, s in good.items()}
        lines += strays(f"{workload}, 20 identical steps", checks, CHECK_TOLERANCE)
        lines += strays(f"{workload}, last common epoch", losses, LOSS_TOLERANCE)
    return lines


def strays(what: str, losses: dict[str, float], tolerance: float) -> list[str]:
    """A line for each backend further than tolerance (relative) from the median; NaN strays."""
    middle = statistics.median(losses.values()) if losses else 0.0
    return [
        f"**{what}: the loss on {backend} is {loss:.4g}, the median {middle:.4g}.**"
        for backend, loss in losses.items()
        if not abs(loss - middle) <= tolerance * abs(middle)
    ]


def ratios(results: dict[str, Any], of: dict[str, dict[str, Summary]]) -> str:
    """How many times faster Lamella's warm epoch is, and its share of the machine's peak."""
    peak = results["machine"]["peak_gflops"]
    rows, factors = [], []
    for workload, row in of.items():
        ours = row["lamella"]
        if "warm" not in ours:
            rows.append([workload, "failed" if ours else "", "", "", ""])
            continue
        peer, plain = (fastest(row, names) for names in (PEERS, PLAIN))
        facts = results["workloads"][workload]
        work = facts["flops_per_row"] * facts["rows"] * facts["epochs"]
        speed = work / ours["warm"] / 1e9
        if peer:
            factors.append(row[peer]["warm"] / ours["warm"])
        rows.append(
            [
                workload,
                versus(row, peer),
                versus(row, plain),
                f"{speed:.1f}",
                f"{speed / peak:.0%}" if peak else "",
            ]
        )
    head = ["workload", "fastest of Keras's others", "fastest plain", "GFLOP/s", "share of peak"]
    mean = f"\n\nGeometric mean: {statistics.geometric_mean(factors):.2f}" if factors else ""
    return f"## Times faster than, warm epoch\n\n{table(head, rows)}{mean}"


def fastest(row: dict[str, Summary], names: Iterable[str]) -> str | None:
    """The backend of `names` with the shortest warm epoch."""
    return min(
        (n for n in names if "warm" in row.get(n, {})), key=lambda n: row[n]["warm"], default=None
    )


def versus(row: dict[str, Summary], other: str | None) -> str:
    return f"{row[other]['warm'] / row['lamella']['warm']:.2f} ({other})" if other else ""


def costs(results: dict[str, Any], of: dict[str, dict[str, Summary]]) -> str:
    """Import time of each backend and installed size of its environment."""
    rows = []
    for backend in results["backends"]:
        imports = [row[backend]["import"] for row in of.values() if "import" in row[backend]]
        megabytes = results["environments"][BACKENDS[backend].environment].get("megabytes")
        rows.append(
            [
                backend,
                f"{statistics.median(imports):.2f}" if imports else "failed",
                f"{megabytes:.0f}" if megabytes else "",
            ]
        )
    return "## Import and size\n\n" + table(["backend", "import, s", "installed, MB"], rows)


def failures(of: dict[str, dict[str, Summary]]) -> str:
    lines = []
    for workload, row in of.items():
        for backend, summary in row.items():
            if "error" in summary:
                lines.append(f"- {workload} on {backend}: `{summary['error']}`")
            elif summary.get("failures"):
                lines.append(f"- {workload} on {backend}: failed in {summary['failures']} rounds")
    return "## Failures\n\n" + "\n".join(lines) if lines else ""
