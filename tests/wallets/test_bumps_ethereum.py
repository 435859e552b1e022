"""Payments that no block takes: offered again for more, as another version, and paid once whichever is mined."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from tests.wallets.payouts import (
    ETHER,
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
from tests.wallets.tokens import DOLLAR, UNITS, mine_and_scan
from trading.engine.enums import Reason
from wallets.chains import keys
from wallets.chains.ethereum import GWEI
from wallets.chains.ethereum_raw import cost_max_of
from wallets.ledger.chart import Owner
from wallets.models import Asset, ChainTransaction, Posting
from wallets.payouts.ethereum_bumps import ethereum_bump, ethereum_bump_one
from wallets.payouts.ethereum_sweeps import ethereum_sweep
from wallets.payouts.versions import NotBumped

GIFT = 10**10
AMOUNT = 200_000_000
FEE = 50_000


def grow_old() -> None:
    """Let what was signed wait for longer than it should."""
    ChainTransaction.objects.update(created_at=timezone.now() - timedelta(hours=1))


def dear(node: Anvil, gwei: int) -> None:
    """Let the next block ask for more than what waits offers, and be mined without it."""
    node.call("anvil_setNextBlockBaseFeePerGas", hex(gwei * GWEI))
    node.mine()


def bump(node: Anvil) -> None:
    ethereum_bump(asset=coin(), node=node.node)
    send_stored(node)


def versions() -> list[ChainTransaction]:
    return list(ChainTransaction.objects.order_by("pk"))


def test_a_payment_that_waits_is_replaced_and_paid_once(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    address = fresh_address()
    withdrawal = request(rich, eth, books, address, AMOUNT)
    sign(hot, eth)
    send_stored(hot)
    dear(hot, 20)
    follow(hot, books)
    bump(hot)
    too_early = len(versions())
    grow_old()
    bump(hot)
    bump(hot)
    finish(hot, books)

    old, new = versions()
    assert too_early == 1
    assert (new.nonce, new.first_version, new.recipient, new.amount) == (old.nonce, old, old.recipient, old.amount)
    assert new.fee_rate is not None
    assert new.fee_rate > 20 * GWEI
    assert new.tip_rate == GWEI * 9 // 8
    assert rows() == [("withdrawal", 0, "replaced"), ("withdrawal", 0, "confirmed")]
    assert (status(withdrawal), withdrawal.transaction) == ("confirmed", new)
    assert hot.balance(address) == (AMOUNT - FEE) * UNIT
    assert Posting.objects.filter(reason=Reason.NETWORK_FEE).count() == 1
    gas_wei = 10 * ETHER - hot.balance(address) - hot.balance(keys.hot_address())
    assert books.balance(Owner.NETWORK_FEES, eth.pk) == (-gas_wei // UNIT, 0)


def test_the_older_version_may_be_the_one_that_is_mined(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    address = fresh_address()
    withdrawal = request(rich, eth, books, address, AMOUNT)
    sign(hot, eth)
    hot.mine()
    grow_old()
    ethereum_bump(asset=eth, node=hot.node)
    old, new = versions()
    hot.node.broadcast(old.raw)  # another node's memory had it
    hot.mine()
    finish(hot, books)

    assert rows() == [("withdrawal", 0, "confirmed"), ("withdrawal", 0, "replaced")]
    assert (status(withdrawal), withdrawal.transaction) == ("confirmed", old)
    assert hot.balance(address) == (AMOUNT - FEE) * UNIT
    assert new.raw != old.raw
    assert Posting.objects.filter(reason=Reason.NETWORK_FEE).count() == 1


def test_a_version_that_left_the_chain_may_be_followed_by_the_other(
    hot: Anvil, eth: Asset, books: Books, rich: User
) -> None:
    address = fresh_address()
    withdrawal = request(rich, eth, books, address, AMOUNT)
    sign(hot, eth)
    hot.mine()
    grow_old()
    ethereum_bump(asset=eth, node=hot.node)
    old, new = versions()
    hot.node.broadcast(old.raw)
    hot.mine()
    follow(hot, books)
    first = (status(withdrawal), withdrawal.transaction)

    hot.call("anvil_reorg", 1, [])
    finish(hot, books, blocks=1)
    finish(hot, books)
    finish(hot, books)

    assert first == ("broadcast", old)
    assert (status(withdrawal), withdrawal.transaction) == ("confirmed", new)
    assert hot.balance(address) == (AMOUNT - FEE) * UNIT


def test_only_what_keeps_the_line_waiting_is_replaced(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    """The second waits for the first, and what it offers is enough."""
    for _ in range(2):
        request(rich, eth, books, fresh_address(), AMOUNT)
    sign(hot, eth)
    send_stored(hot)
    hot.call("anvil_dropAllTransactions")
    hot.mine()
    grow_old()

    bump(hot)

    assert [nonce for _, nonce, _ in rows()] == [0, 1, 0]


def test_all_that_offer_less_than_the_chain_takes_are_replaced(
    hot: Anvil, eth: Asset, books: Books, rich: User
) -> None:
    payments = [request(rich, eth, books, fresh_address(), AMOUNT) for _ in range(3)]
    sign(hot, eth)
    send_stored(hot)
    dear(hot, 50)
    grow_old()
    bump(hot)
    finish(hot, books)

    assert [nonce for _, nonce, _ in rows()] == [0, 1, 2, 0, 1, 2]
    assert [status(one) for one in payments] == ["confirmed"] * 3


def test_without_a_block_nothing_is_replaced(
    hot: Anvil, eth: Asset, books: Books, rich: User, settings: Settings
) -> None:
    """A chain that stands still takes no payment, whatever it offers."""
    settings.BUMP_AFTER_S = -60
    request(rich, eth, books, fresh_address(), AMOUNT)
    sign(hot, eth)
    now_s = hot.node.block_time() + 1
    ChainTransaction.objects.update(created_at=datetime.fromtimestamp(now_s, tz=UTC))
    bump(hot)
    before = len(versions())
    hot.call("anvil_dropAllTransactions")
    hot.call("evm_setNextBlockTimestamp", now_s + 1)
    hot.mine()
    bump(hot)

    assert (before, len(versions())) == (1, 2)


def test_a_fee_is_raised_up_to_the_ceiling(
    hot: Anvil, eth: Asset, books: Books, rich: User, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ETHEREUM_FEE_CEILING_GWEI = 4
    request(rich, eth, books, fresh_address(), AMOUNT)
    sign(hot, eth)
    for _ in range(12):
        hot.call("anvil_dropAllTransactions")
        hot.mine()
        grow_old()
        ethereum_bump(asset=eth, node=hot.node)

    rates = [row.fee_rate or 0 for row in versions()]
    assert rates == sorted(rates)
    assert len(rates) > 2
    assert rates[-1] <= 4 * GWEI < rates[-1] * 9 // 8 + 1
    assert "its fee is as high as it may be" in caplog.text


def test_promises_count_the_dearest_version_once(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    request(rich, eth, books, fresh_address(), 990_000_000)
    sign(hot, eth)
    hot.mine()
    grow_old()
    ethereum_bump(asset=eth, node=hot.node)
    dearest = cost_max_of(versions()[-1].raw)
    free = 10 * ETHER - dearest
    base = hot.node.base_fee()
    plain = 21_000 * (2 * base + GWEI)

    units = (free - plain) // UNIT
    second = request(rich, eth, books, fresh_address(), units + FEE + 1)
    sign(hot, eth)
    waiting = status(second)
    third = request(rich, eth, books, fresh_address(), units + FEE)
    sign(hot, eth)

    assert (waiting, status(third)) == ("held", "signed")


def test_a_fee_that_the_hot_wallet_cannot_pay_is_not_raised(
    hot: Anvil, eth: Asset, books: Books, rich: User, caplog: pytest.LogCaptureFixture
) -> None:
    base = hot.node.base_fee()
    units = (10 * ETHER - 21_000 * (2 * base + GWEI)) // UNIT
    request(rich, eth, books, fresh_address(), units + FEE)
    sign(hot, eth)
    hot.mine()
    grow_old()

    bump(hot)

    assert len(versions()) == 1
    assert "cannot pay a higher fee" in caplog.text


def test_a_payment_of_tokens_is_replaced_with_the_same_call(
    hot: Anvil, eth: Asset, usdt: Asset, books: Books, alice: User
) -> None:
    Asset.objects.filter(pk=usdt.pk).update(withdrawals_open=True)
    usdt.refresh_from_db()
    hot.pay_token(usdt.contract, keys.hot_address(), 500 * DOLLAR)
    hot.mine()
    books.give(alice.pk, usdt.pk, 500 * UNITS)
    address = fresh_address()
    withdrawal = request(alice, usdt, books, address, 100 * UNITS)
    sign(hot, usdt)
    send_stored(hot)
    dear(hot, 20)
    grow_old()
    bump(hot)
    finish(hot, books)

    assert rows() == [("withdrawal", 0, "replaced"), ("withdrawal", 0, "confirmed")]
    assert status(withdrawal) == "confirmed"
    assert hot.node.token_balances(usdt.contract, [address])[address] == 99 * DOLLAR


def test_a_sweep_of_ether_is_replaced_by_one_of_less(hot: Anvil, usdt: Asset, books: Books, address: str) -> None:
    hot.pay(address, ETHER)
    mine_and_scan(hot, books)
    ethereum_sweep(asset=coin(), node=hot.node)
    send_stored(hot)
    dear(hot, 20)
    grow_old()
    bump(hot)
    finish(hot, books)

    old, new = versions()
    assert rows() == [("sweep", 0, "replaced"), ("sweep", 0, "confirmed")]
    assert (new.amount or 0) < (old.amount or 0)


def test_a_sweep_of_tokens_gets_more_gas_before_it_is_replaced(
    hot: Anvil, usdt: Asset, books: Books, address: str
) -> None:
    hot.pay_token(usdt.contract, address, 50 * DOLLAR)
    mine_and_scan(hot, books)
    ethereum_sweep(asset=coin(), node=hot.node, tokens=[usdt])
    finish(hot, books, blocks=1)
    ethereum_sweep(asset=coin(), node=hot.node, tokens=[usdt])
    send_stored(hot)
    dear(hot, 20)
    grow_old()
    bump(hot)
    first = [kind for kind, _, _ in rows()]
    finish(hot, books, blocks=1)
    bump(hot)
    finish(hot, books)

    assert first == ["gas", "sweep", "gas"]
    assert rows()[1:] == [("sweep", 0, "replaced"), ("gas", 1, "confirmed"), ("sweep", 0, "confirmed")]
    assert hot.node.token_balances(usdt.contract, [keys.hot_address()])[keys.hot_address()] == 50 * DOLLAR


def test_an_operator_may_raise_a_fee_at_once(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    withdrawal = request(rich, eth, books, fresh_address(), AMOUNT)
    sign(hot, eth)
    first = ChainTransaction.objects.get()

    ethereum_bump_one(asset=eth, node=hot.node, txid=first.txid)
    ethereum_bump_one(asset=eth, node=hot.node, txid=first.txid)
    finish(hot, books)

    assert [one for _, _, one in rows()] == ["replaced", "replaced", "confirmed"]
    assert status(withdrawal) == "confirmed"
    with pytest.raises(NotBumped):
        ethereum_bump_one(asset=eth, node=hot.node, txid=first.txid)


def test_a_final_payment_that_is_lost_goes_again_also_when_an_earlier_one_was_bumped_after_it(
    hot: Anvil, eth: Asset, books: Books, rich: User
) -> None:
    """The version that was signed last has the lower nonce: nothing is lost below it, and all above waits for ever."""
    addresses = [fresh_address(), fresh_address(), fresh_address()]
    for address in addresses[:2]:
        request(rich, eth, books, address, AMOUNT)
        sign(hot, eth)
    first, second = versions()
    dear(hot, 20)
    ethereum_bump_one(asset=eth, node=hot.node, txid=first.txid)
    send_stored(hot)
    dear(hot, 20)
    only_first = [hot.balance(address) > 0 for address in addresses]
    before_second = hot.call("evm_snapshot")
    hot.call("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    hot.mine()
    finish(hot, books)
    were_final = rows()
    hot.call("evm_revert", before_second)
    hot.call("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    hot.mine()
    lost = hot.balance(addresses[1])

    third = request(rich, eth, books, addresses[2], AMOUNT)
    sign(hot, eth)
    follow(hot, books)
    finish(hot, books)

    assert only_first == [True, False, False]
    assert were_final == [
        ("withdrawal", first.nonce, "replaced"),
        ("withdrawal", second.nonce, "confirmed"),
        ("withdrawal", first.nonce, "confirmed"),
    ]
    assert lost == 0
    assert [hot.balance(address) for address in addresses] == [(AMOUNT - FEE) * UNIT] * 3
    assert status(third) == "confirmed"
