"""Transactions that were final before their blocks were kept: the upgrade has them looked at once more."""

from importlib import import_module

import pytest
from django.apps import apps

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from tests.wallets.payouts import follow
from tests.wallets.test_fee_corrections import again, complaints, cost, final
from wallets.ledger.chart import Owner
from wallets.models import Asset, ChainTransaction, FeeCorrection

migration = import_module("wallets.migrations.0015_doubt_earlier_finals")


def upgrade() -> None:
    """Make the rows as they were, and look at them as the upgrade does."""
    ChainTransaction.objects.update(block_hash="", fee_sent=False)
    migration.doubt(apps, None)


def paid_again(node: Anvil, books: Books) -> None:
    again(node, books, 10**6)
    node.mine(3)
    for _ in range(4):
        follow(node, books)


def test_what_is_where_it_was_has_its_block_again_and_costs_what_it_cost(
    hot: Anvil, eth: Asset, books: Books, rich: User
) -> None:
    """And a deep reorganisation later on is seen."""
    final(hot, books, rich, eth)
    kept = ChainTransaction.objects.get().block_hash
    upgrade()
    doubted = ChainTransaction.objects.get().fee_in_doubt
    for _ in range(2):
        follow(hot, books)

    record = ChainTransaction.objects.get()
    assert (doubted, record.fee_in_doubt, record.block_hash) == (True, False, kept)
    assert FeeCorrection.objects.count() == 0
    paid_again(hot, books)
    assert books.balance(Owner.NETWORK_FEES, eth.pk) == (-cost(hot), 0)
    assert complaints() == []


def test_what_was_mined_again_before_the_upgrade_is_corrected(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    before = final(hot, books, rich, eth)
    ChainTransaction.objects.update(block_hash="")
    paid_again(hot, books)
    unseen = FeeCorrection.objects.count()
    upgrade()
    for _ in range(4):
        follow(hot, books)

    assert (unseen, cost(hot) != before) == (0, True)
    assert books.balance(Owner.NETWORK_FEES, eth.pk) == (-cost(hot), 0)
    assert complaints() == []


@pytest.mark.parametrize("other", ["confirmed", "replaced"])
def test_what_has_its_block_or_no_final_version_is_left_alone(eth: Asset, other: str) -> None:
    """Blocks of versions that are not in the chain are blank for ever."""
    columns = {"asset": eth, "fee_asset": eth, "kind": "withdrawal", "raw": "00", "network_fee": 1, "block_height": 7}
    kept = ChainTransaction.objects.create(txid="kept", status=other, block_hash="0x7", **columns)
    ChainTransaction.objects.create(txid="its version", status="failed", first_version=kept, **columns)
    ChainTransaction.objects.create(txid="under way", status="broadcast", **columns)

    migration.doubt(apps, None)

    assert not ChainTransaction.objects.filter(fee_in_doubt=True).exists()
