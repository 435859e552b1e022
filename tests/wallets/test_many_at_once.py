"""Many deposits and withdrawals at once: what that costs in statements and notices, and that each is still told of."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from tests.wallets.books import Books
from trading.gateway import notices, pipes
from wallets.chains.place import Place
from wallets.deposits import rows
from wallets.deposits.credits import deposits_credit
from wallets.deposits.places import deposits_place
from wallets.deposits.rows import Sighting, deposits_see
from wallets.models import Asset, ChainTransaction, Deposit, DepositAddress, Withdrawal
from wallets.payouts.records import transactions_sent, withdrawals_signed

FEW, MANY = 3, 60
DEEP = Place(6, 10, "block")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[list[notices.Notice]]:
    """Return what is published: a list for each time that the pipe is spoken to."""
    batches: list[list[notices.Notice]] = []
    monkeypatch.setattr(notices, "_publish", lambda batch: batches.append(list(batch)))
    return batches


@pytest.fixture
def address(btc: Asset, alice: User) -> DepositAddress:
    """Return an address of Alice's."""
    return DepositAddress.objects.create(asset=btc, user=alice, address="address")


def _statements(work: Callable[[], object]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        work()
    return len(captured)


def _sightings(name: str, count: int, place: Place = DEEP) -> list[Sighting]:
    return [Sighting(f"{name} {number}", 0, "address", 5_000, place) for number in range(count)]


def _ids(batches: list[list[notices.Notice]]) -> list[Any]:
    return [notice.event["id"] for batch in batches for notice in batch if notice.event]


def test_as_many_statements_for_many_deposits_as_for_few(
    btc: Asset, address: DepositAddress, books: Books, told: list[list[notices.Notice]]
) -> None:
    costs = []
    for count in (FEW, MANY):
        name = f"of {count}"
        seen = _statements(lambda: deposits_see(asset=btc, sightings=_sightings(name, count, Place(0))))  # noqa: B023
        pks = list(Deposit.objects.filter(txid__startswith=name).values_list("pk", flat=True))
        placed = _statements(lambda: deposits_place(dict.fromkeys(pks, DEEP)))  # noqa: B023
        deposits_credit(asset=btc, send=books.send)  # decides, and sends
        credited = _statements(lambda: deposits_credit(asset=btc, send=books.send))
        assert Deposit.objects.filter(pk__in=pks, status=Deposit.Status.CREDITED).count() == count
        costs.append((seen, placed, credited))

    assert costs[0] == costs[1]


def test_every_deposit_is_told_of_in_one_go(
    btc: Asset, address: DepositAddress, told: list[list[notices.Notice]]
) -> None:
    deposits_see(asset=btc, sightings=_sightings("tx", MANY))

    assert len(told) == 1
    assert _ids(told) == [str(pk) for pk in Deposit.objects.order_by("pk").values_list("pk", flat=True)]


def test_as_many_statements_for_many_withdrawals_as_for_few(
    btc: Asset, alice: User, told: list[list[notices.Notice]]
) -> None:
    costs = []
    for count in (FEW, MANY):
        withdrawals = Withdrawal.objects.bulk_create(
            Withdrawal(user=alice, asset=btc, address=f"to {number}", amount=5_000, fee=100, status="held")
            for number in range(count)
        )
        record = ChainTransaction(
            asset=btc, fee_asset=btc, kind=ChainTransaction.Kind.WITHDRAWAL, txid=f"of {count}", raw="00"
        )
        told.clear()

        def sign(rows: list[Withdrawal] = withdrawals, record: ChainTransaction = record) -> None:
            with transaction.atomic():
                withdrawals_signed(rows, record)

        signed = _statements(sign)
        sent = _statements(lambda: transactions_sent([record]))  # noqa: B023
        assert set(record.withdrawals.values_list("status", flat=True)) == {Withdrawal.Status.BROADCAST}
        assert [len(batch) for batch in told] == [count, count]
        costs.append((signed, sent))

    assert costs[0] == costs[1]


def test_what_the_database_leaves_out_is_no_deposit_that_was_recorded(
    btc: Asset, address: DepositAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To ignore conflicts must not mean to lose a deposit for another reason."""
    monkeypatch.setattr(rows, "units_from_chain", lambda *_: (-1, 0))

    with pytest.raises(IntegrityError):
        deposits_see(asset=btc, sightings=_sightings("tx", 1))


def test_notices_of_a_batch_arrive_in_order(valkey: object) -> None:
    pipes.connection().delete(pipes.NOTICES_KEY)

    notices.accounts_news([(1, {"e": "a"}), (2, {"e": "b"})])

    entries: Any = pipes.connection().xrange(pipes.NOTICES_KEY)
    news = [notice for _, fields in entries for notice in notices.notices_of(fields)]
    assert [(notice.account, notice.event) for notice in news] == [(1, {"e": "a"}), (2, {"e": "b"})]
