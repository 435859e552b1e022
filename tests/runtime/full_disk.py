"""A database that has no room: SQLite refuses to let the file grow, with the same error as on a full disk."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

PAGES_MAX = 2**32 - 2


@contextmanager
def no_room() -> Iterator[None]:
    """Let nothing that this thread writes take a new page of the database."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # what deleted rows have left behind is room, too
    limit_pages(1)
    try:
        yield
    finally:
        limit_pages(PAGES_MAX)


def limit_pages(pages: int) -> None:
    """Let the database have so many pages, or those that it has if these are more."""
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA max_page_count = {pages}")
