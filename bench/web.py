"""Orders over the websocket API, acknowledged when they are on disk, against what a bare consumer echoes.

Echo and orders go through the same server, from the same clients, with as many requests in flight. Engine, database,
pipe and the clients share the machine. What is judged is the strictest comparison: with the bare consumer that is
served as our gateway is, with our frames and the collector as there.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from bench import trees
from bench.report import Figure, Report
from bench.rounds import rotated
from bench.serving import ORDERS_PATH, drive, exchange, serving
from bench.stack import NO_POSTGRES, Database, Postgres, Sqlite, postgres_programs
from bench.web_client import REFUSED, RULED

SERVED_ALIKE_GOAL = 0.50
STOCK_GOAL = 1.0
SQLITE_GOAL = 0.70
CONNECTIONS = 50
IN_FLIGHT = 20
SECONDS = 6.0
ECHOES = {
    "echo, bare": ("bench.echo:bare", "bare echo"),
    "echo, bare, our frames": ("bench.echo_ours:bare", "bare echo, our frames"),
    "echo, stock": ("bench.echo:stock", "stock echo"),
}
"""What is served, and how it is called where orders are compared with it."""
_POSTGRES, _SQLITE = "orders, PostgreSQL", "orders, SQLite"
Runs = dict[str, list[dict[str, Any]]]
Cases = list[tuple[str, Callable[[], dict[str, Any]]]]


def measure(
    report: Report, tree: Path, tell: Callable[[str], None], *, rounds: int, part: int, servers: tuple[str, ...]
) -> None:
    """Add orders acknowledged a second on each server and database, against the echoes of the same server."""
    seconds = max(SECONDS / part, 1.0)
    if postgres_programs() is None:
        keys = (f"web, * | {_POSTGRES} | *", f"web, * | {_SQLITE} | PostgreSQL")
        report.skip("web on PostgreSQL", NO_POSTGRES, *keys)
    for name in servers:
        if find_spec(name) is None:
            report.skip(f"web, {name}", "not installed", f"web, {name} | *")
            continue
        runs: Runs = {}
        for number in range(rounds):
            tell(f"web: {name}: round {number + 1} of {rounds}")
            with tempfile.TemporaryDirectory(prefix="mex-bench-") as folder:
                cases = _cases(Path(folder), tree, name, seconds)
                runs = runs or {what: [] for what, _ in cases}
                for what, run in rotated(cases, number):
                    runs[what].append(run())
        _report(report, name, runs)


def _report(report: Report, server: str, runs: Runs) -> None:
    for what, told in runs.items():
        rate, part = median(run["per_second"] for run in told), f"web, {server}"
        if what in ECHOES:
            report.figures.append(Figure(part, what, rate, "messages/s", note=_note(told), details={"runs": told}))
            continue
        for base, against, goal in _compared(server, what, runs):
            is_first = base == next(iter(ECHOES))
            figure = Figure(
                part, what, rate, "orders/s", _ratio(told, runs[base]), against, goal,
                note=_note(told) if is_first else "", details={"runs": told} if is_first else {},
            )  # fmt: skip
            report.figures.append(figure)
        report.wrong += [
            f"web, {server}: {what}: {run['placed']:,} orders were accepted, {run['rows']:,} are in the database"
            for run in told
            if run["placed"] != run["rows"]
        ]


def _compared(server: str, what: str, runs: Runs) -> Iterator[tuple[str, str, float | None]]:
    """Yield what orders are compared with, how that is called, and the goal. Daphne's have one, as the default."""
    is_judged = server == "daphne" and what == _POSTGRES
    goals = {"echo, bare, our frames": SERVED_ALIKE_GOAL, "echo, stock": STOCK_GOAL}
    for base, (_, against) in ECHOES.items():
        yield base, against, goals.get(base) if is_judged else None
    if what == _SQLITE and _POSTGRES in runs:
        yield _POSTGRES, "PostgreSQL", SQLITE_GOAL if server == "daphne" else None


def _ratio(told: list[dict[str, Any]], base: list[dict[str, Any]]) -> float:
    return median(one["per_second"] / other["per_second"] for one, other in zip(told, base, strict=True))


def _note(runs: list[dict[str, Any]]) -> str:
    """Return what is said beside the rate, which is of what took effect: how much of all did not is said here."""
    cores = {role: median(run["cores"][role] for run in runs) for role in runs[0]["cores"]}
    shares = ", ".join(f"{role} {share:.2f}" for role, share in cores.items())
    answers: Counter[str] = sum((Counter(run["answers"]) for run in runs), Counter())
    others = ""
    for word, codes in (("rejected by rule", RULED), ("refused", REFUSED)):
        found = sorted(codes & set(answers))
        if found:
            share = sum(answers[code] for code in found) / answers.total()
            others += f"; {100 * share:.1f} % {word} ({', '.join(found)})"
    return f"p99 {median(run['p99_ms'] for run in runs):.0f} ms; cores: {shares}{others}"


def _cases(folder: Path, tree: Path, server: str, seconds: float) -> Cases:
    """Return what is measured in a round, by name. Each starts what it needs."""
    cases: Cases = [(what, partial(echoes, app, tree, server, seconds)) for what, (app, _) in ECHOES.items()]
    programs = postgres_programs()
    if programs is not None:
        cases.append((_POSTGRES, partial(_orders_on_postgres, programs, folder, tree, server, seconds)))
    return [*cases, (_SQLITE, partial(_orders, folder, tree, server, Sqlite(folder), seconds))]


def echoes(app: str, tree: Path, server: str, seconds: float) -> dict[str, Any]:
    """Return what clients told of an echo. Raises RunFailed."""
    with serving(server, app, tree, trees.environment(tree)) as (process, port):
        return drive(
            f"ws://127.0.0.1:{port}/", [("key", "secret")], seconds,
            connections=CONNECTIONS, in_flight=IN_FLIGHT, processes={"web": process}, is_echo=True,
        )  # fmt: skip


def _orders_on_postgres(programs: Path, folder: Path, tree: Path, server: str, seconds: float) -> dict[str, Any]:
    cluster = Postgres(programs, folder)
    try:
        return _orders(folder, tree, server, cluster, seconds)
    finally:
        cluster.close()


def _orders(folder: Path, tree: Path, server: str, database: Database, seconds: float) -> dict[str, Any]:
    with exchange(folder, tree, server, database, accounts=CONNECTIONS) as (keys, engine, (web, port)):
        told = drive(
            f"ws://127.0.0.1:{port}{ORDERS_PATH}", keys, seconds,
            connections=CONNECTIONS, in_flight=IN_FLIGHT, processes={"web": web, "engine": engine},
        )  # fmt: skip
        return told | {"rows": database.rows("base", "trading_order")}
