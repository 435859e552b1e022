"""How much an account may withdraw in 24 hours, to the last unit, however many ask at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from mex.errors import MexError, WithdrawalLimitExceeded
from tests.wallets.books import Books
from tests.wallets.control import ONE, advance, ask, limit, sign
from wallets.control.ending import withdrawal_cancel
from wallets.control.limits import quota_of
from wallets.models import Asset, ChainTransaction, TierLimit, Withdrawal, WithdrawalRules, WithdrawalTier


@pytest.fixture
def rich(btc: Asset, books: Books, alice: User) -> User:
    """Alice, with 100 BTC and the default tier's limit of 10."""
    books.give(alice.pk, btc.pk, 100 * ONE)
    Asset.objects.filter(pk=btc.pk).update(approval_above=None)
    btc.approval_above = None
    limit(btc, 10 * ONE)
    return alice


def test_up_to_the_limit_and_not_a_unit_more(btc: Asset, books: Books, rich: User) -> None:
    ask(rich, btc, books, 4 * ONE)
    ask(rich, btc, books, 6 * ONE - 10_000)

    with pytest.raises(WithdrawalLimitExceeded) as refusal:
        ask(rich, btc, books, 10_001)

    assert refusal.value.code == -4023
    assert refusal.value.message == "Within 24 hours, the withdrawal exceeds the maximum amount."
    ask(rich, btc, books, 10_000)
    quota = quota_of(rich.pk, btc)
    assert (quota.daily, quota.used, quota.left) == (10 * ONE, 10 * ONE, 0)


def test_what_is_older_than_a_day_counts_no_more(btc: Asset, books: Books, rich: User) -> None:
    old = ask(rich, btc, books, 10 * ONE)
    Withdrawal.objects.filter(pk=old.pk).update(requested_at=timezone.now() - timedelta(hours=23, minutes=59))
    with pytest.raises(WithdrawalLimitExceeded):
        ask(rich, btc, books)

    Withdrawal.objects.filter(pk=old.pk).update(requested_at=timezone.now() - timedelta(hours=24, seconds=1))

    ask(rich, btc, books, 10 * ONE)


@pytest.mark.parametrize("status", ["cancelled", "rejected", "ending"])
def test_what_was_not_paid_does_not_count(btc: Asset, books: Books, rich: User, status: str) -> None:
    first = ask(rich, btc, books, 10 * ONE)

    Withdrawal.objects.filter(pk=first.pk).update(status=status)

    ask(rich, btc, books, 10 * ONE)


@pytest.mark.parametrize(("ended", "counts"), [("failed", True), ("confirmed", False)])
def test_what_was_sent_in_vain_counts_and_what_was_undone_later_does_not(
    btc: Asset, books: Books, rich: User, ended: str, counts: bool
) -> None:
    """Its gas was ours: whoever repeats it comes to an end. What operators gave back is nobody's doing."""
    first = ask(rich, btc, books, 10 * ONE)
    advance(books, first)
    assert sign(first.pk)
    ChainTransaction.objects.update(status=ended)
    Withdrawal.objects.filter(pk=first.pk).update(status="rejected")

    assert quota_of(rich.pk, btc).used == (10 * ONE if counts else 0)


def test_cancelling_gives_the_room_back_at_once(btc: Asset, books: Books, rich: User) -> None:
    first = ask(rich, btc, books, 10 * ONE)

    withdrawal_cancel(user_id=rich.pk, pk=first.pk)

    ask(rich, btc, books, 10 * ONE)
    advance(books, first)
    assert first.status == "cancelled"


def test_each_asset_and_account_has_a_limit_of_its_own(
    btc: Asset, eth: Asset, books: Books, rich: User, bob: User
) -> None:
    limit(eth, ONE)
    books.give(bob.pk, btc.pk, 20 * ONE)
    books.give(rich.pk, eth.pk, 20 * ONE)
    ask(rich, btc, books, 10 * ONE)

    ask(bob, btc, books, 10 * ONE)
    ask(rich, eth, books, ONE, address="0x52908400098527886E0F7030069857D2E4169EE7")

    assert quota_of(bob.pk, btc).left == 0


def test_a_tier_of_ones_own_counts_instead_of_the_default(btc: Asset, books: Books, rich: User) -> None:
    tier = WithdrawalTier.objects.create(name="Big")
    WithdrawalRules.objects.create(user=rich, tier=tier)
    assert quota_of(rich.pk, btc).daily is None

    TierLimit.objects.create(tier=tier, asset=btc, daily=50 * ONE)
    ask(rich, btc, books, 50 * ONE)

    with pytest.raises(WithdrawalLimitExceeded):
        ask(rich, btc, books)


def test_rules_without_a_tier_leave_the_default_one(btc: Asset, books: Books, rich: User) -> None:
    WithdrawalRules.objects.create(user=rich)

    assert quota_of(rich.pk, btc).daily == 10 * ONE


def test_a_limit_of_nothing_lets_nothing_out(btc: Asset, books: Books, rich: User) -> None:
    TierLimit.objects.update(daily=0)

    with pytest.raises(WithdrawalLimitExceeded):
        ask(rich, btc, books)


def test_two_requests_at_once_cannot_both_slip_under_the_limit(btc: Asset, books: Books, rich: User) -> None:
    start = threading.Barrier(6)
    books.closed = True  # what is counted is what is asked for, held or not

    def work(_: int) -> str:
        start.wait(10)
        try:
            ask(rich, btc, books, 4 * ONE)
        except WithdrawalLimitExceeded:
            return "refused"
        finally:
            connection.close()
        return "taken"

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(work, range(6)))

    assert answers == ["refused"] * 4 + ["taken"] * 2
    assert Withdrawal.objects.count() == 2


def test_a_repeat_of_the_same_at_once_is_the_first_and_counts_once(btc: Asset, books: Books, rich: User) -> None:
    start = threading.Barrier(4)

    def work(_: int) -> object:
        start.wait(10)
        try:
            return ask(rich, btc, books, 10 * ONE, client_id="w1").pk
        except MexError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(work, range(4)))

    assert answers == {Withdrawal.objects.get().pk}
