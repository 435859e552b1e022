"""Payments whose coins the chain has taken back, with a deposit that was final: signed anew, and paid once."""

from decimal import Decimal

from tests.wallets.desk import PAID, Desk, statuses
from wallets.chains.bitcoin import inputs_of
from wallets.models import ChainTransaction, Withdrawal

COIN = 100_000_000


def void(desk: Desk) -> tuple[Withdrawal, ChainTransaction]:
    """Return a withdrawal that was sent, and its transaction, which a reorganisation four blocks deep makes void.

    The deposit that it spends is double spent; one block is on top of that.
    """
    deposit = desk.chain.pay(desk.node.addresses_new(1)[0], COIN)
    block = desk.chain.mine(4)[0]
    withdrawal = desk.ask()
    record = desk.sign()[0]
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
