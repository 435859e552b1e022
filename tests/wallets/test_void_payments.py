"""Payments whose coins the chain has taken back, with a deposit that was final: signed anew, and paid once."""

from decimal import Decimal

from tests.wallets.desk import PAID, Desk, statuses
from wallets.chains.bitcoin import inputs_of
from wallets.chains.place import GONE
from wallets.models import ChainTransaction, Withdrawal
from wallets.payouts.bitcoin_build import payment_build
from wallets.payouts.bitcoin_void import void_release
from wallets.payouts.records import withdrawals_signed

COIN = 100_000_000


def void(desk: Desk, *, is_sent: bool = True) -> tuple[Withdrawal, ChainTransaction]:
    """Return a withdrawal, and its transaction, which a reorganisation four blocks deep makes void.

    The deposit that it spends is double spent; one block is on top of that.
    """
    deposit = desk.chain.pay(desk.node.addresses_new(1)[0], COIN)
    block = desk.chain.mine(4)[0]
    withdrawal = desk.ask()
    record = desk.sign()[0]
    if is_sent:
        desk.send()
    assert [txid for txid, _ in inputs_of(record.raw)] == [deposit]
    faucet = desk.chain.faucet.rpc
    raw = str(faucet.call("gettransaction", deposit)["hex"])
    spent = [{"txid": txid, "vout": number} for txid, number in inputs_of(raw)]
    total = sum(
        Decimal(desk.node.root.call("getrawtransaction", item["txid"], 1)["vout"][item["vout"]]["value"])
        for item in spent
    )
    desk.node.root.call("invalidateblock", block)
    other = faucet.call("createrawtransaction", spent, [{desk.chain.fresh_address(): total - Decimal("0.001")}])
    desk.mine_only(faucet.call("signrawtransactionwithwallet", other)["hex"])
    return withdrawal, record


def test_a_payment_whose_coin_was_double_spent_is_signed_anew_once_that_is_final(desk: Desk) -> None:
    withdrawal, first = void(desk)
    desk.fund(COIN, blocks=1)
    desk.follow()
    desk.sign()
    early = statuses(withdrawal)
    desk.chain.mine(2)
    desk.follow()
    given_up = statuses(withdrawal)

    records = desk.sign()
    desk.send()
    desk.finish()

    first.refresh_from_db()
    assert (early, given_up) == (["broadcast"], ["held"])
    assert first.status == "replaced"
    assert len(records) == 1
    assert not set(inputs_of(first.raw)) & set(inputs_of(records[0].raw))
    assert statuses(withdrawal) == ["confirmed"]
    assert desk.chain.received(withdrawal.address) == PAID


def test_a_payment_that_is_only_replaced_or_unknown_is_not_given_up(desk: Desk) -> None:
    desk.fund(COIN)
    withdrawal = desk.ask()
    desk.sign()  # the wallet has never heard of it
    desk.chain.mine(5)
    unsent = desk.node.places([ChainTransaction.objects.get().txid])
    desk.btc.confirmations = 1
    desk.btc.save()
    desk.books.closed = True
    desk.follow()

    assert [place.confirmations for place in unsent.values()] == [-1]
    assert statuses(withdrawal) == ["broadcast"]
    assert ChainTransaction.objects.get().status == "broadcast"


def test_a_payment_that_was_never_sent_is_signed_anew_once_its_coin_is_double_spent_for_good(desk: Desk) -> None:
    """The wallet has never heard of it, which proves nothing; that the deposit which it spends is gone does."""
    withdrawal, first = void(desk, is_sent=False)
    desk.fund(COIN, blocks=1)
    place = desk.node.places([first.txid])[first.txid]
    desk.follow()
    early = statuses(withdrawal)
    desk.chain.mine(1)
    desk.follow()
    given_up = statuses(withdrawal)

    desk.chain.mine(1)
    records = desk.sign()
    desk.send()
    desk.finish()

    first.refresh_from_db()
    assert place is GONE
    assert (early, given_up, first.status) == (["signed"], ["held"], "replaced")
    assert len(records) == 1
    assert statuses(withdrawal) == ["confirmed"]
    assert desk.chain.received(withdrawal.address) == PAID


def test_what_the_wallet_does_not_know_proves_nothing_of_what_spends_it(desk: Desk) -> None:
    desk.fund(COIN)
    withdrawal = desk.ask()
    record = desk.sign()[0]
    desk.btc.confirmations = 1

    void_release(coin=desk.btc, rows=[record], places={record.txid: GONE}, ask=lambda txids: dict.fromkeys(txids, GONE))

    assert statuses(withdrawal) == ["signed"]


def on_replaced_change(desk: Desk) -> tuple[Withdrawal, ChainTransaction]:
    """Return a withdrawal, and its transaction, which spends change of a version that another one replaces.

    The wallet has never heard of it: when it was sent, the node had the other version already.
    """
    desk.fund(COIN)
    desk.ask(10_000_000)
    first = desk.sign()[0]
    desk.send()
    desk.mine_only()
    desk.bump()
    withdrawal = desk.ask()
    signed = payment_build(desk.node, [(withdrawal.address, PAID)], 2_000)
    assert [txid for txid, _ in signed.inputs] == [first.txid]
    record = ChainTransaction(
        asset=desk.btc,
        fee_asset=desk.btc,
        kind="withdrawal",
        txid=signed.txid,
        raw=signed.raw,
        network_fee=signed.fee_satoshis,
    )
    withdrawals_signed([withdrawal], record)
    desk.send()
    assert desk.node.places([signed.txid])[signed.txid] is GONE
    return withdrawal, record


def test_a_payment_with_change_of_a_replaced_version_is_signed_anew_once_the_other_is_final(desk: Desk) -> None:
    withdrawal, record = on_replaced_change(desk)
    desk.chain.mine(2)
    desk.follow(3)
    early = statuses(withdrawal)
    desk.chain.mine(1)
    desk.follow(3)
    given_up = statuses(withdrawal)

    desk.sign()
    desk.send()
    desk.finish()

    record.refresh_from_db()
    assert (early, given_up, record.status) == (["signed"], ["held"], "replaced")
    assert statuses(withdrawal) == ["confirmed"]
    assert desk.chain.received(withdrawal.address) == PAID


def test_a_payment_is_not_given_up_while_it_is_in_doubt_which_version_is_in_the_chain(desk: Desk) -> None:
    withdrawal, record = on_replaced_change(desk)
    desk.chain.mine(3)
    ChainTransaction.objects.filter(pk=record.pk).update(status="replaced")  # so that it is not looked at yet
    desk.follow(2)
    ChainTransaction.objects.filter(pk=record.pk).update(status="signed")
    others = ChainTransaction.objects.exclude(pk=record.pk)
    ended = sorted(others.values_list("status", flat=True))

    others.update(fee_in_doubt=True)
    void_release(coin=desk.btc, rows=[record], places={record.txid: GONE}, ask=lambda _: {})
    in_doubt = statuses(withdrawal)
    others.update(fee_in_doubt=False)
    void_release(coin=desk.btc, rows=[record], places={record.txid: GONE}, ask=lambda _: {})

    assert (ended, in_doubt) == (["confirmed", "replaced"], ["signed"])
    assert statuses(withdrawal) == ["held"]
