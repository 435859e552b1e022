"""The instance that is tested: one of our own in a folder, or one that runs already."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from bench import stack
from launcher import web_servers
from launcher.instance import ROOT, Instance, has_local_chains, without_settings
from launcher.processes import Process, free_port, stop, wait_until
from launcher.services import Program
from loadtest.usage import instance_roots

_READY_TIMEOUT_S = 300.0
_STOP_GRACE_S = 25.0
_COMMAND_TIMEOUT_S = 3600.0
_SAID = 3_000


class ExchangeFailed(Exception):
    """Raised when the instance cannot be used, with the reason."""


class Exchange:
    """A running instance."""

    def __init__(self, instance: Instance, environment: Mapping[str, str], extra: Mapping[int, str]) -> None:
        self.folder = instance.folder
        self.server = instance.web_server
        self.environment = dict(environment)
        self.url = instance.url
        self._extra = dict(extra)

    @property
    def database(self) -> str:
        """The kind of its database."""
        scheme = urlparse(self.environment.get("DATABASE_URL", "sqlite://")).scheme
        return "postgresql" if scheme.startswith("postgres") else "sqlite"

    def roots(self) -> dict[int, str]:
        """Return its processes by pid, with their roles, as of now: what died was started again under another pid."""
        return {**instance_roots(self.folder), **self._extra}

    def python(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run Python in its environment and return what was said."""
        return subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_COMMAND_TIMEOUT_S,
        )

    def audit(self) -> str:
        """Run the audit, chains included, and return "clean" or the first thing that is wrong."""
        done = self.python("manage.py", "audit", "--json")
        try:
            report = json.loads(done.stdout)
        except json.JSONDecodeError:
            return f"failed: {(done.stderr or done.stdout).strip()[-_SAID:]}"
        return audit_sentence(report)


def audit_sentence(report: Mapping[str, Any]) -> str:
    """Return "clean", or which checks found what.  [pure]"""
    wrong = [check for check in report["checks"] if check["status"] != "ok"]
    if report["clean"] and not wrong:
        return "clean"
    return "; ".join(
        f"{check['name']}: {check['reason'] or ' · '.join(check['first']) or check['status']}" for check in wrong
    )


@contextmanager
def running(data: Path) -> Iterator[Exchange]:
    """Use a running instance. Raises ExchangeFailed if none runs there, or its chains are not its own."""
    instance = Instance.open(data)
    if not instance.is_running():
        raise ExchangeFailed(f"no server runs on {instance.folder}: start `script/server --data {data}` first")
    environment = instance.environment(without_settings(os.environ))
    if not has_local_chains(environment):
        raise ExchangeFailed("a load test takes coins from the faucet: it needs local chains")
    yield Exchange(instance, environment, {})


@contextmanager
def own(folder: Path, database: str, server: str = web_servers.DEFAULT) -> Iterator[Exchange]:
    """Start an instance without a market maker in a folder, and end it. Raises ExchangeFailed."""
    environment = {**without_settings(os.environ), "PYTHONPATH": str(ROOT), "LOG_LEVEL": "error"}
    extra: dict[int, str] = {}
    postgres = None
    if database == "postgresql":
        programs = stack.postgres_programs()
        if programs is None:
            raise ExchangeFailed("PostgreSQL is not installed here: there is no program `postgres`")
        postgres = stack.Postgres(programs, folder)
        environment["DATABASE_URL"] = postgres.url()
        extra[int((folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])] = "postgres"
    try:
        with _server(folder / "data", environment, folder / "server.log", server) as instance:
            yield Exchange(instance, instance.environment(environment), extra)
    finally:
        if postgres is not None:
            postgres.close()


@contextmanager
def _server(data: Path, environment: Mapping[str, str], log: Path, server: str) -> Iterator[Instance]:
    port = free_port()
    command = [sys.executable, "-m", "launcher.server", "--port", str(port), "--data", str(data), "--no-market-maker"]
    command += ["--server", server]
    process = Process(Program("server", *command), log=log, env=environment, cwd=ROOT)
    ready = f"mex is ready at http://127.0.0.1:{port}\n"
    try:
        wait_until(lambda: ready in process.output() or process.poll() is not None, timeout_s=_READY_TIMEOUT_S)
        if ready not in process.output():
            raise ExchangeFailed(f"the instance did not start: {process.output().strip()[-_SAID:]}")
        yield Instance.open(data)
    finally:
        stop([process], grace_s=_STOP_GRACE_S)
