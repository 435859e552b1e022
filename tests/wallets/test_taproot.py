"""Deposits to taproot addresses, where an operator wants them."""

from pytest_django.fixtures import Settings

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Bitcoind
from wallets import services
from wallets.deposits.bitcoin import bitcoin_scan
from wallets.deposits.pool import bitcoin_pool_fill
from wallets.models import Asset, Deposit


def test_a_deposit_to_a_taproot_address_is_credited(
    empty_wallet: Bitcoind, btc: Asset, books: Books, alice: User, settings: Settings
) -> None:
    settings.BITCOIN_ADDRESS_TYPE = "bech32m"
    bitcoin_pool_fill(asset=btc, node=empty_wallet.node, size=2)
    address = services.deposit_address_assign(user=alice, asset=btc).address

    empty_wallet.pay(address, 70_000)
    empty_wallet.mine(3)
    for _ in range(2):
        bitcoin_scan(asset=btc, node=empty_wallet.node, send=books.send)

    assert address.startswith("bcrt1p")
    assert Deposit.objects.get().status == "credited"
    assert books.balance(alice.pk, btc.pk) == (70_000, 0)
