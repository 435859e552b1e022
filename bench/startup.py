"""From the start of an engine process to its first acknowledgement, with a long history and many open orders.

Afterwards `manage.py replay` builds the state from the database again and compares it with the running engine's.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, cast

import msgspec
import redis

from bench import trees
from bench.report import Figure, Report
from bench.rounds import RunFailed
from bench.stack import NO_POSTGRES, Database, Postgres, Sqlite, environment, migrate, postgres_programs, valkey
from trading.engine.commands import CancelOrder, Parcel, Request
from trading.engine.events import Batch
from trading.gateway import pipes

HISTORY = 1_000_000
OPEN = 100_000
OPEN_MANY = 1_000_000
"""So many are told, and have no goal."""
START_S_GOAL = 10.0

_ENGINE_S_MAX = 120
_FILL_S_MAX = 900
_SENDER = "bench"
_BARE = "bare Django"
_BARE_STARTS = 3
"""So many at each of ours, for one alone is too short to be exact."""
_BARE_DJANGO = """
import django
from django.conf import settings
settings.configure(INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"])
django.setup()
import django.core.management
"""
"""What a start is measured against, so that it can be compared with that of another machine."""


def measure(report: Report, tree: Path, tell: Callable[[str], None], *, rounds: int, part: int) -> None:
    """Add how long a start takes on each database, and what an engine in that state has in memory."""
    with tempfile.TemporaryDirectory(prefix="mex-bench-") as name:
        folder = Path(name)
        _measure_on(report, Sqlite(folder), folder, tree, tell, rounds, part)
        programs = postgres_programs()
        if programs is None:
            report.skip("start-up on PostgreSQL", NO_POSTGRES, "start-up, PostgreSQL | *")
            return
        cluster = Postgres(programs, folder)
        try:
            _measure_on(report, cluster, folder, tree, tell, rounds, part)
        finally:
            cluster.close()


def _measure_on(
    report: Report, database: Database, folder: Path, tree: Path, tell: Callable[[str], None], rounds: int, part: int
) -> None:
    with valkey(folder) as first, valkey(folder) as second:
        migrate(tree, environment(folder, tree, database.url("base"), first))
        for redis_url, open_orders, goal in ((first, OPEN, START_S_GOAL), (second, OPEN_MANY, None)):
            surroundings = environment(folder, tree, database.copy(f"open{open_orders}"), redis_url)
            _measure_starts(report, database.kind, tree, surroundings, tell, rounds, part, open_orders // part, goal)


def _measure_starts(
    report: Report,
    kind: str,
    tree: Path,
    surroundings: dict[str, str],
    tell: Callable[[str], None],
    rounds: int,
    part: int,
    open_orders: int,
    goal: float | None,
) -> None:
    history = HISTORY // part
    tell(f"{kind}: writing a history of {history:,} orders, and {open_orders:,} that are open")
    run_python(tree, surroundings, "-m", "bench.startup_run", str(history), str(open_orders))
    starts, replays, sizes, bare = [], [], [], []
    for number in range(rounds):
        tell(f"{kind}: start {number + 1} of {rounds}")
        bare.append(median(_bare_start(tree) for _ in range(_BARE_STARTS)))
        began = time.monotonic()
        with engine_process(tree, surroundings) as process:
            acknowledgement(surroundings["REDIS_URL"])
            starts.append(time.monotonic() - began)
            sizes.append(_resident_mib(process.pid))
            answer = json.loads(run_python(tree, surroundings, "manage.py", "replay", "--json", may_fail=True))
            replays.append(answer["loaded_s"])
    if not answer["equal"] or answer["open_orders"] != open_orders:
        report.wrong.append(f"replay on {kind}: {answer}")
    where, what = f"start-up, {kind}", f"process start to first acknowledgement, {open_orders:,} open orders"
    times = median(ours / other for ours, other in zip(starts, bare, strict=True))
    report.figures += [
        Figure(
            where, what, median(starts), "s",
            goal=goal, is_ceiling=True, note=f"{history:,} in history", details={"starts": starts},
        ),
        Figure(
            where, what, median(starts), "s", times, _BARE, is_ceiling=True, is_watched=True,
            note=f"{_BARE} {1_000 * median(bare):,.0f} ms",
        ),
        Figure(where, f"of that, reading {open_orders:,} open orders", median(replays), "s", note="as replay does"),
        Figure(where, f"memory of the engine process, {open_orders:,} open orders", median(sizes), "MiB"),
    ]  # fmt: skip


def _bare_start(tree: Path) -> float:
    """Return how many seconds a Python takes that loads Django and ends."""
    began = time.monotonic()
    run_python(tree, trees.environment(tree), "-c", _BARE_DJANGO)
    return time.monotonic() - began


@contextmanager
def engine_process(tree: Path, surroundings: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run an engine process, and tell it to stop at the end."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run_engine", "--no-wait"],
        cwd=tree,
        env=surroundings,
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def acknowledgement(redis_url: str) -> None:
    """Send a command and wait until the engine has answered it. Raises RunFailed."""
    pipe = redis.Redis.from_url(redis_url, socket_timeout=_ENGINE_S_MAX + 10)
    events = pipes.events_key(0)
    command = CancelOrder(1, 1, 0, "no such order", "bench")
    packed = msgspec.msgpack.encode(Parcel(_SENDER, [Request(1, command)]))
    position = _last_entry(pipe, events)
    pipe.xadd(pipes.commands_key(0), {pipes.FIELD: packed})
    deadline = time.monotonic() + _ENGINE_S_MAX
    while time.monotonic() < deadline:
        for _, entries in pipes.pages(pipe.xread({events: position}, block=1_000)):
            position = entries[-1][0]
            batches = [msgspec.msgpack.decode(fields[pipes.FIELD], type=Batch) for _, fields in entries]
            if any(outcome.sender == _SENDER for batch in batches for outcome in batch.outcomes):
                pipe.close()
                return
    raise RunFailed(f"the engine answered nothing in {_ENGINE_S_MAX} s")


def _last_entry(pipe: redis.Redis, key: str) -> bytes:
    entries: list[pipes.Entry] = cast(list[pipes.Entry], pipe.xrevrange(key, count=1))
    return entries[0][0] if entries else b"0-0"


def run_python(
    tree: Path, surroundings: dict[str, str], *arguments: str, may_fail: bool = False, seconds_max: int = _FILL_S_MAX
) -> str:
    """Run a program and return what it prints. Raises RunFailed, unless exit code 1 is an answer too."""
    command = [sys.executable, *arguments]
    ended = subprocess.run(
        command, cwd=tree, env=surroundings, check=False, text=True, capture_output=True, timeout=seconds_max
    )
    if ended.returncode and not (may_fail and ended.returncode == 1):
        raise RunFailed(f"{' '.join(arguments)}: {ended.stderr.strip()[-2000:]}")
    return ended.stdout


def _resident_mib(process: int) -> int:
    status: dict[str, Any] = dict(
        line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines() if ":" in line
    )
    return int(status["VmRSS"].split()[0]) // 1024
