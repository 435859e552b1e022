"""What is wrong with a step, and what limits the exchange: sentences from measurements.  [pure]"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, NamedTuple

from mex.limits import EVENT_STREAM_BYTES_MAX

OBJECTIVES = {"p99_ms": 50, "errors": 0.001}
WHOLE_CORE = 0.9
FULL_MACHINE = 0.93
_LATE_PART = 0.5
"""A generator that is late by this part of the objective has spoilt the measurement."""
_WAITING_PART = 0.5
"""Where so many commands wait for the engine that they spend this part of the objective there, it does not keep up."""
_STRANGERS_PART = 0.25
"""Programs that are no part of the test and take this part of a full machine have spoilt the measurement."""
_NOT_OURS = {"generator", "controller", "background", "other"}
_MANY_PROCESSES = {"postgres"}
"""What may take more than a core, or one core with several processes that each have room."""
_NODES = {"anvil", "bitcoind"}
_CACHES_MB = {"valkey": EVENT_STREAM_BYTES_MAX / 1_000_000}
"""What fills up to a bound and is no growth below it: batches are kept for readers that are behind."""
FILL_UP = _NODES | _CACHES_MB.keys()
"""What may grow during a soak: nodes keep all their blocks, and a cache fills."""
_NOISE_MB = 5.0
_NOISE_MS = 5.0
_SHARES_TOLD = 4
_SHARE_MIN = 0.05

Step = Mapping[str, Any]


class Limit(NamedTuple):
    """What the limit is, in a word and in a clause that follows "because"."""

    name: str
    because: str


def is_late(step: Step) -> bool:
    """Return whether the generator did not send in time what it meant to."""
    return bool(step["late_ms"].get("p99", 0) > _p99_max(step) * _LATE_PART)


def broken(step: Step) -> str:
    """Return which objective a step breaks, or "" if none."""
    answered = max(step["sent"], 1)
    if step["errors"] > answered * OBJECTIVES["errors"]:
        return f"{_percent(step['errors'] / answered)} errors, more than {_percent(OBJECTIVES['errors'])}"
    if step["market_data"]["gaps"]:
        return f"{step['market_data']['gaps']} gaps in the market data"
    if step["market_data"]["closes"]:
        return f"readers of market data lost their connection {step['market_data']['closes']} times"
    if step["acked"] and step["market_data"]["readers"] and not step["market_data"]["frames"]:
        return "no market data came"
    if step["refused"] > answered * OBJECTIVES["errors"]:
        return f"{_percent(step['refused'] / answered)} refused"
    if step["sent"] and not step["latency_ms"]:
        return "nothing was acknowledged"
    slowest = max(step["latency_ms"].get("p99", 0), step["cancel_latency_ms"].get("p99", 0))
    if slowest > _p99_max(step):
        own = f"; the generator itself was {step['late_ms']['p99']:.0f} ms late" if is_late(step) else ""
        return f"p99 of {slowest:.0f} ms, more than {_p99_max(step):g} ms{own}"
    if is_late(step):
        return f"the generator itself was late: p99 of {step['late_ms']['p99']:.0f} ms"
    return ""


def limit_of(step: Step, cores: int) -> Limit:
    """Return what limited a step that broke."""
    cpu: Mapping[str, float] = step["cpu"]
    single = {name: used for name, used in cpu.items() if name not in _NOT_OURS | _MANY_PROCESSES}
    if is_late(step) and cpu.get("generator", 0) >= WHOLE_CORE:
        return Limit("generator", f"the generator takes a whole core ({cpu['generator']:.2f}): not mex's limit")
    busiest = max(single, key=lambda name: single[name], default="")
    if busiest and single[busiest] >= WHOLE_CORE:
        rest = f", with {_shares(cpu, without=busiest)}" if _is_full(cpu, cores) else ""
        return Limit(busiest, f"{busiest} takes a whole core ({single[busiest]:.2f}){rest}")
    if _is_full(cpu, cores) and cpu.get("other", 0) >= cores * _STRANGERS_PART:
        return Limit("other", f"other programs take {cpu['other']:.2f} of the machine's {cores} cores: not mex's limit")
    if _is_full(cpu, cores):
        return Limit("machine", f"the machine's {cores} cores are full: {_shares(cpu)}")
    if is_late(step):
        return Limit("generator", f"the generator was {step['late_ms']['p99']:.0f} ms late: not mex's limit")
    # As many wait as come in that time (Little's law).
    backed_up = step["offered"] * _p99_max(step) / 1000 * _WAITING_PART
    if max(step["queue"]["waiting_max"], step["queue"]["stream_max"]) >= max(backed_up, 2):
        commits = step["commits"]
        return Limit(
            "commits",
            f"commands wait for commits while cores are idle: {commits['count'] / max(step['seconds'], 1):.0f} "
            f"commits a second of {commits['size_mean']:.0f} commands on average",
        )
    return Limit("unknown", f"{step['broken']}, though no process and no queue is full ({_shares(cpu)})")


def sentence(held: float, broke: float, limit: Limit | None, database: str) -> str:
    """Return the one sentence about a search; `limit` is that of the lowest rate that broke."""
    if limit is None:
        return f"holds {_number(held)} orders/s on {database}, the highest rate that was tried"
    if not held:
        return f"breaks below {_number(broke)} orders/s on {database} because {limit.because}"
    return f"breaks at {_number(broke)} orders/s on {database} because {limit.because}; holds {_number(held)}"


def recovery_s(step: Step) -> float | None:
    """Return after how many seconds of a recovery two seconds in a row kept the objective; None if none did."""
    rows = step["rows"]
    good = [_is_good(row, _p99_max(step)) for row in rows]
    for place, both in enumerate(pairwise(good)):
        if all(both):
            since: float = rows[place - 1]["t"] if place else 0.0
            return since
    return None


def _is_good(row: Mapping[str, Any], p99_max: float) -> bool:
    return (
        row["p99"] is not None
        and max(row["p99"], row["cancel_p99"] or 0) <= p99_max
        and not row["refused"]
        and not row["errors"]
    )


def change(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """Return what a soak began and ended with: the memory (MB) of each role of mex, and the p99 (ms) of a second.

    Medians of its second and of its last quarter: in the first one caches fill. Empty where there are too few rows.
    """
    quarter = len(rows) // 4
    if not quarter:
        return {}
    ends = (rows[quarter : 2 * quarter], rows[-quarter:])
    roles = sorted(set(rows[-1]["rss_mb"]) - _NOT_OURS)
    found = {role: tuple(median(row["rss_mb"].get(role, 0.0) for row in part) for part in ends) for role in roles}
    found["p99"] = tuple(median(row["p99"] or 0.0 for row in part) for part in ends)
    return {name: (before, after) for name, (before, after) in found.items()}


def grown(changes: Mapping[str, tuple[float, float]], percent: float) -> list[str]:
    """Return a sentence for each process whose memory grew by more than so much, beyond noise and what fills a cache.

    Not for the nodes, which keep their blocks.
    """
    return [
        f"{name} grew from {before:.0f} to {after:.0f} MB"
        for name, (before, after) in changes.items()
        if name not in _NODES | {"p99"}
        and after > max(before * (1 + percent / 100), _CACHES_MB.get(name, 0.0)) + _NOISE_MB
    ]


def failures(result: Mapping[str, Any]) -> list[str]:
    """Return why a run has failed: something is not kept, nothing was done, or a soak was not what was asked for.

    That an objective breaks is what a search is for; it fails a run that was to do nothing but hold a rate, and did so
    to its end.
    """
    options, found = result["options"], result["verification"]
    texts = [] if found["ok"] else ["not all is kept as it was acknowledged"]
    is_whole = not result["interrupted"]
    if is_whole and not found["acknowledged"]:
        texts.append("no order was acknowledged")
    soaks = [step for step in result["steps"] if step.get("change")]
    if options["growth_max"] is not None:
        texts += [text for step in soaks for text in grown(step["change"], options["growth_max"])]
    if options["drift_max"] is not None:
        texts += [text for step in soaks for text in drifted(step["change"], options["drift_max"])]
    if options["soak_only"] and is_whole:
        texts += [f"{step['name']}: {step['broken']}" for step in result["steps"] if step["broken"]]
    return texts


def drifted(changes: Mapping[str, tuple[float, float]], percent: float) -> list[str]:
    """Return a sentence if the p99 of a second rose by more than so much, beyond what is noise."""
    before, after = changes["p99"]
    if after <= before * (1 + percent / 100) + _NOISE_MS:
        return []
    return [f"the p99 of a second drifted from {before:.0f} to {after:.0f} ms"]


def _p99_max(step: Step) -> float:
    highest: float = step.get("p99_max_ms", OBJECTIVES["p99_ms"])
    return highest


def _is_full(cpu: Mapping[str, float], cores: int) -> bool:
    return sum(cpu.values()) >= cores * FULL_MACHINE


def _shares(cpu: Mapping[str, float], without: str = "") -> str:
    largest = sorted((used, role) for role, used in cpu.items() if role != without and used >= _SHARE_MIN)[::-1]
    return ", ".join(f"{role} {used:.2f}" for used, role in largest[:_SHARES_TOLD]) or "nothing else"


def _percent(part: float) -> str:
    return f"{part * 100:.3g} %"


def _number(rate: float) -> str:
    return f"{rate:,.0f}"
