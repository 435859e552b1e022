"""Withdrawals that are cancelled before they are signed: funds back, exactly once; and rows that hide no others."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from accounts.models import User
from mex.errors import WithdrawalNotCancelled, WithdrawalUnknown
from tests.wallets.books import Books
from tests.wallets.control import ONE, advance, ask, sign, waiting
from trading.engine.commands import HoldFunds, ReleaseHold
from wallets.control.ending import withdrawal_cancel
from wallets.models import Asset, ChainTransaction, Hold, Withdrawal
from wallets.payouts import progress


@pytest.mark.parametrize("status", ["requested", "email", "approval", "held"])
def test_what_is_not_signed_is_cancelled_and_its_funds_are_free(
    btc: Asset, books: Books, alice: User, status: str
) -> None:
    books.give(alice.pk, btc.pk, 100_000)
    row = ask(alice, btc, books)
    if status != "requested":
        advance(books)
        Withdrawal.objects.filter(pk=row.pk).update(status=status)
    assert books.balance(alice.pk, btc.pk) == (100_000, 20_000)

    withdrawal_cancel(user_id=alice.pk, pk=row.pk)

    row.refresh_from_db()
    assert (row.status, row.ends_as, row.completed_at) == ("ending", "cancelled", None)
    assert waiting(btc) == []
    advance(books, row)
    assert (row.status, row.reject_reason) == ("cancelled", "cancelled by you")
    assert row.completed_at is not None
    assert books.balance(alice.pk, btc.pk) == (100_000, 0)
    assert [command for command in books.sent if isinstance(command, ReleaseHold)] == [ReleaseHold(row.reference)]


def test_a_hold_that_is_not_made_yet_is_made_and_released(btc: Asset, books: Books, alice: User) -> None:
    """Its command may be on the stream already: without the release it would hold the funds for ever."""
    books.give(alice.pk, btc.pk, 100_000)
    books.closed = True
    row = ask(alice, btc, books)
    withdrawal_cancel(user_id=alice.pk, pk=row.pk)
    advance(books, row)
    assert row.status == "ending"

    books.closed = False
    advance(books, row)

    assert row.status == "cancelled"
    assert Hold.objects.get(pk=row.reference).state == 3
    assert books.balance(alice.pk, btc.pk) == (100_000, 0)


def test_a_hold_that_the_engine_refuses_ends_a_cancelled_one_too(btc: Asset, books: Books, alice: User) -> None:
    books.give(alice.pk, btc.pk, 100_000)
    books.closed = True
    row = ask(alice, btc, books)
    withdrawal_cancel(user_id=alice.pk, pk=row.pk)
    books.closed = False
    books.send([HoldFunds("other", alice.pk, btc.pk, 100_000)])  # spent meanwhile

    advance(books, row)

    assert row.status == "cancelled"
    assert books.balance(alice.pk, btc.pk) == (100_000, 100_000)


def test_cancelling_twice_is_cancelling_once(btc: Asset, books: Books, alice: User) -> None:
    books.give(alice.pk, btc.pk, 100_000)
    row = ask(alice, btc, books)

    for _ in range(2):
        withdrawal_cancel(user_id=alice.pk, pk=row.pk)
    advance(books, row)
    withdrawal_cancel(user_id=alice.pk, pk=row.pk)

    advance(books, row)
    assert row.status == "cancelled"
    assert sum(isinstance(command, ReleaseHold) for command in books.sent) == 1


@pytest.mark.parametrize("status", ["signed", "broadcast", "confirmed", "rejected"])
def test_what_is_signed_or_over_cannot_be_cancelled(btc: Asset, books: Books, alice: User, status: str) -> None:
    books.give(alice.pk, btc.pk, 100_000)
    row = ask(alice, btc, books)
    advance(books)
    assert sign(row.pk)
    Withdrawal.objects.filter(pk=row.pk).update(status=status)

    with pytest.raises(WithdrawalNotCancelled) as refusal:
        withdrawal_cancel(user_id=alice.pk, pk=row.pk)

    assert (refusal.value.code, refusal.value.message) == (-4031, "Cancellation failed.")
    row.refresh_from_db()
    assert (row.status, row.ends_as) == (status, "")


def test_opencex_nobody_cancels_the_withdrawal_of_somebody_else_by_its_id(
    btc: Asset, books: Books, alice: User, bob: User
) -> None:
    """OpenCEX let unauthenticated callers cancel unconfirmed withdrawals by id."""
    books.give(alice.pk, btc.pk, 100_000)
    row = ask(alice, btc, books)

    for pk in (row.pk, uuid.uuid4()):
        with pytest.raises(WithdrawalUnknown) as refusal:
            withdrawal_cancel(user_id=bob.pk, pk=pk)
        assert refusal.value.code == -4029

    advance(books, row)
    assert row.status == "held"


def test_a_race_with_the_signer_ends_signed_or_cancelled_never_both(btc: Asset, books: Books, alice: User) -> None:
    books.give(alice.pk, btc.pk, 100 * ONE)
    rows = [ask(alice, btc, books) for _ in range(12)]
    advance(books)
    start = threading.Barrier(2)

    def cancel() -> set[object]:
        done = set()
        start.wait(10)
        try:
            for row in rows:
                try:
                    withdrawal_cancel(user_id=alice.pk, pk=row.pk)
                    done.add(row.pk)
                except WithdrawalNotCancelled:
                    pass
        finally:
            connection.close()
        return done

    def signer() -> set[object]:
        start.wait(10)
        try:
            return {row.pk for row in reversed(rows) if sign(row.pk)}
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(cancel), pool.submit(signer)
        cancelled, signed = first.result(60), second.result(60)

    assert cancelled | signed == {row.pk for row in rows}
    assert not cancelled & signed
    advance(books, *rows)
    assert {row.pk for row in rows if row.status == "cancelled"} == cancelled
    assert {row.pk for row in rows if row.status == "signed"} == signed
    assert books.balance(alice.pk, btc.pk) == (100 * ONE, 20_000 * len(signed))


def test_stuck_rows_hide_no_later_ones(btc: Asset, books: Books, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than are read at once, none of which can go on: those behind them do."""
    monkeypatch.setattr(progress, "_ROWS", 3)
    books.give(alice.pk, btc.pk, 100 * ONE)
    rows = {status: [ask(alice, btc, books) for _ in range(5)] for status in ("requested", "ending", "broadcast")}
    transaction = ChainTransaction.objects.create(
        asset=btc, fee_asset=btc, kind="withdrawal", txid="paid", raw="00", status="confirmed"
    )
    for status, some in rows.items():
        for row in some:
            is_last = row is some[-1]
            changes = {"transaction": transaction} if status == "broadcast" else {}
            changes |= {"ends_as": "cancelled"} if status == "ending" else {}
            Withdrawal.objects.filter(pk=row.pk).update(status=status, **changes)
            if not is_last:  # a hold in a state that fits nothing
                wrong = 4 if status == "broadcast" else 2
                Hold.objects.filter(pk=row.reference).update(state=wrong)

    advance(books)

    ends = [Withdrawal.objects.get(pk=some[-1].pk).status for some in rows.values()]
    assert ends == ["held", "cancelled", "confirmed"]
    for status, some in rows.items():
        assert {Withdrawal.objects.get(pk=row.pk).status for row in some[:-1]} == {status}
