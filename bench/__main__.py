"""Measures everything, or the parts that are named, and prints a table: what `script/bench` runs."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench import core, engine, guard, history, load, logins, memory, pages, sockets, startup, trees, wallets, web
from bench.report import Report, as_json, as_table, machine
from bench.rounds import RunFailed
from bench.serving import SERVERS
from bench.subjects import Subject, available

ROUNDS = 5
QUICK_PART = 20
"""A quick look takes one run of each, on so small a part of the work, and judges nothing by it but what is right."""
QUICK_STARTUP_PART = 200
QUICK_BATCHES = (10, 1_000)


def tell(text: str) -> None:
    """Say how far it is, to people only."""
    sys.stderr.write(f"bench: {text}\n")
    sys.stderr.flush()


@dataclass(frozen=True, slots=True)
class Look:
    """How thoroughly to measure, and where the figures go. `part`: of the work, one in so many."""

    report: Report
    tree: Path
    rounds: int
    part: int
    is_quick: bool


def _core(look: Look, subjects: Sequence[Subject]) -> None:
    settings = ("off",) if look.is_quick else core.COLLECTING
    core.compare(look.report, subjects, tell, rounds=look.rounds, part=look.part, settings=settings)


def _worst_cases(look: Look, subjects: Sequence[Subject]) -> None:
    core.worst_cases(look.report, subjects, tell, rounds=look.rounds, part=look.part)


def _memory(look: Look, subjects: Sequence[Subject]) -> None:
    memory.measure(look.report, subjects, tell, rounds=look.rounds, part=look.part)


def _engine(look: Look) -> None:
    sizes = QUICK_BATCHES if look.is_quick else engine.BATCHES
    engine.measure(look.report, look.tree, tell, rounds=look.rounds, part=look.part, sizes=sizes)


def _startup(look: Look) -> None:
    part = QUICK_STARTUP_PART if look.is_quick else 1
    startup.measure(look.report, look.tree, tell, rounds=look.rounds, part=part)


def _wallets(look: Look) -> None:
    wallets.measure(look.report, look.tree, tell, rounds=look.rounds, part=look.part)


def _web(look: Look) -> None:
    servers = ("daphne",) if look.is_quick else SERVERS
    web.measure(look.report, look.tree, tell, rounds=look.rounds, part=look.part, servers=servers)


def _sockets(look: Look) -> None:
    sockets.measure(look.report, look.tree, tell, rounds=look.rounds, part=look.part, server="daphne")


def _pages(look: Look) -> None:
    pages.measure(look.report, look.tree, tell, rounds=look.rounds, part=look.part)


def _logins(look: Look) -> None:
    logins.measure(look.report, look.tree, tell, rounds=look.rounds, part=look.part)


def _history(look: Look) -> None:
    part = QUICK_STARTUP_PART if look.is_quick else 1
    history.measure(look.report, look.tree, tell, rounds=look.rounds, part=part)


def _knee(look: Look) -> None:
    load.measure_knee(look.report, look.tree, tell, rounds=look.rounds, part=look.part, is_quick=look.is_quick)


def _soak(look: Look) -> None:
    load.measure_soak(look.report, look.tree, is_quick=look.is_quick)


IN_MEMORY: dict[str, Callable[[Look, Sequence[Subject]], None]] = {
    "core": _core,
    "worst-cases": _worst_cases,
    "memory": _memory,
}
"""What compares engines in memory with their peers."""
ON_A_TREE: dict[str, Callable[[Look], None]] = {
    "engine": _engine,
    "startup": _startup,
    "wallets": _wallets,
    "web": _web,
    "sockets": _sockets,
    "pages": _pages,
    "logins": _logins,
    "history": _history,
    "knee": _knee,
    "soak": _soak,
}
"""What runs programs of ours, from a copy of the source."""
PARTS = (*IN_MEMORY, *ON_A_TREE)


def measure(names: Collection[str], arguments: argparse.Namespace, folder: Path) -> Report:
    """Measure the chosen parts."""
    report = Report()
    is_quick = arguments.quick
    rounds, part = (1, QUICK_PART) if is_quick else (arguments.rounds, 1)
    look = Look(report, trees.copy_sources(folder / "engine"), rounds, part, is_quick)
    if set(IN_MEMORY) & set(names):
        subjects = available(folder, report, named_python=arguments.python, compiles=not is_quick)
        for name, compare in IN_MEMORY.items():
            if name in names:
                with _noted(report, name):
                    compare(look, subjects)
    for name, run in ON_A_TREE.items():
        if name in names:
            with _noted(report, name):
                run(look)
    if is_quick:
        report.figures = [replace(figure, goal=None) for figure in report.figures]
    return report


@contextmanager
def _noted(report: Report, name: str) -> Iterator[None]:
    tell(name)
    before = len(report.figures)
    try:
        yield
    except RunFailed as error:
        # What else was measured, in hours maybe, is told all the same.
        report.wrong.append(f"{name}: a run failed: {error}")
    report.origins |= {guard.key(figure): name for figure in report.figures[before:]}


def judge(report: Report, arguments: argparse.Namespace, folder: Path) -> None:
    """Tell in the report what stays worse than committed, and what is committed and was not measured.

    Whoever names parts leaves the others out.
    """
    look_again(report, arguments, folder)
    if not arguments.names:
        report.absent = guard.absent(report, guard.committed())


def look_again(report: Report, arguments: argparse.Namespace, folder: Path) -> None:
    """Measure what seems slower than committed again, and tell in the report what stays so."""
    expected = guard.committed()
    for attempt in range(2, guard.ATTEMPTS + 1):
        slower = guard.slower(report, expected)
        if not slower:
            return
        tell(f"attempt {attempt} at what seems slower: {'; '.join(slower.values())}")
        names = {report.origins[key] for key in slower}
        guard.take_better(report, measure(names, arguments, folder / f"attempt-{attempt}"))
    report.slower = list(guard.slower(report, expected).values())


def main(arguments: Sequence[str]) -> int:
    """Return 1 if a result was wrong, 3 if something got slower, or was not measured though it is committed.

    A goal that was missed is told, and is no failure.
    """
    parser = argparse.ArgumentParser(
        prog="script/bench",
        description="Measures everything against peers and baselines, all in one run, and prints a table.",
        epilog=f"names: {', '.join(PARTS)}; without one, all",
    )
    parser.add_argument("names", nargs="*", metavar="name", help="what to measure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures there")
    parser.add_argument("--quick", action="store_true", help="a small part of the work, once: whether all is right")
    parser.add_argument("--commit", action="store_true", help="with --quick: write the figures to bench/committed.json")
    parser.add_argument("--no-compare", action="store_true", help="with --quick: whatever the committed figures are")
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
    if (chosen.commit or chosen.no_compare) and not chosen.quick:
        parser.error("--commit and --no-compare are about --quick: only its figures are committed")
    before = machine()
    try:
        with tempfile.TemporaryDirectory(prefix="mex-bench-") as name:
            report = measure(chosen.names or PARTS, chosen, Path(name) / "first")
            if chosen.quick and not (chosen.commit or chosen.no_compare):
                judge(report, chosen, Path(name))
    except RunFailed as error:
        sys.stderr.write(f"bench: a run failed: {error}\n")
        return 2
    if chosen.commit:
        guard.commit(report)
    if chosen.json:
        chosen.json.write_text(as_json(report, before) + "\n")
    sys.stdout.write(as_table(report, before) + "\n")
    return 1 if not report.is_good else 3 if report.slower or report.absent else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
