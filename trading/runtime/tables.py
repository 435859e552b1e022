"""Set-based writes to the hot tables, for SQLite and PostgreSQL.

The ORM's bulk calls end at a few thousand orders a second, so the engine writes rows itself: on PostgreSQL with COPY
and one statement per table over arrays, on SQLite with executemany. All of a batch is one transaction, which begins
with a fence: a statement that must change exactly one row.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, Protocol

import psycopg
from django.db import connection

Row = Sequence[Any]

PIPELINE_ROWS_MAX = 1_500
"""Smaller batches are sent as one pipeline of statements, which saves round trips; above it COPY is faster."""

LOOKUP_ROWS_MAX = 500
"""Rows that one query looks up on SQLite, which limits the values bound to a statement."""


class FenceFailed(Exception):
    """Raised when the fence changed no row. Nothing was written."""


class Table:
    """A table's name and the columns that a write names, in the order of its rows. The first `key` identify a row.

    columns: PostgreSQL's type by name.
    """

    def __init__(self, name: str, columns: Mapping[str, str], key: int = 1) -> None:
        self.name = name
        self.columns = tuple(columns)
        self.types = tuple(columns.values())
        self.key = self.columns[:key]
        self.others = self.columns[key:]


class How(Enum):
    """What becomes of rows."""

    INSERT = "insert"
    """They are new."""
    UPDATE = "update"
    """They exist, and get these values."""
    UPSERT = "upsert"
    """They are new or get these values."""


@dataclass(frozen=True, slots=True)
class Work:
    """Rows of one table, and what becomes of them."""

    how: How
    table: Table
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Written:
    """A transaction with all of its writes, which is still open. Any thread may end it."""

    raw: "sqlite3.Connection | psycopg.Connection[Any]"

    def commit(self) -> None:
        """Make it last. Raises the driver's own errors, having undone it."""
        with _undone_on_error(self.raw):
            self.raw.commit()

    def undo(self) -> None:
        """Take it back."""
        self.raw.rollback()


class Writer(Protocol):
    """What a database must do for the engine."""

    def write(self, fence: str, values: Row, works: Sequence[Work]) -> Written:
        """Do all of it in one transaction, which stays open, or nothing.

        What is looked up before the commit is looked up inside of it. Raises FenceFailed, and the driver's own errors.
        """

    def find(self, table: Table, keys: Sequence[Row]) -> list[tuple[Any, ...]]:
        """Return the rows (values of the table's columns) that have these keys."""


def writer() -> Writer:
    """Return the writer for the configured database."""
    return PostgresWriter() if connection.vendor == "postgresql" else SqliteWriter()


class SqliteWriter:
    """Writes with executemany, which binds and steps in C."""

    def write(self, fence: str, values: Row, works: Sequence[Work]) -> Written:
        """Do all of it in one transaction, which stays open, or nothing."""
        raw = _sqlite()
        raw.execute("BEGIN IMMEDIATE")
        with _undone_on_error(raw):
            if raw.execute(fence.replace("%s", "?"), values).rowcount != 1:
                raise FenceFailed
            for work in works:
                _check(work, raw.executemany(_sqlite_sql(work.how, work.table), work.rows).rowcount)
        return Written(raw)

    def find(self, table: Table, keys: Sequence[Row]) -> list[tuple[Any, ...]]:
        """Return the rows (values of the table's columns) that have these keys."""
        raw = _sqlite()
        found: list[tuple[Any, ...]] = []
        for start in range(0, len(keys), LOOKUP_ROWS_MAX):
            asked = keys[start : start + LOOKUP_ROWS_MAX]
            found += raw.execute(_sqlite_find(table, len(asked)), [value for key in asked for value in key])
        return found


class PostgresWriter:
    """Writes with COPY, and with one statement over arrays where rows exist or are few."""

    def write(self, fence: str, values: Row, works: Sequence[Work]) -> Written:
        """Do all of it in one transaction, which stays open, or nothing."""
        raw = _postgres()
        with _undone_on_error(raw):
            if sum(len(work.rows) for work in works) <= PIPELINE_ROWS_MAX:
                self._write_few(raw, fence, values, works)
            else:
                self._write_many(raw, fence, values, works)
        return Written(raw)

    def _write_few(self, raw: "psycopg.Connection[Any]", fence: str, values: Row, works: Sequence[Work]) -> None:
        with raw.pipeline() as pipeline:
            _execute(raw, "BEGIN", ())
            first = _execute(raw, fence, values)
            done = [(work, _execute(raw, *_array_statement(work))) for work in works]
            pipeline.sync()
        if first.rowcount != 1:
            raise FenceFailed
        for work, cursor in done:
            _check(work, cursor.rowcount)

    def _write_many(self, raw: "psycopg.Connection[Any]", fence: str, values: Row, works: Sequence[Work]) -> None:
        _execute(raw, "BEGIN", ())
        if _execute(raw, fence, values).rowcount != 1:
            raise FenceFailed
        for work in works:
            # The driver would take ready-made JSON for a text to be made into JSON.
            if work.how is How.INSERT and "jsonb" not in work.table.types:
                _copy(raw, work)
            else:
                _check(work, _execute(raw, *_array_statement(work)).rowcount)

    def find(self, table: Table, keys: Sequence[Row]) -> list[tuple[Any, ...]]:
        """Return the rows (values of the table's columns) that have these keys."""
        names = ", ".join(table.key)
        types = table.types[: len(table.key)]
        sql = (
            f"SELECT {', '.join(table.columns)} FROM {_unnest(types)} AS asked ({names})"
            f" JOIN {table.name} USING ({names})"
        )
        return _execute(_postgres(), sql, _arrays(types, keys)).fetchall()


def _check(work: Work, changed: int) -> None:
    expected = len(work.rows)
    assert work.how is not How.UPDATE or changed == expected, (
        f"{work.table.name}: {changed} of {expected} rows were there"
    )


@contextmanager
def _undone_on_error(raw: "sqlite3.Connection | psycopg.Connection[Any]") -> Iterator[None]:
    try:
        yield
    except BaseException:
        raw.rollback()
        raise


def _sqlite() -> sqlite3.Connection:
    connection.ensure_connection()
    raw: sqlite3.Connection = connection.connection
    return raw


@cache
def _sqlite_sql(how: How, table: Table) -> str:
    if how is not How.UPDATE:
        marks = ", ".join("?" * len(table.columns))
        return f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({marks}){_on_conflict(how, table)}"
    number = {column: place + 1 for place, column in enumerate(table.columns)}
    changes = ", ".join(f"{column} = ?{number[column]}" for column in table.others)
    return f"UPDATE {table.name} SET {changes} WHERE {' AND '.join(f'{name} = ?{number[name]}' for name in table.key)}"


@cache
def _sqlite_find(table: Table, count: int) -> str:
    names = ", ".join(table.key)
    marks = f"({', '.join('?' * len(table.key))})"
    # CROSS makes it walk what is asked and look each up, never the other way round.
    return (
        f"WITH asked ({names}) AS (VALUES {', '.join([marks] * count)})"
        f" SELECT {', '.join(table.columns)} FROM asked CROSS JOIN {table.name} USING ({names})"
    )


def _postgres() -> "psycopg.Connection[Any]":
    connection.ensure_connection()
    raw: psycopg.Connection[Any] = connection.connection
    if raw.prepare_threshold is None:
        # The same few statements for ever, planned once; Django switches this off, for the sake of some poolers. A plan
        # that is kept must not be one for a table that was small then: rows are always looked up by an index.
        raw.prepare_threshold = 1
        for way in ("seqscan", "hashjoin", "mergejoin"):
            raw.execute(f"SET enable_{way} = off")
    return raw


def _execute(raw: "psycopg.Connection[Any]", sql: str, values: Row) -> "psycopg.Cursor[Any]":
    # Not Django's cursors: they put values into the text, which cannot be prepared.
    return psycopg.Cursor(raw).execute(sql, values)


def _copy(raw: "psycopg.Connection[Any]", work: Work) -> None:
    table = work.table
    sql = f"COPY {table.name} ({', '.join(table.columns)}) FROM STDIN (FORMAT BINARY)"
    with psycopg.Cursor(raw).copy(sql) as copy:
        copy.set_types(table.types)
        for row in work.rows:
            copy.write_row(row)


def _array_statement(work: Work) -> tuple[str, list[str]]:
    return _array_sql(work.how, work.table), _arrays(work.table.types, work.rows)


@cache
def _array_sql(how: How, table: Table) -> str:
    names = ", ".join(table.columns)
    if how is not How.UPDATE:
        return f"INSERT INTO {table.name} ({names}) SELECT * FROM {_unnest(table.types)}{_on_conflict(how, table)}"
    changes = ", ".join(f"{column} = new.{column}" for column in table.others)
    where = " AND ".join(f"old.{column} = new.{column}" for column in table.key)
    return f"UPDATE {table.name} AS old SET {changes} FROM {_unnest(table.types)} AS new ({names}) WHERE {where}"


def _on_conflict(how: How, table: Table) -> str:
    if how is How.INSERT:
        return ""
    others = ", ".join(f"{column} = excluded.{column}" for column in table.others)
    return f" ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {others}"


def _unnest(types: Sequence[str]) -> str:
    return f"unnest({', '.join(f'%s::{kind}[]' for kind in types)})"


def _arrays(types: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Return one array per column, as PostgreSQL reads it: a tenth of what it costs to have the driver make them."""
    return [f"{{{','.join(_elements(kind, column))}}}" for kind, column in zip(types, _columns(rows), strict=True)]


def _columns(rows: Iterable[Row]) -> Iterator[tuple[Any, ...]]:
    return zip(*rows, strict=True)


def _elements(kind: str, column: Iterable[Any]) -> Iterable[str]:
    if kind not in ("text", "jsonb"):
        return map(str, column)
    return ("NULL" if text is None else f'"{_escaped(text)}"' for text in column)


def _escaped(text: str) -> str:
    if '"' in text or "\\" in text:
        return text.replace("\\", "\\\\").replace('"', '\\"')
    return text
