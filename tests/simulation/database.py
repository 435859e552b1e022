"""The database of the simulation: SQLite in memory, through Django and the engine's own writer, with faults between.

Every statement of either kind passes `Watch.statement`, every commit `Watch.commit`. It is put back to how it began in
a fraction of a millisecond.
"""

import copy
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, Protocol, TypeVar

import msgspec
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections
from django.db.backends.sqlite3.base import DatabaseWrapper

from accounts.models import User
from tests.strategies import MARKETS
from trading.models import EngineState, Market, MarketState
from wallets.models import Asset, DepositAddress

Result = TypeVar("Result")
ACCOUNTS = (1, 2, 3, 4)


INJECTED = "the simulation lets it fail"


def fail() -> NoReturn:
    """Fail as the driver does when a disk does."""
    error = sqlite3.OperationalError(INJECTED)
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    raise error


def fail_in_django() -> NoReturn:
    """Fail as Django does then."""
    try:
        fail()
    except sqlite3.OperationalError as error:
        raise OperationalError(INJECTED) from error


class Watch(Protocol):
    """Who is told of each statement, and may let it fail."""

    def statement(self, sql: str, carry_out: Callable[[], Result], fail: Callable[[], NoReturn]) -> Result:
        """Carry a statement out, or `fail`."""

    def commit(self, raw: sqlite3.Connection, carry_out: Callable[[], None]) -> None:
        """Commit, or fail."""


class _Nobody:
    def statement(self, sql: str, carry_out: Callable[[], Result], fail: Callable[[], NoReturn]) -> Result:
        return carry_out()

    def commit(self, raw: sqlite3.Connection, carry_out: Callable[[], None]) -> None:
        carry_out()


_NOBODY = _Nobody()


class WatchedConnection(sqlite3.Connection):
    """A connection whose user is watched."""

    watch: Watch = _NOBODY

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return self.watch.statement(sql, lambda: super(WatchedConnection, self).execute(sql, *values), fail)

    def executemany(self, sql: str, rows: Any) -> sqlite3.Cursor:  # type: ignore[override]  # narrower names
        return self.watch.statement(sql, lambda: super(WatchedConnection, self).executemany(sql, rows), fail)

    def commit(self) -> None:
        self.watch.commit(self, super().commit)


class SimulatedDatabase:
    """The database of one process. `reset` makes it as it was in the beginning."""

    def __init__(self) -> None:
        self._beginning = sqlite3.connect(":memory:")
        _raw().backup(self._beginning)

    def reset(self) -> None:
        """Put everything back to the beginning, on a new connection: an engine may have died while it read."""
        if connection.connection is not None:
            connection.connection.close()
        connection.connection = None
        connection.needs_rollback = False
        self._beginning.backup(_raw())

    @contextmanager
    def watched_by(self, watch: Watch) -> Iterator[None]:
        """Let somebody watch every statement and every commit."""
        raw = _raw()

        def wrapper(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
            return raw.watch.statement(sql, lambda: execute(sql, params, many, context), fail_in_django)

        raw.watch = watch
        with connection.execute_wrapper(wrapper):
            try:
                yield
            finally:
                raw.watch = _NOBODY

    def rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query. Nobody watches."""
        return sqlite3.Connection.execute(_raw(), sql, values).fetchall()

    def write(self, sql: str, values: tuple[Any, ...] = ()) -> None:
        """Carry out a statement of a worker, committed at once. Nobody watches."""
        raw = _raw()
        assert not raw.in_transaction, "a worker writes in the engine's transaction"
        sqlite3.Connection.execute(raw, sql, values)


@contextmanager
def simulated_database() -> Iterator[SimulatedDatabase]:
    """Let Django use a new database in memory, with users, addresses, and the markets of tests/strategies.py."""
    before = connections[DEFAULT_DB_ALIAS]
    settings = copy.deepcopy(before.settings_dict)
    settings["NAME"] = ":memory:"
    settings["OPTIONS"] = {"factory": WatchedConnection, "transaction_mode": "IMMEDIATE", "timeout": 20}
    connections[DEFAULT_DB_ALIAS] = DatabaseWrapper(settings, DEFAULT_DB_ALIAS)
    try:
        call_command("migrate", verbosity=0)
        _seed()
        yield SimulatedDatabase()
    finally:
        connection.close()
        connections[DEFAULT_DB_ALIAS] = before


def _raw() -> WatchedConnection:
    connection.ensure_connection()
    raw = connection.connection
    assert isinstance(raw, WatchedConnection)
    return raw


def _seed() -> None:
    MarketState.objects.all().delete()
    Market.objects.all().delete()
    for spec in MARKETS:
        rules = msgspec.structs.asdict(spec)
        Market.objects.create(base_id=rules.pop("base"), quote_id=rules.pop("quote"), **rules)
    for account in ACCOUNTS:
        user = User.objects.create(pk=account, email=f"{account}@simulation.test")
        for asset in Asset.objects.filter(is_token=False):
            DepositAddress.objects.create(asset=asset, user=user, address=f"{asset.code}-{account}")
    EngineState.objects.get_or_create(shard=0)
