"""Measures everything, or the parts that are named, and prints a table: what `script/bench` runs."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench import core, engine, memory, startup, trees, wallets, web
from bench.report import Report, as_json, as_table, machine
from bench.rounds import RunFailed
from bench.subjects import available

PARTS = ("core", "worst-cases", "memory", "engine", "startup", "wallets", "web")
ROUNDS = 5
QUICK_PART = 20
"""A quick look takes one run of each, on so small a part of the work, and judges nothing by it but what is right."""
QUICK_STARTUP_PART = 200
QUICK_BATCHES = (10, 1_000)


def tell(text: str) -> None:
    """Say how far it is, to people only."""
    sys.stderr.write(f"bench: {text}\n")
    sys.stderr.flush()


def measure(arguments: argparse.Namespace, folder: Path) -> Report:
    """Measure the chosen parts."""
    report = Report()
    is_quick = arguments.quick
    rounds, part = (1, QUICK_PART) if is_quick else (arguments.rounds, 1)
    names = arguments.names or PARTS
    if {"core", "worst-cases", "memory"} & set(names):
        subjects = available(folder, report, named_python=arguments.python, compiles=not is_quick)
        if "core" in names:
            tell("core: both workloads")
            settings = ("off",) if is_quick else core.COLLECTING
            core.compare(report, subjects, tell, rounds=rounds, part=part, settings=settings)
        if "worst-cases" in names:
            tell("core: worst cases")
            core.worst_cases(report, subjects, tell, rounds=rounds, part=part)
        if "memory" in names:
            tell("core: memory")
            memory.measure(report, subjects, tell, rounds=rounds, part=part)
    tree = trees.copy_sources(folder / "engine")
    if "engine" in names:
        tell("engine: group commit")
        sizes = QUICK_BATCHES if is_quick else engine.BATCHES
        engine.measure(report, tree, tell, rounds=rounds, part=part, sizes=sizes)
    if "startup" in names:
        tell("engine: start-up")
        startup.measure(report, tree, tell, rounds=rounds, part=QUICK_STARTUP_PART if is_quick else 1)
    if "wallets" in names:
        tell("wallets")
        wallets.measure(report, tree, tell, rounds=rounds, part=part)
    if "web" in names:
        tell("web")
        web.measure(
            report, tree, tell, rounds=rounds, part=part, servers=("daphne",) if is_quick else tuple(web.SERVERS)
        )
    if is_quick:
        report.figures = [replace(figure, goal=None) for figure in report.figures]
    return report


def main(arguments: Sequence[str]) -> int:
    """Return 1 if a result was wrong; a goal that was missed is told, and is no failure."""
    parser = argparse.ArgumentParser(
        prog="script/bench",
        description="Measures the engine against peers and baselines, all in one run, and prints a table.",
        epilog=f"names: {', '.join(PARTS)}; without one, all",
    )
    parser.add_argument("names", nargs="*", metavar="name", help="what to measure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures there")
    parser.add_argument("--quick", action="store_true", help="a small part of the work, once: whether all is right")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"runs of each (default {ROUNDS})")
    parser.add_argument("--python", metavar="PYTHON", help="an interpreter 3.12 or later for the peers")
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.names if name not in PARTS]
    if unknown:
        parser.error(f"there is no {unknown[0]} to measure, only {', '.join(PARTS)}")
    if chosen.python and shutil.which(chosen.python) is None:
        parser.error(f"{chosen.python} is no program")
    if chosen.rounds < 1:
        parser.error(f"there must be at least 1 round, not {chosen.rounds}")
    before = machine()
    try:
        with tempfile.TemporaryDirectory(prefix="mex-bench-") as name:
            report = measure(chosen, Path(name))
    except RunFailed as error:
        sys.stderr.write(f"bench: a run failed: {error}\n")
        return 2
    if chosen.json:
        chosen.json.write_text(as_json(report, before) + "\n")
    sys.stdout.write(as_table(report, before) + "\n")
    return 0 if report.is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
