"""What readers of market data got is summed up in full, and what they missed is told at any number of them."""

import json
from typing import Any

import pytest

from bench import sockets
from bench.report import Report
from bench.rounds import RunFailed
from bench.sockets import settled
from bench.sockets_client import Listener, Readers


def told(ages_ms: list[tuple[int, int]], *, behind: int = 0, gaps: int = 0) -> dict[str, Any]:
    """Return an answer of the readers, as it comes from their process."""
    answer: dict[str, Any] = json.loads(json.dumps({"ages_ms": ages_ms, "gaps": gaps, "lost": 0, "behind": behind}))
    return answer


def test_updates_that_come_late_count_with_their_age() -> None:
    answers = [told([(1, 60), (2, 10)], behind=30), told([(500, 29)], behind=1, gaps=1), told([(900, 1)], gaps=1)]

    result = settled(lambda: answers.pop(0))

    assert result == {"frames": 100, "p50_ms": 1, "p99_ms": 900, "gaps": 1, "lost": 0, "behind": 0}
    assert answers == []


def test_readers_that_stay_behind_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "_SETTLE_S_MAX", 0.0)

    assert settled(lambda: told([(3, 1)], behind=2))["behind"] == 2


def test_no_update_at_all_is_no_result() -> None:
    with pytest.raises(RunFailed, match="no update reached any reader"):
        settled(lambda: told([]))


def test_readers_tell_ages_once_and_faults_for_good() -> None:
    readers = Readers("ws://nowhere")
    readers.listeners = [Listener(readers), Listener(readers)]
    readers.ages_ms.update([7, 5, 7])
    readers.gaps, readers.listeners[0].last = 1, 9

    faults = {"gaps": 1, "lost": 0, "behind": 1}
    assert readers.told() == {"ages_ms": [(5, 1), (7, 2)], **faults}
    assert readers.told() == {"ages_ms": [], **faults}


def run_of(**faults: int) -> dict[str, Any]:
    """Return what one run told."""
    found = {"gaps": 0, "lost": 0, "behind": 0} | faults
    return {"p50_ms": 1, "p99_ms": 2, "web_cores": 0.5, "frames": 10, "seconds": 1.0, **found}


@pytest.mark.parametrize(
    ("count", "faults", "wrong", "words"),
    [
        (5_000, {}, [], ""),
        (5_000, {"behind": 3}, ["5,000 sockets: {'behind': 3}"], "; 3 behind"),
        (5_001, {"behind": 3}, [], "; 3 behind"),  # so many need not be served, and late is slow
        (10_000, {"gaps": 1_000, "behind": 3}, ["10,000 sockets: {'gaps': 1000}"], "; 1,000 gaps; 3 behind"),
        (10_000, {"lost": 2}, ["10,000 sockets: {'lost': 2}"], "; 2 lost"),
    ],
)
def test_faults_are_told_at_any_number(count: int, faults: dict[str, int], wrong: list[str], words: str) -> None:
    report = Report()

    sockets._report_fan_out(report, "daphne", count, [run_of(), run_of(**faults)])

    assert report.wrong == wrong
    assert report.figures[0].note == f"p99 2 ms; 0.50 cores of the web process{words}"
