"""Which objective a step breaks, what limited it, and what is said of it."""

from typing import Any

import pytest

from loadtest.verdict import Limit, broken, change, grown, limit_of, recovery_s, sentence


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
        "market_data": {"gaps": 0},
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
        ({"market_data": {"gaps": 2}}, "2 gaps in the market data"),
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
        ({"sent": 0, "latency_ms": {}, "cancel_latency_ms": {}, "late_ms": {}}, ""),
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


def test_a_busy_generator_that_is_in_time_is_no_limit() -> None:
    cpu = {"web": 0.95, "generator": 0.96, "other": 0.0}

    assert limit_of(step(cpu=cpu), 2).name == "web"


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
        ([900.0, 300.0, 40.0], 2.0),
        ([900.0, None, 300.0], None),
        ([], None),
    ],
)
def test_it_has_recovered_after_two_good_seconds(p99: list[float | None], found: float | None) -> None:
    rows = [{"t": place + 1.0, "p99": each, "refused": 0} for place, each in enumerate(p99)]

    assert recovery_s(step(rows=rows)) == found


def test_it_has_not_recovered_while_it_refuses() -> None:
    rows = [{"t": place + 1.0, "p99": 5.0, "refused": each} for place, each in enumerate([9, 9, 0, 0])]

    assert recovery_s(step(rows=rows)) == 2.0


def soak(*web_mb: float) -> dict[str, tuple[float, float]]:
    return change([{"p99": 10.0 + mb / 100, "rss_mb": {"web": mb, "generator": 7.0 * mb}} for mb in web_mb])


def test_a_soak_is_judged_by_what_comes_after_its_first_quarter() -> None:
    assert soak(50, 90, 100, 100, 100, 100, 110, 130) == {"p99": (11.0, 11.2), "web": (100.0, 120.0)}
    assert soak(1, 2, 3) == {}


@pytest.mark.parametrize(("percent", "said"), [(10.0, ["web grew from 100 to 120 MB"]), (16.0, [])])
def test_memory_that_grew_too_much_is_told_but_for_nodes(percent: float, said: list[str]) -> None:
    changes = soak(50, 90, 100, 100, 100, 100, 110, 130) | {"anvil": (79.0, 173.0)}

    assert grown(changes, percent) == said
