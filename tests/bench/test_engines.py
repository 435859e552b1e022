"""Our core and our book do exactly what the oracle says, and a run notices when an engine does not."""

import json
import subprocess
import sys
from dataclasses import asdict

import pytest

from bench import engines
from bench.adapters.bare_book import BareBook
from bench.one_run import run
from bench.oracle import Resting, Trade
from bench.trees import ROOT, environment
from bench.workloads import workload

PART = 50


class Forgetful(BareBook):
    """A book that loses a trade."""

    def handed_over(self) -> list[Trade]:
        found = super().handed_over()
        return found[:3] + found[4:]


class Impatient(BareBook):
    """A book that lets the later order go first, at the end of its queue."""

    def resting(self) -> list[Resting] | None:
        resting = super().resting()
        return resting[::-1] if resting else resting


class Confused(BareBook):
    """A book that tells two trades in the wrong order."""

    def handed_over(self) -> list[Trade]:
        found = super().handed_over()
        return found[:3] + found[3:5][::-1] + found[5:]


@pytest.mark.parametrize("work", ["active", "deep", "one price", "many prices"])
@pytest.mark.parametrize("name", ["mex", "mex-100", "mex-bare"])
def test_trades_and_final_book_are_the_oracles(name: str, work: str) -> None:
    made = workload(work, part=PART)

    answer = run(asdict(made), name, is_collecting=True)

    assert answer["first_wrong"] is None
    assert answer["book_is_right"] is True
    assert answer["trades"] == len(made.trades)
    assert {phase: found["commands"] for phase, found in answer["phases"].items()} == made.phases
    assert answer["commands"] == len(made.commands)


@pytest.mark.parametrize(
    ("kind", "first_wrong", "book_is_right"),
    [(Forgetful, 3, True), (Confused, 3, True), (Impatient, None, False)],
)
def test_a_wrong_engine_is_found_out(
    kind: type[BareBook], first_wrong: int | None, book_is_right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = workload("active", part=PART)
    monkeypatch.setitem(engines.ENGINES, "wrong", f"{__name__}:{kind.__name__}")

    answer = run(asdict(made), "wrong", is_collecting=False)

    assert answer["first_wrong"] == first_wrong
    assert answer["book_is_right"] is book_is_right


@pytest.mark.parametrize("name", ["mex", "mex-bare"])
def test_the_memory_of_resting_orders_is_measured_in_a_process_of_its_own(name: str) -> None:
    command = [sys.executable, "-m", "bench.memory_run", name, "20000"]

    ended = subprocess.run(command, cwd=ROOT, env=environment(ROOT), check=True, text=True, capture_output=True)

    # An order has at least ten attributes of eight bytes.
    assert 80 < json.loads(ended.stdout)["bytes"] < 4_096
