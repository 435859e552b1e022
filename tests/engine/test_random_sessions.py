"""The core against the reference: random sessions, the same events, the invariants after every command."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.shell import Session, replay, restore
from tests.strategies import MARKETS, CancelNth, command_from, opening, sessions
from trading.engine.commands import Command
from trading.engine.snapshot import state_hash

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)


def long_session(seed: int, length: int) -> list[Command | CancelNth]:
    """Return commands drawn evenly from all that a number can stand for."""
    dice = random.Random(seed)
    return [command_from(dice.getrandbits(64), step) for step in range(length)]


@settings(max_examples=80, deadline=None, suppress_health_check=SLOW)
@given(session=sessions(150, 300), batch_size=st.integers(1, 40))
def test_the_core_does_what_the_reference_does(session: list[Command | CancelNth], batch_size: int) -> None:
    both = Session(MARKETS)
    both.run(opening())

    both.run(session, batch_size)


@pytest.mark.parametrize("seed", range(6))
def test_long_sessions_stay_equal_replay_and_restore(seed: int) -> None:
    both = Session(MARKETS)
    both.run(opening())

    both.run(long_session(seed, 2_500))

    assert state_hash(replay(MARKETS, both.log)) == state_hash(both.core)
    assert state_hash(restore(both)) == state_hash(both.core)


@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
@given(session=sessions(100, 200), share=st.integers(1, 9))
def test_a_restored_core_goes_on_as_the_old_one_would(session: list[Command | CancelNth], share: int) -> None:
    both = Session(MARKETS)
    both.run(opening())
    middle = len(session) * share // 10
    both.run(session[:middle])
    old = both.core

    both.core = restore(both)
    assert state_hash(both.core) == state_hash(old)
    both.run(session[middle:])  # the new core against the reference, which never stopped

    assert both.core.sequence == len(both.log)
