"""Orders are compared with each echo, in rounds that begin with another one each, and with the database."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bench import guard, web
from bench.report import Report

RATES = {
    "echo, bare": 100.0,
    "echo, bare, our frames": 400.0,
    "echo, stock": 50.0,
    "orders, PostgreSQL": 200.0,
    "orders, SQLite": 180.0,
}


def run_of(what: str, **more: Any) -> dict[str, Any]:
    """Return what one run told."""
    told = {
        "per_second": RATES[what],
        "p99_ms": 5.0,
        "cores": {"web": 0.9, "clients": 0.5},
        "answers": {"placed": 70, "cancelled": 20},
        "placed": 100,
        "rows": 100,
    }
    return told | more


def report_of(server: str, **more: Any) -> Report:
    report = Report()
    web._report(report, server, {what: [run_of(what, **more)] for what in RATES})
    return report


def test_the_goal_is_judged_against_the_echo_that_is_served_alike() -> None:
    figures = report_of("daphne").figures

    assert [(figure.name, figure.ratio, figure.against, figure.goal) for figure in figures] == [
        ("echo, bare", None, "", None),
        ("echo, bare, our frames", None, "", None),
        ("echo, stock", None, "", None),
        ("orders, PostgreSQL", 2.0, "bare echo", None),
        ("orders, PostgreSQL", 0.5, "bare echo, our frames", 0.5),
        ("orders, PostgreSQL", 4.0, "stock echo", 1.0),
        ("orders, SQLite", 1.8, "bare echo", None),
        ("orders, SQLite", 0.45, "bare echo, our frames", None),
        ("orders, SQLite", 3.6, "stock echo", None),
        ("orders, SQLite", 0.9, "PostgreSQL", 0.7),
    ]
    assert [figure.goal for figure in report_of("uvicorn").figures if figure.goal] == []


def test_what_did_not_take_effect_is_told_as_a_share() -> None:
    answers = {"placed": 60, "cancelled": 30, "-2011": 9, "-1008": 1}

    figures = report_of("daphne", answers=answers).figures

    ending = "cores: web 0.90, clients 0.50; 9.0 % rejected by rule (-2011); 1.0 % refused (-1008)"
    assert figures[3].note == f"p99 5 ms; {ending}"


def test_orders_that_are_not_in_the_database_are_wrong() -> None:
    assert report_of("daphne").wrong == []
    assert report_of("daphne", rows=99).wrong == [
        "web, daphne: orders, PostgreSQL: 100 orders were accepted, 99 are in the database",
        "web, daphne: orders, SQLite: 100 orders were accepted, 99 are in the database",
    ]


def test_each_round_begins_with_another_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []

    def run(what: str) -> dict[str, Any]:
        measured.append(what)
        return run_of(what)

    def cases(*_: object) -> list[tuple[str, Callable[[], dict[str, Any]]]]:
        return [(what, partial(run, what)) for what in RATES]

    monkeypatch.setattr(web, "_cases", cases)

    web.measure(Report(), Path(), lambda _: None, rounds=2, part=1, servers=("daphne",))

    first, *others = RATES
    assert measured == [first, *others, *others, first]


def test_without_postgresql_its_figures_are_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    report = Report()
    monkeypatch.setattr(web, "postgres_programs", lambda: None)

    web.measure(report, Path(), lambda _: None, rounds=1, part=1, servers=())

    assert list(report.skipped) == ["web on PostgreSQL"]
    keys = [guard.key(figure) for figure in report_of("daphne").figures if figure.ratio]
    assert guard.absent(report, keys) == [
        f"web, daphne | orders, SQLite | {against}" for against in ("bare echo", "bare echo, our frames", "stock echo")
    ]
