"""What connections that only read market data cost the web process, and how many it serves."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bench.cores import Cores
from bench.report import Figure, Report
from bench.rounds import RunFailed
from bench.serving import ORDERS_PATH, Keys, drive, exchange
from bench.stack import Sqlite

COUNTS = (1_000, 5_000, 10_000)
IDLE_KB_GOAL = 60.0
SERVED = 5_000
"""So many must be served: every update reaches each of them."""
SECONDS = 6.0
FAN_OUT = 2_000
_WARM = 50
"""Connections before the first reading of the memory: what a process needs once is no matter of each."""
_SETTLE_S_MAX = 60.0
_SYMBOL = "ethbtc"
_FAULTS = ("gaps", "lost", "behind")
"""Updates that a reader missed, connections that ended, readers without the newest update."""
Ask = Callable[[], dict[str, Any]]
Runs = list[dict[str, Any]]


def measure(report: Report, tree: Path, tell: Callable[[str], None], *, rounds: int, part: int, server: str) -> None:
    """Add memory, updates and their age for each count, and how many frames a second reach many readers."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    seconds = max(SECONDS / part, 2.0)
    for count in (number // part for number in COUNTS):
        if count > limit - 200:
            reason = f"a process may open {limit:,} files only (ulimit -n)"
            report.skip(f"sockets, {count:,}", reason, f"sockets, * | {_memory_of(count)} | *")
            continue
        runs = []
        for number in range(rounds):
            tell(f"sockets, {server}: {count:,}: round {number + 1} of {rounds}")
            runs.append(_run(tree, server, count, f"{_SYMBOL}@depth", seconds))
        _report(report, server, count, runs, is_watched=count == COUNTS[-1] // part)
    tell(f"sockets, {server}: fan-out")
    runs = [_run(tree, server, FAN_OUT // part, f"{_SYMBOL}@depth@100ms", seconds) for _ in range(rounds)]
    _report_fan_out(report, server, FAN_OUT // part, runs)


def _memory_of(count: int) -> str:
    return f"memory of one of {count:,} idle connections"


def _report(report: Report, server: str, count: int, runs: Runs, *, is_watched: bool) -> None:
    where, details = f"sockets, {server}", {"runs": runs}
    opened = median(run["opened_per_second"] for run in runs)
    each, age = median(run["kb_each"] for run in runs), median(run["p50_ms"] for run in runs)
    report.figures += [
        Figure(
            where, _memory_of(count), each, "kB", is_watched=is_watched,
            goal=IDLE_KB_GOAL, is_ceiling=True, note=f"{opened:,.0f} opened/s", details=details,
        ),
        Figure(where, f"age of an update at {count:,} readers, one a second", age, "ms", note=_note(runs)),
    ]  # fmt: skip
    _check(report, count, runs)


def _report_fan_out(report: Report, server: str, count: int, runs: Runs) -> None:
    rate = median(run["frames"] / run["seconds"] for run in runs)
    what, details = f"fan-out to {count:,} readers, ten a second", {"runs": runs}
    report.figures.append(Figure(f"sockets, {server}", what, rate, "frames/s", note=_note(runs), details=details))
    _check(report, count, runs)


def _note(runs: Runs) -> str:
    oldest, cores = median(run["p99_ms"] for run in runs), median(run["web_cores"] for run in runs)
    found = {name: sum(run[name] for run in runs) for name in _FAULTS}
    faults = "".join(f"; {count:,} {name}" for name, count in found.items() if count)
    return f"p99 {oldest:,.0f} ms; {cores:.2f} cores of the web process{faults}"


def _check(report: Report, count: int, runs: Runs) -> None:
    """A gap or a connection that ended is wrong; so is an update that never came, where all must be served.

    Late is slow, and no fault.
    """
    for run in runs:
        faults = {name: run[name] for name in _FAULTS if run[name] and (name != "behind" or count <= SERVED)}
        if faults:
            report.wrong.append(f"{count:,} sockets: {faults}")


def _run(tree: Path, server: str, count: int, stream: str, seconds: float) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory(prefix="mex-bench-") as folder,
        exchange(Path(folder), tree, server, Sqlite(Path(folder)), accounts=2) as (keys, _, (web, port)),
    ):
        url = f"ws://127.0.0.1:{port}/ws/{stream}"
        with _readers(tree, url, _WARM):
            pass
        before_kb = _resident_kb(web.pid)
        with _readers(tree, url, count) as (opened, ask):
            told: dict[str, Any] = {
                "kb_each": (_resident_kb(web.pid) - before_kb) / count,
                "opened_per_second": count / opened["open_s"],
            }
            told |= _served(f"ws://127.0.0.1:{port}", keys, seconds, web, ask)
        return told


def _served(url: str, keys: Keys, seconds: float, web: "subprocess.Popen[bytes]", ask: Ask) -> dict[str, Any]:
    """Let two traders move the book, wait until all readers have the newest update, and return what came."""
    cores, began = Cores({"web": web.pid}), time.perf_counter()
    drive(url + ORDERS_PATH, keys, seconds, connections=2, in_flight=1)
    told = settled(ask)
    return told | {"seconds": time.perf_counter() - began, "web_cores": cores.shares()["web"]}


def settled(ask: Ask) -> dict[str, Any]:
    """Ask the readers until none is behind, or for a minute; return what came in all. Raises RunFailed if nothing did.

    An update that comes while we ask is one of the latest: to leave its age out would make the others look good.
    """
    deadline = time.monotonic() + _SETTLE_S_MAX
    ages_ms: Counter[int] = Counter()
    while True:
        told = ask()
        ages_ms.update(dict(told["ages_ms"]))
        if not told["behind"] or time.monotonic() > deadline:
            break
    frames = ages_ms.total()
    if not frames:
        raise RunFailed("no update reached any reader")
    ages = {"p50_ms": _at(ages_ms, frames // 2), "p99_ms": _at(ages_ms, frames * 99 // 100)}
    return ages | {"frames": frames} | {name: told[name] for name in _FAULTS}


def _at(ages_ms: Counter[int], place: int) -> int:
    """Return the age at a place (from 0) of all of them in order."""
    for age_ms, count in sorted(ages_ms.items()):
        if place < count:
            return age_ms
        place -= count
    raise AssertionError(f"place {place} is behind the last one")


@contextmanager
def _readers(tree: Path, url: str, count: int) -> Iterator[tuple[dict[str, Any], Ask]]:
    """Run the readers; give what they said when all were open, and how to ask them."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.sockets_client", url, str(count)],
        cwd=tree, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    reading, writing = process.stdout, process.stdin
    assert reading
    assert writing

    def read() -> dict[str, Any]:
        line = reading.readline()
        if not line:
            raise RunFailed(f"the readers of {url} ended with {process.wait(60)}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask() -> dict[str, Any]:
        writing.write("\n")
        writing.flush()
        return read()

    try:
        yield read(), ask
    finally:
        writing.close()
        process.wait(60)
        reading.close()


def _resident_kb(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
