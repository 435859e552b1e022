"""Floors of the hot wallet, and halts that mex makes and ends itself: below, short, and owing more than there is."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.desk import Desk
from tests.wallets.nodes import Anvil
from tests.wallets.payouts import ETHER, fresh_address, request, sign
from tests.wallets.test_control_switch import lost_deposit
from tests.wallets.tokens import DOLLAR, UNITS
from trading.engine.commands import Transfer
from trading.engine.enums import Reason
from wallets.chains import keys
from wallets.cold.hot import bitcoin_hot, ethereum_hot, hot_judge, short_reason
from wallets.control.switch import halt, withdrawals_halted
from wallets.ledger.chart import Owner
from wallets.ledger.solvency import check_chains
from wallets.models import Asset, ChainTransaction, HotWallet, SolvencyReport
from wallets.solvency.proofs import lines_of
from wallets.solvency.reports import report_take

COIN = 100_000_000


@pytest.fixture
def bank(desk: Desk, settings: Settings) -> Desk:
    """A hot wallet of 1 BTC, with a floor of half of it."""
    settings.BITCOIN_RPC_URL, settings.ETHEREUM_RPC_URL = desk.chain.url, "http://127.0.0.1:9"
    desk.fund(COIN)
    Asset.objects.filter(pk=desk.btc.pk).update(hot_floor=COIN // 2, withdrawals_open=True, closed_because="")
    desk.btc.refresh_from_db()
    return desk


def look(bank: Desk, *, later_s: float = 0) -> HotWallet:
    """Look once, as the task does, as if it were later."""
    bank.chain.settle()
    bank.btc.refresh_from_db()
    wallet = bitcoin_hot(asset=bank.btc, node=bank.node)
    hot_judge(bank.btc, wallet, now=timezone.now() + timedelta(seconds=later_s))
    bank.btc.refresh_from_db()
    return wallet


def test_a_hot_wallet_is_what_can_be_spent_less_what_is_signed(bank: Desk) -> None:
    full = look(bank)
    bank.ask(30_000_000)
    waits = look(bank)
    (record,) = bank.sign()
    signed = look(bank)
    bank.send()
    sent = look(bank)

    cost = 30_000_000 - 2_000 + (record.network_fee or 0)
    assert [(one.units, one.promised, one.waiting) for one in (full, waits, signed, sent)] == [
        (COIN, 0, 0),
        (COIN, 0, 30_000_000 - 2_000),
        (COIN, cost, 0),
        (COIN - cost, 0, 0),
    ]


def test_below_the_floor_the_alarm_is_raised_once(bank: Desk, caplog: pytest.LogCaptureFixture) -> None:
    fine = look(bank)
    bank.ask(60_000_000)
    bank.sign()
    low = look(bank)
    again = look(bank)

    assert (fine.low_since, low.low_since is not None, again.low_since) == (None, True, low.low_since)
    assert caplog.text.count("is below its floor: 0.4") == 1
    bank.fund(COIN)
    assert look(bank).low_since is None


def test_what_cannot_be_paid_for_long_halts_and_coins_end_the_halt(bank: Desk, settings: Settings) -> None:
    settings.HOT_SHORT_HALT_S = 600
    bank.ask(2 * COIN)
    first = look(bank)
    open_at_first = withdrawals_halted(bank.btc)
    look(bank, later_s=599)
    open_still = withdrawals_halted(bank.btc)
    look(bank, later_s=601)
    halted = (withdrawals_halted(bank.btc), bank.btc.closed_because, bank.btc.withdrawals_open)
    bank.fund(2 * COIN)
    mended = look(bank)

    assert (first.short_since is not None, open_at_first, open_still) == (True, "", "")
    assert halted == (short_reason(bank.btc), "the hot wallet of BTC is short of funds", False)
    assert (mended.short_since, withdrawals_halted(bank.btc), bank.btc.closed_because) == (None, "", "")
    assert len(bank.sign()) == 1


def test_what_others_halted_is_not_resumed(bank: Desk, settings: Settings) -> None:
    settings.HOT_SHORT_HALT_S = 0
    halt(bank.btc, "an operator looks into something")
    look(bank)
    assert withdrawals_halted(bank.btc) == "an operator looks into something"
    Asset.objects.filter(pk=bank.btc.pk).update(withdrawals_open=False, closed_because="")

    look(bank)

    assert withdrawals_halted(bank.btc) != ""


def test_frozen_accounts_make_nobody_short(bank: Desk) -> None:
    from wallets.control.accounts import account_freeze

    bank.ask(2 * COIN)
    account_freeze(user=bank.user, because="a test")

    assert look(bank).short_since is None


def test_closed_accounts_and_lost_deposits_make_nobody_short(bank: Desk) -> None:
    """The trap: what nobody may pay would have halted the asset for everybody."""
    bank.ask(2 * COIN)
    is_short = look(bank).short_since is not None
    User.objects.filter(pk=bank.user.pk).update(is_active=False)
    closed = look(bank)
    User.objects.filter(pk=bank.user.pk).update(is_active=True)
    lost_deposit(bank.user, bank.btc)
    lost = look(bank)

    assert is_short
    assert [(one.waiting, one.short_since) for one in (closed, lost)] == [(0, None), (0, None)]


def test_ether_and_tokens_have_purses_of_their_own(
    anvil: Anvil, eth: Asset, usdt: Asset, books: Books, alice: User
) -> None:
    anvil.pay(keys.hot_address(), 2 * ETHER)
    anvil.pay_token(usdt.contract, keys.hot_address(), 500 * DOLLAR)
    anvil.mine()
    Asset.objects.filter(pk=usdt.pk).update(withdrawals_open=True, approval_above=None)
    usdt.refresh_from_db()
    books.give(alice.pk, usdt.pk, 400 * UNITS)
    request(alice, usdt, books, fresh_address(), 100 * UNITS)
    waits = ethereum_hot(asset=usdt, node=anvil.node, hot_address=keys.hot_address())
    sign(anvil, usdt)

    dollars = ethereum_hot(asset=usdt, node=anvil.node, hot_address=keys.hot_address())
    ether = ethereum_hot(asset=eth, node=anvil.node, hot_address=keys.hot_address())

    assert (waits.units, waits.promised, waits.waiting) == (500 * UNITS, 0, 99 * UNITS)
    assert (dollars.units, dollars.promised, dollars.waiting) == (500 * UNITS, 99 * UNITS, 0)
    assert (ether.units, ether.waiting, 0 < ether.promised < UNITS // 100) == (2 * UNITS, 0, True)


def test_a_report_counts_coins_address_by_address_and_halts_what_is_not_covered(bank: Desk) -> None:
    """Alice is owed 10 BTC, and there is one."""
    look(bank)

    report = report_take()

    (line,) = (one for one in lines_of(report, addresses_max=5) if one.row.asset == bank.btc)
    tip = bank.node.tip()
    assert (line.row.coins, line.row.liabilities, line.ratio_ppm) == (COIN, 10 * COIN, 100_000)
    assert (line.row.height, line.row.block_hash, line.row.in_flight) == (*tip, 0)
    assert [(one.role, one.units) for one in line.addresses] == [("hot", COIN)]
    bank.btc.refresh_from_db()
    assert withdrawals_halted(bank.btc) == "users are owed more BTC than there is"
    assert HotWallet.objects.get(asset=bank.btc).unexplained == COIN


def test_what_withdrawals_took_and_users_are_still_owed_is_in_flight(bank: Desk) -> None:
    bank.ask(30_000_000)
    (record,) = bank.sign()
    bank.send()
    bank.chain.mine(1)

    row = report_take().assets.get(asset=bank.btc)

    cost = 30_000_000 - 2_000 + (record.network_fee or 0)
    assert (row.coins, row.in_flight) == (COIN - cost, cost)


def test_cold_coins_count_for_users(bank: Desk) -> None:
    cold = bank.chain.fresh_address()
    Asset.objects.filter(pk=bank.btc.pk).update(cold_address=cold)
    bank.books.send([Transfer("cold:1", Owner.COLD, Owner.CHAIN, bank.btc.pk, 9 * COIN, Reason.COLD)])
    bank.chain.pay(cold, 9 * COIN)
    bank.chain.mine(1)

    row = report_take().assets.get(asset=bank.btc)

    bank.btc.refresh_from_db()
    assert (row.coins, withdrawals_halted(bank.btc)) == (10 * COIN, "")
    assert dict(row.addresses.values_list("role", "units")) == {"hot": COIN, "cold": 9 * COIN}


def test_coins_of_strangers_at_the_cold_address_prove_nothing_and_are_shown_to_operators(bank: Desk) -> None:
    """The trap: whoever can write the cold address could name a rich one, and hide that coins are gone."""
    look(bank)
    bank.books.send([Transfer("cold:1", Owner.COLD, Owner.CHAIN, bank.btc.pk, 2 * COIN, Reason.COLD)])
    rich = bank.chain.fresh_address()
    bank.chain.pay(rich, 30 * COIN)
    bank.chain.mine(1)
    Asset.objects.filter(pk=bank.btc.pk).update(cold_address=rich)

    row = report_take().assets.get(asset=bank.btc)

    bank.btc.refresh_from_db()
    assert (row.coins, row.liabilities) == (3 * COIN, 10 * COIN)
    assert dict(row.addresses.values_list("role", "units")) == {"hot": COIN, "cold": 2 * COIN}
    assert withdrawals_halted(bank.btc) == "users are owed more BTC than there is"
    # A coin at hand and two in the ledger's COLD, which no deposit of this test brought, and those of the stranger.
    assert HotWallet.objects.get(asset=bank.btc).unexplained == 3 * COIN + 28 * COIN
    (audited,) = (one for one in check_chains() if one.code == "BTC")
    assert audited.coins == 3 * COIN
    assert len(audited.shortfalls) == 1


def test_of_cold_addresses_the_one_that_we_sent_to_has_our_coins(bank: Desk) -> None:
    ours, rich = bank.chain.fresh_address(), bank.chain.fresh_address()
    ChainTransaction.objects.create(
        asset=bank.btc, fee_asset=bank.btc, kind="cold", status="confirmed", txid="ab" * 32, raw="00", recipient=ours,
        amount=9 * COIN, network_fee=0,
    )  # fmt: skip
    record = ChainTransaction.objects.get()
    bank.books.send([Transfer(f"cold:{record.pk}", Owner.COLD, Owner.CHAIN, bank.btc.pk, 9 * COIN, Reason.COLD)])
    for address in (ours, rich):
        bank.chain.pay(address, 9 * COIN)
    bank.chain.mine(1)
    Asset.objects.filter(pk=bank.btc.pk).update(cold_address=rich)

    row = report_take().assets.get(asset=bank.btc)

    assert dict(row.addresses.filter(role="cold").values_list("address", "units")) == {ours: 9 * COIN}


def test_two_reports_at_once_are_two_reports(bank: Desk) -> None:
    report_take(), report_take()

    assert SolvencyReport.objects.count() == 2
