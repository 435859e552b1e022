"""The core against the reference: random sessions, the same events, the invariants after every command.

MEX_TEST_SEED=n runs the session of that seed only, MEX_TEST_COMMANDS=n makes sessions so long: with both, any failure
is repeated. `python -m tests.engine.long_run` runs as many commands as there is time for.
"""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.long_run import SIZES
from tests.engine.recipes import Recipe
from tests.engine.shell import Session, replay, restore
from tests.strategies import MARKETS, opening, seeded, sessions
from trading.engine.snapshot import state_hash

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)
SEEDS = [int(os.environ["MEX_TEST_SEED"])] if "MEX_TEST_SEED" in os.environ else list(range(6))
COMMANDS = int(os.environ.get("MEX_TEST_COMMANDS", "2500"))


@settings(max_examples=40, suppress_health_check=SLOW)
@given(session=sessions(100, 200), size=st.integers(1, 40))
def test_the_core_does_what_the_reference_does(session: list[Recipe], size: int) -> None:
    both = Session(MARKETS)
    both.run(opening())

    both.run(session, (size,))


@pytest.mark.parametrize("seed", SEEDS)
def test_long_sessions_stay_equal_replay_and_restore(seed: int) -> None:
    print(f"repeat with MEX_TEST_SEED={seed} MEX_TEST_COMMANDS={COMMANDS}")
    both = Session(MARKETS)
    both.run(opening())

    both.run(seeded(seed, COMMANDS), SIZES)

    assert state_hash(replay(both)) == state_hash(both.core)
    assert state_hash(restore(both)) == state_hash(both.core)


@settings(max_examples=10, suppress_health_check=SLOW)
@given(session=sessions(150, 300), restart_every=st.integers(1, 60))
def test_a_restored_core_goes_on_as_the_old_one_would(session: list[Recipe], restart_every: int) -> None:
    both = Session(MARKETS)
    both.run(opening())

    both.run(session, (3, 1, 7), restart_every)  # each new core against the reference, which never stopped

    assert both.core.sequence == both.steps
