"""Tokens on their way to the hot wallet: ether for their gas first, then they, then what ether is left."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from tests.wallets.payouts import ETHER, UNIT, coin, finish, follow, fresh_address, request, rows, sign, status
from tests.wallets.programs import behaviour
from tests.wallets.tokens import DOLLAR, UNITS, mine_and_scan, scan
from wallets import services
from wallets.chains import keys
from wallets.ledger.chart import Owner
from wallets.models import Asset, ChainTransaction, Deposit, WithdrawalRules
from wallets.payouts.ethereum_sweeps import ethereum_sweep


@pytest.fixture
def hot(anvil: Anvil, address: str) -> Anvil:
    """The node, with an ether at our hot address."""
    anvil.pay(keys.hot_address(), ETHER)
    anvil.mine()
    return anvil


def sweep(node: Anvil, usdt: Asset) -> None:
    ethereum_sweep(asset=coin(), node=node.node, tokens=[usdt])


def tokens(node: Anvil, asset: Asset, address: str) -> int:
    return node.node.token_balances(asset.contract, [address])[address]


def deposit(node: Anvil, usdt: Asset, books: Books, address: str, dollars: int) -> None:
    node.pay_token(usdt.contract, address, dollars * DOLLAR)
    mine_and_scan(node, books)


def test_gas_is_sent_first_and_tokens_follow(
    hot: Anvil, eth: Asset, usdt: Asset, books: Books, alice: User, address: str
) -> None:
    """Gas that was sent is no deposit, what all of it cost is booked, and then a withdrawal can be paid."""
    deposit(hot, usdt, books, address, 50)
    sweep(hot, usdt)
    sweep(hot, usdt)
    first = rows()
    finish(hot, books, blocks=1)
    mine_and_scan(hot, books, blocks=1)
    sweep(hot, usdt)
    sweep(hot, usdt)
    second = rows()
    finish(hot, books)
    sweep(hot, usdt)
    Asset.objects.filter(pk=usdt.pk).update(withdrawals_open=True)
    usdt.refresh_from_db()
    withdrawal = request(alice, usdt, books, fresh_address(), 40 * UNITS)
    sign(hot, usdt)
    finish(hot, books)
    mine_and_scan(hot, books)

    assert first == [("gas", 0, "signed")]
    assert second == [("gas", 0, "broadcast"), ("sweep", 0, "signed")]
    assert rows() == [("gas", 0, "confirmed"), ("sweep", 0, "confirmed"), ("withdrawal", 1, "confirmed")]
    assert status(withdrawal) == "confirmed"
    assert (tokens(hot, usdt, address), tokens(hot, usdt, keys.hot_address())) == (0, 11 * DOLLAR)
    assert list(Deposit.objects.values_list("asset__code", "status")) == [("USDT", "credited")]
    spent = ETHER - hot.balance(keys.hot_address()) - hot.balance(address)
    fees = -books.balance(Owner.NETWORK_FEES, eth.pk)[0]
    assert 0 <= fees * UNIT - spent < 3 * UNIT
    assert books.balance(Owner.NETWORK_FEES, usdt.pk) == (0, 0)


def test_gas_is_a_fifth_more_than_the_sweep_may_cost(hot: Anvil, usdt: Asset, books: Books, address: str) -> None:
    deposit(hot, usdt, books, address, 50)
    sweep(hot, usdt)
    finish(hot, books, blocks=1)
    funded = hot.balance(address)
    sweep(hot, usdt)

    record = ChainTransaction.objects.get(kind="sweep")
    gas = ChainTransaction.objects.get(kind="gas")
    assert (gas.recipient, (gas.amount or 0) * UNIT) == (address, funded)
    assert (record.network_fee or 0) * UNIT <= funded
    assert (record.network_fee or 0) * UNIT * 13 // 10 > funded


def test_ether_stays_as_long_as_tokens_need_it(
    hot: Anvil, usdt: Asset, books: Books, alice: User, address: str
) -> None:
    """An address with both pays for its tokens itself, and its ether follows them."""
    hot.pay(address, 3 * ETHER)
    deposit(hot, usdt, books, address, 50)
    sweep(hot, usdt)
    first = ChainTransaction.objects.get()
    sweep(hot, usdt)
    alone = ChainTransaction.objects.count()
    finish(hot, books)
    sweep(hot, usdt)
    finish(hot, books)

    assert (first.asset, alone) == (usdt, 1)
    assert rows() == [("sweep", 0, "confirmed"), ("sweep", 1, "confirmed")]
    assert tokens(hot, usdt, keys.hot_address()) == 50 * DOLLAR
    assert hot.balance(keys.hot_address()) > 3 * ETHER


def test_ether_sent_as_gas_is_not_swept_away_before_the_tokens(
    hot: Anvil, usdt: Asset, books: Books, address: str
) -> None:
    """Not even when it is enough to be swept, and a deposit of ether has just been credited."""
    deposit(hot, usdt, books, address, 50)
    sweep(hot, usdt)
    hot.pay(address, ETHER)
    mine_and_scan(hot, books)  # the ether is there and credited; the gas is signed, and not sent

    sweep(hot, usdt)

    assert [row.asset.code for row in ChainTransaction.objects.filter(kind="sweep")] == ["USDT"]


def test_ether_waits_for_tokens_that_are_not_credited_yet(hot: Anvil, usdt: Asset, books: Books, address: str) -> None:
    """Swept now, it would have to be sent back as gas a minute later."""
    hot.pay(address, ETHER)
    mine_and_scan(hot, books)
    hot.pay_token(usdt.contract, address, 50 * DOLLAR)
    mine_and_scan(hot, books, blocks=1)

    sweep(hot, usdt)
    early = ChainTransaction.objects.count()
    mine_and_scan(hot, books)
    sweep(hot, usdt)

    assert early == 0
    assert [row.asset.code for row in ChainTransaction.objects.all()] == ["USDT"]


def test_few_tokens_stay_where_they_are(hot: Anvil, usdt: Asset, books: Books, address: str) -> None:
    """Ten times what a payment of them is charged with is worth a sweep."""
    deposit(hot, usdt, books, address, 9)
    sweep(hot, usdt)
    few = ChainTransaction.objects.count()
    deposit(hot, usdt, books, address, 1)
    sweep(hot, usdt)

    assert few == 0
    assert [row.kind for row in ChainTransaction.objects.all()] == ["gas"]


def test_no_gas_is_sent_for_tokens_that_would_not_move(hot: Anvil, usdt: Asset, books: Books, address: str) -> None:
    deposit(hot, usdt, books, address, 50)
    hot.send(behaviour(nothing=False, returns_false=True), usdt.contract)
    hot.mine()

    sweep(hot, usdt)

    assert not ChainTransaction.objects.exists()


def test_a_sweep_that_moved_nothing_is_tried_again_after_a_while(
    hot: Anvil, usdt: Asset, books: Books, address: str
) -> None:
    deposit(hot, usdt, books, address, 50)
    hot.pay(address, ETHER // 100)
    hot.mine()
    sweep(hot, usdt)
    hot.send(behaviour(nothing=False, returns_false=True), usdt.contract, tip=10**10)
    finish(hot, books)
    hot.send(behaviour(), usdt.contract)
    hot.mine()
    sweep(hot, usdt)
    failed = [one for one in rows() if one[0] == "sweep"]

    ChainTransaction.objects.filter(kind="sweep").update(created_at=timezone.now() - timedelta(hours=2))
    sweep(hot, usdt)
    finish(hot, books)

    assert failed == [("sweep", 0, "failed")]
    assert rows()[-1] == ("sweep", 1, "confirmed")
    assert tokens(hot, usdt, keys.hot_address()) == 50 * DOLLAR


def test_without_ether_in_the_hot_wallet_tokens_wait(
    anvil: Anvil, usdt: Asset, books: Books, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    deposit(anvil, usdt, books, address, 50)

    sweep(anvil, usdt)

    assert not ChainTransaction.objects.exists()
    assert "no ether for their gas" in caplog.text


def test_an_address_whose_deposit_left_the_chain_is_left_alone(
    hot: Anvil, usdt: Asset, books: Books, address: str
) -> None:
    """Also its other assets: what was credited may have to be taken back."""
    deposit(hot, usdt, books, address, 50)
    hot.pay(address, 3 * ETHER)
    mine_and_scan(hot, books)
    before = Deposit.objects.filter(status="credited").count()
    hot.call("anvil_reorg", 3, [])
    scan(hot, books)

    sweep(hot, usdt)

    assert before == 2
    assert Deposit.objects.filter(status="credited").count() == 1
    assert not ChainTransaction.objects.exists()


def test_what_belongs_to_a_frozen_account_is_left_alone(
    hot: Anvil, usdt: Asset, books: Books, alice: User, address: str
) -> None:
    deposit(hot, usdt, books, address, 50)
    rules = WithdrawalRules.objects.create(user=alice, frozen_at=timezone.now(), frozen_because="asked")
    sweep(hot, usdt)
    frozen = ChainTransaction.objects.count()
    rules.delete()
    sweep(hot, usdt)

    assert (frozen, ChainTransaction.objects.count()) == (0, 1)


def test_gas_and_sweep_that_a_reorganisation_took_are_sent_again(
    hot: Anvil, usdt: Asset, books: Books, address: str
) -> None:
    deposit(hot, usdt, books, address, 50)
    sweep(hot, usdt)
    finish(hot, books, blocks=1)
    sweep(hot, usdt)
    finish(hot, books, blocks=1)
    swept = tokens(hot, usdt, keys.hot_address())

    hot.call("anvil_reorg", 2, [])
    back = tokens(hot, usdt, keys.hot_address())
    follow(hot, books)
    finish(hot, books, blocks=1)
    finish(hot, books)

    assert (swept, back) == (50 * DOLLAR, 0)
    assert rows() == [("gas", 0, "confirmed"), ("sweep", 0, "confirmed")]
    assert tokens(hot, usdt, keys.hot_address()) == 50 * DOLLAR


def test_a_final_sweep_that_the_chain_lost_is_sent_again(hot: Anvil, usdt: Asset, books: Books, address: str) -> None:
    deposit(hot, usdt, books, address, 50)
    before = hot.call("evm_snapshot")
    sweep(hot, usdt)
    finish(hot, books, blocks=1)
    sweep(hot, usdt)
    finish(hot, books)
    final = rows()
    hot.call("evm_revert", before)
    lost = tokens(hot, usdt, keys.hot_address())

    follow(hot, books)
    hot.mine()
    follow(hot, books)
    hot.mine(3)

    assert final == [("gas", 0, "confirmed"), ("sweep", 0, "confirmed")]
    assert (lost, tokens(hot, usdt, keys.hot_address())) == (0, 50 * DOLLAR)
    assert rows() == final


def test_a_failed_sweep_that_the_chain_lost_is_sent_again_too(
    hot: Anvil, usdt: Asset, books: Books, address: str
) -> None:
    """Its nonce is missing: the next sweep of the address could never be mined."""
    hot.pay(address, ETHER // 50)
    deposit(hot, usdt, books, address, 50)
    before = hot.call("evm_snapshot")
    sweep(hot, usdt)
    hot.send(behaviour(nothing=False, returns_false=True), usdt.contract, tip=10**10)
    finish(hot, books)
    ChainTransaction.objects.filter(kind="sweep").update(created_at=timezone.now() - timedelta(hours=2))
    failed = rows()
    hot.call("evm_revert", before)
    sweep(hot, usdt)
    follow(hot, books)
    finish(hot, books)

    assert failed == [("sweep", 0, "failed")]
    assert rows()[0] == ("sweep", 0, "confirmed"), "this time it moved our coins"
    assert hot.node.transaction_count(address) == len(rows())
    assert tokens(hot, usdt, keys.hot_address()) == 50 * DOLLAR


def test_two_addresses_of_two_users_are_swept_side_by_side(
    hot: Anvil, usdt: Asset, books: Books, bob: User, address: str
) -> None:
    other = services.deposit_address_assign(user=bob, asset=usdt).address
    hot.pay_token(usdt.contract, other, 70 * DOLLAR)
    deposit(hot, usdt, books, address, 50)
    sweep(hot, usdt)
    finish(hot, books, blocks=1)
    sweep(hot, usdt)
    finish(hot, books)

    assert sorted(ChainTransaction.objects.filter(kind="gas").values_list("nonce", flat=True)) == [0, 1]
    assert tokens(hot, usdt, keys.hot_address()) == 120 * DOLLAR
