"""Set-based writes to the hot tables, for SQLite and PostgreSQL.

The ORM's bulk calls end at a few thousand orders a second, so the engine writes rows itself: on PostgreSQL with COPY
and one statement per table over arrays, on SQLite with executemany. Both work on the connection of Django's current
transaction.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from django.db import connection

Row = Sequence[Any]


class Table:
    """A table's name and the columns that a write names, in the order of its rows. `types` are PostgreSQL's."""

    def __init__(self, name: str, **columns: str) -> None:
        self.name = name
        self.columns = tuple(columns)
        self.types = tuple(columns.values())


class Writer(Protocol):
    """What a database must do for the engine."""

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows."""

    def upsert(self, table: Table, key: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert rows, or set the other columns where the key exists."""

    def update(self, table: Table, key: str, rows: Sequence[Row]) -> None:
        """Set the other columns of the rows with these keys; each must exist."""

    def existing(self, table: Table, rows: Sequence[Row]) -> list[Row]:
        """Return those of the rows (values of the table's columns) that the table holds."""


class SqliteWriter:
    """Writes with executemany, which binds and steps in C."""

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows."""
        self._many(self._insert_sql(table), rows)

    def upsert(self, table: Table, key: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert rows, or set the other columns where the key exists."""
        self._many(_with_conflict(self._insert_sql(table), table, key), rows)

    def update(self, table: Table, key: str, rows: Sequence[Row]) -> None:
        """Set the other columns of the rows with these keys; each must exist."""
        others = [column for column in table.columns if column != key]
        place = table.columns.index(key)
        order = [table.columns.index(column) for column in others] + [place]
        sql = f"UPDATE {table.name} SET {', '.join(f'{column} = ?' for column in others)} WHERE {key} = ?"
        changed = self._many(sql, [[row[i] for i in order] for row in rows])
        assert changed == len(rows), f"{table.name}: {changed} of {len(rows)} rows were there"

    def existing(self, table: Table, rows: Sequence[Row]) -> list[Row]:
        """Return those of the rows (values of the table's columns) that the table holds."""
        where = " AND ".join(f"{column} = ?" for column in table.columns)
        sql = f"SELECT {', '.join(table.columns)} FROM {table.name} WHERE {where}"
        connection.ensure_connection()
        cursor = connection.connection.cursor()
        return [found for row in rows if (found := cursor.execute(sql, row).fetchone()) is not None]

    def _insert_sql(self, table: Table) -> str:
        marks = ", ".join("?" * len(table.columns))
        return f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({marks})"

    def _many(self, sql: str, rows: Sequence[Row]) -> int:
        return int(connection.connection.executemany(sql, rows).rowcount)


class PostgresWriter:
    """Writes with COPY, and with one statement over arrays where rows may exist."""

    def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Insert rows."""
        sql = f"COPY {table.name} ({', '.join(table.columns)}) FROM STDIN"
        with connection.cursor() as cursor, cursor.copy(sql) as copy:
            for row in rows:
                copy.write_row(row)

    def upsert(self, table: Table, key: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert rows, or set the other columns where the key exists."""
        insert = f"INSERT INTO {table.name} ({', '.join(table.columns)}) SELECT * FROM {_unnest(table)}"
        with connection.cursor() as cursor:
            cursor.execute(_with_conflict(insert, table, key), _turned(table, rows))

    def update(self, table: Table, key: str, rows: Sequence[Row]) -> None:
        """Set the other columns of the rows with these keys; each must exist."""
        others = ", ".join(f"{column} = new.{column}" for column in table.columns if column != key)
        new = f"{_unnest(table)} AS new ({', '.join(table.columns)})"
        sql = f"UPDATE {table.name} AS old SET {others} FROM {new} WHERE old.{key} = new.{key}"
        with connection.cursor() as cursor:
            cursor.execute(sql, _turned(table, rows))
            assert cursor.rowcount == len(rows), f"{table.name}: {cursor.rowcount} of {len(rows)} rows were there"

    def existing(self, table: Table, rows: Sequence[Row]) -> list[Row]:
        """Return those of the rows (values of the table's columns) that the table holds."""
        names = ", ".join(table.columns)
        asked = f"{_unnest(table)} AS asked ({names})"
        sql = f"SELECT {names} FROM {table.name} JOIN {asked} USING ({names})"
        with connection.cursor() as cursor:
            cursor.execute(sql, _turned(table, rows))
            return list(cursor.fetchall())


def writer() -> Writer:
    """Return the writer for the configured database."""
    return PostgresWriter() if connection.vendor == "postgresql" else SqliteWriter()


def _with_conflict(insert: str, table: Table, key: Sequence[str]) -> str:
    others = ", ".join(f"{column} = excluded.{column}" for column in table.columns if column not in key)
    return f"{insert} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {others}"


def _unnest(table: Table) -> str:
    return f"unnest({', '.join(f'%s::{kind}[]' for kind in table.types)})"


def _turned(table: Table, rows: Sequence[Row]) -> list[list[Any]]:
    return [[row[i] for row in rows] for i in range(len(table.columns))]
