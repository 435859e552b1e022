"""Pages of visitors without a session and static files, against a Django view that does nothing.

All go through Daphne, asked by the same clients. The web process is a whole one, with its database (SQLite) and pipe;
nobody trades meanwhile.
"""

import gzip
import tempfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench import trees
from bench.asking import ask, note_of, ratio_of
from bench.http_client import Plan
from bench.report import Figure, Report
from bench.rounds import RunFailed, rotated
from bench.serving import SYMBOL, Web, serving
from bench.stack import Sqlite, environment, migrate, valkey

GOAL = 0.50
CONNECTIONS = 32
SECONDS = 5.0
_PART = "pages"
_BASE = "empty view"
_ASK_S_MAX = 30
_ENCODINGS = "gzip, deflate, br, zstd"
"""What browsers take."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Something to ask for. `mark` is in its body, so that no other page is measured."""

    name: str
    path: str
    mark: bytes = b""
    goal: float | None = None


EMPTY = (Subject(_BASE, "/"), Subject("empty view, asynchronous", "/async"))
OURS = (
    Subject("home", "/", b'id="markets"', GOAL),
    Subject("trading page", f"/trade/{SYMBOL}", b"ETH", GOAL),
    Subject("mex.css", "/static/css/mex.css", b"{", GOAL),
    Subject("bootstrap.min.css", "/static/vendor/bootstrap/bootstrap.min.css", b"Bootstrap", GOAL),
)


def measure(report: Report, tree: Path, tell: Callable[[str], None], *, rounds: int, part: int) -> None:
    """Add answers a second for each subject, and what part of the empty view's rate that is."""
    trees.copy_pages(tree)
    seconds = max(SECONDS / part, 0.5)
    runs: dict[str, list[dict[str, Any]]] = {subject.name: [] for subject in (*EMPTY, *OURS)}
    for number in range(rounds):
        tell(f"pages: round {number + 1} of {rounds}")
        with tempfile.TemporaryDirectory(prefix="mex-bench-") as folder:
            for name, told in _round(Path(folder), tree, seconds, number).items():
                runs[name].append(told)
    base = runs[_BASE]
    report.figures += [_figure(subject, runs[subject.name], base) for subject in (*EMPTY, *OURS)]


def _figure(subject: Subject, runs: list[dict[str, Any]], base: list[dict[str, Any]]) -> Figure:
    mb = median(run["bytes_per_second"] for run in runs) / 10**6
    return Figure(
        _PART, subject.name, median(run["per_second"] for run in runs), "answers/s",
        None if runs is base else ratio_of(runs, base), _BASE, subject.goal,
        note=f"{runs[0]['length']:,} bytes, {mb:,.1f} MB/s; {note_of(runs)}", details={"runs": runs},
    )  # fmt: skip


def _round(folder: Path, tree: Path, seconds: float, number: int) -> dict[str, dict[str, Any]]:
    """Return what each subject came to; each round begins with another one."""
    with valkey(folder) as redis_url:
        surroundings = environment(folder, tree, Sqlite(folder).url(), redis_url)
        migrate(tree, surroundings)
        with (
            serving("daphne", "bench.empty:application", tree, trees.environment(tree)) as empty,
            serving("daphne", "mex.asgi:application", tree, surroundings) as ours,
        ):
            cases = [*((subject, empty) for subject in EMPTY), *((subject, ours) for subject in OURS)]
            return {subject.name: _ask(subject, web, seconds) for subject, web in rotated(cases, number)}


def _ask(subject: Subject, web: Web, seconds: float) -> dict[str, Any]:
    _, port = web
    first = urllib.request.Request(f"http://127.0.0.1:{port}{subject.path}", headers={"Accept-Encoding": _ENCODINGS})
    with urllib.request.urlopen(first, timeout=_ASK_S_MAX) as answer:
        body: bytes = answer.read()
        text = gzip.decompress(body) if answer.headers["Content-Encoding"] == "gzip" else body
    if subject.mark not in text:
        raise RunFailed(f"{subject.path} answers without {subject.mark!r}")
    request = f"GET {subject.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: {_ENCODINGS}\r\n\r\n"
    plan = Plan(port=port, request=request, connections=CONNECTIONS, seconds=seconds, length=len(body))
    return ask(plan, web) | {"length": len(body)}
