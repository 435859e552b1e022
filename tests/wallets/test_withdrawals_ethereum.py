"""Withdrawals and sweeps on a real anvil: nonces from our own table, paid once, gas in the books."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from eth_account import Account

from accounts.models import User
from mex.errors import AddressIllegal
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from wallets import services
from wallets.chains import keys
from wallets.chains.ethereum import EthereumNode
from wallets.deposits.ethereum import ethereum_scan
from wallets.deposits.pool import ethereum_pool_fill
from wallets.ledger.chart import Owner
from wallets.models import Asset, ChainTransaction, Deposit, Withdrawal
from wallets.pace import Pacer
from wallets.payouts.ethereum import ethereum_sign
from wallets.payouts.ethereum_follow import ethereum_follow
from wallets.payouts.ethereum_sweeps import ethereum_sweep
from wallets.payouts.follow import stored_broadcast
from wallets.payouts.progress import PAYMENT_REFUSED, withdrawals_advance

ETHER = 10**18
UNIT = 10**10
GIFT = 10_000_000_000
AMOUNT = 200_000_000
FEE = 50_000


def request(user: User, eth: Asset, books: Books, address: str, amount: int = AMOUNT) -> Withdrawal:
    return services.withdrawal_request(user_id=user.pk, asset=eth, address=address, amount=amount, send=books.send)


def send_stored(node: Anvil, eth: Asset) -> None:
    stored_broadcast(asset=eth, broadcast=node.node.broadcast)


def follow(node: Anvil, eth: Asset, books: Books) -> None:
    ethereum_follow(asset=eth, node=node.node, send=books.send, pacer=Pacer())
    withdrawals_advance(send=books.send)


def scan(node: Anvil, eth: Asset, books: Books) -> None:
    ethereum_scan(asset=eth, node=node.node, hot_address=keys.hot_address(), send=books.send)


def finish(node: Anvil, eth: Asset, books: Books) -> None:
    node.mine(3)
    for _ in range(3):
        follow(node, eth, books)


def status(withdrawal: Withdrawal) -> str:
    withdrawal.refresh_from_db()
    return withdrawal.status


def fresh_address() -> str:
    return str(Account.create().address)


def test_a_withdrawal_arrives_to_the_last_unit_and_is_settled_when_it_is_final(
    hot: Anvil, eth: Asset, books: Books, rich: User
) -> None:
    address = fresh_address()
    withdrawal = request(rich, eth, books, address)

    withdrawals_advance(send=books.send)
    ethereum_sign(asset=eth, node=hot.node)
    signed = status(withdrawal)
    send_stored(hot, eth)
    sent = status(withdrawal)
    hot.mine()
    follow(hot, eth, books)
    mined = (status(withdrawal), ChainTransaction.objects.get().confirmations)
    finish(hot, eth, books)

    assert (signed, sent, mined) == ("signed", "broadcast", ("broadcast", 1))
    assert status(withdrawal) == "confirmed"
    assert hot.balance(address) == (AMOUNT - FEE) * UNIT
    assert books.balance(rich.pk, eth.pk) == (GIFT - AMOUNT, 0)
    record = ChainTransaction.objects.get()
    gas_wei = 10 * ETHER - hot.balance(address) - hot.balance(keys.hot_address())
    assert record.network_fee == -(-gas_wei // UNIT)
    assert books.balance(Owner.NETWORK_FEES, eth.pk) == (-record.network_fee, 0)


def test_a_crash_between_storing_and_sending_pays_once_with_the_stored_bytes(
    hot: Anvil, eth: Asset, books: Books, rich: User
) -> None:
    address = fresh_address()
    request(rich, eth, books, address)
    withdrawals_advance(send=books.send)
    ethereum_sign(asset=eth, node=hot.node)  # and here the worker dies
    stored = ChainTransaction.objects.get()

    ethereum_sign(asset=eth, node=hot.node)
    send_stored(hot, eth)
    hot.call("anvil_dropAllTransactions")  # the node forgets it, too
    follow(hot, eth, books)
    finish(hot, eth, books)
    send_stored(hot, eth)

    record = ChainTransaction.objects.get()
    assert (record.raw, record.status) == (stored.raw, "confirmed")
    assert hot.balance(address) == (AMOUNT - FEE) * UNIT


def test_a_payment_that_left_the_chain_is_sent_again(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    address = fresh_address()
    withdrawal = request(rich, eth, books, address)
    withdrawals_advance(send=books.send)
    ethereum_sign(asset=eth, node=hot.node)
    send_stored(hot, eth)
    hot.mine()
    follow(hot, eth, books)

    hot.call("anvil_reorg", 1, [])
    gone = hot.balance(address)
    follow(hot, eth, books)
    finish(hot, eth, books)

    assert gone == 0
    assert status(withdrawal) == "confirmed"
    assert hot.balance(address) == (AMOUNT - FEE) * UNIT


def test_two_signers_at_once_use_every_nonce_once(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    addresses = [fresh_address() for _ in range(6)]
    for address in addresses:
        request(rich, eth, books, address, 10_000_000)
    withdrawals_advance(send=books.send)
    start = threading.Barrier(3)

    def work() -> None:
        start.wait(10)
        try:
            ethereum_sign(asset=eth, node=EthereumNode(hot.url))
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        for signer in [pool.submit(work) for _ in range(3)]:
            signer.result(60)
    send_stored(hot, eth)
    finish(hot, eth, books)

    assert sorted(ChainTransaction.objects.values_list("nonce", flat=True)) == [0, 1, 2, 3, 4, 5]
    assert [hot.balance(address) for address in addresses] == [(10_000_000 - FEE) * UNIT] * 6
    assert set(Withdrawal.objects.values_list("status", flat=True)) == {"confirmed"}


def test_what_the_hot_wallet_cannot_pay_waits_until_it_can(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    first = request(rich, eth, books, fresh_address(), 600_000_000)
    second = request(rich, eth, books, fresh_address(), 600_000_000)
    withdrawals_advance(send=books.send)

    ethereum_sign(asset=eth, node=hot.node)
    waiting = sorted([status(first), status(second)])
    hot.pay(keys.hot_address(), 5 * ETHER)
    hot.mine()
    ethereum_sign(asset=eth, node=hot.node)
    send_stored(hot, eth)
    finish(hot, eth, books)

    assert waiting == ["held", "signed"]
    assert [status(first), status(second)] == ["confirmed", "confirmed"]


def test_a_payment_that_its_receiver_refuses_is_given_back(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    """It is not refused before it is signed, so that it costs us gas."""
    address = fresh_address()
    withdrawal = request(rich, eth, books, address)
    withdrawals_advance(send=books.send)
    ethereum_sign(asset=eth, node=hot.node)
    hot.call("anvil_setCode", address, "0x60006000fd")
    send_stored(hot, eth)
    finish(hot, eth, books)
    finish(hot, eth, books)

    assert status(withdrawal) == "rejected"
    assert withdrawal.reject_reason == PAYMENT_REFUSED
    assert books.balance(rich.pk, eth.pk) == (GIFT, 0)
    record = ChainTransaction.objects.get()
    assert record.status == "failed"
    assert record.network_fee is not None
    assert books.balance(Owner.CHAIN, eth.pk) == (record.network_fee, 0)


def test_a_payment_that_its_receiver_would_refuse_is_given_back_unsigned(
    hot: Anvil, eth: Asset, books: Books, rich: User
) -> None:
    """Otherwise anybody could burn our gas as often as he likes."""
    refusing, taking = fresh_address(), fresh_address()
    hot.call("anvil_setCode", refusing, "0x60006000fd")
    hot.call("anvil_setCode", taking, "0x00")
    refused, taken = request(rich, eth, books, refusing), request(rich, eth, books, taking)
    withdrawals_advance(send=books.send)
    ethereum_sign(asset=eth, node=hot.node)
    ending = status(refused)
    send_stored(hot, eth)
    finish(hot, eth, books)

    assert ending == "ending"
    assert (status(refused), refused.reject_reason, status(taken)) == ("rejected", PAYMENT_REFUSED, "confirmed")
    assert refused.transaction is None
    assert ChainTransaction.objects.count() == 1
    assert books.balance(rich.pk, eth.pk) == (GIFT - AMOUNT, 0)


def test_a_contract_that_would_take_more_than_the_hot_wallet_has_is_not_refused(
    hot: Anvil, eth: Asset, books: Books, rich: User
) -> None:
    address = fresh_address()
    hot.call("anvil_setCode", address, "0x00")
    books.give(rich.pk, eth.pk, 10**10)
    withdrawal = request(rich, eth, books, address, 1_200_000_000)
    withdrawals_advance(send=books.send)

    ethereum_sign(asset=eth, node=hot.node)

    assert status(withdrawal) == "held"


def test_our_hot_wallet_is_no_destination(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    with pytest.raises(AddressIllegal):
        request(rich, eth, books, keys.hot_address())

    assert not Withdrawal.objects.exists()


def test_a_withdrawal_to_a_customers_deposit_address_is_a_deposit(
    hot: Anvil, eth: Asset, books: Books, rich: User, bob: User
) -> None:
    scan(hot, eth, books)
    ethereum_pool_fill(asset=eth, size=1)
    address = services.deposit_address_assign(user=bob, asset=eth).address
    request(rich, eth, books, address)
    withdrawals_advance(send=books.send)
    ethereum_sign(asset=eth, node=hot.node)
    send_stored(hot, eth)
    hot.mine(3)
    scan(hot, eth, books)
    scan(hot, eth, books)

    assert list(Deposit.objects.values_list("user", "amount", "status")) == [(bob.pk, AMOUNT - FEE, "credited")]


def test_credited_ether_is_swept_so_that_withdrawals_can_be_paid(
    anvil: Anvil, eth: Asset, books: Books, alice: User
) -> None:
    scan(anvil, eth, books)
    ethereum_pool_fill(asset=eth, size=1)
    address = services.deposit_address_assign(user=alice, asset=eth).address
    anvil.pay(address, 5 * ETHER)
    anvil.mine(2)
    scan(anvil, eth, books)
    ethereum_sweep(asset=eth, node=anvil.node)
    too_early = ChainTransaction.objects.count()
    anvil.mine()
    scan(anvil, eth, books)
    scan(anvil, eth, books)

    ethereum_sweep(asset=eth, node=anvil.node)
    ethereum_sweep(asset=eth, node=anvil.node)
    send_stored(anvil, eth)
    finish(anvil, eth, books)
    ethereum_sweep(asset=eth, node=anvil.node)
    destination = fresh_address()
    request(alice, eth, books, destination, 500_000_000)
    withdrawals_advance(send=books.send)
    ethereum_sign(asset=eth, node=anvil.node)
    send_stored(anvil, eth)
    finish(anvil, eth, books)

    assert too_early == 0
    assert ChainTransaction.objects.filter(kind="sweep").count() == 1
    assert anvil.balance(destination) == (500_000_000 - FEE) * UNIT
    fees = sum(ChainTransaction.objects.values_list("network_fee", flat=True))
    assert books.balance(Owner.NETWORK_FEES, eth.pk) == (-fees, 0)
    ours = anvil.balance(address) + anvil.balance(keys.hot_address())
    owed = -books.balance(Owner.CHAIN, eth.pk)[0]
    assert 0 <= ours - owed * UNIT < 2 * UNIT


def test_a_balance_that_a_sweep_would_eat_up_stays(anvil: Anvil, eth: Asset, books: Books, alice: User) -> None:
    scan(anvil, eth, books)
    ethereum_pool_fill(asset=eth, size=1)
    address = services.deposit_address_assign(user=alice, asset=eth).address
    anvil.pay(address, 10**14)
    anvil.mine(3)
    scan(anvil, eth, books)
    scan(anvil, eth, books)

    ethereum_sweep(asset=eth, node=anvil.node)

    assert Deposit.objects.get().status == "credited"
    assert not ChainTransaction.objects.exists()


def test_a_final_payment_that_the_chain_lost_is_sent_again_and_blocks_nobody(
    hot: Anvil, eth: Asset, books: Books, rich: User
) -> None:
    """A node that was killed may come back with less: without the lost nonce no later payment could be mined."""
    before = hot.call("evm_snapshot")
    first = request(rich, eth, books, fresh_address())
    withdrawals_advance(send=books.send)
    ethereum_sign(asset=eth, node=hot.node)
    send_stored(hot, eth)
    finish(hot, eth, books)
    assert status(first) == Withdrawal.Status.CONFIRMED
    hot.call("evm_revert", before)
    assert hot.balance(first.address) == 0

    second = request(rich, eth, books, fresh_address())
    withdrawals_advance(send=books.send)
    ethereum_sign(asset=eth, node=hot.node)
    send_stored(hot, eth)
    follow(hot, eth, books)
    finish(hot, eth, books)

    assert hot.balance(first.address) == hot.balance(second.address) == (AMOUNT - FEE) * UNIT
    assert (status(first), status(second)) == (Withdrawal.Status.CONFIRMED, Withdrawal.Status.CONFIRMED)
    assert list(ChainTransaction.objects.values_list("nonce", "status").order_by("nonce")) == [
        (0, ChainTransaction.Status.CONFIRMED),
        (1, ChainTransaction.Status.CONFIRMED),
    ]


def test_a_fee_that_is_booked_stays_what_it_was(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    """Mined again at another price: a row that differed from the ledger would be a breach."""
    request(rich, eth, books, fresh_address())
    withdrawals_advance(send=books.send)
    ethereum_sign(asset=eth, node=hot.node)
    send_stored(hot, eth)
    hot.mine(3)
    follow(hot, eth, books)  # deep enough: the fee is booked, and here the worker dies
    booked = books.balance(Owner.NETWORK_FEES, eth.pk)[0]
    assert booked < 0

    hot.call("anvil_reorg", 3, [])
    hot.call("anvil_setNextBlockBaseFeePerGas", hex(10**6))
    follow(hot, eth, books)
    finish(hot, eth, books)

    record = ChainTransaction.objects.get()
    receipt = hot.node.receipts([record.txid])[record.txid]
    assert receipt is not None
    assert receipt.fee_wei < -booked * UNIT
    assert (record.status, record.network_fee) == (ChainTransaction.Status.CONFIRMED, -booked)
