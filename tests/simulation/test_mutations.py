"""What is wrong is found: the simulation fails soon when the runtime has one thing wrong."""

import pytest

from tests.simulation.database import SimulatedDatabase
from tests.simulation.mutations import MUTATIONS
from tests.simulation.stage import SeedFailed, run_seed

SEEDS_MAX = 60
"""Of these, one at least must find it. Most are found by the first."""


def run_until_it_fails(database: SimulatedDatabase) -> None:
    for seed in range(SEEDS_MAX):
        run_seed(seed, database)


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_found(simulated: SimulatedDatabase, name: str) -> None:
    with MUTATIONS[name](), pytest.raises(SeedFailed, match=r"again: script/simulate --seed \d+") as found:
        run_until_it_fails(simulated)

    # A mutation that no longer fits what it replaces shows nothing.
    assert not isinstance(found.value.__cause__, TypeError)
