"""Orders over the websocket API, acknowledged when they are on disk, against what a bare consumer echoes.

Echo and orders go through the same server, from the same clients, with as many requests in flight. Engine, database,
pipe and the clients share the machine.
"""

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from bench import trees
from bench.report import Figure, Report
from bench.serving import ORDERS_PATH, Keys, cpu_s, drive, exchange, serving
from bench.stack import Database, Postgres, Sqlite, postgres_programs

ECHO_GOAL = 0.50
STOCK_GOAL = 1.0
SQLITE_GOAL = 0.70
CONNECTIONS = 50
IN_FLIGHT = 20
SECONDS = 6.0


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
        with serving(server, f"bench.echo:{kind}", tree, trees.environment(tree)) as (process, port):
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
    with exchange(folder, tree, server, database, accounts=CONNECTIONS) as (keys, engine, (web, port)):
        return _drive(f"ws://127.0.0.1:{port}{ORDERS_PATH}", keys, seconds, {"web": web, "engine": engine})


def _drive(url: str, keys: Keys, seconds: float, processes: Mapping[str, "subprocess.Popen[bytes]"]) -> dict[str, Any]:
    """Let the clients run; add the share of a core that each process took."""
    before = {role: cpu_s(process.pid) for role, process in processes.items()}
    began = time.perf_counter()
    told = drive(url, keys, seconds, connections=CONNECTIONS, in_flight=IN_FLIGHT)
    took = time.perf_counter() - began
    told["cores"] = {role: (cpu_s(process.pid) - before[role]) / took for role, process in processes.items()}
    told["cores"]["clients"] = told["client_cores"]
    return told
