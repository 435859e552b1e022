"""Which steps are done, at which rates."""

import argparse
from typing import Any

import pytest

from loadtest.course import Course

OPTIONS = {
    "start": 100.0,
    "factor": 2.0,
    "bisections": 0,
    "max_rate": 1_000_000.0,
    "step_seconds": 10.0,
    "warmup_seconds": 3.0,
    "soak_seconds": 60.0,
    "overload_seconds": 30.0,
    "recovery_seconds": 15.0,
    "soak_only": None,
    "soak_part": 0.8,
}


class Exchange:
    """Breaks above a rate, and remembers what it was asked for."""

    def __init__(self, breaks_above: float) -> None:
        self.asked: list[tuple[str, float, float, float]] = []
        self._breaks_above = breaks_above

    def run(self, kind: str, rate: float, seconds: float, *, drain_s: float) -> dict[str, Any]:
        self.asked.append((kind, rate, seconds, drain_s))
        return {
            "kind": kind,
            "offered": rate,
            "seconds": seconds,
            "broken": "p99 of 80 ms, more than 50 ms" if rate > self._breaks_above else "",
            "interrupted": False,
            "cpu": {"web": 0.95},
            "late_ms": {},
            "queue": {"waiting_max": 0, "stream_max": 0},
            "rows": [{"t": 1.0, "p99": 5.0, "cancel_p99": 5.0, "refused": 0, "errors": 0}] * 2,
        }


def walk(breaks_above: float, **changes: Any) -> tuple[Course, Exchange]:
    exchange = Exchange(breaks_above)
    course = Course(argparse.Namespace(**OPTIONS | changes), exchange.run, cores=2, database="sqlite")
    course.walk()
    return course, exchange


def test_after_the_knee_come_80_then_150_and_50_percent_of_it() -> None:
    course, exchange = walk(250)

    assert exchange.asked == [
        ("warm-up", 100.0, 3.0, 25.0),
        ("ramp", 100.0, 10.0, 25.0),
        ("ramp", 200.0, 10.0, 25.0),
        ("ramp", 400.0, 10.0, 25.0),
        ("soak", 160.0, 60.0, 25.0),
        # What overload leaves behind is what recovery begins with.
        ("overload", 300.0, 30.0, 0.0),
        ("recovery", 100.0, 15.0, 25.0),
    ]
    assert course.knee is not None
    assert (course.knee["rate"], course.knee["broke"], course.knee["limited_by"]) == (200.0, 400.0, "web")
    assert course.recovery_s == 0.0
    assert [step["kind"] for step in course.steps] == ["ramp", "ramp", "ramp", "soak", "overload", "recovery"]


def test_a_soak_may_be_at_another_part_of_the_knee() -> None:
    _, exchange = walk(250, soak_part=0.5, overload_seconds=0)

    assert exchange.asked[-1] == ("soak", 100.0, 60.0, 25.0)


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({"soak_only": 70.0}, ["warm-up", "soak"]),
        ({"soak_only": 70.0, "warmup_seconds": 0}, ["soak"]),
        ({"soak_seconds": 0, "overload_seconds": 0}, ["warm-up", "ramp", "ramp", "ramp"]),
        ({"soak_seconds": 0, "recovery_seconds": 0}, ["warm-up", "ramp", "ramp", "ramp", "overload"]),
    ],
)
def test_what_is_not_asked_for_is_not_done(changes: dict[str, Any], kinds: list[str]) -> None:
    course, exchange = walk(250, **changes)

    assert [asked[0] for asked in exchange.asked] == kinds
    assert course.recovery_s is None
    assert (course.knee is None) is ("soak_only" in changes)


def test_an_overload_without_recovery_waits_for_its_answers() -> None:
    _, exchange = walk(250, recovery_seconds=0)

    assert exchange.asked[-1] == ("overload", 300.0, 30.0, 25.0)


def test_a_course_that_is_interrupted_keeps_what_it_has() -> None:
    exchange = Exchange(250)

    def run(kind: str, rate: float, seconds: float, *, drain_s: float) -> dict[str, Any]:
        return exchange.run(kind, rate, seconds, drain_s=drain_s) | {"interrupted": kind == "soak"}

    course = Course(argparse.Namespace(**OPTIONS), run, cores=2, database="sqlite")
    with pytest.raises(KeyboardInterrupt):
        course.walk()

    assert [step["kind"] for step in course.steps] == ["ramp", "ramp", "ramp", "soak"]
    assert course.knee is not None
