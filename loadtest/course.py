"""The order of the steps: ramp, search, soak, overload, recovery."""

import argparse
from collections.abc import Callable
from typing import Any

from loadtest import verdict
from loadtest.search import search

_DRAIN_S = 25.0
"""After a step the next one begins with nothing in flight: so long an answer may take before it counts as lost."""
_OVERLOAD_PART, _RECOVERY_PART = 1.5, 0.5

RunStep = Callable[..., dict[str, Any]]
"""(kind, rate, seconds, drain_s=…) → step"""


class Course:
    """Walks through the steps; what was found so far is there even if it is interrupted."""

    def __init__(self, options: argparse.Namespace, run: RunStep, *, cores: int, database: str) -> None:
        self._options = options
        self._run = run
        self._cores = cores
        self._database = database
        self.steps: list[dict[str, Any]] = []
        self.knee: dict[str, Any] | None = None
        self.recovery_s: float | None = None

    def walk(self) -> None:
        """Do all steps that are asked for."""
        options = self._options
        if options.warmup_seconds:
            # Its orders are verified too, but a cold exchange is not what is measured.
            self._step("warm-up", min(options.start, options.max_rate), options.warmup_seconds)
            self.steps.clear()
        if options.soak_only:
            self._step("soak", options.soak_only, options.soak_seconds)
            return
        rate = self._find_knee()
        if options.soak_seconds:
            self._step("soak", rate * options.soak_part, options.soak_seconds)
        if options.overload_seconds:
            # Recovery begins with all that the overload has left behind.
            drain_s = 0.0 if options.recovery_seconds else _DRAIN_S
            self._step("overload", rate * _OVERLOAD_PART, options.overload_seconds, drain_s=drain_s)
        if options.overload_seconds and options.recovery_seconds:
            step = self._step("recovery", rate * _RECOVERY_PART, options.recovery_seconds)
            self.recovery_s = verdict.recovery_s(step)

    def _find_knee(self) -> float:
        options = self._options
        rates = search(
            start=options.start, factor=options.factor, bisections=options.bisections, highest=options.max_rate
        )
        kind, rate = next(rates)
        while True:
            step = self._step(kind, rate, options.step_seconds)
            try:
                kind, rate = rates.send(bool(step["broken"]))
            except StopIteration as found:
                knee = found.value
                break
        limit = None
        if knee.broke:
            limit = verdict.limit_of(next(step for step in self.steps if step["offered"] == knee.broke), self._cores)
        self.knee = {
            "rate": knee.held,
            "broke": knee.broke,
            "limited_by": limit.name if limit else "",
            "sentence": verdict.sentence(knee.held, knee.broke, limit, self._database),
        }
        return knee.held or knee.broke

    def _step(self, kind: str, rate: float, seconds: float, *, drain_s: float = _DRAIN_S) -> dict[str, Any]:
        step = self._run(kind, rate, seconds, drain_s=drain_s)
        if kind == "soak":
            step["change"] = verdict.change(step["rows"])
        self.steps.append(step)
        if step["interrupted"]:
            raise KeyboardInterrupt
        return step
