"""Fees of payments that spend change in no block: they make up for what their parents pay too little, and no more."""

import pytest
from pytest_django.fixtures import Settings

from tests.wallets.desk import Desk, statuses, stuck
from tests.wallets.node_signing import payment_signed
from wallets.chains.bitcoin import inputs_of
from wallets.chains.scripts import PaymentWrong, size_of
from wallets.models import ChainTransaction
from wallets.payouts import bitcoin_bump as module
from wallets.payouts.bitcoin_bump import bitcoin_bump_one
from wallets.payouts.bitcoin_fees import NOTHING, Waiting, fee_allow, rate_of, waiting_before
from wallets.payouts.versions import NotBumped

COIN = 100_000_000
BATCH = Waiting(3_210, 6_420)
"""A batch of a hundred for 2 sat/vB."""
_PAID = 40


def estimate(desk: Desk, monkeypatch: pytest.MonkeyPatch, rate: int) -> None:
    """Let the node estimate a rate, in satoshis per 1,000 vB."""
    monkeypatch.setattr(type(desk.node), "fee_estimate", lambda node, blocks: rate)


def batch_and_child(desk: Desk, monkeypatch: pytest.MonkeyPatch, rate: int) -> tuple[ChainTransaction, ...]:
    """Return a batch for 2 sat/vB in no block, and a payment for this rate that spends its change; both are sent."""
    desk.fund(10 * COIN)
    for _ in range(_PAID):
        desk.ask(1_000_000)
    estimate(desk, monkeypatch, 2_000)
    parent = desk.sign()[0]
    desk.send()
    estimate(desk, monkeypatch, rate)
    desk.ask(10_000_000)
    child = desk.sign()[0]
    desk.send()
    assert [txid for txid, _ in inputs_of(child.raw)] == [parent.txid]
    return parent, child


def package_rate(*rows: ChainTransaction) -> float:
    """Return the satoshis per 1,000 vB that transactions pay together."""
    return 1000 * sum(row.network_fee or 0 for row in rows) / sum(size_of(row.raw) for row in rows)


def test_a_child_of_a_batch_is_raised_again_and_again_by_a_quarter_each(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trap: its fee makes up for the parent; by its own size it pays 40 sat/vB, a quarter more for all is 50."""
    parent, child = batch_and_child(desk, monkeypatch, 5_000)
    versions = [child]
    for _ in range(4):
        desk.mine_only()
        versions += desk.bump()
        desk.send()
    pending = [desk.chain.is_pending(row.txid) for row in versions]
    asked = [row.fee_rate or 0 for row in versions]
    together = [package_rate(parent, row) for row in versions]
    desk.finish()

    assert pending == [False, False, False, False, True]
    assert asked == pytest.approx([5_000, 6_250, 7_812, 9_765, 12_207], rel=0.03)
    assert together == pytest.approx(asked, rel=0.02)
    assert set(ChainTransaction.objects.values_list("status", flat=True)) == {"confirmed", "replaced"}


def test_a_child_of_a_batch_is_paid_and_raised_while_fees_are_high(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own size it pays more than the ceiling of 200 sat/vB; the two together pay 60."""
    parent, child = batch_and_child(desk, monkeypatch, 60_000)
    sent = desk.chain.is_pending(child.txid)
    desk.mine_only()
    second = desk.bump()[0]
    desk.send()
    pending = desk.chain.is_pending(second.txid)
    desk.finish()

    assert (sent, pending) == (True, True)
    assert (child.network_fee or 0) > 200 * size_of(child.raw)
    assert package_rate(parent, child) == pytest.approx(60_000, rel=0.02)
    assert package_rate(parent, second) == pytest.approx(75_000, rel=0.02)
    second.refresh_from_db()
    assert second.status == "confirmed"


def test_the_ceiling_holds_for_a_child_and_its_parent_together(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.BITCOIN_FEE_CEILING = 6
    parent, child = batch_and_child(desk, monkeypatch, 500_000)
    desk.mine_only()
    with pytest.raises(NotBumped, match="allows no more"):
        bitcoin_bump_one(asset=desk.btc, node=desk.node, txid=child.txid)
    fund = type(desk.node).payment_fund

    def dear(node: object, payments: object, rate: int, **options: object) -> str:
        return fund(node, payments, 7_000, **options)  # type: ignore[arg-type]

    withdrawal = desk.ask(10_000_000)
    monkeypatch.setattr(type(desk.node), "payment_fund", dear)
    desk.sign()
    monkeypatch.setattr(type(desk.node), "payment_fund", fund)
    dear_one = payment_signed(desk.node, withdrawal.address, 9_998_000, 7)
    complaint = desk.node.broadcast(dear_one.raw)

    assert package_rate(parent, child) == pytest.approx(6_000, rel=0.02)
    assert statuses(withdrawal) == ["held"]
    assert ChainTransaction.objects.count() == 2
    assert "exceeds maximum" in complaint


def test_once_its_parent_is_mined_a_child_pays_for_itself_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    parent, child = batch_and_child(desk, monkeypatch, 5_000)
    with_parent = waiting_before(desk.node, inputs_of(child.raw))
    desk.mine_only(parent.raw)
    alone = waiting_before(desk.node, inputs_of(child.raw))
    second = desk.bump()[0]
    desk.send()
    pending = desk.chain.is_pending(second.txid)

    assert with_parent == Waiting(size_of(parent.raw), parent.network_fee or 0)
    assert alone == NOTHING
    assert pending
    assert second.network_fee == pytest.approx((child.network_fee or 0) * 1.25, rel=0.03)


def test_what_waits_is_only_what_we_have_stored(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    _, child = batch_and_child(desk, monkeypatch, 5_000)
    desk.ask(10_000_000)
    grandchild = desk.sign()[0]
    inputs = inputs_of(grandchild.raw)
    both = waiting_before(desk.node, inputs)
    monkeypatch.setattr(type(desk.node), "pending", lambda node, txids: set(txids))  # it says so of all
    told = waiting_before(desk.node, inputs)
    ChainTransaction.objects.filter(pk=child.pk).update(txid="ab" * 32)

    assert both == told
    assert both.size > size_of(child.raw)
    assert waiting_before(desk.node, inputs) == NOTHING


def test_a_version_that_pays_no_more_than_the_newest_one_is_not_stored(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a rate costs becomes less when somebody else makes up for the parent, and no node would take the version."""
    _, first = stuck(desk)
    monkeypatch.setattr(module, "_rate", lambda node, newest: newest.fee_rate)

    with pytest.raises(NotBumped, match="would do"):
        bitcoin_bump_one(asset=desk.btc, node=desk.node, txid=first.txid)

    assert ChainTransaction.objects.get() == first
    assert desk.node.inputs_locked() <= set(inputs_of(first.raw))


def test_a_rate_is_that_of_all_that_waits_or_of_itself() -> None:
    assert rate_of(282, 141, NOTHING) == 2_000
    assert rate_of(10_335, 141, BATCH) == 5_000
    assert rate_of(705, 141, Waiting(3_210, 321_000)) == 5_000


@pytest.mark.parametrize(
    ("fee", "waiting", "is_allowed"),
    [
        (29_610, NOTHING, True),
        (29_611, NOTHING, False),
        (0, NOTHING, False),
        (697_290, BATCH, True),
        (697_291, BATCH, False),
        (29_610, Waiting(3_210, 900_000), True),
        (29_611, Waiting(3_210, 900_000), False),
    ],
)
def test_a_fee_is_bounded_by_the_ceiling_for_all_that_it_pays_for(
    settings: Settings, fee: int, waiting: Waiting, is_allowed: bool
) -> None:
    settings.BITCOIN_FEE_CEILING = 200
    if is_allowed:
        fee_allow(fee, 141, waiting)
        return
    with pytest.raises(PaymentWrong):
        fee_allow(fee, 141, waiting)
