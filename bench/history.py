"""Pages, REST and start-up with ten million orders, against one million; and how much room it all takes.

Both histories are in one PostgreSQL, each with an engine and a web process of its own. They are asked in turn, so that
whatever else the machine does falls on both.
"""

import http.client
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlencode

from bench import trees
from bench.engine import EngineBench
from bench.history_requests import REQUESTS, Request
from bench.report import Figure, Report
from bench.rounds import RunFailed
from bench.serving import serving
from bench.stack import NO_POSTGRES, Database, Postgres, Sqlite, environment, migrate, postgres_programs, valkey
from bench.startup import acknowledgement, engine_process, run_python
from mex.clock import now_ms
from trading.client.signing import signed_query

HISTORIES = (1_000_000, 10_000_000)
OPEN = 100_000
TIMES = 200
"""How often each request is made of each exchange."""
STAYS_FAST = 1.5
BATCH = 1_000
COMMANDS = 200_000
_FILL_S_MAX = 3_600
_WEB_S_MAX = 60
_MILLION = 1_000_000


@dataclass(slots=True)
class _Exchange:
    """An exchange with a history of so many orders, and how long it took to start, in seconds."""

    orders: int
    tree: Path
    surroundings: dict[str, str]
    told: dict[str, Any]
    """What bench/history_run.py told."""
    engine_s: list[float] = field(default_factory=list)
    web_s: list[float] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[http.client.HTTPConnection]:
        """Run it; give a connection to its web process. Keeps how long it took until both had answered."""
        began = time.monotonic()
        with engine_process(self.tree, self.surroundings):
            acknowledgement(self.surroundings["REDIS_URL"])
            self.engine_s.append(time.monotonic() - began)
            began = time.monotonic()
            with serving("daphne", "mex.asgi:application", self.tree, self.surroundings) as (_, port):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_WEB_S_MAX)
                self.ask(connection, Request("", "/api/v3/depth", {"symbol": "BTCUSDT"}))
                self.web_s.append(time.monotonic() - began)
                yield connection
                connection.close()

    def ask(self, connection: http.client.HTTPConnection, request: Request) -> tuple[float, bytes]:
        """Make a request; return the milliseconds it took, and the answer. Raises RunFailed."""
        params = {name: text.format_map(self.told["values"]) for name, text in request.params.items()}
        headers, query = {}, urlencode(params)
        if request.who and request.path.startswith("/api/"):
            key, secret = self.told["keys"][request.who]
            headers = {"X-MBX-APIKEY": key}
            query = signed_query(secret, {**params, "timestamp": str(now_ms())})
        elif request.who:
            headers = {"Cookie": self.told["cookies"][request.who]}
        began = time.perf_counter()
        connection.request("GET", f"{request.path}?{query}", headers=headers)
        response = connection.getresponse()
        answer = response.read()
        took = (time.perf_counter() - began) * 1_000
        if response.status != 200:
            raise RunFailed(f"{request.path}, {request.who}: {response.status} {answer[:500]!r}")
        return took, answer


def measure(report: Report, tree: Path, tell: Callable[[str], None], *, rounds: int, part: int) -> None:
    """Add what requests and starts take after a long history, and the sizes of the databases."""
    trees.copy_pages(tree)
    with tempfile.TemporaryDirectory(prefix="mex-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        pipes = [stack.enter_context(valkey(folder)) for _ in HISTORIES]
        databases: list[Database] = [Sqlite(folder)]
        programs = postgres_programs()
        if programs is None:
            report.skip("history on PostgreSQL", NO_POSTGRES)
        else:
            cluster = Postgres(programs, folder)
            stack.callback(cluster.close)
            databases.append(cluster)
            migrate(tree, environment(folder, tree, cluster.url("base"), pipes[0]))
            exchanges = [
                _fill(report, cluster, folder, tree, pipe, tell, orders // part, OPEN // part)
                for pipe, orders in zip(pipes, HISTORIES, strict=True)
            ]
            _starts(report, exchanges, tell, rounds)
            _requests(report, exchanges, tell, max(TIMES // part, 2))
        _sizes(report, databases, folder, tree, pipes[0], tell, part)


def _fill(
    report: Report,
    database: Database,
    folder: Path,
    tree: Path,
    redis_url: str,
    tell: Callable[[str], None],
    orders: int,
    open_orders: int,
) -> _Exchange:
    """Write a history into a fresh copy of the template, and add how much room it takes."""
    tell(f"{database.kind}: writing a history of {orders:,} orders")
    name = f"orders{orders}"
    surroundings = environment(folder, tree, database.copy(name), redis_url)
    surroundings["MEX_WEIGHT_PER_MINUTE"] = str(10**9)
    before = database.size(name)
    program = ("-m", "bench.history_run", "visit", str(orders), str(open_orders))
    told = json.loads(run_python(tree, surroundings, *program, seconds_max=_FILL_S_MAX))
    grown = database.size(name) - before
    rate = (orders * 1.5 + open_orders) / told["fill_s"]
    tell(f"{database.kind}: {grown / 1e6:,.0f} MB in {told['fill_s']:,.0f} s, {rate:,.0f} rows/s")
    report.figures.append(
        Figure(
            f"history, {database.kind}", f"room for a million orders and half as many trades, of {orders:,}",
            grown / 1e6 * _MILLION / (orders + open_orders), "MB",
            note=f"{grown / 1e6:,.0f} MB written in {told['fill_s']:,.0f} s",
        )
    )  # fmt: skip
    return _Exchange(orders, tree, surroundings, told)


def _starts(report: Report, exchanges: list[_Exchange], tell: Callable[[str], None], rounds: int) -> None:
    for number in range(rounds):
        tell(f"history: start {number + 1} of {rounds}")
        for exchange in exchanges:
            with exchange.running():
                pass
    small, large = exchanges
    for what, fewer, more in (
        ("engine: start to first acknowledgement", small.engine_s, large.engine_s),
        ("web process: start to first depth", small.web_s, large.web_s),
    ):
        _add(report, small, large, what, [1_000 * took for took in fewer], [1_000 * took for took in more], "")


def _requests(report: Report, exchanges: list[_Exchange], tell: Callable[[str], None], times: int) -> None:
    small, large = exchanges
    with small.running() as few, large.running() as many:
        sides = ((small, few), (large, many))
        for request in REQUESTS:
            tell(f"history: {request.name}")
            fewer, more = [], []
            answers = [exchange.ask(connection, request)[1] for exchange, connection in sides]
            for _ in range(times):
                fewer.append(small.ask(few, request)[0])
                more.append(large.ask(many, request)[0])
            note = ""
            if request.path.startswith("/api/"):
                rows = [len(json.loads(answer)) for answer in answers]
                note = f"; {rows[1]} rows"
                if (rows[1] == 0) != (request.who == "newcomer"):
                    report.wrong.append(f"{request.name}: {rows[1]} rows")
            _add(report, small, large, request.name, fewer, more, note)


def _add(
    report: Report, small: _Exchange, large: _Exchange, what: str, fewer: list[float], more: list[float], note: str
) -> None:
    """Add what takes how many milliseconds, after fewer and after more orders."""
    worst = f"p99 {quantiles(more, n=100)[98]:,.1f} ms; " if len(more) >= TIMES else ""
    before = f"{median(fewer):,.1f} ms after {small.orders:,}"
    report.figures.append(
        Figure(
            "history, PostgreSQL", f"{what}, {large.orders:,} orders", median(more), "ms",
            median(more) / median(fewer), f"{small.orders:,} orders", STAYS_FAST, is_ceiling=True,
            note=f"{worst}{before}{note}", details={"fewer_ms": fewer, "more_ms": more},
        )
    )  # fmt: skip


def _sizes(
    report: Report,
    databases: list[Database],
    folder: Path,
    tree: Path,
    redis_url: str,
    tell: Callable[[str], None],
    part: int,
) -> None:
    """Add how databases grow: the file of SQLite by what a history has, both by all that the engine writes."""
    for database in databases:
        if database.kind == "SQLite":
            migrate(tree, environment(folder, tree, database.url("base"), redis_url))
            _fill(report, database, folder, tree, redis_url, tell, HISTORIES[0] // part, OPEN // part)
        commands = max(COMMANDS // part, BATCH)
        tell(f"{database.kind}: {commands:,} commands of the busy workload")
        bench = EngineBench(folder, tree, database, redis_url)
        before = database.size("base")
        answer = bench.on_a_copy("engine", str(BATCH), str(commands))
        grown = database.size("run") - before
        report.figures.append(
            Figure(
                f"history, {database.kind}", f"growth by a million commands, batches of {BATCH:,}",
                grown / 1e6 * _MILLION / answer["commands"], "MB", note=f"{grown / 1e6:,.1f} MB by {commands:,}",
            )
        )  # fmt: skip
