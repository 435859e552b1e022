"""Chains that we run ourselves: faucet and miner."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wallets.nodes import Bitcoind
from wallets.chains.local import bitcoin_mine, bitcoin_pay, bitcoin_resubmit


@pytest.fixture
def forgetful(tmp_path: Path) -> Iterator[Bitcoind]:
    """A node whose wallet keeps what it sends to itself, as after a kill that lost the mempool."""
    bitcoind = Bitcoind(tmp_path)
    bitcoind.command.append("-walletbroadcast=0")
    bitcoind.start()
    bitcoind.prepare()
    try:
        yield bitcoind
    finally:
        bitcoind.stop()


def test_what_the_node_forgot_is_sent_again(forgetful: Bitcoind) -> None:
    lost = bitcoin_pay(forgetful.faucet, forgetful.fresh_address(), 100_000)
    assert not forgetful.is_pending(lost)

    assert bitcoin_resubmit(forgetful.faucet) == [lost]

    assert forgetful.is_pending(lost)
    assert bitcoin_resubmit(forgetful.faucet) == []
    bitcoin_mine(forgetful.faucet)
    assert bitcoin_resubmit(forgetful.faucet) == []
