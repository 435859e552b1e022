"""Coins against the ledger on real nodes, exact to the unit at every step of everything that we sign."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.desk import FEE, Desk
from tests.wallets.nodes import Anvil
from tests.wallets.payouts import ETHER, coin, finish, follow, fresh_address, request, send_stored, sign
from tests.wallets.tokens import DOLLAR, UNITS, mine_and_scan
from wallets.chains import keys
from wallets.chains.holdings import Role, coins_read
from wallets.ledger.solvency import cover_of, read_together
from wallets.models import Asset, ChainTransaction
from wallets.payouts.ethereum_bumps import ethereum_bump
from wallets.payouts.ethereum_sweeps import ethereum_sweep

COIN = 100_000_000


@pytest.fixture(autouse=True)
def no_other_chain(settings: Settings) -> None:
    """Nothing listens where a test has no node."""
    settings.BITCOIN_RPC_URL = "http://mex:mex@127.0.0.1:9"
    settings.ETHEREUM_RPC_URL = "http://127.0.0.1:9"


def surplus(asset: Asset) -> int:
    """Return by how much the coins exceed what the ledger says we hold."""
    books, coins, _ = read_together(asset, lambda: None)
    return cover_of(books, coins).hot - books.held_outside


@pytest.fixture
def bank(desk: Desk, settings: Settings) -> Desk:
    """A hot wallet with three coins, on the chain that solvency reads."""
    settings.BITCOIN_RPC_URL = desk.chain.url
    desk.fund(COIN, COIN, COIN)
    return desk


def test_a_batch_is_covered_at_every_step_also_when_the_ledger_has_only_some_of_it(bank: Desk) -> None:
    seen = [surplus(bank.btc)]
    bank.ask(10_000_000), bank.ask(20_000_000), bank.ask(30_000_000)
    (record,) = bank.sign()
    seen.append(surplus(bank.btc))  # signed
    bank.send()
    seen.append(surplus(bank.btc))  # in the mempool
    bank.chain.mine(1)
    seen.append(surplus(bank.btc))  # in a block
    bank.chain.mine(2)
    bank.follow(1)
    seen.append(surplus(bank.btc))  # its network fee is booked
    (first, *_) = record.withdrawals.all()
    assert first.status != "confirmed"
    bank.books.send([_settle(first)])
    seen.append(surplus(bank.btc))  # one of three is settled
    bank.follow(3)
    seen.append(surplus(bank.btc))  # all of it is booked

    assert seen == [3 * COIN] * 7
    assert coins_read(bank.btc, []).units == 3 * COIN - 60_000_000 + 3 * FEE - (record.network_fee or 0)


def _settle(withdrawal):  # type: ignore[no-untyped-def]  # a command
    from trading.engine.commands import SettleHold

    return SettleHold(withdrawal.reference, withdrawal.fee)


@pytest.mark.parametrize("mined", ["first", "second"])
def test_whichever_version_of_a_bump_is_mined_its_own_fee_is_counted(bank: Desk, mined: str) -> None:
    bank.ask(10_000_000), bank.ask(20_000_000)
    (first,) = bank.sign()
    bank.send()
    bank.mine_only()
    (second,) = bank.bump()
    seen = [surplus(bank.btc)]
    bank.send()
    bank.mine_only(first.raw if mined == "first" else second.raw)
    seen.append(surplus(bank.btc))  # in a block, and withdrawals may point to the other version
    bank.follow(1)
    seen.append(surplus(bank.btc))
    bank.finish()
    seen.append(surplus(bank.btc))  # booked, and the other version is replaced

    assert seen == [3 * COIN] * 4
    assert sorted(ChainTransaction.objects.values_list("status", flat=True)) == ["confirmed", "replaced"]


def test_a_payment_that_a_reorganisation_takes_out_of_the_chain_is_covered(bank: Desk) -> None:
    bank.ask(10_000_000)
    (record,) = bank.sign()
    bank.send()
    block = bank.mine_only(record.raw)
    bank.follow(1)
    bank.node.root.call("invalidateblock", block)

    assert surplus(bank.btc) == 3 * COIN


def test_coins_made_one_cost_their_fee_and_nothing_else(bank: Desk, settings: Settings) -> None:
    settings.BITCOIN_SMALL_COINS_MAX = 2
    settings.BITCOIN_CONSOLIDATE_BELOW = 1_000
    bank.fund(*[10_000] * 6, blocks=3)
    there = 3 * COIN + 60_000
    stored = bank.merge()
    assert [row.kind for row in stored] == ["consolidation"]
    seen = [surplus(bank.btc)]
    bank.send()
    bank.chain.mine(1)
    seen.append(surplus(bank.btc))
    bank.finish()
    seen.append(surplus(bank.btc))

    assert seen == [there] * 3


def test_locked_coins_and_our_own_change_count(bank: Desk) -> None:
    """A watch-only wallet: the coins are ours although bitcoind has no key of them."""
    coins = bank.node.coins()
    bank.node.inputs_lock([one.outpoint for one in coins])

    assert coins_read(bank.btc, []).units == 3 * COIN
    bank.node.inputs_unlock([one.outpoint for one in coins])
    bank.ask(10_000_000)
    bank.sign()
    bank.send()
    trusted = bank.node.rpc.call("getbalances")["mine"]["trusted"]
    assert trusted > 2  # change that is in no block counts as trusted
    bank.chain.mine(1)
    assert [one.role for one in coins_read(bank.btc, []).addresses].count(Role.HOT) == 3  # two coins and the change


@pytest.fixture
def hot(anvil: Anvil, usdt: Asset, settings: Settings) -> Anvil:
    """The node, with ether and dollars at our hot address, where solvency reads."""
    settings.ETHEREUM_RPC_URL = anvil.url
    Asset.objects.filter(pk=usdt.pk).update(withdrawals_open=True, approval_above=None)
    usdt.refresh_from_db()
    anvil.pay(keys.hot_address(), ETHER)
    anvil.pay_token(usdt.contract, keys.hot_address(), 500 * DOLLAR)
    anvil.mine()
    return anvil


def test_gas_of_a_token_payment_is_missed_in_ether_and_the_tokens_in_tokens(
    hot: Anvil, eth: Asset, usdt: Asset, books: Books, alice: User
) -> None:
    """The trap: a payment of dollars costs ether, so ether's transactions are not only those of ether."""
    books.give(alice.pk, usdt.pk, 400 * UNITS)
    seen = [(surplus(eth), surplus(usdt))]
    request(alice, usdt, books, fresh_address(), 100 * UNITS)
    sign(hot, usdt)
    seen.append((surplus(eth), surplus(usdt)))  # stored
    send_stored(hot)
    hot.mine()
    seen.append((surplus(eth), surplus(usdt)))  # in a block, nothing booked
    hot.mine(2)
    ended = follow_once(hot, books)
    seen.append((surplus(eth), surplus(usdt)))  # its fee is booked, its tokens are not
    finish(hot, books)
    seen.append((surplus(eth), surplus(usdt)))

    assert ended != "confirmed"
    assert seen == [(UNITS, 500 * UNITS)] * 5
    assert coins_read(usdt, []).units == 401 * UNITS


def follow_once(node: Anvil, books: Books) -> str:
    follow(node, books)
    return str(ChainTransaction.objects.get().status)


def test_a_token_payment_that_moved_nothing_took_only_its_gas(
    hot: Anvil, eth: Asset, usdt: Asset, books: Books, alice: User
) -> None:
    from tests.wallets.programs import behaviour

    books.give(alice.pk, usdt.pk, 400 * UNITS)
    request(alice, usdt, books, fresh_address(), 100 * UNITS)
    sign(hot, usdt)
    hot.send(behaviour(nothing=False, returns_false=True), usdt.contract)
    hot.mine()
    send_stored(hot)
    hot.mine()

    assert (surplus(eth), surplus(usdt)) == (UNITS, 500 * UNITS)
    finish(hot, books)
    assert (surplus(eth), surplus(usdt)) == (UNITS, 500 * UNITS)


def test_gas_for_a_token_sweep_and_the_sweep_stay_with_us(
    hot: Anvil, address: str, eth: Asset, usdt: Asset, books: Books, alice: User
) -> None:
    hot.pay_token(usdt.contract, address, 50 * DOLLAR)
    mine_and_scan(hot, books)
    seen = [(surplus(eth), surplus(usdt))]
    for _ in range(3):
        ethereum_sweep(asset=eth, node=hot.node, tokens=[usdt])
        send_stored(hot)
        hot.mine()
        seen.append((surplus(eth), surplus(usdt)))
        finish(hot, books)
        seen.append((surplus(eth), surplus(usdt)))

    # A unit for each fee that is rounded up: never one less.
    assert [(UNITS <= ether <= UNITS + 2, dollars) for ether, dollars in seen] == [(True, 500 * UNITS)] * 7
    kinds = ChainTransaction.objects.order_by("pk").values_list("kind", "status")
    assert list(kinds) == [("gas", "confirmed"), ("sweep", "confirmed")]
    assert coins_read(usdt, []).units == 550 * UNITS


def test_a_replaced_ether_payment_is_counted_once(hot: Anvil, eth: Asset, books: Books, alice: User) -> None:
    books.give(alice.pk, eth.pk, UNITS)
    Asset.objects.filter(pk=eth.pk).update(approval_above=None)
    request(alice, eth, books, fresh_address(), UNITS // 10)
    sign(hot, eth)
    send_stored(hot)
    ChainTransaction.objects.update(created_at=timezone.now() - timedelta(hours=1))
    ethereum_bump(asset=coin(), node=hot.node)
    assert ChainTransaction.objects.count() == 2
    seen = [surplus(eth)]
    send_stored(hot)
    hot.mine()
    seen.append(surplus(eth))
    finish(hot, books)
    seen.append(surplus(eth))

    assert seen == [seen[0]] * 3
    assert sorted(ChainTransaction.objects.values_list("status", flat=True)) == ["confirmed", "replaced"]
