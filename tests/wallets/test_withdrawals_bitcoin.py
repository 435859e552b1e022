"""Withdrawals on a real regtest bitcoind: held, stored, sent, paid once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.node_signing import payment_signed
from tests.wallets.nodes import Bitcoind
from trading.engine.enums import HoldState, Reason
from wallets import services
from wallets.chains.bitcoin import BitcoinNode, inputs_of
from wallets.ledger.chart import Owner
from wallets.models import Asset, ChainTransaction, Hold, Posting, Withdrawal
from wallets.pace import Pacer
from wallets.payouts.bitcoin import bitcoin_sign
from wallets.payouts.follow import bitcoin_follow, stored_broadcast
from wallets.payouts.progress import withdrawals_advance

GIFT = 1_000_000_000
AMOUNT = 50_000_000
FEE = 2_000


@pytest.fixture
def hot(bitcoind: Bitcoind) -> Iterator[Bitcoind]:
    """The shared node with five coins of 1 BTC in our wallet, and nothing left over for the next test."""
    for address in bitcoind.node.addresses_new(5):
        bitcoind.pay(address, 100_000_000)
    bitcoind.mine(3)
    yield bitcoind
    bitcoind.empty()


@pytest.fixture
def rich(books: Books, alice: User, btc: Asset) -> User:
    books.give(alice.pk, btc.pk, GIFT)
    return alice


def request(user: User, btc: Asset, books: Books, address: str, amount: int = AMOUNT) -> Withdrawal:
    return services.withdrawal_request(user_id=user.pk, asset=btc, address=address, amount=amount, send=books.send)


def follow(hot: Bitcoind, btc: Asset, books: Books) -> None:
    hot.settle()
    bitcoin_follow(asset=btc, node=hot.node, send=books.send, pacer=Pacer())
    withdrawals_advance(send=books.send)


def sign(hot: Bitcoind, btc: Asset) -> None:
    bitcoin_sign(asset=btc, node=hot.node)


def send_stored(hot: Bitcoind, btc: Asset) -> None:
    stored_broadcast(asset=btc, broadcast=hot.node.broadcast)


def status(withdrawal: Withdrawal) -> str:
    withdrawal.refresh_from_db()
    return withdrawal.status


def test_a_withdrawal_arrives_to_the_last_unit_and_is_settled_when_it_is_final(
    hot: Bitcoind, btc: Asset, books: Books, rich: User
) -> None:
    address = hot.fresh_address("bech32m")
    withdrawal = request(rich, btc, books, address)

    passed = [withdrawal.status]
    withdrawals_advance(send=books.send)
    passed.append(status(withdrawal))
    held = books.balance(rich.pk, btc.pk)
    sign(hot, btc)
    passed.append(status(withdrawal))
    send_stored(hot, btc)
    passed.append(status(withdrawal))
    for _ in range(3):
        hot.mine()
        follow(hot, btc, books)
        passed.append(status(withdrawal))
    follow(hot, btc, books)
    follow(hot, btc, books)
    passed.append(status(withdrawal))

    assert passed == ["requested", "held", "signed", "broadcast", "broadcast", "broadcast", "broadcast", "confirmed"]
    assert held == (GIFT, AMOUNT)
    assert hot.received(address) == AMOUNT - FEE
    assert books.balance(rich.pk, btc.pk) == (GIFT - AMOUNT, 0)
    assert books.balance(Owner.FEES, btc.pk) == (FEE, 0)
    record = ChainTransaction.objects.get()
    assert record.network_fee is not None
    assert books.balance(Owner.NETWORK_FEES, btc.pk) == (-record.network_fee, 0)
    assert books.balance(Owner.CHAIN, btc.pk) == (AMOUNT - FEE + record.network_fee, 0)
    in_wallet = hot.node.rpc.call("gettransaction", record.txid)
    assert int(-in_wallet["fee"] * 10**8) == record.network_fee
    assert (record.status, record.confirmations) == ("confirmed", 3)


def test_a_crash_between_storing_and_sending_pays_once_with_the_stored_bytes(
    hot: Bitcoind, btc: Asset, books: Books, rich: User
) -> None:
    address = hot.fresh_address()
    withdrawal = request(rich, btc, books, address)
    withdrawals_advance(send=books.send)
    sign(hot, btc)  # and here the worker dies
    stored = ChainTransaction.objects.get()
    was_pending = hot.is_pending(stored.txid)

    for _ in range(2):
        sign(hot, btc)
        send_stored(hot, btc)
        follow(hot, btc, books)
    hot.mine(3)
    for _ in range(3):
        follow(hot, btc, books)

    assert not was_pending
    assert ChainTransaction.objects.get().raw == stored.raw
    assert status(withdrawal) == "confirmed"
    assert hot.received(address) == AMOUNT - FEE


def test_a_restarted_node_forgets_locks_and_coins_are_still_spent_once(
    tmp_path: Path, btc: Asset, books: Books, rich: User
) -> None:
    node = Bitcoind(tmp_path / "bitcoind")
    try:
        node.start()
        node.prepare()
        for address in node.node.addresses_new(2):
            node.pay(address, 100_000_000)
        node.mine(3)
        first = request(rich, btc, books, node.fresh_address())
        withdrawals_advance(send=books.send)
        sign(node, btc)
        node.stop()
        node.start()
        node.node.rpc.call("lockunspent", True)
        second = request(rich, btc, books, node.fresh_address())
        withdrawals_advance(send=books.send)
        sign(node, btc)
        send_stored(node, btc)
        node.mine(3)
        for _ in range(3):
            follow(node, btc, books)
    finally:
        node.stop()

    spent = [item for record in ChainTransaction.objects.all() for item in inputs_of(record.raw)]
    assert len(spent) == len(set(spent)) == 2
    assert [status(first), status(second)] == ["confirmed", "confirmed"]


def test_two_signers_at_once_sign_each_withdrawal_once(
    hot: Bitcoind, btc: Asset, books: Books, rich: User, settings: Settings
) -> None:
    settings.BITCOIN_BATCH_MAX = 1
    addresses = [hot.fresh_address() for _ in range(3)]
    for address in addresses:
        request(rich, btc, books, address, 20_000_000)
    withdrawals_advance(send=books.send)
    start = threading.Barrier(3)

    def work() -> None:
        start.wait(10)
        try:
            bitcoin_sign(asset=btc, node=BitcoinNode(hot.url))
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        for signer in [pool.submit(work) for _ in range(3)]:
            signer.result(60)
    sign(hot, btc)
    send_stored(hot, btc)
    hot.mine(3)
    for _ in range(3):
        follow(hot, btc, books)

    assert ChainTransaction.objects.count() == 3
    spent = [item for record in ChainTransaction.objects.all() for item in inputs_of(record.raw)]
    assert len(spent) == len(set(spent))
    assert [hot.received(address) for address in addresses] == [20_000_000 - FEE] * 3
    assert set(Withdrawal.objects.values_list("status", flat=True)) == {"confirmed"}


def test_what_the_hot_wallet_cannot_pay_waits(hot: Bitcoind, btc: Asset, books: Books, rich: User) -> None:
    large = request(rich, btc, books, hot.fresh_address(), 900_000_000)
    small = request(rich, btc, books, hot.fresh_address())
    withdrawals_advance(send=books.send)

    sign(hot, btc)
    waiting = [status(large), status(small)]
    for address in hot.node.addresses_new(1):
        hot.pay(address, 600_000_000)
    hot.mine(3)
    sign(hot, btc)

    assert waiting == ["held", "signed"]
    assert status(large) == "signed"


def test_a_payment_that_left_the_chain_is_sent_again(hot: Bitcoind, btc: Asset, books: Books, rich: User) -> None:
    address = hot.fresh_address()
    withdrawal = request(rich, btc, books, address)
    withdrawals_advance(send=books.send)
    sign(hot, btc)
    send_stored(hot, btc)
    block = hot.mine()[0]
    follow(hot, btc, books)
    counted = ChainTransaction.objects.get().confirmations

    hot.node.root.call("invalidateblock", block)
    follow(hot, btc, books)
    uncounted = ChainTransaction.objects.get().confirmations
    hot.mine(3)
    for _ in range(3):
        follow(hot, btc, books)

    assert (counted, uncounted) == (1, 0)
    assert status(withdrawal) == "confirmed"
    assert hot.received(address) == AMOUNT - FEE


def test_funds_that_the_engine_refuses_are_not_paid(hot: Bitcoind, btc: Asset, books: Books, rich: User) -> None:
    books.closed = True
    first = request(rich, btc, books, hot.fresh_address(), 600_000_000)
    second = request(rich, btc, books, hot.fresh_address(), 600_000_000)
    books.closed = False

    withdrawals_advance(send=books.send)
    withdrawals_advance(send=books.send)
    sign(hot, btc)

    assert sorted([status(first), status(second)]) == ["held", "rejected"]
    rejected = Withdrawal.objects.get(status="rejected")
    assert (rejected.reject_reason, rejected.transaction) == ("insufficient balance", None)
    assert books.balance(rich.pk, btc.pk) == (GIFT, 600_000_000)


def test_nothing_is_signed_that_the_ledger_does_not_hold(hot: Bitcoind, btc: Asset, books: Books, rich: User) -> None:
    withdrawal = request(rich, btc, books, hot.fresh_address())
    withdrawals_advance(send=books.send)
    Hold.objects.update(state=HoldState.RELEASED)

    sign(hot, btc)

    assert status(withdrawal) == "held"
    assert not ChainTransaction.objects.exists()
    assert hot.node.inputs_locked() == set()


def test_a_withdrawal_waits_for_an_engine_that_is_down(hot: Bitcoind, btc: Asset, books: Books, rich: User) -> None:
    withdrawal = request(rich, btc, books, hot.fresh_address())
    withdrawals_advance(send=books.send)
    sign(hot, btc)
    send_stored(hot, btc)
    books.closed = True
    hot.mine(3)
    for _ in range(3):
        follow(hot, btc, books)
    meanwhile = (status(withdrawal), ChainTransaction.objects.get().status)

    books.closed = False
    for _ in range(3):
        follow(hot, btc, books)

    assert meanwhile == ("broadcast", "broadcast")
    assert status(withdrawal) == "confirmed"
    assert Posting.objects.filter(reason=Reason.NETWORK_FEE).count() == 1
    assert Posting.objects.filter(reason=Reason.WITHDRAWAL).count() == 1


def test_closed_withdrawals_wait(hot: Bitcoind, btc: Asset, books: Books, rich: User) -> None:
    withdrawal = request(rich, btc, books, hot.fresh_address())
    withdrawals_advance(send=books.send)
    btc.withdrawals_open = False

    sign(hot, btc)
    waiting = status(withdrawal)
    btc.withdrawals_open = True
    sign(hot, btc)

    assert (waiting, status(withdrawal)) == ("held", "signed")


def test_coins_of_a_signer_that_died_before_storing_are_spent_by_the_next_one(
    hot: Bitcoind, btc: Asset, books: Books, rich: User
) -> None:
    address = hot.fresh_address()
    withdrawal = request(rich, btc, books, address, 450_000_000)
    withdrawals_advance(send=books.send)
    payment_signed(hot.node, address, 450_000_000 - FEE, 2)  # and here the worker dies

    sign(hot, btc)
    send_stored(hot, btc)
    hot.mine(3)
    for _ in range(3):
        follow(hot, btc, books)

    assert status(withdrawal) == "confirmed"
    assert hot.received(address) == 450_000_000 - FEE
