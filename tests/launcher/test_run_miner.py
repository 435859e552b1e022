"""Blocks come quickly while something waits for them, and hardly at all otherwise."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command

from wallets.management.commands.run_miner import IDLE_S, LINGER_S, Miner


class FakeChain:
    """A chain in memory: the number of transactions of each block, and how many wait."""

    def __init__(self) -> None:
        self.blocks = [0]
        self.pending = 0

    def has_pending(self) -> bool:
        return self.pending > 0

    def height(self) -> int:
        return len(self.blocks) - 1

    def has_transactions(self, height: int) -> bool:
        return self.blocks[height] > 0

    def mine(self) -> None:
        self.blocks.append(self.pending)
        self.pending = 0


def run(miner: Miner, *, start_s: float, for_s: float) -> list[float]:
    """Tick every half second and return the times at which a block was mined."""
    return [start_s + tick / 2 for tick in range(int(for_s * 2)) if miner.tick(start_s + tick / 2)]


def idle_miner(chain: FakeChain, needed: int) -> Miner:
    """Return a miner that has just mined a block, at second 0."""
    miner = Miner(chain, interval_s=2.0, needed=lambda: needed)
    assert miner.tick(0.0)
    return miner


def test_an_idle_chain_grows_by_one_block_in_five_minutes() -> None:
    chain = FakeChain()
    miner = idle_miner(chain, needed=3)

    assert run(miner, start_s=0.5, for_s=2 * IDLE_S) == [IDLE_S, 2 * IDLE_S]


def test_a_transaction_is_seen_unconfirmed_first_and_then_gets_its_confirmations() -> None:
    chain = FakeChain()
    miner = idle_miner(chain, needed=3)
    chain.pending = 1

    mined = run(miner, start_s=100.0, for_s=100)

    # Its own block after a while, two more to have three confirmations, and one to spare.
    assert mined == [100 + LINGER_S, 103.5, 105.5, 107.5]
    assert chain.blocks == [0, 0, 1, 0, 0, 0]


def test_transactions_in_a_row_do_not_speed_the_chain_up() -> None:
    chain = FakeChain()
    miner = idle_miner(chain, needed=1)
    mined = []
    for tick in range(20):
        chain.pending += 1
        if miner.tick(10 + tick / 2):
            mined.append(10 + tick / 2)

    assert mined == [11.5, 13.5, 15.5, 17.5, 19.5]


def test_a_miner_that_starts_late_goes_on_where_confirmations_are_missing() -> None:
    chain = FakeChain()
    chain.blocks = [0, 0, 1, 0]
    miner = Miner(chain, interval_s=2.0, needed=lambda: 3)

    assert run(miner, start_s=0.0, for_s=30) == [0.0, 2.0]


def test_other_peoples_chains_are_not_mined(settings: Any) -> None:
    settings.MEX_LOCAL_CHAINS = False

    with pytest.raises(CommandError, match="only local chains are mined here"):
        call_command("run_miner", "--prepare")
