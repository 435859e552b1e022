"""Reading the database: consistently while the engine writes, and from asynchronous code."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar, cast

from channels.db import database_sync_to_async
from django.db import connection, transaction

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


async def in_database(
    function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Run a function that uses the ORM in a thread of the pool, so that queries of one process do not queue up."""
    return cast(Result, await database_sync_to_async(function, thread_sensitive=False)(*args, **kwargs))


@contextmanager
def read_snapshot() -> Iterator[None]:
    """Let all queries inside see the database as of one commit, without making a writer wait.

    Not `transaction.atomic()` alone: on SQLite ours begin IMMEDIATE and would queue behind the engine, and on
    PostgreSQL each statement would see a state of its own. Inside a transaction it joins that one.
    """
    if connection.in_atomic_block or _is_in_snapshot():
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("ROLLBACK")


def _is_in_snapshot() -> bool:
    """Return whether a snapshot was begun on SQLite, of which Django does not know."""
    raw = connection.connection
    return connection.vendor == "sqlite" and raw is not None and bool(raw.in_transaction)
