"""Orders over the websocket API, acknowledged when they are on disk, against what a bare consumer echoes.

Echo and orders go through the same server, from the same clients, with as many requests in flight. Engine, database,
pipe and the clients share the machine.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from redis.backoff import ConstantBackoff
from redis.retry import Retry

from bench import trees
from bench.report import Figure, Report
from bench.rounds import RunFailed
from bench.stack import Database, Postgres, Sqlite, environment, migrate, postgres_programs, valkey
from launcher.processes import free_port

ECHO_GOAL = 0.50
STOCK_GOAL = 1.0
SQLITE_GOAL = 0.70
CONNECTIONS = 50
IN_FLIGHT = 20
SECONDS = 6.0
_START_S_MAX = 60
_RUN_S_MAX = 120
_PATH = "/ws-api/v3?returnRateLimits=false"
_ORDERS = {"symbol": "ETHBTC", "middle": 5_000, "tick": "0.00001", "quantity": "0.1"}
_TICK_S = os.sysconf("SC_CLK_TCK")
Keys = list[tuple[str, str]]

SERVERS: dict[str, tuple[str, ...]] = {
    "daphne": ("-m", "daphne", "-v", "0", "-b", "127.0.0.1", "-p", "{port}", "{app}"),
    "uvicorn": (
        "-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--ws", "websockets-sansio", "--loop", "uvloop",
        "--ws-per-message-deflate", "false", "--no-access-log", "--log-level", "error", "--lifespan", "off", "{app}",
    ),
}  # fmt: skip
"""How each server is started. Daphne is what `script/server` runs; uvicorn is measured where it is installed."""


def measure(
    report: Report, tree: Path, tell: Callable[[str], None], *, rounds: int, part: int, servers: tuple[str, ...]
) -> None:
    """Add orders acknowledged a second on each server and database, against the echoes of the same server."""
    seconds = max(SECONDS / part, 1.0)
    for name in servers:
        if find_spec(name) is None:
            report.skipped[f"web, {name}"] = "not installed"
            continue
        runs: dict[str, list[dict[str, Any]]] = {}
        for number in range(rounds):
            tell(f"web: {name}: round {number + 1} of {rounds}")
            with tempfile.TemporaryDirectory(prefix="mex-bench-") as folder:
                for what, run in _round(Path(folder), tree, name, seconds):
                    runs.setdefault(what, []).append(run)
        _report(report, name, runs)


def _report(report: Report, server: str, runs: dict[str, list[dict[str, Any]]]) -> None:
    def ratio(what: str, base: str) -> float:
        pairs = zip(runs[what], runs[base], strict=True)
        return median(one["per_second"] / other["per_second"] for one, other in pairs)

    is_default = server == "daphne"
    for what, told in runs.items():
        rate = median(run["per_second"] for run in told)
        cores = {role: median(run["cores"][role] for run in told) for role in told[0]["cores"]}
        shares = ", ".join(f"{role} {share:.2f}" for role, share in cores.items())
        codes = sorted({code for run in told for code in run["codes"]})
        refused = f"; refused with {', '.join(codes)}" if codes else ""
        note = f"p99 {median(run['p99_ms'] for run in told):.0f} ms; cores: {shares}{refused}"
        details = {"runs": told}
        part = f"web, {server}"
        if what.startswith("echo"):
            report.figures.append(Figure(part, what, rate, "messages/s", note=note, details=details))
            continue
        goal = ECHO_GOAL if is_default and what.endswith("PostgreSQL") else None
        report.figures.append(
            Figure(
                part, what, rate, "orders/s", ratio(what, "echo, bare"), "bare echo", goal, note=note, details=details
            )
        )
        goal = STOCK_GOAL if goal else None
        report.figures.append(Figure(part, what, rate, "orders/s", ratio(what, "echo, stock"), "stock echo", goal))
        if what.endswith("SQLite") and "orders, PostgreSQL" in runs:
            goal = SQLITE_GOAL if is_default else None
            against = ratio(what, "orders, PostgreSQL")
            report.figures.append(Figure(part, what, rate, "orders/s", against, "PostgreSQL", goal))


def _round(folder: Path, tree: Path, server: str, seconds: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what is measured, in one run after the other."""
    for kind in ("bare", "stock"):
        with _serving(server, f"bench.echo:{kind}", tree, trees.environment(tree)) as (process, port):
            url = f"ws://127.0.0.1:{port}/"
            yield f"echo, {kind}", _drive(url, [("key", "secret")], seconds, {"web": process})
    programs = postgres_programs()
    if programs is not None:
        cluster = Postgres(programs, folder)
        try:
            yield "orders, PostgreSQL", _orders(folder, tree, server, cluster, seconds)
        finally:
            cluster.close()
    yield "orders, SQLite", _orders(folder, tree, server, Sqlite(folder), seconds)


def _orders(folder: Path, tree: Path, server: str, database: Database, seconds: float) -> dict[str, Any]:
    with valkey(folder) as redis_url:
        surroundings = environment(folder, tree, database.url("base"), redis_url)
        migrate(tree, surroundings)
        engine = subprocess.Popen(
            [sys.executable, "manage.py", "run_engine"], cwd=tree, env=surroundings, stdout=subprocess.DEVNULL
        )
        try:
            prepared = subprocess.run(
                [sys.executable, "-m", "bench.web_run", str(CONNECTIONS), str(_ORDERS["symbol"])],
                cwd=tree, env=surroundings, check=False, text=True, capture_output=True, timeout=_RUN_S_MAX,
            )  # fmt: skip
            if prepared.returncode:
                raise RunFailed(f"web_run: {prepared.stderr.strip()[-2000:]}")
            keys = json.loads(prepared.stdout)
            with _serving(server, "mex.asgi:application", tree, surroundings) as (web, port):
                processes = {"web": web, "engine": engine}
                return _drive(f"ws://127.0.0.1:{port}{_PATH}", keys, seconds, processes)
        finally:
            engine.terminate()
            engine.wait(60)


@contextmanager
def _serving(
    server: str, app: str, tree: Path, surroundings: Mapping[str, str]
) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """Run a server with an application; give its process and its port."""
    port = free_port()
    arguments = [part.format(port=port, app=app) for part in SERVERS[server]]
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=tree, env=surroundings, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )
    try:
        retry = Retry(ConstantBackoff(0.05), 20 * _START_S_MAX, supported_errors=(OSError,))
        retry.call_with_retry(lambda: socket.create_connection(("127.0.0.1", port), 1).close(), lambda _: None)
        yield process, port
    finally:
        process.terminate()
        process.wait(60)


def _drive(url: str, keys: Keys, seconds: float, processes: Mapping[str, "subprocess.Popen[bytes]"]) -> dict[str, Any]:
    """Let the clients run; add the share of a core that each process took."""
    plan = {
        "url": url, "keys": keys, **_ORDERS, "connections": CONNECTIONS, "in_flight": IN_FLIGHT, "seconds": seconds,
    }  # fmt: skip
    before = {role: _cpu_s(process.pid) for role, process in processes.items()}
    began = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-m", "bench.web_client"],
        input=json.dumps(plan), check=False, text=True, capture_output=True, timeout=_RUN_S_MAX,
    )  # fmt: skip
    took = time.perf_counter() - began
    if ended.returncode:
        raise RunFailed(f"web_client: {ended.stderr.strip()[-2000:]}")
    told: dict[str, Any] = json.loads(ended.stdout)
    told["cores"] = {role: (_cpu_s(process.pid) - before[role]) / took for role, process in processes.items()}
    told["cores"]["clients"] = told["client_cores"]
    return told


def _cpu_s(process: int) -> float:
    """Return the seconds of processor time that a process and its threads have used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK_S
