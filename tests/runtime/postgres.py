"""A private PostgreSQL cluster below one folder, for tests; its server refuses to run as root."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import psycopg
from redis.backoff import ConstantBackoff
from redis.retry import Retry


def programs() -> Path | None:
    """Return the folder with the server's programs, or None when it is not installed."""
    found = shutil.which("postgres")
    if found:
        return Path(found).parent
    return next(
        (path.parent for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)), None
    )


class Cluster:
    """A running server; `close` ends it and removes its files."""

    def __init__(self, folder_of_programs: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mex-postgres-"))
        user = "postgres" if os.geteuid() == 0 else None
        if user:
            os.chown(self._folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        data = str(self._folder / "data")
        initdb = [str(folder_of_programs / "initdb"), "-D", data, "-A", "trust", "-U", "mex", "-E", "UTF8", "--no-sync"]
        subprocess.run(initdb, user=user, check=True, capture_output=True, cwd="/", timeout=120)
        command = [str(folder_of_programs / "postgres"), "-D", data, "-p", str(self._port), "-k", str(self._folder)]
        self._process = subprocess.Popen(
            [*command, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"],
            user=user,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        retry = Retry(ConstantBackoff(0.1), 300, supported_errors=(psycopg.OperationalError,))
        retry.call_with_retry(lambda: psycopg.connect(self.url("postgres")).close(), lambda _: None)

    def url(self, database: str) -> str:
        """Return the DATABASE_URL of a database."""
        return f"postgresql://mex@127.0.0.1:{self._port}/{database}"

    def new_database(self, name: str, template: str = "template1") -> str:
        """Create a database, a copy of another one, and return its DATABASE_URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def close(self) -> None:
        """End the server and remove its files."""
        self._process.send_signal(signal.SIGINT)  # "fast shutdown": sessions are ended
        self._process.wait(30)
        shutil.rmtree(self._folder)
