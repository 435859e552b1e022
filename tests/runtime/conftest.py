"""Engines on either database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.crash.stack import Stack
from tests.runtime.postgres import Cluster, programs


class EngineStack(Stack):
    """A stack whose database is SQLite, or PostgreSQL at `database_url`."""

    def __init__(self, folder: Path, database_url: str | None) -> None:
        self._database_url = database_url
        super().__init__(folder)
        if database_url:
            self.environment["DATABASE_URL"] = database_url
            self.manage("migrate")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the stack's database."""
        if self._database_url is None:
            return super().rows(sql)
        with psycopg.connect(self._database_url) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server, where one is installed."""
    folder = programs()
    if folder is None:
        pytest.skip("no PostgreSQL server on PATH or in /usr/lib/postgresql: install postgresql to run this")
    cluster = Cluster(folder)
    try:
        yield cluster
    finally:
        cluster.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EngineStack]:
    """A migrated database of its own, and a pipe."""
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("cluster").new_database(f"test_{abs(hash(request.node.name))}")
    stack = EngineStack(tmp_path, url)
    try:
        yield stack
    finally:
        stack.close()
