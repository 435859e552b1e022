"""Our core and our book against their peers: exactness, and commands a second of CPU time."""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.report import Figure, Report
from bench.rounds import median_of, run_rounds
from bench.subjects import Subject
from bench.workloads import workload

Runs = list[dict[str, Any]]
Tell = Callable[[str], None]

COMPARED = ("active", "deep")
COLLECTING = ("on", "off")
"""Python's garbage collector: as Python starts, and as our engine process runs."""

WORST_CASES = {"one price": 250_000.0, "many prices": 50_000.0}
"""Workloads, with the rate that no phase may fall below."""
WORST_CASE_ENGINES = {"mex", "mex-bare", "matching-engine", "liquibook"}


def compare(
    report: Report, subjects: Sequence[Subject], tell: Tell, *, rounds: int, part: int, settings: Sequence[str]
) -> None:
    """Add how all engines do on both workloads, under each setting of the garbage collector, and what was wrong."""
    answers = _answers(COMPARED, settings, subjects, tell, rounds=rounds, part=part)
    for work in COMPARED:
        for gc in settings:
            rates = {subject.name: _rate(answers[_name(work, gc, subject)]) for subject in subjects}
            for subject in subjects:
                runs = answers[_name(work, gc, subject)]
                _check(report, work, subject, runs)
                figure = Figure(
                    part=f"{work}, GC {gc}",
                    name=subject.name,
                    value=rates[subject.name],
                    unit="commands/s",
                    ratio=rates[subject.name] / rates[subject.against] if subject.against else None,
                    against=subject.against,
                    goal=subject.goal,
                    note=_phases(runs),
                    details={"seconds": [run["seconds"] for run in runs], "python": runs[0]["python"]},
                )
                report.figures.append(figure)


def worst_cases(report: Report, subjects: Sequence[Subject], tell: Tell, *, rounds: int, part: int) -> None:
    """Add how engines do with 50,000 orders at one price, and with 200,000 prices. Only ours have a goal."""
    chosen = [subject for subject in subjects if subject.engine in WORST_CASE_ENGINES]
    answers = _answers(tuple(WORST_CASES), ("off",), chosen, tell, rounds=rounds, part=part)
    for work, goal in WORST_CASES.items():
        for subject in chosen:
            runs = answers[_name(work, "off", subject)]
            _check(report, work, subject, runs)
            for phase in runs[0]["phases"]:
                figure = Figure(
                    part=work,
                    name=f"{subject.name}: {phase}",
                    value=_rate(runs, phase),
                    unit="operations/s",
                    goal=goal if subject.engine.startswith("mex") else None,
                    details={"seconds": [run["phases"][phase]["seconds"] for run in runs]},
                )
                report.figures.append(figure)


def _answers(
    works: Sequence[str], settings: Sequence[str], subjects: Sequence[Subject], tell: Tell, *, rounds: int, part: int
) -> dict[str, Runs]:
    """Run every subject on every workload, interleaved."""
    with tempfile.TemporaryDirectory(prefix="mex-bench-") as folder:
        cases = []
        for number, work in enumerate(works):
            path = Path(folder) / f"{number}.json"
            path.write_text(json.dumps(asdict(workload(work, part=part))))
            cases += [
                subject.case(_name(work, gc, subject), "bench.one_run", str(path), subject.engine, gc)
                for gc in settings
                for subject in subjects
            ]
        return run_rounds(cases, rounds, tell)


def _name(work: str, gc: str, subject: Subject) -> str:
    return f"{work}, GC {gc}, {subject.name}"


def _check(report: Report, work: str, subject: Subject, runs: Runs) -> None:
    """Add to what is wrong, if the trades or the final book of any run are not the oracle's."""
    faults = {
        f"{subject.name}, {work}: first wrong trade {run['first_wrong']}, final book right: {run['book_is_right']}"
        for run in runs
        if run["first_wrong"] is not None or run["book_is_right"] is False
    }
    report.wrong += sorted(faults)


def _rate(runs: Runs, phase: str = "") -> float:
    """Return commands a second in the middle run."""
    if phase:
        runs = [run["phases"][phase] for run in runs]
    commands: int = runs[0]["commands"]
    return commands / median_of(runs, "seconds")


def _phases(runs: Runs) -> str:
    """Return the rates of the phases, where there are several."""
    names = list(runs[0]["phases"])
    return ", ".join(f"{name} {_rate(runs, name):,.0f}" for name in names) if len(names) > 1 else ""
