"""Whether something got slower: the ratios of a quick look against those that are committed.

A ratio is to a baseline of the same run, so that another machine, or a busy one, gives nearly the same. A short run is
not exact: what seems slower is measured again, and only what never comes near its committed ratio is told.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from bench.report import Figure, Report

COMMITTED = Path(__file__).with_name("committed.json")
LEAST = 0.75
"""Of the committed ratio: below that it is slower."""
ATTEMPTS = 3


def committed(path: Path = COMMITTED) -> dict[str, float]:
    """Return the committed ratios by key; none where there is no file."""
    ratios: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}
    return ratios


def commit(report: Report, path: Path = COMMITTED) -> None:
    """Write down the ratios of a report; of a figure that is there already the lower one, so that three looks are one.

    To commit that something got faster, remove the file first.
    """
    ratios = committed(path)
    for figure in _compared(report):
        assert figure.ratio is not None
        ratios[key(figure)] = min(figure.ratio, ratios.get(key(figure), figure.ratio))
    path.write_text(json.dumps(dict(sorted(ratios.items())), indent=1) + "\n")


def key(figure: Figure) -> str:
    """Return what a figure is known by."""
    return f"{figure.part} | {figure.name} | {figure.against}"


def slower(report: Report, expected: Mapping[str, float]) -> dict[str, str]:
    """Return the figures whose ratio is too low, by key, with a sentence each."""
    found = {}
    for figure in _compared(report):
        wanted = expected.get(key(figure))
        if wanted is not None and figure.ratio is not None and figure.ratio < LEAST * wanted:
            found[key(figure)] = (
                f"{figure.part}, {figure.name}: {figure.ratio:.2f} × {figure.against}, committed is {wanted:.2f}"
            )
    return found


def take_better(report: Report, again: Report) -> None:
    """Put into a report what another attempt found, where that is better; faults of both stay."""
    better = {key(figure): figure for figure in _compared(again)}
    for place, figure in enumerate(report.figures):
        other = better.get(key(figure))
        if other is not None and figure.ratio is not None and (other.ratio or 0) > figure.ratio:
            report.figures[place] = other
    report.wrong += [fault for fault in again.wrong if fault not in report.wrong]


def _compared(report: Report) -> list[Figure]:
    """Return the figures that have a ratio which is better when it is higher."""
    return [figure for figure in report.figures if figure.ratio is not None and not figure.is_ceiling]
