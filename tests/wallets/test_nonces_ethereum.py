"""Our own table of nonces against a chain that goes back, forgets, and lets others use our numbers."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from eth_account import Account

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from tests.wallets.payouts import (
    UNIT,
    coin,
    finish,
    follow,
    fresh_address,
    request,
    rows,
    send_stored,
    sign,
    status,
)
from tests.wallets.tokens import DOLLAR, UNITS
from wallets.chains import keys
from wallets.chains.ethereum import GWEI, EthereumNode
from wallets.control.switch import withdrawals_halted
from wallets.models import Asset, ChainTransaction, Withdrawal
from wallets.payouts.ethereum import ethereum_sign
from wallets.payouts.ethereum_bumps import ethereum_bump_one
from wallets.payouts.ethereum_gaps import ethereum_gaps_fill
from wallets.payouts.records import Kind

GIFT = 10**10
AMOUNT = 200_000_000
FEE = 50_000
NET = (AMOUNT - FEE) * UNIT


def pay(rich: User, eth: Asset, books: Books, count: int = 1) -> list[Withdrawal]:
    return [request(rich, eth, books, fresh_address(), AMOUNT) for _ in range(count)]


def foreign(node: Anvil, nonce: int, gwei: int = 50) -> str:
    """Use the hot wallet's key as somebody else would: a payment that no row of ours knows."""
    signed = Account.sign_transaction(
        {
            "type": 2,
            "chainId": 31337,
            "to": "0x" + "12" * 20,
            "value": 1,
            "gas": 21_000,
            "nonce": nonce,
            "maxFeePerGas": gwei * GWEI,
            "maxPriorityFeePerGas": 2 * GWEI,
        },
        keys.hot_key(),
    )
    node.node.broadcast(signed.raw_transaction.to_0x_hex())
    return str(signed.hash.to_0x_hex())


def fill(node: Anvil) -> None:
    ethereum_gaps_fill(asset=coin(), node=node.node)
    send_stored(node)


def received(node: Anvil, payments: list[Withdrawal]) -> list[int]:
    return [node.balance(one.address) for one in payments]


def test_a_pool_that_is_lost_is_filled_again_in_the_order_of_nonces(
    hot: Anvil, eth: Asset, books: Books, rich: User
) -> None:
    payments = pay(rich, eth, books, 4)
    sign(hot, eth)
    send_stored(hot)
    hot.call("anvil_dropAllTransactions")

    finish(hot, books, blocks=1)
    follow(hot, books)
    finish(hot, books)

    assert received(hot, payments) == [NET] * 4
    assert rows() == [("withdrawal", nonce, "confirmed") for nonce in range(4)]


def test_a_node_that_restarts_gets_everything_again(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    """What it forgot is sent by workers, as it was signed."""
    payments = pay(rich, eth, books, 2)
    sign(hot, eth)
    raws = list(ChainTransaction.objects.order_by("pk").values_list("raw", flat=True))
    send_stored(hot)
    state = hot.call("anvil_dumpState")
    hot.stop()
    hot.start()
    hot.call("anvil_loadState", state)

    follow(hot, books)
    hot.mine()
    finish(hot, books)

    assert received(hot, payments) == [NET] * 2
    assert list(ChainTransaction.objects.order_by("pk").values_list("raw", flat=True)) == raws


def test_a_reorganisation_that_takes_several_payments_puts_them_back(
    hot: Anvil, eth: Asset, books: Books, rich: User
) -> None:
    """Nonces go back, and the transactions do not return to the pool by themselves."""
    payments = pay(rich, eth, books, 2)
    sign(hot, eth)
    finish(hot, books, blocks=1)
    payments += pay(rich, eth, books, 2)
    sign(hot, eth)
    finish(hot, books, blocks=1)

    hot.call("anvil_reorg", 2, [])
    gone = received(hot, payments)
    follow(hot, books)
    hot.mine()
    finish(hot, books)

    assert gone == [0] * 4
    assert received(hot, payments) == [NET] * 4
    assert {status(one) for one in payments} == {"confirmed"}


def test_a_nonce_that_nothing_uses_is_filled_once(
    hot: Anvil, eth: Asset, books: Books, rich: User, caplog: pytest.LogCaptureFixture
) -> None:
    """A row is lost, as from a backup that is older than it: what was signed after it could never be mined."""
    first, *later = pay(rich, eth, books, 3)
    sign(hot, eth)
    lost = ChainTransaction.objects.get(nonce=0)
    Withdrawal.objects.filter(pk=first.pk).update(transaction=None, status="held")
    lost.delete()
    finish(hot, books)
    stuck = [status(one) for one in later]

    fill(hot)
    fill(hot)
    finish(hot, books)
    sign(hot, eth)
    finish(hot, books)

    assert stuck == ["broadcast", "broadcast"]
    assert caplog.text.count("keep later payments waiting") == 1
    assert sorted(rows(), key=lambda row: row[1] or 0) == [
        ("filler", 0, "confirmed"),
        ("withdrawal", 1, "confirmed"),
        ("withdrawal", 2, "confirmed"),
        ("withdrawal", 3, "confirmed"),
    ]
    assert received(hot, [first, *later]) == [NET] * 3


def test_where_nothing_waits_nothing_is_filled(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    pay(rich, eth, books)
    sign(hot, eth)
    fill(hot)
    finish(hot, books)

    fill(hot)

    assert rows() == [("withdrawal", 0, "confirmed")]


def test_lost_payments_of_the_past_need_no_filler(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    """They are sent again: a filler in their place would take their nonce."""
    before = hot.call("evm_snapshot")
    first = pay(rich, eth, books)
    sign(hot, eth)
    finish(hot, books)
    hot.call("evm_revert", before)
    second = pay(rich, eth, books)
    sign(hot, eth)

    fill(hot)
    follow(hot, books)
    finish(hot, books)

    assert rows() == [("withdrawal", 0, "confirmed"), ("withdrawal", 1, "confirmed")]
    assert received(hot, first + second) == [NET] * 2


def test_a_failed_payment_that_the_chain_lost_leaves_a_hole_that_is_filled(
    hot: Anvil, eth: Asset, books: Books, rich: User
) -> None:
    """Its funds were given back: it must not be sent again, and what follows must not wait for it."""
    before = hot.call("evm_snapshot")
    [refused] = pay(rich, eth, books)
    sign(hot, eth)
    hot.call("anvil_setCode", refused.address, "0x60006000fd")
    finish(hot, books)
    finish(hot, books)
    ended = (status(refused), ChainTransaction.objects.get().status)
    hot.call("evm_revert", before)
    later = pay(rich, eth, books)
    sign(hot, eth)

    fill(hot)
    filler = ChainTransaction.objects.get(kind=Kind.FILLER)
    ethereum_bump_one(asset=eth, node=hot.node, txid=filler.txid)
    raised = ChainTransaction.objects.filter(kind=Kind.FILLER).count()
    ChainTransaction.objects.filter(kind=Kind.FILLER).exclude(pk=filler.pk).delete()
    finish(hot, books)
    finish(hot, books)

    assert raised == 2, "a filler that offers too little would keep all later payments waiting"
    assert ended == ("rejected", "failed")
    assert rows() == [("withdrawal", 0, "failed"), ("withdrawal", 1, "confirmed"), ("filler", 0, "confirmed")]
    assert received(hot, [refused, *later]) == [0, NET]
    assert status(refused) == "rejected"
    assert withdrawals_halted(Asset.objects.get(code="ETH")) == "", "it is what was settled"
    assert not ChainTransaction.objects.filter(contradicted_at__isnull=False).exists()


def test_a_payment_whose_nonce_another_one_took_is_signed_anew_when_that_is_certain(
    hot: Anvil, eth: Asset, books: Books, rich: User, caplog: pytest.LogCaptureFixture
) -> None:
    [payment] = pay(rich, eth, books)
    sign(hot, eth)
    other = foreign(hot, 0)
    hot.mine(2)
    follow(hot, books)
    sign(hot, eth)
    too_early = (status(payment), rows())
    hot.mine()
    follow(hot, books)
    certain = (status(payment), rows())
    sign(hot, eth)
    finish(hot, books)

    assert too_early == ("signed", [("withdrawal", 0, "signed")])
    assert certain == ("held", [("withdrawal", 0, "replaced")])
    assert other in caplog.text
    assert caplog.text.count("is used, and not by our") == 1
    assert rows() == [("withdrawal", 0, "replaced"), ("withdrawal", 1, "confirmed")]
    assert (status(payment), received(hot, [payment])) == ("confirmed", [NET])


def test_what_a_reorganisation_gives_back_is_not_signed_anew(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    """The other one is gone again before it was deep enough: the first signature stands, and pays."""
    [payment] = pay(rich, eth, books)
    sign(hot, eth)
    foreign(hot, 0)
    hot.mine(2)
    follow(hot, books)
    hot.call("anvil_reorg", 2, [])
    follow(hot, books)
    finish(hot, books)

    assert rows() == [("withdrawal", 0, "confirmed")]
    assert received(hot, [payment]) == [NET]


def test_a_payment_that_was_given_up_can_not_come_back(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    """A deep reorganisation frees its nonce again: a filler takes it, because its withdrawal was paid with another."""
    before = hot.call("evm_snapshot")
    [payment] = pay(rich, eth, books)
    sign(hot, eth)
    foreign(hot, 0)
    hot.mine(3)
    follow(hot, books)
    sign(hot, eth)
    hot.call("evm_revert", before)

    fill(hot)
    follow(hot, books)
    finish(hot, books)

    assert rows() == [("withdrawal", 0, "replaced"), ("withdrawal", 1, "confirmed"), ("filler", 0, "confirmed")]
    assert withdrawals_halted(Asset.objects.get(code="ETH")) == ""
    assert received(hot, [payment]) == [NET]
    assert status(payment) == "confirmed"


def test_a_missing_receipt_alone_proves_nothing(
    hot: Anvil, eth: Asset, books: Books, rich: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that has not indexed our own payment yet: its nonce is used, by itself."""
    [payment] = pay(rich, eth, books)
    sign(hot, eth)
    send_stored(hot)
    hot.mine(5)
    with monkeypatch.context() as patch:
        patch.setattr(hot.node, "receipts", lambda txids: dict.fromkeys(txids))
        patch.setattr(hot.node, "are_known", lambda txids: dict.fromkeys(txids, False))
        follow(hot, books)
        blind = (status(payment), rows())
    finish(hot, books)

    assert blind == ("broadcast", [("withdrawal", 0, "broadcast")])
    assert rows() == [("withdrawal", 0, "confirmed")]


def test_a_used_nonce_without_a_transaction_proves_nothing(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    [payment] = pay(rich, eth, books)
    sign(hot, eth)
    hot.call("anvil_setNonce", keys.hot_address(), hex(1))
    hot.mine(4)

    follow(hot, books)

    assert status(payment) == "signed"


def test_later_payments_go_on_behind_one_that_was_overtaken(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    payments = pay(rich, eth, books, 3)
    sign(hot, eth)
    foreign(hot, 0)
    finish(hot, books, blocks=1)
    finish(hot, books)
    sign(hot, eth)
    finish(hot, books)

    assert received(hot, payments) == [NET] * 3
    assert sorted(rows(), key=lambda row: row[1] or 0) == [
        ("withdrawal", 0, "replaced"),
        ("withdrawal", 1, "confirmed"),
        ("withdrawal", 2, "confirmed"),
        ("withdrawal", 3, "confirmed"),
    ]


def test_nonces_that_others_used_are_not_used_again(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    foreign(hot, 0)
    foreign(hot, 1)
    hot.mine()
    payments = pay(rich, eth, books)
    sign(hot, eth)
    finish(hot, books)

    assert rows() == [("withdrawal", 2, "confirmed")]
    assert received(hot, payments) == [NET]


def test_signers_of_ether_and_tokens_at_once_use_every_nonce_once(
    hot: Anvil, eth: Asset, usdt: Asset, books: Books, rich: User
) -> None:
    hot.pay_token(usdt.contract, keys.hot_address(), 1_000 * DOLLAR)
    hot.mine()
    books.give(rich.pk, usdt.pk, 1_000 * UNITS)
    payments = [request(rich, usdt, books, fresh_address(), 20 * UNITS) for _ in range(4)]
    payments += pay(rich, eth, books, 4)
    start = threading.Barrier(4)

    def work(asset: Asset) -> None:
        start.wait(10)
        try:
            ethereum_sign(asset=asset, node=EthereumNode(hot.url))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        for signer in [pool.submit(work, asset) for asset in (eth, usdt, eth, usdt)]:
            signer.result(60)
    finish(hot, books)

    assert sorted(ChainTransaction.objects.values_list("nonce", flat=True)) == list(range(8))
    assert {status(one) for one in payments} == {"confirmed"}


def test_a_filler_pays_nobody(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    pay(rich, eth, books, 2)
    sign(hot, eth)
    Withdrawal.objects.filter(transaction__nonce=0).update(transaction=None, status="held")
    ChainTransaction.objects.get(nonce=0).delete()
    fill(hot)

    filler = ChainTransaction.objects.get(kind=Kind.FILLER)
    assert (filler.recipient, filler.amount, filler.sender) == (keys.hot_address(), 0, keys.hot_address())
