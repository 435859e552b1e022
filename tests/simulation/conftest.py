"""The simulation's stage, for the tests of this folder only: while it is set up, time is the simulation's."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="package")
def simulated(django_db_blocker: Any) -> Iterator[Any]:
    """A database in memory, with the simulation's time and names in place of the real ones."""
    from tests.simulation.stage import stage  # models cannot be loaded before Django is

    with django_db_blocker.unblock(), stage() as database:
        yield database
