"""Puts the simulation's time, names and limits in the place of the real ones, and a database in memory."""

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

from tests.simulation.database import SimulatedDatabase, simulated_database
from tests.simulation.summary import Summary
from tests.simulation.world import World


class SeedFailed(AssertionError):
    """Raised when something did not hold. Says which seed it was, and what had happened until then."""


class _Time:
    """The time module, as far as the runtime uses it."""

    def time_ns(self) -> int:
        return World.current.now_ms() * 1_000_000

    def monotonic(self) -> float:
        return World.current.ms / 1_000

    def sleep(self, seconds: float) -> None:
        World.current.sleep()


@contextmanager
def stage() -> Iterator[SimulatedDatabase]:
    """Set everything up once, for many seeds."""
    time = _Time()
    with simulated_database() as database, ExitStack() as patches:
        for target, replacement in (
            ("mex.clock.time", time),
            ("trading.runtime.loop.time", time),
            ("trading.runtime.lease.identity", lambda: World.current.identity()),
            ("trading.runtime.lease._is_gone", lambda leader: World.current.is_gone(leader)),
        ):
            patches.enter_context(mock.patch(target, replacement))
        logging.disable(logging.CRITICAL)
        interval = sys.getswitchinterval()
        try:
            yield database
        finally:
            sys.setswitchinterval(interval)  # an engine with a second thread has changed it
            logging.disable(logging.NOTSET)


def run_seed(seed: int, database: SimulatedDatabase) -> Summary:
    """Run one seed. Raises SeedFailed."""
    world = World(seed, database)
    commands, entries = world.batch_limits
    with (
        mock.patch("trading.runtime.inbox.BATCH_COMMANDS_MAX", commands),
        mock.patch("trading.runtime.inbox.BATCH_ENTRIES_MAX", entries),
        mock.patch("trading.runtime.loop._OVERLAP_COMMANDS_MIN", world.overlaps_from),
    ):
        try:
            return world.run()
        except Exception as error:
            steps = "\n".join(world.steps)
            message = f"{steps}\nseed {seed}: {type(error).__name__}: {error}\nagain: script/simulate --seed {seed}"
            raise SeedFailed(message) from error
