"""A server with an application, and an exchange behind one, for what is measured from outside."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis.backoff import ConstantBackoff
from redis.retry import Retry

from bench.rounds import RunFailed
from bench.stack import Database, environment, migrate, valkey
from launcher import web_servers
from launcher.processes import free_port

SYMBOL = "ETHBTC"
ORDERS_PATH = "/ws-api/v3?returnRateLimits=false"
_START_S_MAX = 60
_RUN_S_MAX = 120
SERVERS = (*web_servers.SERVERS, "granian")
"""What is measured: those that mex runs under, and one that it is only compared with."""
_ORDERS = {"symbol": SYMBOL, "middle": 5_000, "tick": "0.00001", "quantity": "0.1"}
Keys = list[tuple[str, str]]
Web = tuple["subprocess.Popen[bytes]", int]
"""A web process and its port."""


@contextmanager
def serving(server: str, app: str, tree: Path, surroundings: Mapping[str, str]) -> Iterator[Web]:
    """Run a server with an application; give its process and its port."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, *_arguments(server, port, app)],
        cwd=tree,
        env=surroundings,
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    try:
        retry = Retry(ConstantBackoff(0.05), 20 * _START_S_MAX, supported_errors=(OSError,))
        retry.call_with_retry(lambda: socket.create_connection(("127.0.0.1", port), 1).close(), lambda _: None)
        yield process, port
    finally:
        process.terminate()
        process.wait(60)


def _arguments(server: str, port: int, app: str) -> list[str]:
    if server in web_servers.SERVERS:
        return web_servers.arguments(server, port=port, application=app)
    # One worker, as the others. It does not end by itself while clients are connected.
    ends = ("--workers", "1", "--workers-kill-timeout", "5")
    return ["-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port), *ends, "--no-log", app]


@contextmanager
def exchange(
    folder: Path, tree: Path, server: str, database: Database, *, accounts: int
) -> Iterator[tuple[Keys, "subprocess.Popen[bytes]", Web]]:
    """Run a pipe, an engine and a web process on an empty database; give keys of so many accounts with coins, engine
    and web process.
    """
    with valkey(folder) as redis_url:
        surroundings = environment(folder, tree, database.url("base"), redis_url)
        migrate(tree, surroundings)
        engine = subprocess.Popen(
            [sys.executable, "manage.py", "run_engine"], cwd=tree, env=surroundings, stdout=subprocess.DEVNULL
        )
        try:
            prepared = subprocess.run(
                [sys.executable, "-m", "bench.web_run", str(accounts), SYMBOL],
                cwd=tree, env=surroundings, check=False, text=True, capture_output=True, timeout=_RUN_S_MAX,
            )  # fmt: skip
            if prepared.returncode:
                raise RunFailed(f"web_run: {prepared.stderr.strip()[-2000:]}")
            with serving(server, "mex.asgi:application", tree, surroundings) as web:
                yield json.loads(prepared.stdout), engine, web
        finally:
            engine.terminate()
            engine.wait(60)


def drive(
    url: str,
    keys: Keys,
    seconds: float,
    *,
    connections: int,
    in_flight: int,
    processes: Mapping[str, "subprocess.Popen[bytes]"] | None = None,
    is_echo: bool = False,
) -> dict[str, Any]:
    """Let clients of the websocket API run, and return what bench/web_client.py tells. Raises RunFailed.

    processes: by role, those whose share of a core is wanted.
    """
    numbers = {role: process.pid for role, process in (processes or {}).items()}
    plan = {
        "url": url, "keys": keys, **_ORDERS, "connections": connections, "in_flight": in_flight, "seconds": seconds,
        "processes": numbers, "is_echo": is_echo,
    }  # fmt: skip
    ended = subprocess.run(
        [sys.executable, "-m", "bench.web_client"],
        input=json.dumps(plan), check=False, text=True, capture_output=True, timeout=_RUN_S_MAX,
    )  # fmt: skip
    if ended.returncode:
        raise RunFailed(f"web_client: {ended.stderr.strip()[-2000:]}")
    told: dict[str, Any] = json.loads(ended.stdout)
    return told
