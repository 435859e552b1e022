"""What load tests found becomes figures; what is not kept, or missing in the market data, is wrong."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench import __main__ as command
from bench import load
from bench.report import Figure, Report
from bench.rounds import RunFailed

KEPT = {"ok": True, "missing_count": 0, "twice_count": 0, "done_count": 0, "audit": "clean"}


def step(kind: str, throughput: float, p99: float = 30.0, **more: Any) -> dict[str, Any]:
    """Return a step, as loadtest/steps.py tells it."""
    return {
        "kind": kind,
        "seconds": 15.0,
        "offered": throughput,
        "throughput": throughput,
        "sent": 1_000,
        "refused": 0,
        "broken": "",
        "latency_ms": {"p99": p99, "max": 2 * p99},
        "cancel_latency_ms": {"p99": p99 + 1},
        "market_data": {"gaps": 0},
    } | more


def course(rate: float, *steps: dict[str, Any], recovery_s: float | None = 1.0, **more: Any) -> dict[str, Any]:
    """Return the result of a whole course."""
    all_steps = [step("ramp", rate), *steps, step("overload", rate * 1.4, refused=100), step("recovery", 99_999.0)]
    knee = {"rate": rate, "sentence": f"holds {rate:g}"}
    return {"knee": knee, "recovery_s": recovery_s, "verification": KEPT, "steps": all_steps, **more}


def by_name(figures: Sequence[Figure]) -> dict[str, Figure]:
    return {figure.name: figure for figure in figures}


def test_the_knee_is_told_against_the_echo_of_its_round() -> None:
    runs = [course(rate, step("soak", rate, p99)) for rate, p99 in ((100.0, 20.0), (300.0, 80.0), (200.0, 40.0))]

    figures = by_name(load._of_knee([1_000.0, 1_000.0, 4_000.0], runs))

    held = figures["held with a p99 of 50 ms"]
    assert (held.value, held.ratio, held.against) == (200.0, 0.1, "bare echo")
    assert held.note == "holds 100; holds 300; holds 200"
    soak = figures["p99 at 80 % of it"]
    assert (soak.value, soak.is_met, soak.note) == (
        41.0,
        True,
        "in each run 21, 81, 41",
    )  # of cancels, which took longer


def test_beyond_the_knee_the_peak_is_of_whatever_was_offered() -> None:
    runs = [course(100.0, step("search", 200.0)), course(100.0), course(100.0, recovery_s=None)]

    figures = by_name(load._of_beyond([1_000.0] * 3, runs))

    kept = figures["acknowledged at 150 % of that"]
    # 140 of 200, and twice all of it: what is left behind for the recovery is no rate.
    assert (kept.value, kept.ratio, kept.goal, kept.note) == (140.0, 1.0, 0.9, "10 % refused")
    assert load._of_beyond([1_000.0], runs[:1])[1].ratio == 0.7
    assert figures["the slowest of these"].value == 60.0
    assert (figures["recovery from that"].value, figures["recovery from that"].note) == (1.0, "1 of 3 never recovered")
    never = load._of_beyond([1_000.0], runs[2:])[-1]
    assert (never.value, never.is_met) == (15.0, False)


def test_a_soak_is_judged_by_what_grew_but_for_what_fills_up() -> None:
    change = {"web": [100.0, 120.0], "engine": [100.0, 130.0], "anvil": [50.0, 90.0], "p99": [20.0, 22.0]}
    run = {"steps": [step("soak", 500.0, 49.5, change=change, broken="p99 of 50.5 ms")]}

    figures = by_name(load._of_soak(run))

    assert {name: figure.is_met for name, figure in figures.items()} == {
        "p99 at 500 requests/s": False,
        "memory of web, last quarter": True,
        "memory of engine, last quarter": False,
        "memory of anvil, last quarter": None,
        "p99 of a second, last quarter": True,
    }
    assert figures["p99 of a second, last quarter"].ratio == 1.1
    assert figures["p99 at 500 requests/s"].note == "p99 of 50.5 ms"


class Command:
    """A load test that ends at once; keeps what it was given."""

    def __init__(self, result: dict[str, Any] | None, code: int) -> None:
        self.result, self.code = result, code
        self.words: list[str] = []

    def run(self, words: list[str], tree: Path) -> tuple[int, str]:
        self.words = words
        if self.result is not None:
            Path(words[words.index("--json") + 1]).write_text(json.dumps(self.result))
        return self.code, "what was said"


def result_of(monkeypatch: pytest.MonkeyPatch, result: dict[str, Any] | None, code: int) -> list[str]:
    """Let a load test end so, and return what is wrong then."""
    program, report = Command(result, code), Report()
    monkeypatch.setattr(load, "_run", program.run)
    assert load._load_test(report, Path("/tree"), "--quick") == json.loads(json.dumps(result))
    assert program.words[-1] == "--quick"
    return report.wrong


def test_what_is_not_kept_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = KEPT | {"ok": False, "missing_count": 2, "twice_count": 1, "done_count": 3}

    assert result_of(monkeypatch, course(1.0), 0) == []
    assert result_of(monkeypatch, course(1.0, verification=lost), 1) == [
        "loadtest --quick: 2 missing, 1 twice, 3 done, audit clean"
    ]
    assert result_of(monkeypatch, course(1.0, step("search", 1.0, market_data={"gaps": 3})), 0) == [
        "loadtest --quick: 3 gaps in the market data"
    ]


@pytest.mark.parametrize(("result", "code"), [(None, 1), (course(1.0), 2)])
def test_a_load_test_that_could_not_be_carried_out_is_no_result(
    monkeypatch: pytest.MonkeyPatch, result: dict[str, Any] | None, code: int
) -> None:
    with pytest.raises(RunFailed, match="what was said"):
        result_of(monkeypatch, result, code)


def test_a_load_test_that_takes_too_long_may_end_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "SECONDS_MAX", 3)
    program = (
        "import signal, sys, time\n"
        "def end(*_): open(sys.argv[1], 'w').close(); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "while True: time.sleep(1)\n"
    )

    with pytest.raises(RunFailed, match="did not end in 3 s"):
        load._run([sys.executable, "-c", program, str(tmp_path / "ended")], tmp_path)

    assert (tmp_path / "ended").exists()


def test_a_run_that_failed_does_not_take_the_other_figures_with_it() -> None:
    report = Report()

    with command._noted(report, "knee"):
        raise RunFailed("no server")

    assert report.wrong == ["knee: a run failed: no server"]


def test_an_hour_at_half_of_the_knee(monkeypatch: pytest.MonkeyPatch) -> None:
    report = Report()
    asked: list[tuple[str, ...]] = []

    def load_test(_: Report, __: Path, *options: str) -> dict[str, Any]:
        asked.append(options)
        return course(500.0, step("soak", 250.0, change={}))

    monkeypatch.setattr(load, "_load_test", load_test)
    monkeypatch.setattr(load, "_is_possible", lambda *_: True)

    load.measure_soak(report, Path("/tree"), is_quick=False)

    assert asked == [("--soak-part", "0.5", "--soak-seconds", "3600", "--overload-seconds", "0")]
    assert [figure.name for figure in report.figures] == ["p99 at 250 requests/s"]


def test_a_quick_look_has_no_ratios_to_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    report = Report()
    monkeypatch.setattr(load, "_is_possible", lambda *_: True)
    monkeypatch.setattr(load, "_echo_rate", lambda *_: 1_000.0)
    monkeypatch.setattr(load, "_load_test", lambda *_: course(40.0, step("soak", 30.0)))

    load.measure_knee(report, Path("/tree"), lambda _: None, rounds=1, part=20, is_quick=True)

    assert len(report.figures) == 6
    assert [figure.ratio for figure in report.figures] == [None] * 6
