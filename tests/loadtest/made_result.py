"""A made-up result of a load test: of a server that can do 2,000 orders a second, refuses the rest, and recovers."""

import random
from typing import Any

CAPACITY = 2_000
KNEE = 1_900
ROLES = {"engine": 0.48, "web": 0.5, "worker-chains": 0.02, "valkey": 0.06, "postgres": 0.22, "generator": 0.12}
MEGABYTES = {
    "engine": 140,
    "web": 120,
    "worker-chains": 210,
    "valkey": 24,
    "postgres": 180,
    "bitcoind": 260,
    "anvil": 90,
}


def made_result() -> dict[str, Any]:
    """Return a whole result, of the shape that manage.py loadtest writes; always the same."""
    chance = random.Random(5)
    ramp = [made_step(chance, "ramp", rate, 10) for rate in (250, 500, 1_000, 2_000)]
    search = [made_step(chance, "search", rate, 10) for rate in (1_500, 1_750, KNEE)]
    phases = [("soak", 1_520, 60), ("overload", 2_850, 30), ("recovery", 950, 20)]
    steps = [*ramp, *search, *(made_step(chance, kind, rate, seconds) for kind, rate, seconds in phases)]
    return {
        "version": 1,
        "started": "2026-11-30T04:00:00Z",
        "machine": {"cores": 2, "memory_gib": 23, "python": "3.11.7", "system": "Linux 6.1", "processor": "made up"},
        "options": {"mix": "place=60,cancel=25,cross=10,replace=5", "users": 50, "seed": 12_345, "quick": False},
        "server": "daphne",
        "database": "postgresql",
        "objectives": {"p99_ms": 50, "errors": 0.001},
        "steps": steps,
        "knee": {
            "rate": KNEE,
            "limited_by": "engine",
            "sentence": f"breaks at {KNEE:,} orders/s because engine needs a whole core (0.98)",
        },
        "recovery_s": 4.0,
        "interrupted": False,
        "verification": made_verification(sum(step["acked"] for step in steps)),
    }


def made_verification(acknowledged: int) -> dict[str, Any]:
    """Return a verification that found nothing wrong."""
    counted = {"acknowledged": acknowledged, "canceled": acknowledged // 3, "refused": 7, "in_database": acknowledged}
    wrong = {"missing_count": 0, "missing": [], "twice_count": 0, "twice": [], "done_count": 0, "done": []}
    return {**counted, **wrong, "audit": "clean", "ok": True}


def made_step(chance: random.Random, kind: str, offered: int, seconds: int) -> dict[str, Any]:
    """Return a step with its rows."""
    rows = [made_row(chance, kind, offered, second) for second in range(seconds)]
    acked, refused = sum(row["acked"] for row in rows), sum(row["refused"] for row in rows)
    p99 = max(row["p99"] for row in rows)
    is_broken = kind != "recovery" and p99 > 50
    latency = {"p50": rows[-1]["p50"], "p90": p99 / 2, "p99": p99, "p99.9": p99 * 1.8, "max": p99 * 2.5}
    return {
        "name": f"{kind} {offered}/s",
        "kind": kind,
        "offered": offered,
        "seconds": seconds * 1.0,
        "sent": offered * seconds,
        "acked": acked,
        "throughput": acked / seconds,
        "refused": refused,
        "errors": 0,
        "unanswered": 0,
        "codes": {"-1008": refused} if refused else {},
        "latency_ms": latency,
        "cancel_latency_ms": {name: value / 3 for name, value in latency.items()},
        "late_ms": {"p99": 0.4, "max": 2.1},
        "broken": f"p99 {p99:.0f} ms > 50 ms" if is_broken else "",
        "cpu": rows[-1]["cpu"],
        "rss_mb": rows[-1]["rss_mb"],
        "queue": {"waiting_max": max(row["waiting"] for row in rows), "stream_max": max(row["stream"] for row in rows)},
        "commits": {"count": 90 * seconds, "size_mean": acked / (90 * seconds), "size_max": 256},
        "market_data": {"readers": 20, "frames": 2_000 * seconds, "gaps": 0, "lag_p99_ms": p99 * 1.1},
        "background": {
            "pages": {"sent": 5 * seconds, "failed": 0, "p99_ms": 35.0 + p99},
            "rest": {"sent": 10 * seconds, "failed": 0, "p99_ms": 12.0 + p99},
            "deposits": {"sent": seconds // 10, "credited": seconds // 10},
            "withdrawals": {"requested": seconds // 10, "confirmed": seconds // 10},
            "failures": [],
        },
        "rows": rows,
    }


def made_row(chance: random.Random, kind: str, offered: int, second: int) -> dict[str, Any]:
    """Return what was measured in one second."""
    is_recovering = kind == "recovery" and second < 4
    load = min(1.0, offered / CAPACITY)
    acked = CAPACITY if is_recovering else min(CAPACITY, int(offered * chance.uniform(0.98, 1.02)))
    p50 = 1.5 + 0.6 / (1.02 - min(load, 1.0))
    if kind == "overload":
        p50 = min(400.0, 60.0 * (second + 1))
    elif is_recovering:
        p50 = 400.0 / (second + 1)
    p50 *= chance.uniform(0.9, 1.15)
    cpu = {role: min(1.0, share * 2 * load * chance.uniform(0.95, 1.05)) for role, share in ROLES.items()}
    waiting = int(acked * p50 / 1_000)
    return {
        "t": second * 1.0,
        "offered": offered,
        "acked": acked,
        "refused": max(0, offered - acked),
        "errors": 0,
        "in_flight": waiting + 3,
        "p50": p50,
        "p99": p50 * 3.2,
        "max": p50 * chance.uniform(4, 8),
        "cancel_p99": p50 * 1.4,
        "late_p99": 0.4,
        "cpu": {**cpu, "bitcoind": 0.02, "anvil": 0.03, "background": 0.08},
        "rss_mb": {
            **{role: size + second * 0.05 for role, size in MEGABYTES.items()},
            "generator": 60,
            "background": 75,
        },
        "waiting": waiting // 2,
        "stream": waiting // 3,
        "commit_size": acked / 90,
    }
