"""The machine that is measured on, and when."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mex.clock import now_ms

_GIB = 2**30


def described() -> dict[str, Any]:
    """Return the machine: a figure without it says nothing."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": cores(),
        "memory_gib": int(memory / _GIB * 10 + 0.5) / 10,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
    }


def cores() -> int:
    """Return how many cores there are."""
    return os.cpu_count() or 1


def now_iso() -> str:
    """Return the time, UTC."""
    return datetime.fromtimestamp(now_ms() / 1000, tz=UTC).isoformat(timespec="seconds")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
