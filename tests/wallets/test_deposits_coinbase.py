"""Deposits that a block pays: whoever mines to an address of ours. They can be spent, and are credited, much later."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.deposits import audit_deposits, postings_of, scan_bitcoin
from tests.wallets.nodes import Bitcoind, prepared_bitcoind
from trading.engine.enums import Reason
from wallets import services
from wallets.chains.place import GONE
from wallets.deposits.pool import bitcoin_pool_fill
from wallets.models import Asset, Deposit

SUBSIDY = 5_000_000_000
NEEDED = 101


@pytest.fixture
def young(tmp_path: Path, run_keys: None) -> Iterator[Bitcoind]:
    """A node of its own, whose blocks pay 50 BTC: those of the shared one pay ever less."""
    with prepared_bitcoind(tmp_path / "bitcoind") as node:
        yield node


@pytest.fixture
def address(young: Bitcoind, btc: Asset, alice: User) -> str:
    bitcoin_pool_fill(asset=btc, node=young.node, size=1)
    return services.deposit_address_assign(user=alice, asset=btc).address


def mined_to(young: Bitcoind, address: str) -> str:
    """Mine a block that pays an address, and return its hash."""
    return str(young.node.root.call("generatetoaddress", 1, address)[0])


def state() -> tuple[str, int, int]:
    """Return status, confirmations, and how many are needed, of the only deposit."""
    row = Deposit.objects.get()
    return row.status, row.confirmations, row.confirmations_needed


@pytest.mark.parametrize("large", [False, True])
def test_what_a_block_pays_is_pending_until_it_can_be_spent(
    young: Bitcoind, btc: Asset, books: Books, alice: User, address: str, large: bool
) -> None:
    if large:
        Asset.objects.filter(pk=btc.pk).update(large_amount=1_000, large_confirmations=6)
    scan_bitcoin(young, btc, books)
    mined_to(young, address)
    scan_bitcoin(young, btc, books)
    seen = [state()]
    for blocks in (2, 5, NEEDED - 9):
        young.mine(blocks)
        scan_bitcoin(young, btc, books)
        seen.append(state())
    spendable = young.node.coins()
    young.mine()
    scan_bitcoin(young, btc, books)

    assert seen == [("confirming", depth, NEEDED) for depth in (1, 3, 8, 100)]
    assert spendable == []
    assert state() == ("credited", NEEDED, NEEDED)
    assert [coin.satoshis for coin in young.node.coins()] == [SUBSIDY]
    assert books.balance(alice.pk, btc.pk) == (SUBSIDY, 0)


def test_what_a_block_paid_long_ago_is_credited_at_once(
    young: Bitcoind, btc: Asset, books: Books, alice: User, address: str
) -> None:
    mined_to(young, address)
    young.mine(NEEDED - 1)

    scan_bitcoin(young, btc, books)

    assert state() == ("credited", NEEDED, NEEDED)
    assert books.balance(alice.pk, btc.pk) == (SUBSIDY, 0)


def test_one_whose_block_is_lost_is_orphaned_and_returns_with_it(
    young: Bitcoind, btc: Asset, books: Books, alice: User, address: str
) -> None:
    block = mined_to(young, address)
    young.mine(4)
    scan_bitcoin(young, btc, books)
    before = state()

    young.node.root.call("invalidateblock", block)
    young.mine(6)
    young.settle()
    scan_bitcoin(young, btc, books)
    lost = state()
    young.node.root.call("reconsiderblock", block)
    young.node.root.call("invalidateblock", young.node.root.call("getblockhash", 111))
    young.mine()
    young.settle()
    scan_bitcoin(young, btc, books)

    assert (before, lost) == (("confirming", 5, NEEDED), ("orphaned", GONE.confirmations, NEEDED))
    assert state() == ("confirming", 6, NEEDED)
    assert books.balance(alice.pk, btc.pk) == (0, 0)


def test_one_that_is_lost_after_it_was_credited_is_taken_back(
    young: Bitcoind, btc: Asset, books: Books, alice: User, address: str
) -> None:
    block = mined_to(young, address)
    young.mine(NEEDED - 1)
    scan_bitcoin(young, btc, books)
    credited = state()[0]

    young.node.root.call("invalidateblock", block)
    young.mine(NEEDED)
    young.settle()
    scan_bitcoin(young, btc, books)
    lost = Deposit.objects.get()
    young.mine(NEEDED + 1)
    scan_bitcoin(young, btc, books, 3)

    assert (credited, lost.status, lost.lost_at_height is not None) == ("credited", "orphaned", True)
    assert state()[0] == "reversed"
    assert books.balance(alice.pk, btc.pk) == (0, 0)
    assert postings_of(alice, Reason.REVERSAL) == [("first", SUBSIDY)]
    assert audit_deposits() == []
