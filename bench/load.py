"""Whole load tests as parts of the bench, on PostgreSQL: the knee, what happens beyond it, and an hour at half of it.

Each round of the knee has a bare echo on the same server besides, against which rates are told. Whether all that was
acknowledged is in the database, the load test says itself (docs/loadtest.md).
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from bench import trees
from bench.report import Figure, Report
from bench.rounds import RunFailed
from bench.stack import NO_POSTGRES, postgres_programs
from bench.web import ECHOES, SECONDS, echoes
from loadtest import verdict

P99_MS_GOAL = 50.0
PEAK_GOAL = 0.90
RECOVERY_S_GOAL = 5.0
GROWTH_GOAL = 1.25
SOAK_S = 3_600
_SEED = "2026"
_BEYOND = (
    "--p99-ms", "500", "--start", "2000", "--users", "100", "--subscribers", "5", "--generators", "2",
    "--soak-seconds", "0",
)  # fmt: skip
_HOUR = ("--soak-part", "0.5", "--soak-seconds", str(SOAK_S), "--overload-seconds", "0")
_QUICK_SOAK = ("--soak-only", "20", "--soak-seconds", "8")
SECONDS_MAX = SOAK_S + 3_600
"""What a load test takes at most."""
Result = dict[str, Any]
Tell = Callable[[str], None]


def measure_knee(report: Report, tree: Path, tell: Tell, *, rounds: int, part: int, is_quick: bool) -> None:
    """Add the rates that hold with a p99 of 50 and of 500 ms, and what came of half as much again."""
    if not _is_possible(report, tree, "knee"):
        return
    bare, knees, beyond = [], [], []
    knee, further = (("--quick",), ("--quick", "--p99-ms", "500")) if is_quick else ((), _BEYOND)
    for number in range(rounds):
        tell(f"knee: round {number + 1} of {rounds}")
        bare.append(_echo_rate(tree, max(SECONDS / part, 1.0)))
        knees.append(_load_test(report, tree, *knee))
        beyond.append(_load_test(report, tree, *further))
    _add(report, [*_of_knee(bare, knees), *_of_beyond(bare, beyond)], is_quick)


def measure_soak(report: Report, tree: Path, *, is_quick: bool) -> None:
    """Add what an hour at half of the knee did to latency and memory. Once, however many rounds others have."""
    if not _is_possible(report, tree, "soak"):
        return
    run = _load_test(report, tree, *(_QUICK_SOAK if is_quick else _HOUR))
    _add(report, _of_soak(run), is_quick)


def _add(report: Report, figures: list[Figure], is_quick: bool) -> None:
    """Add figures. Those of a quick look, at a few orders a second, have no ratio that could be compared."""
    report.figures += [replace(figure, ratio=None) if is_quick else figure for figure in figures]


def _is_possible(report: Report, tree: Path, name: str) -> bool:
    if postgres_programs() is None:
        report.skip(name, NO_POSTGRES)
        return False
    trees.copy_pages(tree)
    return True


def _echo_rate(tree: Path, seconds: float) -> float:
    application, _ = ECHOES["echo, bare"]
    rate: float = echoes(application, tree, "daphne", seconds)["per_second"]
    return rate


def _load_test(report: Report, tree: Path, *options: str) -> Result:
    """Return the result of one. What is not kept, or missing in the market data, is wrong. Raises RunFailed."""
    with tempfile.TemporaryDirectory(prefix="mex-bench-") as name:
        file = Path(name) / "result.json"
        command = [sys.executable, "-m", "launcher.manage", "--data", str(Path(name) / "data"), "loadtest"]
        command += ["--database", "postgresql", "--seed", _SEED, "--json", str(file), *options]
        code, said = _run(command, tree)
        if code not in (0, 1) or not file.exists():
            raise RunFailed(f"loadtest: {said.strip()[-2000:]}")
        result: Result = json.loads(file.read_text())
    report.wrong += [f"loadtest {' '.join(options)}: {fault}" for fault in _faults(result)]
    return result


def _run(command: Sequence[str], tree: Path) -> tuple[int, str]:
    """Run a load test to its end; return its status and what it said. Raises RunFailed if it takes too long."""
    with subprocess.Popen(
        command, cwd=tree, env=trees.environment(tree), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            output, errors = process.communicate(timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            raise RunFailed(f"loadtest: it did not end in {SECONDS_MAX:,} s") from None
        finally:
            if process.poll() is None:
                # It ends what it has started, which a process that is killed cannot.
                process.terminate()
                process.communicate()
    return process.returncode, errors or output


def _faults(result: Result) -> list[str]:
    """Return what is no matter of speed."""
    kept = result["verification"]
    counts = ", ".join(f"{kept[f'{name}_count']} {name}" for name in ("missing", "twice", "done"))
    found = [] if kept["ok"] else [f"{counts}, audit {kept['audit']}"]
    gaps = sum(step["market_data"]["gaps"] for step in result["steps"])
    return [*found, *([f"{gaps} gaps in the market data"] if gaps else [])]


def _of_knee(bare: list[float], runs: list[Result]) -> list[Figure]:
    soaks = [_slowest(_step(run, "soak"), "p99") for run in runs]
    return [
        _held("50 ms", bare, runs),
        Figure(
            "knee", "p99 at 80 % of it", median(soaks), "ms", goal=P99_MS_GOAL, is_ceiling=True,
            note="in each run " + ", ".join(f"{p99:.0f}" for p99 in soaks),
        ),
    ]  # fmt: skip


def _of_beyond(bare: list[float], runs: list[Result]) -> list[Figure]:
    overloads = [_step(run, "overload") for run in runs]
    kept = [step["throughput"] for step in overloads]
    ratios = [
        step["throughput"] / max(other["throughput"] for other in run["steps"] if other["kind"] != "recovery")
        for step, run in zip(overloads, runs, strict=True)
    ]
    refused = median(step["refused"] / step["sent"] for step in overloads)
    tried = [_step(run, "recovery")["seconds"] for run in runs]
    recoveries = [
        seconds if run["recovery_s"] is None else run["recovery_s"] for run, seconds in zip(runs, tried, strict=True)
    ]
    missed = sum(run["recovery_s"] is None for run in runs)
    return [
        _held("500 ms", bare, runs),
        Figure(
            "knee", "acknowledged at 150 % of that", median(kept), "requests/s", median(ratios), "the most at any rate",
            PEAK_GOAL, note=f"{100 * refused:.0f} % refused",
        ),
        Figure("knee", "the slowest of these", median(_slowest(step, "max") for step in overloads), "ms"),
        Figure(
            "knee", "recovery from that", median(recoveries), "s", goal=RECOVERY_S_GOAL, is_ceiling=True,
            note=f"{missed} of {len(runs)} never recovered" if missed else "",
        ),
    ]  # fmt: skip


def _held(objective: str, bare: list[float], runs: list[Result]) -> Figure:
    rates = [run["knee"]["rate"] for run in runs]
    ratio = median(rate / echo for rate, echo in zip(rates, bare, strict=True))
    told = "; ".join(run["knee"]["sentence"] for run in runs)
    return Figure(
        "knee", f"held with a p99 of {objective}", median(rates), "requests/s", ratio, "bare echo",
        note=told, details={"rates": rates},
    )  # fmt: skip


def _of_soak(run: Result) -> list[Figure]:
    step = _step(run, "soak")
    where = f"soak, {step['seconds']:,.0f} s"
    figures = [
        Figure(
            where, f"p99 at {step['offered']:,.0f} requests/s", _slowest(step, "p99"), "ms",
            goal=P99_MS_GOAL, is_ceiling=True, note=step["broken"], details={"change": step["change"]},
        )
    ]  # fmt: skip
    changes: Mapping[str, tuple[float, float]] = step["change"]
    for name, (before, after) in changes.items():
        what, unit = ("p99 of a second", "ms") if name == "p99" else (f"memory of {name}", "MB")
        # Nodes keep their blocks, and the pipe fills up to its bound: both are told and not judged.
        goal = None if name in verdict.FILL_UP else GROWTH_GOAL
        figures.append(
            Figure(
                where, f"{what}, last quarter", after, unit, after / before if before else None, "second quarter",
                goal if before else None, is_ceiling=True,
            )
        )  # fmt: skip
    return figures


def _step(run: Result, kind: str) -> dict[str, Any]:
    return next(step for step in run["steps"] if step["kind"] == kind)


def _slowest(step: Mapping[str, Any], key: str) -> float:
    """Return a latency (ms) of orders or cancels, whichever is higher."""
    return max(step["latency_ms"].get(key, 0.0), step["cancel_latency_ms"].get(key, 0.0))
