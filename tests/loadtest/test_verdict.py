"""Which objective a step breaks, what limited it, and what is said of it."""

from typing import Any

import pytest

from loadtest.verdict import Limit, broken, change, drifted, failures, grown, limit_of, recovery_s, sentence

MARKET_DATA = {"readers": 20, "frames": 900, "gaps": 0, "closes": 0}


def step(**changes: Any) -> dict[str, Any]:
    """Return a step in which all is well, with changes."""
    return {
        "offered": 1_000.0,
        "seconds": 10.0,
        "sent": 10_000,
        "errors": 0,
        "refused": 0,
        "latency_ms": {"p99": 20.0},
        "cancel_latency_ms": {"p99": 20.0},
        "late_ms": {"p99": 1.0},
        "acked": 9_500,
        "market_data": MARKET_DATA,
        "queue": {"waiting_max": 10, "stream_max": 0},
        "commits": {"count": 200, "size_mean": 50.0},
        "cpu": {"web": 0.5, "engine": 0.3, "generator": 0.2, "other": 0.1},
        "broken": "p99 of 80 ms, more than 50 ms",
    } | changes


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"errors": 10}, ""),
        ({"errors": 11}, "0.11 % errors, more than 0.1 %"),
        ({"refused": 500}, "5 % refused"),
        ({"market_data": MARKET_DATA | {"gaps": 2}}, "2 gaps in the market data"),
        ({"market_data": MARKET_DATA | {"closes": 3}}, "readers of market data lost their connection 3 times"),
        ({"market_data": MARKET_DATA | {"frames": 0}}, "no market data came"),
        ({"market_data": MARKET_DATA | {"frames": 0, "readers": 0}}, ""),
        ({"latency_ms": {"p99": 50.0}}, ""),
        ({"latency_ms": {"p99": 50.4}}, "p99 of 50 ms, more than 50 ms"),
        ({"cancel_latency_ms": {"p99": 70.0}}, "p99 of 70 ms, more than 50 ms"),
        ({"latency_ms": {}}, "nothing was acknowledged"),
        ({"late_ms": {"p99": 30.0}}, "the generator itself was late: p99 of 30 ms"),
        (
            {"latency_ms": {"p99": 60.0}, "late_ms": {"p99": 30.0}},
            "p99 of 60 ms, more than 50 ms; the generator itself was 30 ms late",
        ),
        ({"p99_max_ms": 500.0, "latency_ms": {"p99": 400.0}, "late_ms": {"p99": 200.0}}, ""),
        ({"p99_max_ms": 500.0, "latency_ms": {"p99": 600.0}}, "p99 of 600 ms, more than 500 ms"),
        ({"sent": 0, "acked": 0, "latency_ms": {}, "cancel_latency_ms": {}, "late_ms": {}}, ""),
    ],
)
def test_what_is_broken_is_told(changes: dict[str, Any], said: str) -> None:
    assert broken(step(**changes)) == said


@pytest.mark.parametrize(
    ("changes", "name", "because"),
    [
        (
            {"cpu": {"web": 0.97, "engine": 0.3, "generator": 0.2, "other": 0.1}},
            "web",
            "web takes a whole core (0.97)",
        ),
        (
            {"cpu": {"web": 0.92, "engine": 0.95, "generator": 0.05, "other": 0.02}},
            "engine",
            "engine takes a whole core (0.95), with web 0.92, generator 0.05",
        ),
        (
            {"cpu": {"web": 0.8, "engine": 0.6, "postgres": 0.3, "generator": 0.2, "other": 0.04}},
            "machine",
            "the machine's 2 cores are full: web 0.80, engine 0.60, postgres 0.30, generator 0.20",
        ),
        (
            {"cpu": {"web": 0.5, "engine": 0.3, "other": 1.1}},
            "other",
            "other programs take 1.10 of the machine's 2 cores: not mex's limit",
        ),
        (
            {"cpu": {"web": 0.5, "generator": 0.98, "other": 0.1}, "late_ms": {"p99": 40.0}},
            "generator",
            "the generator takes a whole core (0.98): not mex's limit",
        ),
        ({"late_ms": {"p99": 40.0}}, "generator", "the generator was 40 ms late: not mex's limit"),
        (
            {"queue": {"waiting_max": 60, "stream_max": 3}},
            "commits",
            "commands wait for commits while cores are idle: 20 commits a second of 50 commands on average",
        ),
        (
            {},
            "unknown",
            "p99 of 80 ms, more than 50 ms, though no process and no queue is full"
            " (web 0.50, engine 0.30, generator 0.20, other 0.10)",
        ),
    ],
)
def test_the_limit_is_what_the_measurements_say(changes: dict[str, Any], name: str, because: str) -> None:
    assert limit_of(step(**changes), 2) == Limit(name, because)


@pytest.mark.parametrize("busy", ["generator", "background", "controller", "postgres"])
def test_a_core_of_the_test_itself_or_of_many_processes_is_no_limit(busy: str) -> None:
    assert limit_of(step(cpu={"web": 0.91, busy: 0.95}), 2).name == "web"
    assert limit_of(step(cpu={"web": 0.5, busy: 0.95}), 2).name == "unknown"


@pytest.mark.parametrize(
    ("held", "broke", "limit", "said"),
    [
        (
            2_000,
            2_378.4,
            Limit("web", "web takes a whole core (0.97)"),
            "breaks at 2,378 orders/s on sqlite because web takes a whole core (0.97); holds 2,000",
        ),
        (0, 1.5, Limit("web", "X"), "breaks below 2 orders/s on sqlite because X"),
        (4_000, 0, None, "holds 4,000 orders/s on sqlite, the highest rate that was tried"),
    ],
)
def test_the_sentence(held: float, broke: float, limit: Limit | None, said: str) -> None:
    assert sentence(held, broke, limit, "sqlite") == said


@pytest.mark.parametrize(
    ("p99", "found"),
    [
        ([10.0, 10.0, 10.0], 0.0),
        ([900.0, 300.0, 40.0, 20.0], 2.0),
        ([900.0, 40.0, 60.0, 20.0, 20.0], 3.0),
        ([900.0, 300.0, 40.0], None),
        ([900.0, None, 300.0], None),
        ([], None),
    ],
)
def test_it_has_recovered_after_two_good_seconds(p99: list[float | None], found: float | None) -> None:
    assert recovery_s(step(rows=[second(place, p99=each) for place, each in enumerate(p99)])) == found


@pytest.mark.parametrize("bad", [{"refused": 9}, {"errors": 1}, {"cancel_p99": 51.0}])
def test_it_has_not_recovered_while_anything_is_wrong(bad: dict[str, Any]) -> None:
    rows = [second(0, **bad), second(1, **bad), second(2), second(3)]

    assert recovery_s(step(rows=rows)) == 2.0


def second(place: int, **changes: Any) -> dict[str, Any]:
    """Return the row of a second in which all was well, with changes."""
    return {"t": place + 1.0, "p99": 5.0, "cancel_p99": None, "refused": 0, "errors": 0} | changes


def soak(*web_mb: float) -> dict[str, tuple[float, float]]:
    return change([{"p99": 10.0 + mb / 100, "rss_mb": {"web": mb, "generator": 7.0 * mb}} for mb in web_mb])


def test_a_soak_is_judged_by_what_comes_after_its_first_quarter() -> None:
    assert soak(50, 90, 100, 100, 100, 100, 110, 130) == {"p99": (11.0, 11.2), "web": (100.0, 120.0)}
    assert soak(1, 2, 3) == {}


@pytest.mark.parametrize(("percent", "said"), [(10.0, ["web grew from 100 to 120 MB"]), (16.0, [])])
def test_memory_that_grew_too_much_is_told_but_for_nodes(percent: float, said: list[str]) -> None:
    changes = soak(50, 90, 100, 100, 100, 100, 110, 130) | {"anvil": (79.0, 173.0)}

    assert grown(changes, percent) == said


def test_a_cache_that_fills_is_no_growth_below_its_bound() -> None:
    assert grown({"valkey": (12.0, 250.0)}, 25.0) == []
    assert grown({"valkey": (260.0, 290.0)}, 10.0) == []
    assert grown({"valkey": (260.0, 330.0)}, 10.0) == ["valkey grew from 260 to 330 MB"]


@pytest.mark.parametrize(
    ("after", "percent", "said"),
    [(35.0, 50.0, []), (35.1, 50.0, ["the p99 of a second drifted from 20 to 35 ms"]), (5.0, 0.0, [])],
)
def test_a_latency_that_drifts_is_told(after: float, percent: float, said: list[str]) -> None:
    assert drifted({"p99": (20.0, after)}, percent) == said


def result(**changes: Any) -> dict[str, Any]:
    """Return what `failures` looks at, of a soak that held, with changes."""
    change = {"web": (100.0, 120.0), "p99": (10.0, 30.0)}
    held = step(name="soak 100/s", broken="", change=change)
    return {
        "options": {"soak_only": 100.0, "growth_max": None, "drift_max": None},
        "interrupted": False,
        "steps": [held],
        "verification": {"ok": True, "acknowledged": 1},
    } | changes


SOAK = {"soak_only": 100.0, "growth_max": None, "drift_max": None}
BROKEN = [step(name="soak 100/s", broken="p99 of 80 ms, more than 50 ms")]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"verification": {"ok": False, "acknowledged": 1}}, ["not all is kept as it was acknowledged"]),
        ({"verification": {"ok": True, "acknowledged": 0}}, ["no order was acknowledged"]),
        ({"verification": {"ok": True, "acknowledged": 0}, "interrupted": True}, []),
        ({"options": SOAK | {"growth_max": 10.0}}, ["web grew from 100 to 120 MB"]),
        ({"options": SOAK | {"growth_max": 25.0}}, []),
        ({"options": SOAK | {"drift_max": 100.0}}, ["the p99 of a second drifted from 10 to 30 ms"]),
        ({"options": SOAK | {"drift_max": 200.0}}, []),
        ({"steps": BROKEN}, ["soak 100/s: p99 of 80 ms, more than 50 ms"]),
        ({"steps": BROKEN, "interrupted": True}, []),
        ({"steps": BROKEN, "options": SOAK | {"soak_only": None}}, []),
    ],
)
def test_a_run_fails_for_what_it_was_to_show(changes: dict[str, Any], said: list[str]) -> None:
    assert failures(result(**changes)) == said
