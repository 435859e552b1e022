"""Withdrawals above a threshold wait for operators, who approve of them or reject them; decisions stay."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from mex.errors import DecisionRefused
from tests.wallets.books import Books
from tests.wallets.control import ONE, advance, ask, limit, operator, sign, waiting
from wallets.control.approvals import withdrawal_approve, withdrawal_reject
from wallets.control.ending import withdrawal_cancel
from wallets.control.queue import approval_queue, approvals_waiting
from wallets.models import Asset, BookAddress, Withdrawal, WithdrawalDecision


@pytest.fixture
def btc(btc: Asset) -> Asset:
    """Bitcoin, of which more than 1 needs an operator."""
    Asset.objects.filter(pk=btc.pk).update(approval_above=ONE)
    return Asset.objects.get(pk=btc.pk)


@pytest.fixture
def large(btc: Asset, books: Books, alice: User) -> Withdrawal:
    """A withdrawal that waits for approval."""
    books.give(alice.pk, btc.pk, 10 * ONE)
    row = ask(alice, btc, books, 2 * ONE)
    advance(books, row)
    assert row.status == "approval"
    return row


@pytest.fixture
def olga(ledger_db: None) -> User:
    """An operator."""
    return operator("olga")


@pytest.fixture
def otto(ledger_db: None) -> User:
    """Another operator."""
    return operator("otto")


def test_many_small_ones_are_looked_at_like_the_large_one_that_they_make(
    btc: Asset, books: Books, alice: User, bob: User
) -> None:
    """What leaves an account in 24 hours without an operator is never more than the threshold."""
    for user in (alice, bob):
        books.give(user.pk, btc.pk, 10 * ONE)
    of_alice = [ask(alice, btc, books, amount) for amount in (ONE // 2, ONE // 2, 20_000, 2 * ONE)]
    of_bob = ask(bob, btc, books, ONE)
    Withdrawal.objects.filter(user=alice).update(requested_at=timezone.now() - timedelta(hours=25))
    on_the_next_day = ask(alice, btc, books, ONE)

    assert [row.needs_approval for row in of_alice] == [False, False, True, True]
    assert (of_bob.needs_approval, on_the_next_day.needs_approval) == (False, False)


def test_above_the_threshold_it_waits_and_at_it_it_does_not(btc: Asset, books: Books, alice: User) -> None:
    books.give(alice.pk, btc.pk, 10 * ONE)
    small, large = ask(alice, btc, books, ONE), ask(alice, btc, books, ONE + 1)

    advance(books, small, large)

    assert (small.status, large.status) == ("held", "approval")
    assert (small.needs_approval, large.needs_approval) == (False, True)
    assert waiting(btc) == [small.pk]
    assert not sign(large.pk)
    assert books.balance(alice.pk, btc.pk) == (10 * ONE, 2 * ONE + 1)


def test_approved_of_it_is_paid(btc: Asset, books: Books, large: Withdrawal, olga: User) -> None:
    withdrawal_approve(operator=olga, pk=large.pk, reason="known customer")

    large.refresh_from_db()
    assert large.status == "held"
    assert waiting(btc) == [large.pk]
    assert sign(large.pk)
    decision = WithdrawalDecision.objects.get()
    assert (decision.operator, decision.approves, decision.reason) == (olga, True, "known customer")


def test_rejected_it_gives_the_funds_back_and_says_why(
    btc: Asset, books: Books, alice: User, large: Withdrawal, olga: User
) -> None:
    withdrawal_reject(operator=olga, pk=large.pk, reason=" not your address ")

    advance(books, large)
    assert (large.status, large.reject_reason) == ("rejected", "not your address")
    assert books.balance(alice.pk, btc.pk) == (10 * ONE, 0)
    assert not WithdrawalDecision.objects.get().approves


def test_with_four_eyes_two_operators_have_to_approve(
    btc: Asset, books: Books, large: Withdrawal, olga: User, otto: User, settings: Settings
) -> None:
    settings.APPROVALS_NEEDED = 2
    withdrawal_approve(operator=olga, pk=large.pk)

    with pytest.raises(DecisionRefused, match="You have decided about it already"):
        withdrawal_approve(operator=olga, pk=large.pk)
    advance(books, large)
    assert large.status == "approval"
    assert not sign(large.pk)

    withdrawal_approve(operator=otto, pk=large.pk)
    assert sign(large.pk)


def test_the_second_pair_of_eyes_may_reject(
    btc: Asset, books: Books, large: Withdrawal, olga: User, otto: User, settings: Settings
) -> None:
    settings.APPROVALS_NEEDED = 2
    withdrawal_approve(operator=olga, pk=large.pk)

    withdrawal_reject(operator=otto, pk=large.pk, reason="a stolen account")

    advance(books, large)
    assert large.status == "rejected"


def test_what_has_enough_approvals_since_fewer_are_needed_goes_on(
    btc: Asset, books: Books, large: Withdrawal, olga: User, settings: Settings
) -> None:
    settings.APPROVALS_NEEDED = 2
    withdrawal_approve(operator=olga, pk=large.pk)

    settings.APPROVALS_NEEDED = 1
    advance(books, large)

    assert large.status == "held"


def test_nobody_decides_about_a_withdrawal_of_his_own(btc: Asset, books: Books, olga: User) -> None:
    books.give(olga.pk, btc.pk, 10 * ONE)
    own = ask(olga, btc, books, 2 * ONE)
    advance(books)

    for decide in (withdrawal_approve, withdrawal_reject):
        with pytest.raises(DecisionRefused, match="of his own"):
            decide(operator=olga, pk=own.pk, reason="mine")

    assert not WithdrawalDecision.objects.exists()


@pytest.mark.parametrize(
    "changes", [{"is_superuser": False}, {"is_staff": False}, {"is_active": False}], ids=lambda row: next(iter(row))
)
def test_only_operators_with_the_permission_decide(
    btc: Asset, large: Withdrawal, olga: User, changes: dict[str, bool]
) -> None:
    User.objects.filter(pk=olga.pk).update(**changes)

    with pytest.raises(DecisionRefused, match="You may not decide"):
        withdrawal_approve(operator=User.objects.get(pk=olga.pk), pk=large.pk)

    large.refresh_from_db()
    assert large.status == "approval"


def test_the_permission_alone_is_enough_for_staff(btc: Asset, large: Withdrawal, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    bob.user_permissions.add(Permission.objects.get(codename="approve_withdrawal"))

    withdrawal_approve(operator=User.objects.get(pk=bob.pk), pk=large.pk)

    large.refresh_from_db()
    assert large.status == "held"


@pytest.mark.parametrize("status", ["requested", "email", "held"])
def test_only_what_waits_for_it_is_approved_but_anything_unsigned_can_be_rejected(
    btc: Asset, books: Books, alice: User, large: Withdrawal, olga: User, status: str
) -> None:
    Withdrawal.objects.filter(pk=large.pk).update(status=status, needs_approval=False)
    with pytest.raises(DecisionRefused, match="It does not wait for approval"):
        withdrawal_approve(operator=olga, pk=large.pk)
    assert not WithdrawalDecision.objects.exists()

    withdrawal_reject(operator=olga, pk=large.pk, reason="the token blocks this address")

    advance(books, large)
    assert (large.status, large.reject_reason) == ("rejected", "the token blocks this address")
    assert books.balance(alice.pk, btc.pk) == (10 * ONE, 0)


@pytest.mark.parametrize("status", ["signed", "broadcast", "confirmed", "ending", "cancelled", "rejected"])
def test_there_is_nothing_to_decide_about_what_is_signed_or_over(large: Withdrawal, olga: User, status: str) -> None:
    Withdrawal.objects.filter(pk=large.pk).update(status=status)

    for decide in (withdrawal_approve, withdrawal_reject):
        with pytest.raises(DecisionRefused, match="There is nothing to decide"):
            decide(operator=olga, pk=large.pk, reason="x")

    assert not WithdrawalDecision.objects.exists()


@pytest.mark.parametrize(("reason", "problem"), [("", "Say why"), ("  ", "Say why"), ("x" * 101, "at most 100")])
def test_a_rejection_needs_a_reason_that_fits(large: Withdrawal, olga: User, reason: str, problem: str) -> None:
    with pytest.raises(DecisionRefused, match=problem):
        withdrawal_reject(operator=olga, pk=large.pk, reason=reason)

    large.refresh_from_db()
    assert large.status == "approval"


def test_its_owner_can_cancel_while_it_waits(
    btc: Asset, books: Books, alice: User, large: Withdrawal, olga: User
) -> None:
    withdrawal_cancel(user_id=alice.pk, pk=large.pk)

    with pytest.raises(DecisionRefused):
        withdrawal_approve(operator=olga, pk=large.pk)
    advance(books, large)
    assert large.status == "cancelled"


def test_a_rejection_stands_whichever_of_two_decisions_comes_first(
    btc: Asset, books: Books, alice: User, large: Withdrawal, olga: User, otto: User
) -> None:
    """What was approved of a moment ago is not signed yet, and can still be rejected."""
    start = threading.Barrier(2)

    def decide(user: User) -> str:
        start.wait(10)
        try:
            if user == olga:
                withdrawal_approve(operator=olga, pk=large.pk)
            else:
                withdrawal_reject(operator=otto, pk=large.pk, reason="no")
        except DecisionRefused:
            return "late"
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(2) as pool:
        approval, rejection = pool.map(decide, [olga, otto])

    assert rejection == "done"
    decisions = set(WithdrawalDecision.objects.values_list("approves", flat=True))
    assert decisions == ({True, False} if approval == "done" else {False})
    assert not sign(large.pk)
    advance(books, large)
    assert large.status == "rejected"
    assert books.balance(alice.pk, btc.pk) == (10 * ONE, 0)


@pytest.mark.parametrize("change", [{"approves": False}, {"reason": "another"}])
def test_a_decision_is_never_changed(large: Withdrawal, olga: User, change: dict[str, object]) -> None:
    withdrawal_approve(operator=olga, pk=large.pk)

    with pytest.raises(IntegrityError, match="never updated"):
        WithdrawalDecision.objects.update(**change)


def test_the_queue_tells_what_an_operator_needs(
    btc: Asset, books: Books, alice: User, large: Withdrawal, settings: Settings
) -> None:
    limit(btc, 20 * ONE)
    old = ask(alice, btc, books, ONE)
    Withdrawal.objects.filter(pk=old.pk).update(status="confirmed")
    BookAddress.objects.create(
        user=alice, chain="bitcoin", address=large.address, label="cold wallet", usable_at=large.requested_at
    )

    (row,) = approval_queue()

    assert approvals_waiting() == 1
    assert row.withdrawal.pk == large.pk
    assert row.age.total_seconds() > 0
    assert (row.withdrawn, row.withdrawn_month, row.earlier_payments, row.deposited) == (ONE, ONE, 1, 0)
    assert (row.approvals, row.approvals_needed, row.frozen) == ([], 1, "")
    assert row.book == f"in the book as “cold wallet” since {row.withdrawal.requested_at:%Y-%m-%d}"
    assert row.quota.used == 3 * ONE
