"""Errors that are nobody's mistake: a full disk, and a database that is away. They end, and then work goes on."""

import errno
import sqlite3
from collections.abc import Iterator

import psycopg

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_SQLITE_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
"""The second is about the index of the log, which SQLite keeps in a file of its own."""

_AWAY = ("57P", "08")
"""Beginnings of what PostgreSQL calls its ends and starts, and lost connections."""


def is_disk_full(error: BaseException) -> bool:
    """Return whether an error, or one that it was made of, says that a disk is full."""
    return any(_says_full(cause) for cause in _causes(error))


def database_outage(error: BaseException) -> str:
    """Return why the database cannot be used now, in an operator's words; nothing when it is another error."""
    if is_disk_full(error):
        return "its disk is full"
    if any(isinstance(cause, psycopg.OperationalError) and _says_away(cause) for cause in _causes(error)):
        return "it does not answer"
    return ""


def _says_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) in _SQLITE_FULL
    return isinstance(error, psycopg.errors.DiskFull)


def _says_away(error: psycopg.OperationalError) -> bool:
    # Without a code it comes from the driver: no connection, or one that broke.
    return error.sqlstate is None or error.sqlstate.startswith(_AWAY)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
