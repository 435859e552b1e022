"""Nonces of payments that must not come back: filled at once, and for more than nodes still have waiting with them."""

from collections.abc import Callable
from typing import TypeAlias

import pytest
from pytest_django import Settings

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from tests.wallets.payouts import UNIT, coin, finish, follow, fresh_address, request, rows, send_stored, sign, status
from wallets.chains import keys
from wallets.chains.ethereum import GWEI
from wallets.chains.ethereum_raw import call_of
from wallets.models import Asset, ChainTransaction, Withdrawal
from wallets.payouts import ethereum_gaps
from wallets.payouts.contradictions import contradiction_decide, contradictions_open
from wallets.payouts.ethereum_bumps import ethereum_bump_one
from wallets.payouts.ethereum_fees import Fees
from wallets.payouts.ethereum_senders import Sender
from wallets.payouts.records import Kind

AMOUNT = 200_000_000
NET = (AMOUNT - 50_000) * UNIT
REFUSES = "0x60006000fd"
Losing: TypeAlias = Callable[[Anvil, Asset, Books, User], Withdrawal]


def fill(node: Anvil) -> None:
    ethereum_gaps.ethereum_gaps_fill(asset=coin(), node=node.node)
    send_stored(node)


def pay(user: User, eth: Asset, books: Books) -> Withdrawal:
    return request(user, eth, books, fresh_address(), AMOUNT)


def fees(row: ChainTransaction) -> tuple[int, int]:
    call = call_of(row.raw)
    return call.fee_per_gas, call.tip_per_gas


def given_back(node: Anvil, eth: Asset, books: Books, user: User) -> Withdrawal:
    """Return a withdrawal that failed and was given back, whose transaction the chain has lost and the node kept."""
    before = node.call("evm_snapshot")
    payment = pay(user, eth, books)
    sign(node, eth)
    node.call("anvil_setCode", payment.address, REFUSES)
    finish(node, books)
    finish(node, books)
    assert (status(payment), ChainTransaction.objects.get().status) == ("rejected", "failed")
    node.call("evm_revert", before)
    follow(node, books)
    node.node.broadcast(ChainTransaction.objects.get().raw)
    return payment


def decided(node: Anvil, eth: Asset, books: Books, user: User) -> Withdrawal:
    """Return a settled withdrawal that paid nothing the second time, was decided about, and is lost as above."""
    payment = pay(user, eth, books)
    sign(node, eth)
    finish(node, books, blocks=4)
    assert status(payment) == "confirmed"
    node.call("anvil_reorg", 4, [])
    node.call("anvil_setCode", payment.address, REFUSES)
    follow(node, books)
    node.mine(4)
    for _ in range(4):
        follow(node, books)
    contradiction_decide(ChainTransaction.objects.get(), note="paid outside", send=books.send)
    node.call("anvil_reorg", 4, [])
    node.call("anvil_setCode", payment.address, "0x")
    follow(node, books)
    node.node.broadcast(ChainTransaction.objects.get().raw)
    return payment


def settle(node: Anvil, books: Books) -> None:
    """Mine until everything is final and its fee is right."""
    finish(node, books, blocks=4)
    for _ in range(3):
        follow(node, books)


def test_a_filler_outbids_what_the_node_put_back_into_its_pool(
    hot: Anvil, eth: Asset, books: Books, rich: User
) -> None:
    """geth does so with what was in a block that is gone: a filler for less would be refused, and the payment mined."""
    payment = given_back(hot, eth, books, rich)
    later = pay(rich, eth, books)
    sign(hot, eth)
    fill(hot)
    settle(hot, books)

    failed = ChainTransaction.objects.get(nonce=0, kind="withdrawal")
    filler = ChainTransaction.objects.get(kind="filler")
    assert [hot.balance(one.address) for one in (payment, later)] == [0, NET]
    assert rows() == [("withdrawal", 0, "failed"), ("withdrawal", 1, "confirmed"), ("filler", 0, "confirmed")]
    assert all(new * 8 >= old * 9 for new, old in zip(fees(filler), fees(failed), strict=True))
    assert not contradictions_open().exists()


@pytest.mark.parametrize("lost", [given_back, decided])
def test_a_filler_that_offers_too_little_is_raised_above_what_had_its_nonce(
    hot: Anvil, eth: Asset, books: Books, rich: User, lost: Losing
) -> None:
    """As it was signed before: then a raise, too, must outbid the payment, and not only the filler."""
    payment = lost(hot, eth, books, rich)
    before = ChainTransaction.objects.get()
    hot_wallet = Sender(keys.hot_address(), keys.generation_newest())
    ethereum_gaps._fill(eth, hot_wallet, 0, Fees(GWEI + 1, GWEI // 2), before)
    filler = ChainTransaction.objects.get(kind="filler")
    ethereum_bump_one(asset=eth, node=hot.node, txid=filler.txid)
    settle(hot, books)

    raised = ChainTransaction.objects.get(kind="filler", status="confirmed")
    assert raised.pk != filler.pk
    assert all(new * 8 >= old * 9 for new, old in zip(fees(raised), fees(before), strict=True))
    assert hot.balance(payment.address) == 0


@pytest.mark.parametrize("lost", [given_back, decided])
def test_what_must_not_pay_is_filled_also_where_nothing_waits_behind_it(
    hot: Anvil, eth: Asset, books: Books, rich: User, lost: Losing, caplog: pytest.LogCaptureFixture
) -> None:
    payment = lost(hot, eth, books, rich)
    before = ChainTransaction.objects.get()
    fill(hot)
    fill(hot)
    settle(hot, books)

    assert hot.balance(payment.address) == 0
    assert rows() == [("withdrawal", 0, before.status), ("filler", 0, "confirmed")]
    assert caplog.text.count("let a payment return that is not to be made any more") == 1
    assert not contradictions_open().exists()
    assert ChainTransaction.objects.get(pk=before.pk).contradiction_note == before.contradiction_note


def test_what_is_mined_again_or_is_sent_again_is_not_filled(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    """A failed payment that is back in a block as such, and a settled one that only has to go once more."""
    given_back(hot, eth, books, rich)
    hot.call("anvil_setCode", Withdrawal.objects.get().address, REFUSES)
    hot.mine()
    second = pay(rich, eth, books)
    sign(hot, eth)
    finish(hot, books, blocks=4)
    hot.call("anvil_reorg", 4, [])
    follow(hot, books)
    fill(hot)
    settle(hot, books)

    assert rows() == [("withdrawal", 0, "failed"), ("withdrawal", 1, "confirmed")]
    assert hot.balance(second.address) == NET


def test_a_filler_that_the_chain_loses_may_be_raised_and_the_decision_stays(
    hot: Anvil, eth: Asset, books: Books, rich: User
) -> None:
    """With too low a fee it would keep everything waiting, and let the payment come back."""
    payment = decided(hot, eth, books, rich)
    fill(hot)
    settle(hot, books)
    filler = ChainTransaction.objects.get(kind="filler")
    hot.call("anvil_reorg", 4, [])
    for _ in range(2):
        hot.call("anvil_setNextBlockBaseFeePerGas", hex(20 * GWEI))
        hot.mine()
        follow(hot, books)
    ethereum_bump_one(asset=eth, node=hot.node, txid=filler.txid)
    settle(hot, books)
    settle(hot, books)

    assert rows() == [("withdrawal", 0, "confirmed"), ("filler", 0, "replaced"), ("filler", 0, "confirmed")]
    assert ChainTransaction.objects.earliest("pk").contradiction_note == "paid outside"
    assert hot.balance(payment.address) == 0
    assert not contradictions_open().exists()


def test_a_nonce_that_cannot_be_outbid_is_said_and_hides_no_other(
    hot: Anvil, eth: Asset, books: Books, rich: User, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    given_back(hot, eth, books, rich)
    settings.ETHEREUM_FEE_CEILING_GWEI = fees(ChainTransaction.objects.get())[0] // GWEI
    for _ in range(2):
        fill(hot)

    assert not ChainTransaction.objects.filter(kind=Kind.FILLER).exists()
    assert caplog.text.count("what had it offers as much as may be") == 1
