"""Workers whose database has no room: what is not stored is neither credited nor sent, and is done once afterwards."""

import logging
from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection
from pytest_django import Settings

from accounts.models import User
from tests.runtime.full_disk import no_room
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil, free_port
from tests.wallets.payouts import ETHER, UNIT, finish, fresh_address, request
from wallets import patient_task, services, tasks
from wallets.chains import health, keys
from wallets.models import Asset, ChainTransaction, Deposit, Posting, Withdrawal
from wallets.pace import Courier, Pacer
from wallets.patient_task import QUIET_S, Outage

MANY = 40
"""Rows that do not fit into the pages that are there."""
AMOUNT = 2_000_000


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of a process that has seen no outage."""
    clock = Clock()
    monkeypatch.setattr(patient_task, "outage", Outage(clock))
    return clock


@pytest.fixture
def worker(settings: Settings, anvil: Anvil, eth: Asset, books: Books, clock: Clock) -> Iterator[Books]:
    """This process as a worker on SQLite, with the test's node for Ethereum and none for Bitcoin."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has no limit of its own")
    settings.ETHEREUM_RPC_URL = anvil.url
    settings.BITCOIN_RPC_URL = f"http://mex:x@127.0.0.1:{free_port()}"
    tasks.bitcoin_node_opened.cache_clear()
    tasks.ethereum_node.cache_clear()
    usual, tasks.courier = tasks.courier, Courier(books.send, Pacer())
    health._said.clear()
    yield books
    tasks.courier = usual
    tasks.bitcoin_node_opened.cache_clear()
    tasks.ethereum_node.cache_clear()


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    """Return level and beginning of what was said of the database; nothing else may be an error with a trace."""
    assert [record for record in caplog.records if record.exc_info] == []
    return [
        (record.levelno, record.getMessage().partition(":")[0])
        for record in caplog.records
        if record.name == "wallets.patient_task"
    ]


FULL = (logging.ERROR, "the database cannot be used, its disk is full")
OVER = (logging.INFO, "the database can be used again, tasks go on")


def test_deposits_that_find_no_room_are_credited_once_when_there_is_some(
    worker: Books, anvil: Anvil, eth: Asset, alice: User, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    anvil.mine(8)
    tasks.scan_ethereum()
    tasks.fill_address_pools()
    address = services.deposit_address_assign(user=alice, asset=eth).address
    for _ in range(MANY):
        anvil.pay(address, ETHER // 100)
    anvil.mine(4)

    with no_room():
        for _ in range(3):
            tasks.scan_ethereum()
        stored = Deposit.objects.count()
    assert said(caplog) == [FULL]
    assert stored < MANY
    assert Posting.objects.count() == 0

    for _ in range(3):
        tasks.scan_ethereum()
        anvil.mine()
    clock.now_s += QUIET_S + 1
    tasks.scan_ethereum()
    assert list(Deposit.objects.values_list("status", flat=True)) == ["credited"] * MANY
    assert worker.balance(alice.pk, eth.pk) == (MANY * ETHER // 100 // UNIT, 0)
    assert Posting.objects.filter(credit=alice.pk).count() == MANY
    assert said(caplog) == [FULL, OVER]


def test_withdrawals_whose_bytes_find_no_room_are_not_sent_and_are_paid_once_when_there_is_some(
    hot: Anvil, worker: Books, eth: Asset, rich: User, caplog: pytest.LogCaptureFixture
) -> None:
    addresses = [fresh_address() for _ in range(MANY)]
    for address in addresses:
        request(rich, eth, worker, address, AMOUNT)

    with no_room():
        for _ in range(3):
            tasks.sign_and_broadcast()
        stored = ChainTransaction.objects.count()
        assert stored < MANY
        assert sent(hot) <= stored
        assert Withdrawal.objects.filter(status="held").count() >= MANY - stored
    assert said(caplog) == [FULL]

    for _ in range(5):
        tasks.sign_and_broadcast()
        finish(hot, worker)
    assert list(Withdrawal.objects.values_list("status", flat=True)) == ["confirmed"] * MANY
    assert [hot.balance(address) for address in addresses] == [(AMOUNT - eth.withdrawal_fee) * UNIT] * MANY
    assert sent(hot) == ChainTransaction.objects.count() == MANY


def test_what_is_asked_for_only_once_fails_as_usual(
    worker: Books, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An operator who raises a fee must not believe that it is done later."""
    with no_room(), pytest.raises(OperationalError) as refused:
        fill()
    error = refused.value

    def full(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(ChainTransaction.objects, "select_related", full)
    with pytest.raises(OperationalError):
        tasks.bump("txid")
    assert said(caplog) == []


def test_another_error_of_the_database_fails_as_usual(worker: Books, caplog: pytest.LogCaptureFixture) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE wallets_chaincursor RENAME TO wallets_chaincursor_away")
    try:
        with pytest.raises(OperationalError, match="wallets_chaincursor"):
            tasks.scan_ethereum()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE wallets_chaincursor_away RENAME TO wallets_chaincursor")
    assert said(caplog) == []


def sent(node: Anvil) -> int:
    """Return how many transactions of the hot wallet the node knows."""
    return int(str(node.call("eth_getTransactionCount", keys.hot_address(), "pending")), 16)


def fill() -> None:
    """Write more than there is room for."""
    User.objects.bulk_create(User(email=f"{number}@full.test") for number in range(500))
