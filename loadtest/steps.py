"""From what generators, background and /proc told each second to the rows and the totals of a step.  [pure]

The shapes are those of docs/loadtest.md, "The result".
"""

from collections.abc import Iterable, Sequence
from typing import Any

from loadtest.histogram import Histogram
from loadtest.messages import Around, Calls, Second, Times
from loadtest.queues import Reading

_FAILURES_KEPT = 20


def thousandths(number: float) -> float:
    """Return a number to three decimals: nobody reads more, and results stay small."""
    return int(number * 1000 + 0.5) / 1000


def merged(seconds: Sequence[Second]) -> Second:
    """Return what several generators did in the same second as if they were one."""
    whole = Second(t=max(second.t for second in seconds), draining=seconds[0].draining, done=seconds[0].done)
    for second in seconds:
        add(whole, second)
        whole.in_flight += second.in_flight
        whole.oldest_ms = max(whole.oldest_ms, second.oldest_ms)
    return whole


def add(whole: Second, second: Second) -> None:
    """Add the counts and times of a second to those of others; not what is in flight, which is a state."""
    whole.sent += second.sent
    whole.acked += second.acked
    whole.late_cancels += second.late_cancels
    for into, counts in (
        (whole.refused, second.refused),
        (whole.errors, second.errors),
        (whole.kinds, second.kinds),
    ):
        for name, count in counts.items():
            into[name] = into.get(name, 0) + count
    whole.latency = _both(whole.latency, second.latency)
    whole.cancel_latency = _both(whole.cancel_latency, second.cancel_latency)
    whole.fill_latency = _both(whole.fill_latency, second.fill_latency)
    whole.late = _both(whole.late, second.late)


def around(messages: Iterable[Around]) -> Around:
    """Return what the background did in several seconds."""
    whole = Around()
    for each in messages:
        whole.readers = max(whole.readers, each.readers)
        whole.frames += each.frames
        whole.gaps += each.gaps
        whole.closes += each.closes
        whole.lag = _both(whole.lag, each.lag)
        whole.pages = _calls(whole.pages, each.pages)
        whole.rest = _calls(whole.rest, each.rest)
        whole.deposits_sent += each.deposits_sent
        whole.deposits_credited += each.deposits_credited
        whole.withdrawals_requested += each.withdrawals_requested
        whole.withdrawals_confirmed += each.withdrawals_confirmed
        whole.failures = (whole.failures + each.failures)[:_FAILURES_KEPT]
    return whole


class StepRows:
    """The seconds of one step, as they come in."""

    def __init__(self, *, name: str, kind: str, offered: float, seconds: float, before: Reading) -> None:
        self._head: dict[str, Any] = {"name": name, "kind": kind, "offered": offered}
        self._seconds = seconds
        self._first = self._last = before
        self._whole = Second(t=0.0)
        self._acked_in_time = 0
        self._around = Around()
        self._readings: list[Reading] = []
        self._sizes: list[float] = []
        self.rows: list[dict[str, Any]] = []

    def add(
        self,
        second: Second,
        background: Iterable[Around],
        cpu: dict[str, float],
        rss_mb: dict[str, float],
        queues: Reading,
    ) -> dict[str, Any]:
        """Take one second and return its row."""
        add(self._whole, second)
        self._whole.in_flight = second.in_flight
        self._whole.oldest_ms = second.oldest_ms
        self.heard(background)
        self._readings.append(queues)
        batches = queues.batches - self._last.batches
        size = (queues.commands - self._last.commands) / batches if batches > 0 else None
        if size is not None:
            self._sizes.append(size)
        self._last = queues
        latency = second.latency.histogram()
        times = latency.as_ms()
        row = {
            "t": thousandths(second.t),
            "offered": 0 if second.draining else self._head["offered"],
            "sent": second.sent,
            "acked": second.acked,
            "refused": sum(second.refused.values()),
            "errors": sum(second.errors.values()),
            "in_flight": second.in_flight,
            "p50": times.get("p50"),
            "p99": times.get("p99"),
            "max": times.get("max"),
            "cancel_p99": second.cancel_latency.histogram().as_ms().get("p99"),
            "late_p99": second.late.histogram().as_ms().get("p99"),
            "cpu": {role: thousandths(used) for role, used in cpu.items()},
            "rss_mb": {role: thousandths(used) for role, used in rss_mb.items()},
            "waiting": queues.waiting,
            "stream": queues.stream,
            "commit_size": thousandths(size) if size is not None else None,
        }
        # What is answered after the end counts as answered, but a rate is what is answered meanwhile.
        if not second.draining:
            self._acked_in_time += second.acked
            self.rows.append(row)
        return row

    def heard(self, background: Iterable[Around]) -> None:
        """Take what the background told after the last second."""
        self._around = around([self._around, *background])

    def cut_short(self) -> bool:
        """End the step with its last row; False if there is none yet."""
        if self.rows:
            self._seconds = self.rows[-1]["t"]
        return bool(self.rows)

    def step(self) -> dict[str, Any]:
        """Return the step, but for what is broken in it."""
        whole = self._whole
        background = self._around
        batches = self._last.batches - self._first.batches
        commands = self._last.commands - self._first.commands
        return {
            **self._head,
            "seconds": thousandths(self._seconds),
            "sent": whole.sent,
            "acked": whole.acked,
            "late_cancels": whole.late_cancels,
            "unanswered": whole.in_flight,
            "oldest_ms": thousandths(whole.oldest_ms),
            "throughput": thousandths(self._acked_in_time / self._seconds),
            "refused": sum(whole.refused.values()),
            "errors": sum(whole.errors.values()),
            "codes": {**whole.refused, **whole.errors},
            "kinds": whole.kinds,
            "latency_ms": whole.latency.histogram().as_ms(),
            "cancel_latency_ms": whole.cancel_latency.histogram().as_ms(),
            "fill_latency_ms": whole.fill_latency.histogram().as_ms(),
            "late_ms": whole.late.histogram().as_ms(),
            "broken": "",
            "cpu": _means([row["cpu"] for row in self.rows]),
            "rss_mb": _largest([row["rss_mb"] for row in self.rows]),
            "queue": {
                "waiting_max": max((reading.waiting for reading in self._readings), default=0),
                "stream_max": max((reading.stream for reading in self._readings), default=0),
            },
            "commits": {
                "count": batches,
                "size_mean": thousandths(commands / batches) if batches > 0 else 0.0,
                "size_max": thousandths(max(self._sizes, default=0.0)),
            },
            "market_data": {
                "readers": background.readers,
                "frames": background.frames,
                "gaps": background.gaps,
                "closes": background.closes,
                "lag_p99_ms": background.lag.histogram().as_ms().get("p99"),
            },
            "background": {
                "pages": _told(background.pages),
                "rest": _told(background.rest),
                "deposits": {"sent": background.deposits_sent, "credited": background.deposits_credited},
                "withdrawals": {
                    "requested": background.withdrawals_requested,
                    "confirmed": background.withdrawals_confirmed,
                },
                "failures": background.failures,
            },
            "rows": self.rows,
        }


def _both(first: Times, second: Times) -> Times:
    histogram = Histogram(first.counts, first.max_us)
    histogram.merge(second.histogram())
    return Times.of(histogram)


def _calls(first: Calls, second: Calls) -> Calls:
    return Calls(first.sent + second.sent, first.failed + second.failed, _both(first.times, second.times))


def _told(calls: Calls) -> dict[str, Any]:
    return {"sent": calls.sent, "failed": calls.failed, "p99_ms": calls.times.histogram().as_ms().get("p99")}


def _means(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    names = sorted({name for row in rows for name in row})
    return {name: thousandths(sum(row.get(name, 0.0) for row in rows) / len(rows)) for name in names}


def _largest(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    names = sorted({name for row in rows for name in row})
    return {name: max(row.get(name, 0.0) for row in rows) for name in names}
