"""What a leader that was stopped inside its transaction still holds: a successor must not wait for it for ever.

The epoch keeps a frozen process from committing, but on PostgreSQL it goes on holding the row of the engine's state,
and on SQLite the whole database. It is silent, its lease is over, and nothing but its end frees what it holds; so its
end is brought about: PostgreSQL ends its session, and on SQLite, where it must be on this host, the stopped process is
killed. Both roll back what it had not committed.
"""

import logging
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import OperationalError, connection, transaction

from mex.limits import LEASE_LOCK_MS
from trading.runtime.processes import Known, look_up

log = logging.getLogger(__name__)

_HOLDERS = (
    "SELECT held.pid FROM trading_enginestate state JOIN pg_locks held"
    " ON held.locktype = 'transactionid' AND held.transactionid = state.xmax AND held.granted"
    " WHERE state.shard = %s AND held.pid <> pg_backend_pid()"
)


@contextmanager
def impatient_transaction() -> Iterator[None]:
    """Open a transaction that waits for others only LEASE_LOCK_MS. Raises OperationalError then (`is_held`)."""
    if connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {LEASE_LOCK_MS}")
            yield
        return
    patience_ms = int(connection.settings_dict["OPTIONS"]["timeout"] * 1_000)
    _wait_at_most(LEASE_LOCK_MS)
    try:
        with transaction.atomic():
            yield
    finally:
        _wait_at_most(patience_ms)


def is_held(error: OperationalError) -> bool:
    """Return whether somebody else held what a transaction wanted."""
    cause = error.__cause__
    if isinstance(cause, sqlite3.OperationalError):
        return cause.sqlite_errorcode == sqlite3.SQLITE_BUSY
    return isinstance(cause, psycopg.errors.LockNotAvailable)


def release(shard: int, leader: str) -> None:
    """Make a silent leader let go of what it holds."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_HOLDERS, [shard])
            for (session,) in cursor.fetchall():
                log.warning("ending session %d of engine %s, which is silent inside a transaction", session, leader)
                cursor.execute("SELECT pg_terminate_backend(%s)", [session])
        return
    known = look_up(leader)
    if known.state is Known.STOPPED:
        log.warning("killing engine %s, which was stopped inside a transaction", leader)
        os.kill(known.pid, signal.SIGKILL)


def _wait_at_most(milliseconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {milliseconds}")
