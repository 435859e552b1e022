"""Families of transactions on their way into the chain: what is sent, what is sent again, and what is not."""

import pytest

from tests.wallets.desk import PAID, Desk, statuses, stuck
from trading.engine.enums import Reason
from wallets.chains.place import WAITING
from wallets.models import ChainTransaction, Posting
from wallets.pace import Pacer
from wallets.payouts.findings import Finding
from wallets.payouts.follow import families_follow, unfinished

COIN = 100_000_000


def test_a_final_payment_that_a_deep_reorganisation_took_out_is_sent_again(desk: Desk) -> None:
    desk.fund(COIN)
    withdrawal = desk.ask()
    record = desk.sign()[0]
    desk.send()
    block = desk.chain.mine()[0]
    desk.chain.mine(3)
    desk.follow(3)
    was = statuses(withdrawal)
    desk.node.root.call("invalidateblock", block)
    # As with a node that has also forgotten what it had in its memory: another block takes its place without it.
    desk.mine_only()
    gone = desk.node.places([record.txid])[record.txid].confirmations
    desk.follow()
    pending = desk.chain.is_pending(record.txid)
    desk.finish()

    assert (was, gone, pending) == (["confirmed"], 0, True)
    assert desk.chain.received(withdrawal.address) == PAID
    assert Posting.objects.filter(reason=Reason.NETWORK_FEE).count() == 1


@pytest.mark.parametrize(("decided", "times"), [("", 1), ("given back", 0)])
def test_a_lost_payment_is_not_sent_again_when_operators_have_decided_about_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, decided: str, times: int
) -> None:
    desk.fund(COIN)
    desk.ask()
    record = desk.sign()[0]
    desk.send()
    block = desk.chain.mine()[0]
    desk.chain.mine(3)
    desk.follow(3)
    desk.node.root.call("invalidateblock", block)
    desk.mine_only()
    ChainTransaction.objects.update(contradiction_note=decided)
    sent: list[str] = []

    def broadcast(raw: str) -> str:
        sent.append(raw)
        return ""

    monkeypatch.setattr(desk.node, "broadcast", broadcast)
    desk.follow()

    assert sent == [record.raw] * times


def test_what_a_family_has_in_a_block_is_not_sent_any_more(desk: Desk) -> None:
    _, first = stuck(desk)
    second = desk.bump()[0]
    desk.send()
    desk.mine_only(first.raw)
    sent: list[str] = []

    def broadcast(raw: str) -> str:
        sent.append(raw)
        return ""

    rows = unfinished(desk.btc)
    places = desk.node.places([row.txid for row in rows])

    families_follow(
        rows=rows,
        findings={txid: Finding(place, fee=1) for txid, place in places.items()},
        broadcast=broadcast,
        send=desk.books.send,
        pacer=Pacer(),
    )

    assert second.txid in places
    assert sent == []


def test_an_older_version_is_sent_only_while_the_node_refuses_the_newer_ones(desk: Desk) -> None:
    _, first = stuck(desk)
    second = desk.bump()[0]
    sent: list[str] = []
    refused = {second.raw}

    def broadcast(raw: str) -> str:
        sent.append(raw)
        return "refused" if raw in refused else ""

    rows = unfinished(desk.btc)
    findings = {row.txid: Finding(WAITING, fee=row.network_fee) for row in rows}
    for _ in range(2):
        families_follow(rows=rows, findings=findings, broadcast=broadcast, send=desk.books.send, pacer=Pacer())
        refused.clear()

    assert sent == [second.raw, first.raw, second.raw]


def test_one_transaction_that_the_node_cannot_read_does_not_stop_the_others(desk: Desk) -> None:
    desk.fund(COIN)
    ChainTransaction.objects.create(asset=desk.btc, fee_asset=desk.btc, kind="withdrawal", txid="ab" * 32, raw="00")
    withdrawal = desk.ask()
    ChainTransaction.objects.update(confirmations=1)  # so that its bytes are not asked for their coins
    record = desk.sign()[0]
    desk.send()

    assert desk.chain.is_pending(record.txid)
    assert statuses(withdrawal) == ["broadcast"]
