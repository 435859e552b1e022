"""The processes of a load test while it measures: generators, background, and the readings beside them."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loadtest import verdict
from loadtest.children import Child
from loadtest.exchange import Exchange
from loadtest.messages import Around, Run, Second
from loadtest.progress import Progress, summary_of
from loadtest.queues import Queues
from loadtest.steps import StepRows, merged
from loadtest.usage import Usage

_SILENCE_S = 60.0


class Crew:
    """Does one step after the other."""

    def __init__(
        self,
        exchange: Exchange,
        generators: Sequence[Child[Second]],
        background: Child[Around],
        progress: Progress,
        *,
        p99_max_ms: float,
    ) -> None:
        self._exchange = exchange
        self._generators = generators
        self._background = background
        self._progress = progress
        self._p99_max_ms = p99_max_ms
        self._queues = Queues(exchange.url)
        self._usage = Usage()
        self._number = 0

    def start(self) -> None:
        """Begin to read what goes on. Raises ChildFailed."""
        for generator in self._generators:
            generator.wait_ready()
        self._background.wait_ready()
        self._queues.start()

    def stop(self) -> None:
        """Read no more."""
        self._queues.stop()

    def run(self, kind: str, rate: float, seconds: float, *, drain_s: float) -> dict[str, Any]:
        """Offer a rate for some seconds and return the step, what there is of it after Ctrl-C. Raises ChildFailed."""
        name = f"{kind} {rate:,.0f}/s"
        rows = StepRows(name=name, kind=kind, offered=rate, seconds=seconds, before=self._queues.latest)
        self._number += 1
        missed = self._queues.missed
        self._background.heard()
        self._usage.read(self._roots())
        for generator in self._generators:
            generator.send(Run(rate / len(self._generators), seconds, drain_s, self._number))
        is_cut_short = False
        try:
            self._follow(rows, name, seconds, drain_s + _SILENCE_S)
        except KeyboardInterrupt:
            is_cut_short = rows.cut_short()
            if not is_cut_short:
                raise
        if drain_s and not is_cut_short:
            # What it saw in the last second belongs to this step, also if that is the last of all.
            rows.heard([self._background.next(_SILENCE_S), *self._background.heard()])
        step = rows.step()
        step["queue"]["missed"] = self._queues.missed - missed
        step["p99_max_ms"] = self._p99_max_ms
        step["broken"] = verdict.broken(step)
        step["interrupted"] = is_cut_short
        self._progress.say(summary_of(step))
        return step

    def _follow(self, rows: StepRows, name: str, seconds: float, silence_s: float) -> None:
        is_done = False
        while not is_done:
            second = merged([generator.next(silence_s) for generator in self._generators])
            cpu, rss_mb = self._usage.read(self._roots())
            row = rows.add(second, self._background.heard(), cpu, rss_mb, self._queues.latest)
            is_done = second.done
            if not second.draining:
                self._progress.second(name, seconds, row)

    def _roots(self) -> dict[int, str]:
        roots = {**self._exchange.roots(), os.getpid(): "controller", self._background.pid: "background"}
        return roots | {generator.pid: "generator" for generator in self._generators}


def ack_files(folder: Path, count: int) -> list[Path]:
    """Return where generators write what was acknowledged."""
    return [folder / f"acks-{number}.txt" for number in range(count)]
