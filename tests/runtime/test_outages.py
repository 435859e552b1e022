"""What is said when the database cannot be used, and what is no outage."""

import errno
import json
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from django.db import DatabaseError, OperationalError
from django.test import RequestFactory

from launcher.processes import free_port
from mex.outages import database_outage
from trading import health
from wallets.chains.health import say_over
from wallets.management.commands.run_miner import tick


def no_room(folder: Path) -> BaseException:
    """Return SQLite's own error for a file that must not grow."""
    connection = sqlite3.connect(folder / "small.sqlite3")
    connection.execute("PRAGMA max_page_count = 2")
    connection.execute("CREATE TABLE a (b)")
    with pytest.raises(sqlite3.OperationalError) as raised:
        connection.execute("INSERT INTO a VALUES (zeroblob(100000))")
    connection.close()
    return raised.value


def nobody_listens(folder: Path) -> BaseException:
    with pytest.raises(psycopg.OperationalError) as raised:
        psycopg.connect(f"postgresql://mex@127.0.0.1:{free_port()}/mex")
    return raised.value


def no_table(folder: Path) -> BaseException:
    with pytest.raises(sqlite3.OperationalError) as raised:
        sqlite3.connect(":memory:").execute("SELECT * FROM a")
    return raised.value


def wrapped(error: BaseException) -> OperationalError:
    """Return the error as Django raises it."""
    outer = OperationalError(*error.args)
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (no_room, "its disk is full"),
        (lambda _: psycopg.errors.DiskFull("could not extend file"), "its disk is full"),
        (lambda _: OSError(errno.ENOSPC, "No space left on device"), "its disk is full"),
        (nobody_listens, "it does not answer"),
        (lambda _: psycopg.errors.CannotConnectNow("the database system is in recovery mode"), "it does not answer"),
        (lambda _: psycopg.errors.AdminShutdown("terminating connection"), "it does not answer"),
        (no_table, ""),
        (lambda _: psycopg.errors.UndefinedTable("no table"), ""),
        (lambda _: psycopg.errors.LockNotAvailable("held"), ""),
        (lambda _: DatabaseError("Save with update_fields did not affect any rows."), ""),
        (lambda _: OSError(errno.EACCES, "Permission denied"), ""),
    ],
)
def test_an_outage_has_words_and_another_error_has_none(
    tmp_path: Path, make: Callable[[Path], BaseException], words: str
) -> None:
    error = make(tmp_path)

    assert database_outage(error) == words
    assert database_outage(wrapped(error)) == words


async def test_the_health_page_says_why_the_database_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_hub() -> None:
        raise wrapped(nobody_listens(tmp_path))

    monkeypatch.setattr(health, "get_hub", no_hub)
    answer = await health.healthz(RequestFactory().get("/healthz"))

    assert answer.status_code == 503
    assert json.loads(answer.content) == {"status": "the database cannot be used, it does not answer"}


def test_the_miner_says_once_why_it_waits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Chore:
        def __init__(self, *errors: BaseException) -> None:
            self.errors = list(errors)

        def tick(self, now_s: float) -> bool:
            if self.errors:
                raise self.errors.pop(0)
            return True

    full, table = wrapped(no_room(tmp_path)), wrapped(no_table(tmp_path))
    chore = Chore(full, full)
    say_over("test")
    caplog.set_level(logging.WARNING)

    assert [tick(chore, topic="test") for _ in range(3)] == [False, False, True]
    assert [record.getMessage() for record in caplog.records] == [
        "no block is mined: the database cannot be used, its disk is full"
    ]
    with pytest.raises(OperationalError, match="no such table"):
        tick(Chore(table), topic="test")
