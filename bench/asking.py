"""Runs `bench/http_client.py` against a web process, and sums its runs up: for pages.py and logins.py."""

import json
import subprocess
import sys
from collections.abc import Sequence
from statistics import median
from typing import Any

import msgspec

from bench.http_client import Plan
from bench.rounds import RunFailed
from bench.serving import Web

_RUN_S_MAX = 120


def ask(plan: Plan, web: Web) -> dict[str, Any]:
    """Let the clients run; add the share of a core that each process took. Raises RunFailed."""
    process, _ = web
    plan = msgspec.structs.replace(plan, processes={"web": process.pid})
    ended = subprocess.run(
        [sys.executable, "-m", "bench.http_client"],
        input=msgspec.json.encode(plan), check=False, capture_output=True, timeout=_RUN_S_MAX,
    )  # fmt: skip
    if ended.returncode:
        raise RunFailed(f"http_client: {ended.stderr.decode().strip()[-2000:]}")
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def ratio_of(runs: Sequence[dict[str, Any]], base: Sequence[dict[str, Any]]) -> float:
    """Return the median of the ratios of runs to those of the same round."""
    return median(one["per_second"] / other["per_second"] for one, other in zip(runs, base, strict=True))


def note_of(runs: Sequence[dict[str, Any]]) -> str:
    """Return what is said of runs besides their rate."""
    p50, p99 = (median(run[key] for run in runs) for key in ("p50_ms", "p99_ms"))
    cores = {role: median(run["cores"][role] for run in runs) for role in runs[0]["cores"]}
    shares = ", ".join(f"{role} {share:.2f}" for role, share in cores.items())
    return f"p50 {p50:.0f} ms, p99 {p99:.0f} ms; cores: {shares}"
