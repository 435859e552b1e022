"""Which plots a load test's result has, and what is in them. Pure: a plot of what is missing is left out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Any

from loadtest.plots import Plot, Point, Rule, Series
from loadtest.report_values import PERCENTILES, a_second, kind, mappings, number, of_kinds, part, text
from loadtest.scales import figure, time_unit

POINTS_MAX = 240
"""Of one line over time: more than that many seconds are put together, or nobody could tell them apart."""
# A process has one colour in all plots; whoever is not named here comes after them.
ROLES = ("engine", "web", "worker-chains", "valkey", "postgres", "bitcoind", "anvil", "generator", "background")
PHASES = {"soak": ("soak",), "overload": ("overload", "recovery")}
"""Prefix of the plots over time, and the kinds of steps that they show one after another."""

_PERCENTILE_LINES = (("p50", 0, "p50"), ("p99", 1, "p99"), ("max", 2, "max"))
_LATENCIES = (("cancels p99", 3, "cancel_p99"), ("generator late p99", 4, "late_p99"))
"""Lines that not every result has: name, colour, and key in a row."""

Row = dict[str, Any]
Pick = Callable[[Row], float | None]


@dataclass(frozen=True, slots=True)
class _Timeline:
    """The rows of steps, one after another on one clock, and the lines that they make."""

    rows: Sequence[tuple[float, Row]]
    """Seconds since the first step began, and what was measured in that second."""
    sections: Sequence[tuple[float, str]]
    seconds: float

    @property
    def bucket_s(self) -> int:
        """How many seconds make a point: whole ones, so that a point stands for as many rows as the next."""
        return max(1, -(-int(self.seconds) // POINTS_MAX))

    def each(self, word: str) -> str:
        """Return what to say after a unit where a point stands for more than a second."""
        return "" if self.bucket_s == 1 else f"; each point is the {word} of {self.bucket_s} s"

    def level(self) -> dict[str, Any]:
        """Return the level axis of a plot."""
        unit, unit_s = time_unit(self.seconds)
        return {
            "x_label": {"s": "seconds", "min": "minutes", "h": "hours"}[unit],
            "x_unit": unit,
            "sections": [(begin / unit_s, name) for begin, name in self.sections],
            "x_end": max(self.seconds, 1) / unit_s,
        }

    def worst(self, name: str, colour: int, *path: str) -> Series:
        """Return a line of the largest values."""
        return Series(name, self._points(path, max), colour)

    def mean(self, name: str, colour: int, *path: str) -> Series:
        """Return a line of means."""
        return Series(name, self._points(path, fmean), colour)

    def _points(self, path: Sequence[str], together: Callable[[Sequence[float]], float]) -> list[Point]:
        buckets: dict[float, list[float]] = {}
        bucket_s = self.bucket_s
        for t, row in self.rows:
            known = buckets.setdefault(t if bucket_s == 1 else t // bucket_s * bucket_s, [])
            value = number(row, *path)
            if value is not None:
                known.append(value)
        _, unit_s = time_unit(self.seconds)
        return [(place / unit_s, together(known) if known else None) for place, known in buckets.items()]


def plots(result: dict[str, Any]) -> dict[str, Plot]:
    """Return all plots by name, in the order in which one reads them. Raises ValueError: the result is malformed."""
    steps = mappings(result, "steps")
    found = {**_rate_plots(result, steps)}
    for name, kinds in PHASES.items():
        chosen = of_kinds(steps, *kinds)
        found |= {f"{name}-{suffix}": plot for suffix, plot in _time_plots(result, chosen).items()}
        if name == "overload":
            found["overload-cancels"] = _cancels(result, of_kinds(chosen, "overload"))
    return {name: plot for name, plot in found.items() if not plot.is_empty}


def _rate_plots(result: dict[str, Any], steps: Sequence[Row]) -> dict[str, Plot]:
    rising = [step for step in of_kinds(steps, "ramp", "search") if number(step, "offered") is not None]
    rising.sort(key=_offered)
    beyond = [step for step in of_kinds(steps, "overload") if number(step, "offered") is not None]
    knee = number(result, "knee", "rate")
    upright = [Rule(knee, f"knee {figure(knee)}/s", is_upright=True)] if knee else []
    notes = {_offered(step): text(step, "broken") for step in [*rising, *beyond] if text(step, "broken")}
    level: dict[str, Any] = {"x_label": "offered, orders/s", "x_unit": "orders/s offered", "notes": notes}
    return {
        "throughput": Plot(
            "Throughput against offered rate",
            y_label="orders/s",
            y_unit="/s",
            series=_throughput(rising, beyond),
            rules=upright,
            **level,
        ),
        "latency": Plot(
            "Latency against offered rate",
            y_label="from the intended time to the answer, ms (log)",
            y_unit="ms",
            is_log=True,
            rules=[*_objective(result), *upright],
            series=[
                _against(rising, name, partial(_measured, "latency_ms", name), colour)
                for colour, name in enumerate(("p50", "p99", "p99.9", "max"))
            ],
            **level,
        ),
        "cpu": Plot(
            "CPU against offered rate",
            y_label="cores",
            y_unit="cores",
            series=[
                _against(rising, role, partial(_measured, "cpu", role), colour, is_crossed=False)
                for role, colour in _roles(result, rising, "cpu")
            ],
            rules=[Rule(1.0, "one whole core"), *upright],
            **level,
        ),
    }


def _throughput(rising: Sequence[Row], beyond: Sequence[Row]) -> list[Series]:
    last = max((_offered(step) for step in [*rising, *beyond]), default=0.0)
    found = [
        Series("all that is offered (y = x)", [(0.0, 0.0), (last, last)], 0, is_guide=True),
        _against(rising, "acknowledged", _acknowledged, 0),
        _against(rising, "refused", lambda step: a_second(step, "refused"), 1, is_crossed=False),
    ]
    if beyond:
        points = [(_offered(step), _acknowledged(step)) for step in beyond]
        found.append(Series("acknowledged in overload", points, 2, has_line=False, has_marks=True))
    return found


def _against(steps: Sequence[Row], name: str, pick: Pick, colour: int, *, is_crossed: bool = True) -> Series:
    points = [(_offered(step), pick(step)) for step in steps]
    crossed = frozenset(_offered(step) for step in steps if is_crossed and text(step, "broken"))
    return Series(name, points, colour, has_marks=True, crossed=crossed)


def _measured(name: str, key: str, step: Row) -> float | None:
    return number(step, name, key)


def _offered(step: Row) -> float:
    return number(step, "offered") or 0.0


def _acknowledged(step: Row) -> float | None:
    throughput = number(step, "throughput")
    return a_second(step, "acked") if throughput is None else throughput


def _objective(result: dict[str, Any]) -> list[Rule]:
    limit = number(result, "objectives", "p99_ms")
    return [Rule(limit, f"objective: p99 ≤ {figure(limit)} ms")] if limit else []


def _cancels(result: dict[str, Any], steps: Sequence[Row]) -> Plot:
    step = steps[-1] if steps else {}
    kinds = (("orders", "latency_ms"), ("cancels", "cancel_latency_ms"))
    return Plot(
        "Overload: cancels beside orders",
        x_label="percentile of latency",
        y_label="ms (log)",
        y_unit="ms",
        is_log=True,
        categories=PERCENTILES,
        rules=_objective(result),
        series=[
            Series(
                name,
                [(place * 1.0, number(step, key, percentile)) for place, percentile in enumerate(PERCENTILES)],
                colour,
                has_marks=True,
            )
            for colour, (name, key) in enumerate(kinds)
        ],
    )


def _time_plots(result: dict[str, Any], steps: Sequence[Row]) -> dict[str, Plot]:
    time = _timeline(steps)
    return {**_order_plots(result, time), **_process_plots(result, time)}


def _order_plots(result: dict[str, Any], time: _Timeline) -> dict[str, Plot]:
    more = [line for line in _LATENCIES if any(line[2] in row for _, row in time.rows)]
    return {
        "latency": Plot(
            "Latency over time",
            y_label=f"ms (log){time.each('worst')}",
            y_unit="ms",
            is_log=True,
            rules=_objective(result),
            series=[time.worst(name, colour, key) for name, colour, key in (*_PERCENTILE_LINES, *more)],
            **time.level(),
        ),
        "rates": Plot(
            "Offered, acknowledged, refused",
            y_label=f"orders/s{time.each('mean')}",
            y_unit="/s",
            series=[
                time.mean("offered", 6, "offered"),
                time.mean("acknowledged", 0, "acked"),
                time.mean("refused", 1, "refused"),
                time.mean("errors", 3, "errors"),
            ],
            **time.level(),
        ),
    }


def _process_plots(result: dict[str, Any], time: _Timeline) -> dict[str, Plot]:
    rows = [row for _, row in time.rows]
    return {
        "cpu": Plot(
            "CPU by process",
            y_label=f"cores{time.each('mean')}",
            y_unit="cores",
            series=[time.mean(role, colour, "cpu", role) for role, colour in _roles(result, rows, "cpu")],
            rules=[Rule(1.0, "one whole core")],
            **time.level(),
        ),
        "memory": Plot(
            "Memory by process",
            y_label=f"own (not shared), MB{time.each('most')}",
            y_unit="MB",
            series=[time.worst(role, colour, "rss_mb", role) for role, colour in _roles(result, rows, "rss_mb")],
            **time.level(),
        ),
        "queues": Plot(
            "Queues",
            y_label=f"entries{time.each('longest')}",
            series=[
                time.worst("waiting in the gateway", 0, "waiting"),
                time.worst("command stream", 1, "stream"),
                time.worst("in flight at the generator", 2, "in_flight"),
            ],
            **time.level(),
        ),
        "commits": Plot(
            "Size of commits",
            y_label=f"commands a commit{time.each('mean')}",
            y_unit="commands",
            series=[time.mean("mean of the second", 0, "commit_size")],
            **time.level(),
        ),
    }


def _timeline(steps: Sequence[Row]) -> _Timeline:
    rows: list[tuple[float, Row]] = []
    sections: list[tuple[float, str]] = []
    begin = 0.0
    for step in steps:
        measured = mappings(step, "rows")
        # The rows' own clock may have begun with the step or with the run.
        times = [number(row, "t") or 0.0 for row in measured]
        first = min(times, default=0.0)
        rows += [
            (begin + t - first, row) for t, row in sorted(zip(times, measured, strict=True), key=lambda pair: pair[0])
        ]
        sections.append((begin, f"{kind(step)} {figure(number(step, 'offered'))}/s"))
        # A row is a second.
        begin += max(number(step, "seconds") or 0.0, max(times, default=first - 1) - first + 1)
    return _Timeline(rows, sections, begin)


def _roles(result: dict[str, Any], measured: Sequence[Row], name: str) -> list[tuple[str, int]]:
    """Return the processes that were measured, with their colours, which are the same in all plots of a result."""
    steps = mappings(result, "steps")
    everywhere = {role for step in steps for key in ("cpu", "rss_mb") for role in part(step, key)}
    everywhere |= {
        role for step in steps for row in mappings(step, "rows") for key in ("cpu", "rss_mb") for role in part(row, key)
    }
    order = [*ROLES, *sorted(everywhere - set(ROLES))]
    here = {role for row in measured for role in part(row, name)}
    return [(role, place) for place, role in enumerate(order) if role in here]
