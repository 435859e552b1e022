"""Runs cases against each other: each run in a fresh process, the cases of a round one after another, then the next
round, so that whatever else the machine does falls on all of them.
"""

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from bench.trees import environment

RUN_S_MAX = 600
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Case:
    """A program to run: `python -m module arguments…` on a copy of the source. It writes one line of JSON."""

    name: str
    python: Path
    tree: Path
    module: str
    arguments: tuple[str, ...]


class RunFailed(Exception):
    """Raised when a run ended with an error."""


def run_once(case: Case) -> dict[str, Any]:
    """Return what one run of a case says. Raises RunFailed."""
    ended = subprocess.run(
        [str(case.python), "-m", case.module, *case.arguments],
        cwd=case.tree,
        env=environment(case.tree),
        check=False,
        text=True,
        capture_output=True,
        timeout=RUN_S_MAX,
    )
    if ended.returncode:
        raise RunFailed(f"{case.name}: {ended.stderr.strip()[-2000:]}")
    answer: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return answer


def run_rounds(cases: Sequence[Case], rounds: int, tell: Callable[[str], None]) -> dict[str, list[dict[str, Any]]]:
    """Return the answers of all runs by case. Each round begins with another case than the one before."""
    answers: dict[str, list[dict[str, Any]]] = {case.name: [] for case in cases}
    for number in range(rounds):
        tell(f"round {number + 1} of {rounds}")
        for case in rotated(cases, number):
            answers[case.name].append(run_once(case))
    return answers


def rotated(cases: Sequence[T], number: int) -> list[T]:
    """Return cases in the order of a round: each begins with another one than the round before."""
    first = number % len(cases)
    return [*cases[first:], *cases[:first]]


def median_of(answers: Sequence[dict[str, Any]], key: str) -> float:
    """Return the median of one value over the runs of a case."""
    middle: float = median(answer[key] for answer in answers)
    return middle
