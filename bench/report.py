"""What was measured, as a table for people and as JSON for programs."""

import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: what it is of, what it came to, and what it should come to.

    What is judged is `ratio` if there is one, else `value`. goal: at least that much, or at most, if `is_ceiling`.
    """

    part: str
    name: str
    value: float
    unit: str
    ratio: float | None = None
    against: str = ""
    """What the ratio is to."""
    goal: float | None = None
    is_ceiling: bool = False
    note: str = ""
    is_watched: bool = False
    """Whether bench/guard.py compares a figure that should be low, too."""
    details: dict[str, Any] = field(default_factory=dict)
    """Of each run, for JSON only."""

    @property
    def judged(self) -> float:
        """What goal and guard look at."""
        return self.value if self.ratio is None else self.ratio

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.goal is None:
            return None
        return self.judged <= self.goal if self.is_ceiling else self.judged >= self.goal


@dataclass
class Report:
    """All figures of a run, and what could not be measured, with the reason."""

    figures: list[Figure] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    """Results that are not what they must be. Speed is worth nothing then."""
    slower: list[str] = field(default_factory=list)
    """Figures that stay worse than the committed ones (bench/guard.py)."""
    absent: list[str] = field(default_factory=list)
    """Keys of committed figures that nobody measured, though nothing says that they are left out."""
    origins: dict[str, str] = field(default_factory=dict)
    """By the key of a figure the name under which its part is measured."""
    left_out: set[str] = field(default_factory=set)
    """Patterns of the keys (bench/guard.py) that are missing with what was skipped."""

    def skip(self, name: str, reason: str, *keys: str) -> None:
        """Say what is not measured on this machine, and why. keys: patterns of what is committed of it."""
        self.skipped[name] = reason
        self.left_out |= set(keys)

    @property
    def is_good(self) -> bool:
        """Whether all results were right. A goal that is missed on a busy machine is no failure."""
        return not self.wrong


def machine() -> dict[str, str]:
    """Return what the figures were measured on."""
    model = next((line for line in _lines("cpuinfo") if line.startswith("model name")), "").partition(":")[2].strip()
    memory = next((line.split()[1] for line in _lines("meminfo") if line.startswith("MemTotal")), "0")
    return {
        "processor": model or platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{int(memory) // 1024**2} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": sys.version.split()[0],
        "load average": f"{os.getloadavg()[0]:.2f}",
    }


def as_json(report: Report, before: dict[str, str]) -> str:
    """Return the report as JSON."""
    figures = [{**asdict(figure), "is_met": figure.is_met} for figure in report.figures]
    return json.dumps(
        {
            "machine": before,
            "figures": figures,
            "skipped": report.skipped,
            "wrong": report.wrong,
            "slower": report.slower,
            "absent": report.absent,
        },
        indent=1,
    )


def as_table(report: Report, before: dict[str, str]) -> str:
    """Return the report as a table in Markdown, which reads well in a terminal too."""
    rows: list[tuple[str, ...]] = [("part", "what", "result", "ratio", "goal", "")]
    rows += [_row(figure) for figure in report.figures]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [f"| {' | '.join(map(str.ljust, row, widths))} |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    lines += [f"\nskipped {name}: {reason}" for name, reason in report.skipped.items()]
    lines += [f"\nWRONG: {fault}" for fault in report.wrong]
    lines += [f"\nSLOWER: {what}" for what in report.slower]
    lines += [f"\nNOT MEASURED: {key}, which is in bench/committed.json" for key in report.absent]
    about = ", ".join(f"{name} {value}" for name, value in before.items() if value)
    return "\n".join([*lines, "", f"machine: {about}"])


def _row(figure: Figure) -> tuple[str, ...]:
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f} × {figure.against}"
    sign = "≤" if figure.is_ceiling else "≥"
    goal = "" if figure.goal is None else f"{sign} {figure.goal:,g}"
    verdict = {None: "", True: "met", False: "MISSED"}[figure.is_met]
    value = f"{figure.value:,.0f}" if figure.value >= 100 else f"{figure.value:,.3g}"
    note = f" ({figure.note})" if figure.note else ""
    return (figure.part, figure.name + note, f"{value} {figure.unit}", ratio, goal, verdict)


def _lines(name: str) -> Sequence[str]:
    path = Path("/proc") / name
    return path.read_text().splitlines() if path.exists() else []
