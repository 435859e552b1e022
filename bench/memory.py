"""How much memory a resting order takes, in our engine and in its peers."""

from collections.abc import Callable, Sequence
from statistics import median

from bench.report import Figure, Report
from bench.rounds import run_rounds
from bench.subjects import Subject

ORDERS = 200_000


def measure(
    report: Report, subjects: Sequence[Subject], tell: Callable[[str], None], *, rounds: int, part: int
) -> None:
    """Add the bytes of one resting order, all that the engine keeps of it included."""
    cases = [
        subject.case(subject.name, "bench.memory_run", subject.engine, str(ORDERS // part)) for subject in subjects
    ]
    answers = run_rounds(cases, rounds, tell)
    report.figures += [
        Figure("memory", subject.name, median(run["bytes"] for run in answers[subject.name]), "bytes per resting order")
        for subject in subjects
    ]
