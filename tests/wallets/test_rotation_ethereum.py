"""Ethereum after a rotation, on a real node: what arrives at old addresses comes to the new hot wallet."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from mex.errors import AddressIllegal, AddressNotReady, OfferRefused
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from tests.wallets.payouts import ETHER, finish, follow, fresh_address, request, sign, status
from tests.wallets.programs import behaviour
from tests.wallets.rotation import audited, own_keys, rotate, verified
from tests.wallets.test_cold_ethereum import signed
from tests.wallets.test_solvency_chains import surplus
from tests.wallets.tokens import DOLLAR, UNITS
from wallets import services
from wallets.chains import keys
from wallets.cold.inputs import offers_open
from wallets.cold.sent import offer_accept
from wallets.cold.watch import ethereum_watch
from wallets.deposits.ethereum import ethereum_scan
from wallets.deposits.pool import ethereum_pool_fill
from wallets.models import Asset, ChainTransaction, ColdOffer, Deposit
from wallets.payouts.ethereum_bumps import ethereum_bump
from wallets.payouts.ethereum_gaps import ethereum_gaps_fill
from wallets.payouts.ethereum_sweeps import ethereum_sweep


@pytest.fixture
def key_file(run_keys: None, settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """Keys that the test can rotate."""
    with own_keys(settings, tmp_path) as path:
        yield path


@pytest.fixture
def hot(anvil: Anvil, usdt: Asset, settings: Settings) -> Anvil:
    """The node, with ether and dollars at the hot address that is going to be old."""
    settings.ETHEREUM_RPC_URL = anvil.url
    Asset.objects.filter(chain="ethereum").update(withdrawals_open=True, approval_above=None)
    anvil.pay(keys.hot_address(), ETHER)
    anvil.pay_token(usdt.contract, keys.hot_address(), 500 * DOLLAR)
    anvil.mine()
    return anvil


def scan(node: Anvil, books: Books, blocks: int = 3) -> None:
    """Mine and look, as a worker does."""
    *old, newest = keys.hot_addresses()
    node.mine(blocks)
    for _ in range(2):
        ethereum_scan(
            asset=Asset.objects.get(code="ETH"),
            tokens=[Asset.objects.get(code="USDT")],
            node=node.node,
            hot_address=newest,
            hot_old=old,
            send=books.send,
        )


def swept(node: Anvil, books: Books, rounds: int = 6) -> None:
    """Let everything be swept that can be, until it is final."""
    for _ in range(rounds):
        coin, token = (Asset.objects.get(code=code) for code in ("ETH", "USDT"))
        ethereum_sweep(asset=coin, node=node.node, tokens=[token])
        finish(node, books)


def wealth(node: Anvil, token: Asset, address: str) -> tuple[bool, int]:
    """Return whether an address has more than a little ether, and its dollars."""
    dollars = node.node.token_balances(token.contract, [address])[address] // DOLLAR
    return node.balance(address) > ETHER // 1_000, dollars


def test_old_ethereum_addresses_are_credited_and_everything_comes_to_the_new_hot_wallet(
    hot: Anvil, address: str, eth: Asset, usdt: Asset, books: Books, alice: User
) -> None:
    old_hot = keys.hot_address()
    before = surplus(eth), surplus(usdt)
    rotate()
    scan(hot, books)
    ethereum_pool_fill(asset=eth, size=3)
    new = services.deposit_address_assign(user=alice, asset=usdt)
    hot.pay(address, ETHER)
    hot.pay_token(usdt.contract, address, 50 * DOLLAR)
    hot.pay(new.address, ETHER)
    hot.pay_token(usdt.contract, new.address, 20 * DOLLAR)
    scan(hot, books)

    swept(hot, books)

    assert (new.generation, new.address) == (1, keys.deposit_address(new.derivation_index or 0, 1))
    assert services.deposit_address_assign(user=alice, asset=eth) == new
    assert new.address != address
    assert Deposit.objects.filter(user=alice, status="credited").count() == 4
    assert books.balance(alice.pk, eth.pk)[0] == 2 * UNITS
    assert books.balance(alice.pk, usdt.pk)[0] == 70 * UNITS
    for emptied in (old_hot, address, new.address):
        assert wealth(hot, usdt, emptied) == (False, 0)
    assert wealth(hot, usdt, keys.hot_address()) == (True, 570)
    assert set(ChainTransaction.objects.values_list("status", flat=True)) == {"confirmed"}
    # A unit for each fee that is rounded up: never one less.
    assert before[0] <= surplus(eth) <= before[0] + ChainTransaction.objects.count()
    assert surplus(usdt) == before[1]
    assert verified() == {"ok"}
    assert audited() == []


def test_which_address_a_user_gets_while_the_pool_of_the_new_keys_is_filled(
    hot: Anvil, address: str, eth: Asset, books: Books, alice: User, bob: User
) -> None:
    rotate()
    before = services.deposit_address_assign(user=alice, asset=eth)
    ethereum_pool_fill(asset=eth, size=1)

    assert before.address == address  # nobody told the web of new keys yet
    assert services.deposit_address_assign(user=bob, asset=eth).generation == 1
    with pytest.raises(AddressNotReady):
        services.deposit_address_assign(user=alice, asset=eth)
    ethereum_pool_fill(asset=eth, size=1)
    assert services.deposit_address_assign(user=alice, asset=eth).generation == 1
    assert set(alice.deposit_addresses.values_list("generation", flat=True)) == {0, 1}


def test_withdrawals_are_paid_from_the_new_hot_wallet_with_nonces_of_its_own(
    hot: Anvil, eth: Asset, usdt: Asset, books: Books, alice: User
) -> None:
    books.give(alice.pk, usdt.pk, 400 * UNITS)
    old_hot = keys.hot_address()
    first = request(alice, usdt, books, fresh_address(), 100 * UNITS)
    sign(hot, usdt)
    finish(hot, books)
    rotate()
    second = request(alice, usdt, books, fresh_address(), 100 * UNITS)
    sign(hot, usdt)
    assert status(second) == "held"  # the new hot wallet has nothing yet

    swept(hot, books, 3)
    sign(hot, usdt)
    finish(hot, books)

    assert (status(first), status(second)) == ("confirmed", "confirmed")
    paid = ChainTransaction.objects.filter(kind="withdrawal").order_by("pk").values_list("sender", "nonce")
    assert list(paid) == [(old_hot, 0), (keys.hot_address(), 0)]
    assert list(ChainTransaction.objects.filter(kind="sweep").order_by("pk").values_list("sender", "nonce")) == [
        (old_hot, 1),
        (old_hot, 2),
    ]


def test_what_arrives_at_an_old_hot_wallet_later_is_moved_again_also_after_two_rotations(
    hot: Anvil, eth: Asset, usdt: Asset, books: Books
) -> None:
    first = keys.hot_address()
    rotate()
    second = keys.hot_address()
    swept(hot, books, 3)
    rotate()
    hot.pay(first, ETHER)
    hot.mine()

    swept(hot, books, 3)

    assert wealth(hot, usdt, first) == wealth(hot, usdt, second) == (False, 0)
    assert wealth(hot, usdt, keys.hot_address()) == (True, 500)


def test_dollars_at_an_old_hot_wallet_without_ether_get_gas_from_the_new_one(
    hot: Anvil, eth: Asset, usdt: Asset, books: Books
) -> None:
    old_hot = keys.hot_address()
    rotate()
    hot.call("anvil_setBalance", old_hot, hex(0))
    hot.pay(keys.hot_address(), ETHER)
    hot.mine()

    swept(hot, books, 3)

    assert list(ChainTransaction.objects.order_by("pk").values_list("kind", "recipient", "status"))[:2] == [
        ("gas", old_hot, "confirmed"),
        ("sweep", keys.hot_address(), "confirmed"),
    ]
    assert wealth(hot, usdt, keys.hot_address()) == (True, 500)


def test_a_sweep_of_an_old_hot_wallet_that_failed_rests(hot: Anvil, eth: Asset, usdt: Asset, books: Books) -> None:
    old_hot = keys.hot_address()
    rotate()
    ethereum_sweep(asset=eth, node=hot.node, tokens=[usdt])
    hot.send(behaviour(nothing=False, returns_false=True), usdt.contract, tip=10**10)
    hot.mine()
    finish(hot, books)
    hot.send(behaviour(), usdt.contract)
    hot.mine()

    ethereum_sweep(asset=eth, node=hot.node, tokens=[usdt])
    resting = ChainTransaction.objects.filter(asset=usdt).count()
    ChainTransaction.objects.filter(asset=usdt).update(created_at=timezone.now() - timedelta(hours=2))
    swept(hot, books, 2)

    assert resting == 1
    tries = ChainTransaction.objects.filter(asset=usdt, sender=old_hot).order_by("pk")
    assert list(tries.values_list("status", flat=True)) == ["failed", "confirmed"]


def test_holes_in_the_nonces_of_an_old_hot_wallet_are_filled(hot: Anvil, eth: Asset, usdt: Asset, books: Books) -> None:
    """A nonce before a sweep that nothing uses is filled, with the old key."""
    old_hot = keys.hot_address()
    rotate()
    ethereum_sweep(asset=eth, node=hot.node, tokens=[usdt])
    lost = ChainTransaction.objects.filter(sender=old_hot)
    raw = lost.earliest("nonce").raw
    lost.delete()
    other = ChainTransaction.objects.create(
        asset=eth, fee_asset=eth, kind="filler", status="replaced", txid="0x01", raw=raw, sender=old_hot, nonce=0
    )
    ethereum_sweep(asset=eth, node=hot.node, tokens=[usdt])
    ethereum_gaps_fill(asset=eth, node=hot.node)
    finish(hot, books)

    rows = ChainTransaction.objects.exclude(pk=other.pk).filter(sender=old_hot)
    done = set(rows.filter(status="confirmed").values_list("kind", "nonce"))
    assert done == {("filler", 0), ("sweep", 1)}
    assert wealth(hot, usdt, keys.hot_address())[1] == 500


def test_a_sweep_of_an_old_hot_wallet_that_waits_gets_a_higher_fee(
    hot: Anvil, eth: Asset, usdt: Asset, books: Books
) -> None:
    rotate()
    ethereum_sweep(asset=eth, node=hot.node, tokens=[usdt])
    ChainTransaction.objects.update(created_at=timezone.now() - timedelta(hours=1))

    ethereum_bump(asset=eth, node=hot.node)
    finish(hot, books)

    versions = ChainTransaction.objects.order_by("pk").values_list("sender", "nonce", "status")
    assert list(versions) == [(keys.hot_address(0), 0, "replaced"), (keys.hot_address(0), 0, "confirmed")]
    assert wealth(hot, usdt, keys.hot_address())[1] == 500


def test_final_payments_of_an_old_hot_wallet_that_the_chain_lost_are_sent_again(
    hot: Anvil, eth: Asset, books: Books, alice: User
) -> None:
    books.give(alice.pk, eth.pk, UNITS)
    snapshot = hot.call("evm_snapshot")
    withdrawal = request(alice, eth, books, fresh_address(), UNITS // 10)
    sign(hot, eth)
    finish(hot, books)
    rotate()
    hot.pay(keys.hot_address(), ETHER)
    hot.mine()
    filler = ChainTransaction.objects.create(  # something newer, of the new hot wallet
        asset=eth,
        fee_asset=eth,
        kind="filler",
        status="confirmed",
        txid="0x01",
        raw="",
        sender=keys.hot_address(),
        nonce=0,
    )
    hot.call("anvil_setNonce", keys.hot_address(), hex(1))
    hot.call("evm_revert", snapshot)
    hot.call("anvil_setNonce", keys.hot_address(), hex(1))
    assert hot.balance(withdrawal.address) == 0

    follow(hot, books)
    hot.mine(3)

    assert filler.nonce == 0
    assert hot.balance(withdrawal.address) == ETHER // 10 - withdrawal.fee * 10**10


def test_what_an_old_hot_key_sends_is_no_deposit_and_what_it_pays_to_the_cold_address_is_booked(
    hot: Anvil, address: str, eth: Asset, usdt: Asset, books: Books, alice: User
) -> None:
    """Signed by an operator himself, with the key of before: no row of ours knows it."""
    old_hot, old_key, cold = keys.hot_address(), keys.hot_key(), fresh_address()
    Asset.objects.filter(pk=eth.pk).update(cold_address=cold)
    eth.refresh_from_db()
    sign_first = request_and_pay(hot, eth, books, alice)
    rotate()
    for number, to in enumerate((address, cold), sign_first + 1):
        signed = keys.payment_sign(
            old_key, to=to, wei=ETHER // 10, nonce=number, gas=21_000, fee_per_gas=10**11, tip_per_gas=10**9
        )
        assert hot.node.broadcast(signed.raw) == ""
        hot.mine()
    scan(hot, books)
    ethereum_watch(coin=eth, tokens=[usdt], node=hot.node, hot_address=keys.hot_address(), hot_old=[old_hot])

    assert Deposit.objects.filter(user=alice).count() == 0
    adopted = ChainTransaction.objects.get(kind="cold")
    assert (adopted.sender, adopted.nonce, adopted.recipient) == (old_hot, sign_first + 2, cold)


def request_and_pay(node: Anvil, eth: Asset, books: Books, user: User) -> int:
    """Pay a withdrawal from the hot wallet, and return its nonce."""
    books.give(user.pk, eth.pk, UNITS)
    request(user, eth, books, fresh_address(), UNITS // 10)
    sign(node, eth)
    finish(node, books)
    return ChainTransaction.objects.get(kind="withdrawal").nonce or 0


def test_nobody_withdraws_to_a_hot_wallet_of_ours_old_or_new(hot: Anvil, eth: Asset, books: Books, rich: User) -> None:
    rotate()
    for address in keys.hot_addresses():
        with pytest.raises(AddressIllegal):
            request(rich, eth, books, address, UNITS)


def test_after_a_rotation_cold_offers_are_signed_with_the_new_key(
    hot: Anvil, eth: Asset, usdt: Asset, books: Books
) -> None:
    old_hot, old_key, cold = keys.hot_address(), keys.hot_key(), fresh_address()
    Asset.objects.filter(pk=usdt.pk).update(hot_floor=0, hot_ceiling=100 * UNITS, cold_address=cold)
    usdt.refresh_from_db()

    def offers() -> list[ColdOffer]:
        newest = keys.hot_address()
        old = [hot_address for hot_address in keys.hot_addresses() if hot_address != newest]
        ethereum_watch(coin=eth, tokens=[usdt], node=hot.node, hot_address=newest, hot_old=old)
        return list(offers_open(usdt))

    (before,) = offers()
    rotate()
    assert offers() == []  # the new hot wallet has nothing to give
    swept(hot, books, 3)
    (after,) = offers()
    with pytest.raises(OfferRefused, match=f"signed by {old_hot}"):
        offer_accept(after, signed(after, old_key), hot_address=keys.hot_address(), node=hot.node)
    record = offer_accept(after, signed(after), hot_address=keys.hot_address(), node=hot.node)
    finish(hot, books)

    record.refresh_from_db()
    before.refresh_from_db()
    assert before.withdrawn_at is not None
    assert (record.status, record.sender, record.nonce) == ("confirmed", keys.hot_address(), 0)


def test_with_a_backup_from_after_the_rotation_everything_goes_on(
    hot: Anvil, address: str, eth: Asset, usdt: Asset, books: Books, alice: User, settings: Settings, tmp_path: Path
) -> None:
    rotate()
    call_command("keys", "backup", str(tmp_path / "backup"))
    settings.KEY_FILE.unlink()
    settings.KEY_FILE = tmp_path / "elsewhere" / "mex.keys"
    settings.KEY_PUBLIC_FILE = tmp_path / "elsewhere" / "mex.keys.public"
    call_command("keys", "restore", str(tmp_path / "backup"))
    keys.keys_ensure()
    hot.pay(address, ETHER)
    hot.pay_token(usdt.contract, address, 50 * DOLLAR)
    scan(hot, books)

    swept(hot, books)
    withdrawal = request(alice, usdt, books, fresh_address(), 20 * UNITS)
    sign(hot, usdt)
    finish(hot, books)

    assert status(withdrawal) == "confirmed"
    assert wealth(hot, usdt, address) == (False, 0)
    assert verified() == {"ok"}
