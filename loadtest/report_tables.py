"""What the report of a load test says in words and tables. Pure: everything here is text, and nothing is markup."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from loadtest.report_values import PERCENTILES, a_second, entries, kind, mappings, number, of_kinds, part, text
from loadtest.scales import figure


@dataclass(frozen=True, slots=True)
class Cell:
    """A text of a table, and how it looks."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; without rows there is nothing to show."""

    heads: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the verification succeeded: `style` is good, bad or unknown."""

    style: str
    head: str
    lines: Sequence[str] = ()


_FAULTS = {"missing": "Missing", "twice": "Twice", "done": "Refused and done"}


def verdict(result: dict[str, Any]) -> Verdict:
    """Return what the verification found. It is good only if it says so and names nothing that is wrong."""
    found = part(result, "verification")
    if not found:
        return Verdict("unknown", "? Not verified: nobody looked whether what was acknowledged is in the database.")
    acked, cancels = _count(found, "acknowledged"), _count(found, "canceled")
    counted = f"{acked} orders and {cancels} cancels acknowledged, {_count(found, 'in_database')} of the orders kept."
    audit = text(found, "audit")
    lines = [counted, *([f"Audit: {audit}."] if audit else [])]
    wrong = 0
    for name, fault in _FAULTS.items():
        orders = entries(found, name)
        count = number(found, f"{name}_count") or len(orders)
        wrong += int(count)
        if count:
            some = f", {len(orders)} of {figure(count)}: {', '.join(map(_plain, orders))}."
            lines.append(fault + some)
    if found.get("ok") is True and not wrong:
        return Verdict("good", "✓ Verified: every acknowledged order was kept, once.", lines)
    return Verdict("bad", "✗ Verification FAILED: the speed is worth nothing.", lines)


def key_figures(result: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the few figures that one looks for first, with their names."""
    found: list[tuple[str, str]] = []
    rate = number(result, "knee", "rate")
    if rate is not None:
        found.append(("Knee", f"{figure(rate)}/s"))
    limited_by = text(part(result, "knee"), "limited_by")
    if limited_by:
        found.append(("Limited by", limited_by))
    steps = mappings(result, "steps")
    for step in of_kinds(steps, "soak")[-1:]:
        p99 = number(step, "latency_ms", "p99")
        found.append((f"p99 in soak at {figure(number(step, 'offered'))}/s", f"{figure(p99)} ms"))
    for step in of_kinds(steps, "overload")[-1:]:
        throughput = number(step, "throughput")
        name = f"Acknowledged of {figure(number(step, 'offered'))}/s in overload"
        found.append((name, f"{figure(a_second(step, 'acked') if throughput is None else throughput)}/s"))
    if "recovery_s" in result and of_kinds(steps, "recovery"):
        seconds = number(result, "recovery_s")
        found.append(("Recovery", "not within the step" if seconds is None else f"{figure(seconds)} s"))
    return found


def steps_table(result: dict[str, Any]) -> Table:
    """Return a row for each step: rates, latencies, and whether an objective broke."""
    columns: list[tuple[str, tuple[str, ...]]] = [("offered/s", ("offered",)), ("acked/s", ("throughput",))]
    columns += [(name, (name,)) for name in ("seconds", "sent", "acked", "refused", "errors", "unanswered")]
    columns += [(f"{name} ms", ("latency_ms", name)) for name in PERCENTILES]
    columns += [("cancel p99 ms", ("cancel_latency_ms", "p99")), ("generator late p99 ms", ("late_ms", "p99"))]
    columns += [("waiting max", ("queue", "waiting_max")), ("stream max", ("queue", "stream_max"))]
    columns += [("commit mean", ("commits", "size_mean")), ("commit max", ("commits", "size_max"))]
    steps = mappings(result, "steps")
    known = [column for column in columns if any(number(step, *column[1]) is not None for step in steps)]
    rows = []
    for step in steps:
        codes = ", ".join(f"{figure(number(step, 'codes', code))} × {code}" for code in part(step, "codes"))
        numbers = [Cell(figure(number(step, *path))) for _, path in known]
        rows.append([Cell(text(step, "name")), _outcome(step), *numbers, Cell(codes, "words")])
    heads = [Cell(name) for name, _ in known]
    return Table([Cell("step"), Cell("objectives", "words"), *heads, Cell("codes", "words")], rows)


def beside(result: dict[str, Any]) -> Table:
    """Return a row for each step: market data and background. Only columns that a step has something for."""
    steps = mappings(result, "steps")
    paths: list[tuple[str, ...]] = []
    for step in steps:
        paths += [("market_data", name) for name in part(step, "market_data")]
        background = part(step, "background")
        named = [name for name in background if name != "failures"]
        paths += [("background", name, key) for name in named for key in part(background, name)]
    paths = list(dict.fromkeys(paths))
    heads = [Cell("step"), *(Cell(" ".join(path).replace("background ", "").replace("_", " ")) for path in paths)]
    if not paths:
        return Table(heads, [])
    return Table(heads, [[Cell(text(step, "name")), *(_measured(step, path) for path in paths)] for step in steps])


def failures(result: dict[str, Any]) -> list[str]:
    """Return what went wrong in the background, with the name of its step."""
    return [
        f"{text(step, 'name')}: {_plain(failure)}"
        for step in mappings(result, "steps")
        for failure in entries(part(step, "background"), "failures")
    ]


def pairs(mapping: dict[str, Any]) -> list[tuple[str, str]]:
    """Return names and values as text, but for what was left open."""
    return [(name.replace("_", " "), _plain(value)) for name, value in mapping.items() if value is not None]


def _outcome(step: dict[str, Any]) -> Cell:
    broken = text(step, "broken")
    if broken:
        return Cell(f"✗ {broken}", "words is-bad")
    # Beyond the knee objectives do break, and who recovers from that begins with them broken.
    return Cell("–", "words") if kind(step) in ("overload", "recovery") else Cell("✓ held", "words is-good")


def _measured(step: dict[str, Any], path: Sequence[str]) -> Cell:
    value = number(step, *path)
    # Both must be nothing: a gap that no close announced, and a request without its answer.
    is_bad = path[-1] in ("gaps", "failed") and bool(value)
    return Cell(figure(value), "is-bad" if is_bad else "")


def _count(mapping: dict[str, Any], name: str) -> str:
    return figure(number(mapping, name))


def _plain(value: object) -> str:
    # As it is: 8000 is a port, and 1234567 an order's number.
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
