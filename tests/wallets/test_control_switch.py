"""Withdrawals halted, for one asset or for all, and accounts that are frozen: nothing of theirs is signed."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from mex.errors import AccountFrozen, WithdrawalsClosed
from tests.wallets.books import Books
from tests.wallets.control import advance, ask, sign, waiting
from wallets.control.accounts import LOST, account_freeze, account_unfreeze, frozen_because
from wallets.control.ending import withdrawal_cancel
from wallets.control.switch import halt, resume, withdrawals_halted
from wallets.lock_objects import asset_lock
from wallets.models import Asset, Deposit, DepositAddress, Hold, Withdrawal, WithdrawalSwitch
from wallets.payouts.records import withdrawals_claim


def fresh(asset: Asset) -> Asset:
    return Asset.objects.get(pk=asset.pk)


def lost_deposit(user: User, asset: Asset) -> Deposit:
    address = DepositAddress.objects.create(asset=asset, user=user, address=f"of {user.email}")
    return Deposit.objects.create(
        asset=asset, address=address, user=user, txid="ab" * 32, output=0, amount=1, status="seen",
        confirmations_needed=3, credited_at=timezone.now(), lost_at_height=7,
    )  # fmt: skip


def test_an_asset_is_halted_and_resumed(btc: Asset, eth: Asset) -> None:
    assert withdrawals_halted(fresh(btc)) == ""

    assert halt(btc, "the books differ")

    assert withdrawals_halted(fresh(btc)) == "the books differ"
    assert withdrawals_halted(fresh(eth)) == ""
    assert resume(btc)
    assert withdrawals_halted(fresh(btc)) == ""
    assert fresh(btc).closed_because == ""


def test_everything_is_halted_and_resumed(btc: Asset, eth: Asset) -> None:
    assert halt(None, "an attack")

    assert [withdrawals_halted(fresh(one)) for one in (btc, eth)] == ["an attack", "an attack"]
    assert resume(None)
    assert [withdrawals_halted(fresh(one)) for one in (btc, eth)] == ["", ""]


def test_a_database_without_the_switch_is_not_halted_and_can_be(btc: Asset) -> None:
    WithdrawalSwitch.objects.all().delete()

    assert withdrawals_halted(fresh(btc)) == ""
    assert halt(None, "an attack")
    assert withdrawals_halted(fresh(btc)) == "an attack"


@pytest.mark.parametrize("everything", [False, True])
def test_a_halt_that_mex_takes_back_leaves_other_reasons_standing(btc: Asset, everything: bool) -> None:
    what = None if everything else btc
    halt(what, "hot wallet short")
    assert not halt(what, "hot wallet short")  # nothing new
    assert halt(what, "the books differ")

    assert not resume(what, halted_because="hot wallet short")

    assert withdrawals_halted(fresh(btc)) == "hot wallet short; the books differ"
    assert resume(what)
    halt(what, "hot wallet short")
    assert resume(what, halted_because="hot wallet short")


def test_what_an_operator_closed_is_not_opened_by_mex(btc: Asset) -> None:
    Asset.objects.filter(pk=btc.pk).update(withdrawals_open=False)

    assert not halt(btc, "hot wallet short")
    assert not resume(btc, halted_because="hot wallet short")

    assert withdrawals_halted(fresh(btc)) == "withdrawals of BTC are closed"


@pytest.mark.parametrize("everything", [False, True])
def test_a_halt_refuses_new_withdrawals_and_signs_none_that_wait(
    btc: Asset, books: Books, alice: User, everything: bool
) -> None:
    books.give(alice.pk, btc.pk, 100_000)
    held = ask(alice, btc, books)
    advance(books, held)
    assert waiting(btc) == [held.pk]

    halt(None if everything else btc, "the books differ")

    with pytest.raises(WithdrawalsClosed):
        ask(alice, fresh(btc), books)
    assert waiting(btc) == []
    assert not sign(held.pk)  # a signer that had looked before
    resume(None if everything else btc)
    assert sign(held.pk)


def test_a_halt_waits_for_a_signer_that_is_about_to_store(btc: Asset, books: Books, alice: User) -> None:
    """When `halt` returns, nothing is signed any more that was not stored before."""
    books.give(alice.pk, btc.pk, 100_000)
    held = ask(alice, btc, books)
    advance(books, held)
    signing, go_on = threading.Event(), threading.Event()
    order: list[str] = []

    def signer() -> None:
        try:
            with transaction.atomic():
                asset_lock(btc.pk)
                signing.set()
                assert go_on.wait(10)
                order.append("signed")
        finally:
            connection.close()

    def operator() -> None:
        try:
            halt(None, "an attack")
            order.append("halted")
        finally:
            connection.close()

    threads = [threading.Thread(target=signer), threading.Thread(target=operator)]
    threads[0].start()
    assert signing.wait(10)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(30)

    assert order == ["signed", "halted"]


def test_a_freeze_waits_for_a_signer_that_is_about_to_store(alice: User) -> None:
    """As a halt does: when it returns, nothing of the account is signed any more that was not stored before."""
    with CaptureQueriesContext(connection) as queries:
        account_freeze(user=alice, because="x")

    said = [query["sql"] for query in queries]
    waits = [number for number, sql in enumerate(said) if 'FROM "wallets_asset"' in sql]
    frozen = [number for number, sql in enumerate(said) if sql.startswith('UPDATE "wallets_withdrawalrules"')]
    assert (len(waits), len(frozen)) == (1, 1)
    assert waits < frozen


def test_a_frozen_account_withdraws_nothing_and_hides_nobody(btc: Asset, books: Books, alice: User, bob: User) -> None:
    for user in (alice, bob):
        books.give(user.pk, btc.pk, 1_000_000)
    frozen = [ask(alice, btc, books) for _ in range(26)]  # more than a signer takes at once
    free = ask(bob, btc, books)
    advance(books, free)

    assert account_freeze(user=alice, because="asked by the police")

    assert waiting(btc) == [free.pk]
    assert not sign(frozen[0].pk)
    with pytest.raises(AccountFrozen) as refusal:
        ask(alice, btc, books)
    assert (refusal.value.code, refusal.value.message) == (-4015, "Withdraw is limited.")
    assert frozen_because(alice.pk) == "asked by the police"
    assert account_unfreeze(user=alice)
    assert sign(frozen[0].pk)


def test_what_a_closed_account_had_asked_for_waits(btc: Asset, books: Books, alice: User, bob: User) -> None:
    """An operator who closes a stolen account does not see its coins leave a second later."""
    for user in (alice, bob):
        books.give(user.pk, btc.pk, 100_000)
    held, free = ask(alice, btc, books), ask(bob, btc, books)
    advance(books)

    User.objects.filter(pk=alice.pk).update(is_active=False)

    assert frozen_because(alice.pk) == "the account is closed"
    assert waiting(btc) == [free.pk]
    assert not sign(held.pk)


def test_the_first_freeze_stays(alice: User) -> None:
    account_freeze(user=alice, because="first")

    assert not account_freeze(user=alice, because="second")

    assert frozen_because(alice.pk) == "first"


def test_a_lost_deposit_freezes_its_account_until_it_is_back(btc: Asset, books: Books, alice: User, bob: User) -> None:
    for user in (alice, bob):
        books.give(user.pk, btc.pk, 100_000)
    held, free = ask(alice, btc, books), ask(bob, btc, books)
    advance(books, held)
    deposit = lost_deposit(alice, btc)

    assert frozen_because(alice.pk) == LOST
    assert waiting(btc) == [free.pk]
    assert not sign(held.pk)
    with pytest.raises(AccountFrozen):
        ask(alice, btc, books)

    Deposit.objects.filter(pk=deposit.pk).update(status="credited")
    assert waiting(btc) == [held.pk, free.pk]


def test_what_was_not_confirmed_or_approved_is_not_signed_even_if_it_says_held(
    btc: Asset, books: Books, alice: User
) -> None:
    """The gate looks again: a status alone pays nothing."""
    books.give(alice.pk, btc.pk, 100_000)
    held = ask(alice, btc, books)
    advance(books, held)

    Withdrawal.objects.filter(pk=held.pk).update(needs_email=True)
    assert not sign(held.pk)
    Withdrawal.objects.filter(pk=held.pk).update(email_confirmed_at=timezone.now(), needs_approval=True)
    assert not sign(held.pk)
    Withdrawal.objects.filter(pk=held.pk).update(needs_approval=False)
    assert sign(held.pk)


def test_the_oldest_is_paid_first(btc: Asset, books: Books, alice: User) -> None:
    books.give(alice.pk, btc.pk, 100_000)
    first, second = ask(alice, btc, books), ask(alice, btc, books)
    advance(books)
    Withdrawal.objects.filter(pk=second.pk).update(requested_at=timezone.now() - timedelta(hours=1))

    assert waiting(btc) == [second.pk, first.pk]


def test_a_batch_is_claimed_with_as_many_questions_as_one(
    btc: Asset, books: Books, alice: User, bob: User, django_assert_max_num_queries: Any
) -> None:
    for user in (alice, bob):
        books.give(user.pk, btc.pk, 1_000_000)
    rows = [ask(user, btc, books) for user in (alice, bob) for _ in range(10)]
    advance(books)
    account_freeze(user=bob, because="x")
    signed, cancelled = rows[0], rows[1]
    assert sign(signed.pk)
    withdrawal_cancel(user_id=alice.pk, pk=cancelled.pk)
    books.give(alice.pk, btc.pk, 1)
    Hold.objects.filter(pk=rows[2].reference).update(amount=1)  # not what the withdrawal needs

    with transaction.atomic(), django_assert_max_num_queries(5):
        claimed = withdrawals_claim(row.pk for row in rows)

    assert set(claimed) == {row.pk for row in rows[3:10]}
