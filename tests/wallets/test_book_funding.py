"""Coins that came into the hot wallet by an operator's hand are booked once, whatever two operators say of them."""

import threading

import pytest
from django.db import connection

from mex.errors import OfferRefused
from tests.wallets.books import Books
from trading.engine.commands import Transfer
from trading.engine.enums import Reason
from wallets.cold.funding import Arrival, arrival_booking
from wallets.ledger.chart import Owner
from wallets.models import Asset, Posting

COIN = 100_000_000
ARRIVAL = Arrival("ab" * 32, COIN, 3, None)


@pytest.fixture
def cold(btc: Asset, books: Books) -> Asset:
    """Bitcoin, with two coins at cold addresses, as the ledger has it."""
    books.send([Transfer("cold:1", Owner.COLD, Owner.CHAIN, btc.pk, 2 * COIN, Reason.COLD)])
    return btc


@pytest.mark.parametrize("first", [True, False])
def test_what_is_on_its_way_to_the_ledger_is_not_booked_from_elsewhere_too(
    cold: Asset, books: Books, first: bool
) -> None:
    """The trap: until the engine has posted the first one, nothing in the ledger says that the coins are taken."""
    booking = arrival_booking(cold, ARRIVAL, from_cold=first)
    with pytest.raises(OfferRefused, match="already"):
        arrival_booking(cold, ARRIVAL, from_cold=not first)

    books.send([booking, arrival_booking(cold, ARRIVAL, from_cold=first)])  # a repeat, as after a lost answer

    (posting,) = Posting.objects.exclude(reference="cold:1")
    assert (posting.amount, posting.reference) == (COIN, f"{'cold-return' if first else 'funding'}:{ARRIVAL.txid}")
    with pytest.raises(OfferRefused, match="booked already"):
        arrival_booking(cold, ARRIVAL, from_cold=first)


def test_of_two_operators_at_once_one_books_it(cold: Asset, books: Books) -> None:
    together = threading.Barrier(2, timeout=10)
    booked: list[Transfer] = []
    refused: list[str] = []

    def operator(from_cold: bool) -> None:
        try:
            together.wait()
            booked.append(arrival_booking(cold, ARRIVAL, from_cold=from_cold))
        except OfferRefused as refusal:
            refused.append(refusal.message)
        finally:
            connection.close()

    threads = [threading.Thread(target=operator, args=[from_cold]) for from_cold in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    books.send(booked)

    assert (len(booked), len(refused)) == (1, 1)
    assert Posting.objects.exclude(reference="cold:1").count() == 1


def test_what_is_refused_claims_nothing(cold: Asset) -> None:
    """An operator who asked too early, or for more than is cold, may still say what is right later."""
    for arrival in (Arrival(ARRIVAL.txid, COIN, 2, None), Arrival(ARRIVAL.txid, 3 * COIN, 3, None)):
        with pytest.raises(OfferRefused):
            arrival_booking(cold, arrival, from_cold=True)

    assert arrival_booking(cold, ARRIVAL, from_cold=False).credit == Owner.FUNDING


def test_the_same_transaction_may_bring_another_asset(cold: Asset, eth: Asset) -> None:
    arrival_booking(cold, ARRIVAL, from_cold=False)

    assert arrival_booking(eth, ARRIVAL, from_cold=False).asset == eth.pk
