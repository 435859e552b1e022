"""Many withdrawals in one Bitcoin transaction, and none of them in the way of another."""

import uuid
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from tests.wallets.desk import AMOUNT, FEE, PAID, Desk, later, statuses
from trading.engine.enums import HoldState
from wallets.chains.bitcoin import BitcoinNode, PaymentRefused, inputs_of
from wallets.chains.psbt import psbt_read
from wallets.chains.scripts import script_of, transaction_of
from wallets.models import ChainTransaction, Hold
from wallets.pace import Aside
from wallets.payouts import bitcoin as payouts_bitcoin
from wallets.payouts import bitcoin_build
from wallets.payouts.bitcoin import bitcoin_sign
from wallets.payouts.bitcoin_batch import batch_next
from wallets.payouts.records import payable

COIN = 100_000_000


def test_withdrawals_of_a_while_are_paid_by_one_transaction_each_to_the_last_unit(desk: Desk) -> None:
    desk.fund(5 * COIN)
    asked = [desk.ask(10_000_000 + number) for number in range(7)]

    records = desk.sign()
    desk.send()
    desk.finish()

    assert len(records) == 1
    assert statuses(*asked) == ["confirmed"] * 7
    assert [desk.chain.received(one.address) for one in asked] == [10_000_000 + number - FEE for number in range(7)]
    record = ChainTransaction.objects.get()
    assert record.amount == sum(one.amount - one.fee for one in asked)
    in_wallet = desk.node.rpc.call("gettransaction", record.txid)
    assert int(-in_wallet["fee"] * 10**8) == record.network_fee


def test_a_batch_is_paid_when_the_oldest_has_waited_or_it_is_full(desk: Desk, settings: Settings) -> None:
    settings.BITCOIN_BATCH_S, settings.BITCOIN_BATCH_MAX = 30, 3
    desk.fund(5 * COIN, 5 * COIN, COIN)  # whichever the wallet takes for three, one is left for the fourth
    first, second = desk.ask(), desk.ask()

    too_soon = desk.sign(after_s=20)
    third, fourth = desk.ask(), desk.ask()
    full = desk.sign(after_s=20)
    after_full = statuses(first, second, third, fourth)
    waited = desk.sign(after_s=31)

    assert (len(too_soon), len(full), len(waited)) == (0, 1, 1)
    assert after_full == ["signed", "signed", "signed", "held"]
    assert statuses(fourth) == ["signed"]


def test_two_withdrawals_to_one_address_are_both_paid(desk: Desk) -> None:
    desk.fund(COIN, COIN)
    address = desk.chain.fresh_address()
    asked = [desk.ask(10_000_000, address), desk.ask(20_000_000, address), desk.ask(30_000_000)]

    records = desk.sign()
    desk.send()
    desk.finish()

    assert len(records) == 2
    assert statuses(*asked) == ["confirmed"] * 3
    assert desk.chain.received(address) == 30_000_000 - 2 * FEE


def test_what_cannot_be_paid_does_not_keep_the_rest_of_its_batch_waiting(desk: Desk) -> None:
    desk.btc.withdrawal_fee, desk.btc.withdrawal_min = 100, 200
    desk.btc.save()
    desk.fund(COIN, COIN)
    dust = desk.ask(300)
    large = desk.ask(5 * COIN)
    others = [desk.ask(1_000_000) for _ in range(3)]

    desk.sign()
    desk.send()
    desk.finish()

    assert statuses(dust, large, *others) == ["held", "held", "confirmed", "confirmed", "confirmed"]


def test_many_that_cannot_be_paid_do_not_hide_a_later_one(desk: Desk) -> None:
    desk.fund(10_000_000)
    hopeless = [desk.ask(20_000_000) for _ in range(30)]
    payable = desk.ask(1_000_000)

    desk.sign()

    assert statuses(payable) == ["signed"]
    assert statuses(*hopeless) == ["held"] * 30


def test_a_hot_wallet_that_is_short_pays_as_many_as_it_can_and_the_rest_later(desk: Desk) -> None:
    desk.fund(COIN, COIN)
    asked = [desk.ask(60_000_000) for _ in range(5)]

    for _ in range(3):
        desk.sign()
        desk.send()
    desk.finish()
    first = statuses(*asked).count("confirmed")
    desk.fund(5 * COIN)
    desk.sign()
    desk.send()
    desk.finish()

    assert first == 3
    assert statuses(*asked) == ["confirmed"] * 5
    assert [desk.chain.received(one.address) for one in asked] == [60_000_000 - FEE] * 5


def test_an_unpayable_one_does_not_end_the_waiting_of_a_batch(desk: Desk, settings: Settings) -> None:
    settings.BITCOIN_BATCH_S = 30
    desk.fund(COIN)
    large, aside = desk.ask(5 * COIN), Aside()

    bitcoin_sign(asset=desk.btc, node=desk.node, aside=aside, now=lambda: later(40))
    small = desk.ask(1_000_000)
    bitcoin_sign(asset=desk.btc, node=desk.node, aside=aside, now=lambda: later(20))
    young = statuses(large, small)
    bitcoin_sign(asset=desk.btc, node=desk.node, aside=aside, now=lambda: later(40))

    assert young == ["held", "held"]
    assert statuses(large, small) == ["held", "signed"]


def test_what_is_put_aside_is_tried_ever_less_often() -> None:
    clock = [0.0]
    aside = Aside(clock=lambda: clock[0])
    key = uuid.uuid4()
    seen = []
    for _ in range(7):
        aside.put(key)
        start = clock[0]
        while key in aside:
            clock[0] += 1
        seen.append(clock[0] - start)

    assert seen == [2, 4, 8, 16, 32, 60, 60]
    aside.put(key)
    aside.take([key])
    assert key not in aside


def test_one_that_may_not_be_signed_is_left_out_of_its_batch(desk: Desk) -> None:
    desk.fund(COIN)
    wrong, right = desk.ask(10_000_000), desk.ask(10_000_000)
    Hold.objects.filter(reference=wrong.reference).update(state=HoldState.RELEASED)

    records = desk.sign()

    assert statuses(wrong, right) == ["held", "signed"]
    assert len(records) == 1
    assert script_of(wrong.address) not in [bytes(out.scriptPubKey) for out in transaction_of(records[0].raw).vout]
    assert desk.node.inputs_locked() == set(inputs_of(records[0].raw))


def test_a_batch_that_dies_before_it_is_sent_is_sent_with_its_stored_bytes(desk: Desk) -> None:
    desk.fund(COIN, COIN)
    asked = [desk.ask(10_000_000) for _ in range(4)]
    stored = desk.sign()[0]  # and here the worker dies

    for _ in range(2):
        desk.sign()
        desk.send()
        desk.follow()
    desk.finish()

    assert ChainTransaction.objects.get().raw == stored.raw
    assert statuses(*asked) == ["confirmed"] * 4
    assert [desk.chain.received(one.address) for one in asked] == [10_000_000 - FEE] * 4


@pytest.mark.parametrize("kind", ["legacy", "p2sh-segwit", "bech32", "bech32m"])
def test_every_standard_kind_of_address_is_paid(desk: Desk, kind: str) -> None:
    desk.fund(COIN)
    withdrawal = desk.ask(address=desk.chain.fresh_address(kind))

    desk.sign()
    desk.send()
    desk.finish()

    assert statuses(withdrawal) == ["confirmed"]
    assert desk.chain.received(withdrawal.address) == PAID


def test_scripts_are_paid_as_the_node_reads_their_addresses(desk: Desk) -> None:
    desk.fund(COIN, COIN)
    key = desk.chain.faucet.rpc.call("getaddressinfo", desk.chain.fresh_address())["pubkey"]
    address = str(desk.node.root.call("createmultisig", 1, [key], "bech32")["address"])
    withdrawal = desk.ask(address=address)

    record = desk.sign()[0]
    desk.send()
    desk.finish()

    assert len(desk.node.root.call("validateaddress", address)["witness_program"]) == 64  # P2WSH
    assert statuses(withdrawal) == ["confirmed"]
    mined = desk.node.root.call("getrawtransaction", record.txid, 1)
    assert [out["value"] for out in mined["vout"] if out["scriptPubKey"].get("address") == address] == [
        type(mined["vout"][0]["value"])(PAID) / 10**8
    ]


@pytest.mark.parametrize("kind", ["legacy", "p2sh-segwit", "bech32", "bech32m"])
def test_our_scripts_are_those_of_the_node(desk: Desk, kind: str) -> None:
    address = desk.chain.fresh_address(kind)

    assert script_of(address).hex() == desk.node.root.call("validateaddress", address)["scriptPubKey"]


def test_coins_at_both_kinds_of_deposit_addresses_are_spent_together(desk: Desk, settings: Settings) -> None:
    desk.fund(COIN)
    settings.BITCOIN_ADDRESS_TYPE = "bech32m"
    desk.fund(COIN)
    withdrawal = desk.ask(150_000_000)

    record = desk.sign()[0]
    desk.send()
    desk.finish()

    kinds = {
        desk.node.root.call("getrawtransaction", txid, 1)["vout"][number]["scriptPubKey"]["type"]
        for txid, number in inputs_of(record.raw)
    }
    assert kinds == {"witness_v0_keyhash", "witness_v1_taproot"}
    assert statuses(withdrawal) == ["confirmed"]


def test_a_transaction_that_pays_something_else_is_not_signed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.fund(COIN)
    withdrawal = desk.ask()
    elsewhere, fund = desk.chain.fresh_address(), type(desk.node).payment_fund
    signed = []
    monkeypatch.setattr(bitcoin_build, "psbt_sign", signed.append)
    monkeypatch.setattr(
        type(desk.node),
        "payment_fund",
        lambda node, payments, rate, **options: fund(node, [(elsewhere, payments[0][1])], rate, **options),
    )

    desk.sign()

    monkeypatch.undo()

    assert statuses(withdrawal) == ["held"]
    assert not signed
    assert not ChainTransaction.objects.exists()


def test_a_coin_that_another_signer_stored_meanwhile_is_not_spent_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.fund(COIN)
    first, second = desk.ask(10_000_000), desk.ask(20_000_000)
    build = payouts_bitcoin.payment_build

    def overtaken(*args: object, **options: object) -> object:
        signed = build(*args, **options)  # type: ignore[arg-type]
        if not ChainTransaction.objects.exists():
            ChainTransaction.objects.create(
                asset=desk.btc, fee_asset=desk.btc, kind="withdrawal", txid=signed.txid[::-1], raw=signed.raw
            )
        return signed

    monkeypatch.setattr(payouts_bitcoin, "payment_build", overtaken)
    desk.sign()

    assert statuses(first, second) == ["held", "held"]
    assert ChainTransaction.objects.count() == 1


def test_refusals_of_one_payment_are_told_from_trouble_with_the_node(desk: Desk) -> None:
    desk.fund(COIN)
    address = desk.chain.fresh_address()

    for payments in ([(address, 100)], [("bcrt1qqqq", AMOUNT)], [(address, AMOUNT)] * 2, [(address, 9 * COIN)]):
        with pytest.raises(PaymentRefused):
            desk.node.payment_fund(payments, 2_000)


def test_a_deposit_that_is_not_final_pays_nobody(desk: Desk) -> None:
    desk.fund(COIN, blocks=2)
    withdrawal = desk.ask()

    desk.sign()
    too_young = statuses(withdrawal)
    left_locked = desk.node.inputs_locked()
    desk.chain.mine()
    desk.sign()

    assert (too_young, left_locked) == (["held"], set())
    assert statuses(withdrawal) == ["signed"]


def test_change_of_our_own_pays_before_it_is_final(desk: Desk) -> None:
    desk.fund(COIN)
    asked = [desk.ask(10_000_000)]
    desk.sign()
    desk.send()
    for _ in range(3):
        asked.append(desk.ask(10_000_000))
        desk.sign()
        desk.send()
        desk.mine_only()
    desk.finish()

    assert statuses(*asked) == ["confirmed"] * 4


@pytest.mark.parametrize("changed", ["change", "fee"])
def test_a_node_that_keeps_what_is_left_over_gets_no_signature(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    """Nothing is signed when the change goes to somebody else, nor when there is none and all of it is the fee."""
    desk.fund(COIN)
    withdrawal = desk.ask()
    honest, signed = type(desk.node).payment_fund, []
    thief = desk.chain.fresh_address()

    def dishonest(node: BitcoinNode, payments: list[tuple[str, int]], rate: int, **options: object) -> str:
        coin = psbt_read(honest(node, payments, rate)).inputs[0]
        outputs = [{address: Decimal(amount) / COIN} for address, amount in payments]
        if changed == "change":
            outputs.append({thief: Decimal(COIN - payments[0][1] - 300) / COIN})
        bare = node.root.call("createpsbt", [{"txid": coin.txid, "vout": coin.number}], outputs)
        return str(node.rpc.call("walletprocesspsbt", bare, False)["psbt"])

    monkeypatch.setattr(type(desk.node), "payment_fund", dishonest)
    monkeypatch.setattr(bitcoin_build, "psbt_sign", signed.append)
    desk.sign()
    monkeypatch.undo()

    assert signed == []
    assert statuses(withdrawal) == ["held"]


@pytest.mark.parametrize("rate", [2_000, 37_000, 100_000])
def test_one_that_takes_more_inputs_than_the_wallet_counts_rightly_is_paid(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, rate: int
) -> None:
    # A count above 252 takes three bytes. The wallet forgets two of them and refuses its own transaction:
    # "Internal bug detected: Fee needed > fee paid".
    few, small = 150, 1_000_000
    for _ in range(2):
        desk.fund(*[small] * few, blocks=1)
    desk.chain.mine(2)
    large, other = desk.ask(260 * small), desk.ask(5 * small)
    monkeypatch.setattr(BitcoinNode, "fee_estimate", lambda node, blocks: rate)

    records = desk.sign()
    desk.send()

    assert statuses(large, other) == ["broadcast"] * 2
    assert max(len(inputs_of(record.raw)) for record in records) > 252
    assert all(record.fee_rate and rate * 99 // 100 <= record.fee_rate <= rate * 103 // 100 for record in records)


def test_what_a_batch_is_made_of_is_read_at_once(desk: Desk) -> None:
    asked = [desk.ask(10_000_000) for _ in range(3)]

    waiting = payable(desk.btc, 10)
    with CaptureQueriesContext(connection) as queries:
        batch = batch_next(waiting, later(60))
        satoshis = [payouts_bitcoin.amount_of(row, desk.btc) for row in batch]

    assert [row.pk for row in batch] == [row.pk for row in asked]
    assert satoshis == [10_000_000 - FEE] * 3
    assert len(queries) == 0
