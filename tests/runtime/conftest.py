"""Engines on either database."""

import os
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.crash.stack import ROOT, Stack
from tests.runtime.postgres import Cluster, programs

MIGRATED = "migrated"


class EngineStack(Stack):
    """A stack whose database is SQLite, or PostgreSQL at `database_url`."""

    def __init__(self, folder: Path, database_url: str | None) -> None:
        self._database_url = database_url
        super().__init__(folder)
        if database_url:
            self.environment["DATABASE_URL"] = database_url

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file that one process at a time writes."""
        return self._database_url is None

    def migrate(self) -> None:
        """Have a migrated database; that of PostgreSQL was made as one."""
        if self.is_sqlite:
            super().migrate()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the stack's database."""
        if self.is_sqlite:
            return super().rows(sql)
        with psycopg.connect(self._database_url) as connection:
            return connection.execute(sql).fetchall()

    def execute(self, sql: str) -> None:
        """Change the stack's database by hand."""
        if self.is_sqlite:
            with sqlite3.connect(self.folder / "mex.sqlite3", timeout=20) as connection:
                connection.execute(sql)
            connection.close()
        else:
            with psycopg.connect(self._database_url) as postgres:
                postgres.execute(sql)

    def users(self, count: int) -> list[int]:
        """Create users and return their ids."""
        script = (
            "import django; django.setup()\n"
            "from accounts.models import User\n"
            f"users = [User.objects.create(email=f'{uuid.uuid4()}-{{n}}@runtime.test') for n in range({count})]\n"
            "print(','.join(str(user.pk) for user in users))\n"
        )
        process = self.python("-c", script, stdout=subprocess.PIPE)
        output = process.communicate(timeout=60)[0]
        assert process.returncode == 0
        return [int(word) for word in output.strip().split(",")]


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


@pytest.fixture(scope="session")
def migrated(cluster: Cluster) -> Cluster:
    """The server, with a migrated database to copy."""
    environment = {**os.environ, "DATABASE_URL": cluster.new_database(MIGRATED)}
    command = [sys.executable, str(ROOT / "manage.py"), "migrate"]
    subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EngineStack]:
    """A migrated database of its own, and a pipe."""
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("migrated").new_database(f"test_{abs(hash(request.node.name))}", MIGRATED)
    stack = EngineStack(tmp_path, url)
    try:
        yield stack
    finally:
        stack.close()
