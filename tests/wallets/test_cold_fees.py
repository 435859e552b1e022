"""Fees of transfers to the cold address on Ethereum: signed elsewhere, and never in the way of what comes next."""

import pytest

from accounts.models import User
from mex.errors import OfferRefused
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from tests.wallets.payouts import ETHER, finish, follow, fresh_address, request, rows, send_stored, sign, status
from tests.wallets.test_bumps_ethereum import bump, dear, grow_old
from tests.wallets.test_cold_ethereum import COLD, accept, cover, signed, watch
from tests.wallets.test_cold_ethereum import hot as hot  # its fixture
from tests.wallets.tokens import UNITS
from trading.engine.enums import Reason
from wallets.chains.ethereum import GWEI
from wallets.cold.offers import offer_nonce
from wallets.cold.unsigned import unsigned_read
from wallets.ledger.audit import check_database
from wallets.models import Asset, ChainTransaction, ColdOffer, Posting
from wallets.payouts.ethereum_bumps import ethereum_bump_one
from wallets.payouts.versions import NotBumped


def complaints() -> list[str]:
    """Return what the audit says about cold transfers and fees."""
    return [
        text
        for finding in check_database()
        if "cold" in finding.name or "network fee" in finding.name
        for text in finding.first
    ]


@pytest.mark.parametrize(("gwei_more", "taken"), [(0, True), (1, False)])
def test_what_would_be_mined_next_for_certain_is_taken_and_nothing_less(
    hot: Anvil, gwei_more: int, taken: bool
) -> None:
    """A block may ask for an eighth more than the one before, and a tip on top."""
    offer = watch(hot)["ETH"]
    most = unsigned_read(offer.unsigned).fee_per_gas - GWEI  # without the least tip
    hot.call("anvil_setNextBlockBaseFeePerGas", hex(most * 8 // 9 + gwei_more * GWEI))
    hot.mine()

    if taken:
        assert accept(hot, offer, signed(offer)).kind == "cold"
        return
    with pytest.raises(OfferRefused, match="Its fee is too low by now"):
        accept(hot, offer, signed(offer))
    assert not ChainTransaction.objects.exists()


def test_an_offer_whose_fee_is_too_low_gives_way_to_one_that_is_not(hot: Anvil) -> None:
    old = watch(hot)["ETH"]
    dear(hot, 40)
    new = watch(hot)["ETH"]

    old.refresh_from_db()
    assert (old.withdrawn_at is not None, offer_nonce(new)) == (True, offer_nonce(old))
    assert unsigned_read(new.unsigned).fee_per_gas > 40 * GWEI
    assert accept(hot, new, signed(new)).kind == "cold"


def test_nothing_is_offered_that_would_be_too_low_at_once(hot: Anvil) -> None:
    """Just below the ceiling: an offer would be withdrawn at the next look, again and again."""
    hot.call("anvil_setNextBlockBaseFeePerGas", hex(490 * GWEI))
    hot.mine()

    assert (watch(hot), ColdOffer.objects.count()) == ({}, 0)


@pytest.mark.parametrize("code", ["ETH", "USDT"])
def test_a_transfer_that_waits_for_a_block_is_replaced_and_booked_once(
    hot: Anvil, eth: Asset, books: Books, alice: User, code: str
) -> None:
    """The withdrawal after it has the next nonce: it would wait for ever."""
    books.give(alice.pk, eth.pk, 10 * UNITS)
    offer = watch(hot)[code]
    accept(hot, offer, signed(offer))
    send_stored(hot)
    withdrawal = request(alice, eth, books, fresh_address(), UNITS)
    dear(hot, 20)
    sign(hot, eth)
    send_stored(hot)
    hot.mine()
    follow(hot, books)
    stuck = status(withdrawal)
    grow_old()
    bump(hot)
    finish(hot, books)

    old, new = ChainTransaction.objects.filter(kind="cold").order_by("pk")
    assert stuck == "broadcast"
    assert (new.nonce, new.recipient, new.amount, new.first_version) == (0, COLD.address, old.amount, old)
    assert rows() == [("cold", 0, "replaced"), ("withdrawal", 1, "confirmed"), ("cold", 0, "confirmed")]
    assert status(withdrawal) == "confirmed"
    posting = Posting.objects.get(reason=Reason.COLD)
    assert (posting.amount, posting.reference) == (offer.amount, f"cold:{old.pk}")
    assert cover(code)[1] == offer.amount
    assert complaints() == []
    assert watch(hot).get(code) is None


def test_an_operator_may_raise_its_fee_at_once(hot: Anvil, eth: Asset, books: Books) -> None:
    offer = watch(hot)["ETH"]
    record = accept(hot, offer, signed(offer))

    ethereum_bump_one(asset=eth, node=hot.node, txid=record.txid)
    finish(hot, books)

    assert rows() == [("cold", 0, "replaced"), ("cold", 0, "confirmed")]
    assert Posting.objects.get(reason=Reason.COLD).amount == offer.amount
    with pytest.raises(NotBumped):
        ethereum_bump_one(asset=eth, node=hot.node, txid=record.txid)


def test_the_other_version_after_a_deep_reorganisation_is_booked_once(hot: Anvil, eth: Asset, books: Books) -> None:
    offer = watch(hot)["ETH"]
    first = accept(hot, offer, signed(offer))
    send_stored(hot)
    dear(hot, 20)
    grow_old()
    bump(hot)
    finish(hot, books, blocks=4)
    hot.call("anvil_reorg", 4, [])
    hot.call("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    hot.node.broadcast(first.raw)
    hot.mine(4)
    for _ in range(6):
        follow(hot, books)

    assert rows() == [("cold", 0, "confirmed"), ("cold", 0, "replaced")]
    assert hot.balance(COLD.address) == 7 * ETHER
    assert Posting.objects.filter(reason=Reason.COLD).count() == 1
    assert complaints() == []
