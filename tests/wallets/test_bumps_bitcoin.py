"""Fees that are raised: every version is kept, one of them is mined, and it settles everything exactly once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pytest_django.fixtures import Settings

from tests.wallets.desk import FEE, PAID, Desk, statuses, stuck
from tests.wallets.node_signing import payment_signed
from trading.engine.enums import Reason
from wallets.chains.bitcoin import inputs_of
from wallets.chains.scripts import size_of
from wallets.ledger.chart import Owner
from wallets.models import ChainTransaction, Posting, Withdrawal
from wallets.payouts import bitcoin_bump as module
from wallets.payouts.bitcoin_bump import bitcoin_bump_one
from wallets.payouts.versions import NotBumped

COIN = 100_000_000


def test_a_payment_in_no_block_is_signed_again_for_more_and_paid_once(desk: Desk) -> None:
    asked, first = stuck(desk, 10_000_000, 20_000_000)

    early = desk.bump(after_s=500)
    second = desk.bump()[0]
    stored_only = desk.chain.is_pending(second.txid)
    desk.send()
    pending = [desk.chain.is_pending(row.txid) for row in (first, second)]
    desk.finish()

    assert (early, stored_only, pending) == ([], False, [False, True])
    assert second.first_version == first
    assert second.network_fee is not None
    assert first.network_fee is not None
    assert second.network_fee > first.network_fee
    assert statuses(*asked) == ["confirmed", "confirmed"]
    assert [desk.chain.received(one.address) for one in asked] == [10_000_000 - FEE, 20_000_000 - FEE]
    assert {one.transaction_id for one in asked} == {second.pk}
    assert versions() == [(first.txid, "replaced"), (second.txid, "confirmed")]
    assert fees_booked(desk) == second.network_fee


def test_the_old_version_that_is_mined_after_all_settles_the_withdrawals(desk: Desk) -> None:
    asked, first = stuck(desk, 10_000_000, 20_000_000)
    second = desk.bump()[0]
    desk.send()
    desk.mine_only(first.raw)
    desk.follow()
    seen = [one.transaction_id for one in refreshed(asked)]
    desk.finish()

    assert seen == [first.pk, first.pk]
    assert statuses(*asked) == ["confirmed", "confirmed"]
    assert versions() == [(first.txid, "confirmed"), (second.txid, "replaced")]
    assert fees_booked(desk) == first.network_fee
    assert [desk.chain.received(one.address) for one in asked] == [10_000_000 - FEE, 20_000_000 - FEE]


def test_another_version_may_be_mined_after_a_reorganisation(desk: Desk) -> None:
    asked, first = stuck(desk)
    second = desk.bump()[0]
    desk.send()
    block = desk.chain.mine(2)[0]
    desk.follow()
    counted = ChainTransaction.objects.get(pk=second.pk).confirmations
    desk.node.root.call("invalidateblock", block)
    desk.follow()
    uncounted = ChainTransaction.objects.get(pk=second.pk).confirmations
    desk.mine_only(first.raw)
    desk.follow()
    desk.finish()

    assert (counted, uncounted) == (2, 0)
    assert statuses(*asked) == ["confirmed"]
    assert asked[0].transaction_id == first.pk
    assert desk.chain.received(asked[0].address) == PAID
    assert versions() == [(first.txid, "confirmed"), (second.txid, "replaced")]
    assert fees_booked(desk) == first.network_fee


def test_a_version_is_raised_again_and_again_up_to_the_ceiling(desk: Desk, settings: Settings) -> None:
    settings.BITCOIN_FEE_CEILING = 4
    asked, _ = stuck(desk)
    rates = []
    for _ in range(4):
        desk.bump()
        desk.send()
        rates.append(round((ChainTransaction.objects.order_by("-pk")[0].fee_rate or 0) / 1000))
    desk.finish()

    assert rates == [3, 4, 4, 4]
    assert ChainTransaction.objects.count() == 3
    assert statuses(*asked) == ["confirmed"]
    assert desk.chain.received(asked[0].address) == PAID
    assert Posting.objects.filter(reason=Reason.NETWORK_FEE).count() == 1


def test_without_a_block_since_nothing_is_stuck(desk: Desk) -> None:
    desk.fund(COIN)
    desk.ask()
    record = desk.sign()[0]
    desk.send()
    # A test's blocks are made faster than their clock goes, so theirs is ahead of ours.
    tip = datetime.fromtimestamp(desk.node.tip_time_s(), UTC)
    ChainTransaction.objects.update(created_at=tip + timedelta(seconds=2))

    waiting = desk.bump(after_s=10_000)
    ChainTransaction.objects.update(created_at=tip - timedelta(seconds=1))
    stuck = desk.bump(after_s=10_000)

    assert waiting == []
    assert [row.first_version for row in stuck] == [record]


def test_what_the_node_has_dropped_for_a_higher_minimum_is_raised_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    desk.fund(COIN)
    withdrawal = desk.ask()
    first = desk.sign()[0]  # never sent: as if the node had refused it
    monkeypatch.setattr(type(desk.node), "fee_minimum", lambda node: 7_000)

    second = desk.bump(after_s=0)[0]
    again = desk.bump(after_s=0)
    desk.send()
    desk.finish()

    assert second.fee_rate is not None
    assert second.fee_rate >= 7_000
    assert again == []
    assert set(inputs_of(first.raw)) <= set(inputs_of(second.raw))
    assert statuses(withdrawal) == ["confirmed"]
    assert desk.chain.received(withdrawal.address) == PAID


def test_a_bump_takes_a_further_coin_when_the_change_is_too_small_and_keeps_it_locked(desk: Desk) -> None:
    desk.fund(50_000_300)
    withdrawal = desk.ask(50_002_000)
    first = desk.sign()[0]
    desk.fund(COIN)

    second = desk.bump()[0]
    left = desk.node.coins()
    desk.send()
    desk.finish()

    assert len(inputs_of(first.raw)) == 1
    assert len(inputs_of(second.raw)) == 2
    assert left == []
    assert statuses(withdrawal) == ["confirmed"]


def test_a_crash_after_storing_a_bump_is_made_good(desk: Desk) -> None:
    asked, first = stuck(desk)
    second = desk.bump()[0]  # and here the worker dies
    known = desk.chain.is_pending(first.txid)

    for _ in range(2):
        desk.sign()
        desk.bump(after_s=0)
        desk.send()
        desk.follow()
    desk.finish()

    assert known
    assert statuses(*asked) == ["confirmed"]
    assert versions() == [(first.txid, "replaced"), (second.txid, "confirmed")]
    assert desk.chain.received(asked[0].address) == PAID


def test_two_signers_store_one_bump(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    _, first = stuck(desk)
    build = module._build

    def overtaken(*args: object) -> object:
        signed = build(*args)  # type: ignore[arg-type]
        if ChainTransaction.objects.count() == 1:
            monkeypatch.setattr(module, "_build", build)
            desk.bump()
        return signed

    monkeypatch.setattr(module, "_build", overtaken)
    desk.bump()

    assert ChainTransaction.objects.filter(first_version=first).count() == 1


def test_a_bump_is_not_stored_once_a_version_is_in_a_block(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, first = stuck(desk)
    build = module._build

    def mined_meanwhile(*args: object) -> object:
        signed = build(*args)  # type: ignore[arg-type]
        desk.chain.mine()
        desk.follow()
        return signed

    monkeypatch.setattr(module, "_build", mined_meanwhile)
    bumped = desk.bump()
    desk.finish()

    assert bumped == []
    assert statuses(*asked) == ["confirmed"]
    assert desk.node.inputs_locked() <= set(inputs_of(first.raw))
    assert ChainTransaction.objects.get() == first


def test_a_bump_that_leaves_out_the_coins_of_the_first_version_is_never_stored(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, first = stuck(desk)
    fund = type(desk.node).payment_fund

    def other_coins(node: object, payments: object, rate: int, **options: object) -> str:
        return fund(node, payments, rate)  # type: ignore[arg-type]

    monkeypatch.setattr(type(desk.node), "payment_fund", other_coins)
    bumped = desk.bump()
    monkeypatch.undo()

    assert bumped == []
    assert ChainTransaction.objects.get() == first


def test_change_that_is_spent_already_is_raised_by_who_spends_it(desk: Desk) -> None:
    desk.fund(COIN)
    one = desk.ask(10_000_000)
    parent = desk.sign()[0]
    desk.send()
    other = desk.ask(10_000_000)
    child = desk.sign()[0]
    desk.send()
    desk.mine_only()

    bumped = desk.bump()
    desk.send()
    desk.finish()

    assert [txid for txid, _ in inputs_of(child.raw)] == [parent.txid]
    assert [row.first_version for row in bumped] == [child]
    assert statuses(one, other) == ["confirmed", "confirmed"]
    with pytest.raises(NotBumped):
        bitcoin_bump_one(asset=desk.btc, node=desk.node, txid=parent.txid)


def test_an_operator_has_the_fee_raised_at_any_time(desk: Desk) -> None:
    desk.fund(COIN)
    withdrawal = desk.ask()
    first = desk.sign()[0]
    desk.send()

    txid = bitcoin_bump_one(asset=desk.btc, node=desk.node, txid=first.txid)
    again = bitcoin_bump_one(asset=desk.btc, node=desk.node, txid=first.txid)
    desk.send()
    desk.finish()

    assert ChainTransaction.objects.get(txid=txid).first_version == first
    assert ChainTransaction.objects.get(txid=again).status == "confirmed"
    assert statuses(withdrawal) == ["confirmed"]
    with pytest.raises(NotBumped):
        bitcoin_bump_one(asset=desk.btc, node=desk.node, txid=first.txid)


def test_a_fee_follows_the_estimate_between_floor_and_ceiling(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.BITCOIN_FEE_FLOOR, settings.BITCOIN_FEE_CEILING = 3, 20
    desk.fund(COIN, COIN, COIN, COIN)
    rates = []
    for estimate in (None, 1_000, 9_000, 500_000):
        monkeypatch.setattr(type(desk.node), "fee_estimate", lambda node, blocks, value=estimate: value)
        desk.ask(1_000_000)
        record = desk.sign()[0]
        rates.append(round((record.fee_rate or 0) / 1000))
        assert record.network_fee == pytest.approx(rates[-1] * size_of(record.raw), rel=0.02)

    assert rates == [3, 3, 9, 20]


def test_a_fee_above_the_ceiling_is_neither_stored_nor_sent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.BITCOIN_FEE_CEILING = 10
    desk.fund(COIN)
    withdrawal = desk.ask()
    fund = type(desk.node).payment_fund

    def dear(node: object, payments: object, rate: int, **options: object) -> str:
        return fund(node, payments, 12_000, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(type(desk.node), "payment_fund", dear)
    desk.sign()
    monkeypatch.undo()
    dear_one = payment_signed(desk.node, withdrawal.address, PAID, 12)
    settings.BITCOIN_FEE_CEILING = 10

    assert statuses(withdrawal) == ["held"]
    assert not ChainTransaction.objects.exists()
    assert "exceeds maximum" in desk.node.broadcast(dear_one.raw)


def test_the_node_itself_estimates(desk: Desk) -> None:
    rate = desk.node.fee_estimate(3)

    assert rate is None or rate > 0
    assert desk.node.fee_minimum() == int(desk.node.root.call("getmempoolinfo")["mempoolminfee"] * Decimal(10) ** 8)


def versions() -> list[tuple[str, str]]:
    """Return txid and status of all that was signed."""
    return list(ChainTransaction.objects.order_by("pk").values_list("txid", "status"))


def refreshed(asked: list[Withdrawal]) -> list[Withdrawal]:
    statuses(*asked)
    return asked


def fees_booked(desk: Desk) -> int:
    """Return the network fees in the ledger."""
    return -desk.books.balance(Owner.NETWORK_FEES, desk.btc.pk)[0]
