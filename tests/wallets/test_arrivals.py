"""What an operator sends to the Bitcoin hot wallet is booked once, whatever he types."""

import pytest

from mex.errors import OfferRefused
from tests.wallets.desk import Desk
from wallets.cold.funding import arrival_booking, bitcoin_arrival
from wallets.ledger.chart import Owner
from wallets.models import ChainTransaction

COIN = 100_000_000


def test_a_transaction_is_booked_once_however_its_id_is_typed(desk: Desk) -> None:
    """The trap: the node takes capital letters, and a reference with them would be another one."""
    txid = desk.chain.pay(desk.node.change_address(), COIN)
    desk.chain.mine(3)
    arrival = bitcoin_arrival(asset=desk.btc, node=desk.node, txid=txid)
    again = bitcoin_arrival(asset=desk.btc, node=desk.node, txid=txid.upper())

    both = [arrival_booking(desk.btc, one, from_cold=False) for one in (arrival, again)]
    desk.books.send(both)

    assert both[0] == both[1]
    assert desk.books.balance(Owner.FUNDING, desk.btc.pk) == (COIN, 0)
    for is_cold in (False, True):
        with pytest.raises(OfferRefused, match="booked already"):
            arrival_booking(desk.btc, again, from_cold=is_cold)


def test_a_transaction_of_our_own_is_ours_however_its_id_is_typed(desk: Desk) -> None:
    txid = desk.chain.pay(desk.node.change_address(), COIN)
    desk.chain.mine(3)
    ChainTransaction.objects.create(asset=desk.btc, fee_asset=desk.btc, kind="withdrawal", txid=txid, raw="00")

    typed = bitcoin_arrival(asset=desk.btc, node=desk.node, txid=txid.upper())

    with pytest.raises(OfferRefused, match="our own"):
        arrival_booking(desk.btc, typed, from_cold=False)
