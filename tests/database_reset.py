"""What a transactional test leaves behind is deleted, and the database is again as the migrations made it."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

_NOT_OURS = {"django_migrations"}


def keep_migrated_state(connection: BaseDatabaseWrapper) -> None:
    """Make flushes of this connection put back the rows that are there now, and take guards off while they run.

    Django's flush deletes every row, those of data migrations too; and the triggers that refuse to delete a posting
    refuse it to the flush as well. PostgreSQL truncates, which row triggers do not see.
    """
    if connection.vendor != "sqlite":
        return
    inserts = [statement for table in connection.introspection.table_names() for statement in _rows(connection, table)]
    original = connection.ops.sql_flush

    def sql_flush(style: Any, tables: Any, **options: Any) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            guards = cursor.fetchall()
        return [
            *(f'DROP TRIGGER "{name}"' for name, _ in guards),
            *original(style, tables, **options),
            *inserts,
            *(sql for _, sql in guards),
        ]

    connection.ops.sql_flush = sql_flush  # type: ignore[method-assign]  # the flush command asks this object


def _rows(connection: BaseDatabaseWrapper, table: str) -> list[str]:
    if table in _NOT_OURS:
        return []
    with connection.cursor() as cursor:
        columns = [column.name for column in connection.introspection.get_table_description(cursor, table)]
        values = " || ',' || ".join(f'quote("{column}")' for column in columns)
        names = ", ".join(f'"{column}"' for column in columns)
        cursor.execute(f'SELECT {values} FROM "{table}"')
        return [f'INSERT INTO "{table}" ({names}) VALUES ({row[0]})' for row in cursor.fetchall()]
