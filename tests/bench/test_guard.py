"""What got slower than committed is told, once another attempt has shown it too; so is what nobody measured."""

import argparse
from collections.abc import Collection
from pathlib import Path

import pytest

from bench import __main__ as command
from bench import guard, subjects, trees
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


MEMORY = "sockets, daphne | memory of a connection | kB"


def memory_of(kb: float) -> Report:
    figure = Figure("sockets, daphne", "memory of a connection", kb, "kB", is_ceiling=True, is_watched=True)
    return Report(figures=[figure])


@pytest.mark.parametrize(("kb", "is_more"), [(10.0, False), (49.0, False), (51.0, True)])
def test_what_is_watched_may_be_a_quarter_more_than_committed(kb: float, is_more: bool) -> None:
    sentence = f"sockets, daphne, memory of a connection: {kb:.2f} kB, committed is 40.00"

    assert guard.slower(memory_of(kb), {MEMORY: 40.0}) == ({MEMORY: sentence} if is_more else {})


def test_of_what_is_watched_the_highest_of_all_looks_is_committed(tmp_path: Path) -> None:
    path = tmp_path / "committed.json"
    for kb in (39.0, 41.0, 40.0):
        guard.commit(memory_of(kb), path)

    assert guard.committed(path) == {MEMORY: 41.0}


def test_of_two_attempts_the_one_that_needs_less_is_better() -> None:
    report = memory_of(60.0)

    for kb in (45.0, 50.0):
        guard.take_better(report, memory_of(kb))

    assert report.figures[0].value == 45.0


def test_what_is_committed_and_was_not_measured_is_absent() -> None:
    report = report_of(0.6)
    lost = "web, daphne | orders | stock echo"

    assert guard.absent(report, {NAME: 0.6, lost: 0.9}) == [lost]


def test_what_is_left_out_on_this_machine_is_not_absent() -> None:
    report = report_of(0.6)
    report.skip("engine on PostgreSQL", "no server", "engine, PostgreSQL | *")
    expected = {NAME: 0.6, "engine, PostgreSQL | batches of 10 | bare script": 0.6, "engine, SQLite | x | y": 0.5}

    assert guard.absent(report, expected) == ["engine, SQLite | x | y"]
    assert report.skipped == {"engine on PostgreSQL": "no server"}


def test_without_an_interpreter_for_peers_their_comparisons_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def peer_python(named: str | None) -> Path:
        raise trees.Unavailable("no Python")

    def copy_sources(target: Path) -> Path:
        return target

    monkeypatch.setattr(trees, "peer_python", peer_python)
    monkeypatch.setattr(trees, "copy_sources", copy_sources)
    report = Report()

    subjects.available(tmp_path, report, named_python=None, compiles=False)

    compared = [name for name in guard.committed() if name.startswith(("active", "deep"))]
    assert compared != []
    assert guard.absent(report, compared) == []


@pytest.mark.parametrize(("names", "status"), [([], 3), (["web"], 0)])
def test_what_is_absent_is_a_failure_unless_parts_are_named(
    names: list[str], status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "measure", lambda *_: report_of(0.6))
    monkeypatch.setattr(guard, "committed", lambda: {NAME: 0.6, "pages | home | empty view": 0.8})

    ended = command.main(["--quick", *names])

    assert ended == status
    told = "NOT MEASURED: pages | home | empty view, which is in bench/committed.json"
    assert (told in capsys.readouterr().out) is (status == 3)
