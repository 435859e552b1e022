"""What got slower than committed is told, once another attempt has shown it too."""

import argparse
from collections.abc import Collection
from pathlib import Path

import pytest

from bench import __main__ as command
from bench import guard
from bench.report import Figure, Report

NAME = "web, daphne | orders | bare echo"


def report_of(ratio: float, fault: str = "") -> Report:
    figure = Figure("web, daphne", "orders", 1_000 * ratio, "orders/s", ratio, "bare echo")
    return Report(figures=[figure], origins={NAME: "web"}, wrong=[fault] if fault else [])


@pytest.mark.parametrize(("ratio", "is_slower"), [(0.61, False), (0.46, False), (0.44, True)])
def test_a_quarter_less_than_committed_is_slower(ratio: float, is_slower: bool) -> None:
    assert bool(guard.slower(report_of(ratio), {NAME: 0.6})) is is_slower


def test_what_is_not_committed_is_not_compared() -> None:
    assert guard.slower(report_of(0.1), {"web, daphne | orders | stock echo": 0.6}) == {}


def test_a_ratio_that_should_be_low_is_not_compared(tmp_path: Path) -> None:
    path = tmp_path / "committed.json"
    figure = Figure("history", "page", 20.0, "ms", 1.2, "a short history", is_ceiling=True)

    guard.commit(Report(figures=[figure]), path)

    assert guard.committed(path) == {}
    assert guard.slower(Report(figures=[figure]), {guard.key(figure): 2.0}) == {}


def test_committed_ratios_are_kept_beside_new_ones_the_lowest_of_all_looks(tmp_path: Path) -> None:
    path = tmp_path / "committed.json"
    for ratio in (0.7, 0.6, 0.9):
        guard.commit(report_of(ratio), path)
    other = Figure("core", "active", 1.0, "orders/s", 0.7, "peer")

    guard.commit(Report(figures=[other]), path)

    assert guard.committed(path) == {NAME: 0.6, "core | active | peer": 0.7}


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[Report]:
    """What further attempts find, in turn; each is asked for the one part that seems slower."""
    found: list[Report] = []

    def measure(names: Collection[str], arguments: argparse.Namespace, folder: Path) -> Report:
        assert set(names) == {"web"}
        return found.pop(0)

    monkeypatch.setattr(command, "measure", measure)
    monkeypatch.setattr(guard, "committed", lambda: {NAME: 0.6})
    return found


def test_what_is_slow_once_is_measured_again_and_forgiven(attempts: list[Report], tmp_path: Path) -> None:
    report = report_of(0.3)
    attempts += [report_of(0.4), report_of(0.5, fault="an answer was wrong")]

    command.look_again(report, argparse.Namespace(), tmp_path)

    assert (report.slower, report.wrong) == ([], ["an answer was wrong"])
    assert report.figures[0].ratio == 0.5


def test_what_stays_slow_is_told(attempts: list[Report], tmp_path: Path) -> None:
    report = report_of(0.3)
    attempts += [report_of(0.4), report_of(0.2)]

    command.look_again(report, argparse.Namespace(), tmp_path)

    assert report.slower == ["web, daphne, orders: 0.40 × bare echo, committed is 0.60"]
