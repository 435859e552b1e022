"""Reads the parts of a load test's result, which may be missing, and refuses what is not of the right shape."""

import math
from collections.abc import Sequence
from typing import Any

VERSION = 1
PERCENTILES = ("p50", "p90", "p99", "p99.9", "max")


def check(result: object) -> dict[str, Any]:
    """Return the result of a load test as a mapping. Raises ValueError: it is none, or of another version."""
    if not isinstance(result, dict):
        raise ValueError("a result must be a JSON object")
    if result.get("version") != VERSION:
        raise ValueError(f"a result of version {result.get('version')!r} cannot be read: only version {VERSION}")
    return result


def part(mapping: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a mapping in a mapping, empty if it is missing. Raises ValueError: it is something else."""
    found = mapping.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ValueError(f"{name} must be an object, and is {found!r:.100}")
    return found


def entries(mapping: dict[str, Any], name: str) -> list[Any]:
    """Return a list in a mapping, empty if it is missing. Raises ValueError: it is something else."""
    found = mapping.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise ValueError(f"{name} must be a list, and is {found!r:.100}")
    return found


def mappings(mapping: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a list of mappings in a mapping, empty if it is missing. Raises ValueError: it is something else."""
    found = entries(mapping, name)
    for entry in found:
        if not isinstance(entry, dict):
            raise ValueError(f"{name} must hold objects, and holds {entry!r:.100}")
    return found


def number(mapping: dict[str, Any], *path: str) -> float | None:
    """Return a number inside of mappings; None if it is missing or not finite. Raises ValueError: it is no number."""
    for name in path[:-1]:
        mapping = part(mapping, name)
    found = mapping.get(path[-1])
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ValueError(f"{'.'.join(path)} must be a number, and is {found!r:.100}")
    # A percentile of nothing may have been written as NaN or Infinity.
    return found if math.isfinite(found) else None


def text(mapping: dict[str, Any], name: str) -> str:
    """Return a text in a mapping, "" if it is missing."""
    found = mapping.get(name)
    return "" if found is None else str(found)


def kind(step: dict[str, Any]) -> str:
    """Return what a step is for: ramp, search, soak, overload or recovery."""
    return text(step, "kind")


def of_kinds(steps: Sequence[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    """Return the steps of some kinds."""
    return [step for step in steps if kind(step) in kinds]


def a_second(step: dict[str, Any], name: str) -> float | None:
    """Return how many there were a second, of what a step counts."""
    count, seconds = number(step, name), number(step, "seconds")
    return None if count is None or not seconds else count / seconds
