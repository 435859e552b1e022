"""Whether something got slower: the figures of a quick look against those that are committed.

Compared are ratios, which are to a baseline of the same run, so that another machine, or a busy one, gives nearly the
same; and the few values that depend on no machine's speed, as memory. A short run is not exact: what seems worse is
measured again, and only what never comes near its committed figure is told. What is committed and was not measured is
told as well, or a row that got lost would be one that never gets slower.
"""

import json
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from bench.report import Figure, Report

COMMITTED = Path(__file__).with_name("committed.json")
LEAST = 0.75
"""Of the committed figure: below that it is slower."""
MOST = 1.25
"""Of the committed figure, where less is better."""
ATTEMPTS = 3


def committed(path: Path = COMMITTED) -> dict[str, float]:
    """Return the committed figures by key; none where there is no file."""
    figures: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}
    return figures


def commit(report: Report, path: Path = COMMITTED) -> None:
    """Write down the figures of a report; of one that is there already the worse, so that three looks are one.

    To commit that something got faster, remove the file first; to commit that a figure is gone, remove its line.
    """
    figures = committed(path)
    for figure in _compared(report):
        worse = max if figure.is_ceiling else min
        figures[key(figure)] = worse(figure.judged, figures.get(key(figure), figure.judged))
    path.write_text(json.dumps(dict(sorted(figures.items())), indent=1) + "\n")


def key(figure: Figure) -> str:
    """Return what a figure is known by."""
    return f"{figure.part} | {figure.name} | {figure.against or figure.unit}"


def slower(report: Report, expected: Mapping[str, float]) -> dict[str, str]:
    """Return the figures that are too far from what is committed, by key, with a sentence each."""
    found = {}
    for figure in _compared(report):
        wanted = expected.get(key(figure))
        if wanted is not None and _is_worse(figure, wanted):
            unit = figure.unit if figure.ratio is None else f"× {figure.against}"
            found[key(figure)] = f"{figure.part}, {figure.name}: {figure.judged:.2f} {unit}, committed is {wanted:.2f}"
    return found


def absent(report: Report, expected: Collection[str]) -> list[str]:
    """Return the committed keys that were not measured, but for what is left out on this machine."""
    measured = {key(figure) for figure in _compared(report)}
    return [
        name
        for name in expected
        if name not in measured and not any(fnmatchcase(name, pattern) for pattern in report.left_out)
    ]


def take_better(report: Report, again: Report) -> None:
    """Put into a report what another attempt found, where that is better; faults of both stay."""
    found = {key(figure): figure for figure in _compared(again)}
    for place, figure in enumerate(report.figures):
        other = found.get(key(figure))
        if other is not None and _is_better(other, figure):
            report.figures[place] = other
    report.wrong += [fault for fault in again.wrong if fault not in report.wrong]


def _is_better(one: Figure, other: Figure) -> bool:
    return one.judged < other.judged if one.is_ceiling else one.judged > other.judged


def _is_worse(figure: Figure, wanted: float) -> bool:
    return figure.judged > MOST * wanted if figure.is_ceiling else figure.judged < LEAST * wanted


def _compared(report: Report) -> list[Figure]:
    """Return the figures that have a ratio which is better when it is higher, and those that are to be watched."""
    return [
        figure for figure in report.figures if figure.is_watched or (figure.ratio is not None and not figure.is_ceiling)
    ]
