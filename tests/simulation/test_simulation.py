"""Seeds of the simulation. Each says how to run it again when it fails."""

import os
import subprocess
import sys
from collections import Counter

import pytest

from tests.simulation.database import SimulatedDatabase
from tests.simulation.faults import WHERE
from tests.simulation.stage import run_seed
from tests.tidy.tree import ROOT
from trading.engine import events
from trading.engine.events import Event

SEEDS = 240
"""script/simulate runs more."""
ENDS = {
    "crashed",
    "stopped",
    "another one leads",
    "lost its lease at fence",
    "lost its lease at renew",
    "database error",
    "no pipe at its start",
}


def test_what_must_hold_holds_whatever_goes_wrong(simulated: SimulatedDatabase) -> None:
    struck: Counter[tuple[str, str]] = Counter()
    seen: Counter[type] = Counter()
    ends: Counter[str] = Counter()

    for seed in range(SEEDS):
        summary = run_seed(seed, simulated)
        struck += summary.struck
        seen += summary.seen
        ends += summary.ends

    # Nothing is proved by what did not happen.
    assert {(fault, place) for fault, places in WHERE.items() for place in places} - struck.keys() == set()
    assert set(Event.__args__) - seen.keys() == set()
    assert seen[events.Traded] > 5_000
    assert ENDS - ends.keys() == set()


@pytest.mark.parametrize("seed", [3, 8])
def test_a_seed_gives_the_same_run_each_time(simulated: SimulatedDatabase, seed: int) -> None:
    first, second = run_seed(seed, simulated), run_seed(seed, simulated)

    assert second.steps == first.steps
    assert second.digest == first.digest


def test_a_seed_gives_the_same_run_in_another_process(simulated: SimulatedDatabase) -> None:
    here = run_seed(11, simulated)

    environment = {**os.environ, "PYTHONHASHSEED": "20"}
    command = [sys.executable, "-m", "tests.simulation", "--seed", "11"]
    there = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True, timeout=120)

    assert f"seed 11: {here.digest}\n" in there.stdout
