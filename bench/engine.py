"""The engine with group commit on PostgreSQL and SQLite, against a bare script that writes the same rows.

Both write with the same functions on the same settings, in batches of the same commands; the bare script does nothing
else. The clock is the wall's, for the database works in another process or waits for the disk.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

from bench.report import Figure, Report
from bench.rounds import RunFailed
from bench.stack import NO_POSTGRES, Database, Postgres, Sqlite, environment, migrate, postgres_programs, valkey

GOAL = 0.60
BATCHES = {1: 1_500, 10: 6_000, 100: 20_000, 1_000: 60_000}
"""Commands in a batch, and how many in a run."""

RUN_S_MAX = 300


class EngineBench:
    """Runs engine_run on copies of one prepared database."""

    def __init__(self, folder: Path, tree: Path, database: Database, redis_url: str) -> None:
        self._folder = folder
        self._tree = tree
        self._database = database
        self.kind = database.kind
        self._redis_url = redis_url
        migrate(tree, environment(folder, tree, database.url("base"), redis_url))
        self._run(database.url("base"), "prepare")

    def on_a_copy(self, *arguments: str) -> dict[str, Any]:
        """Run on a fresh copy of the prepared database."""
        return self._run(self._database.copy("run"), *arguments)

    def _run(self, url: str, *arguments: str) -> dict[str, Any]:
        ended = subprocess.run(
            [sys.executable, "-m", "bench.engine_run", *arguments],
            cwd=self._tree,
            env=environment(self._folder, self._tree, url, self._redis_url),
            check=False,
            text=True,
            capture_output=True,
            timeout=RUN_S_MAX,
        )
        if ended.returncode:
            raise RunFailed(f"engine_run {' '.join(arguments)}: {ended.stderr.strip()[-2000:]}")
        answer: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        return answer


def measure(
    report: Report, tree: Path, tell: Callable[[str], None], *, rounds: int, part: int, sizes: Iterable[int]
) -> None:
    """Add commands a second for each batch size and database, and what part of the bare script's rate that is."""
    counts = {size: max(BATCHES[size] // part, size) for size in sizes}
    with tempfile.TemporaryDirectory(prefix="mex-bench-") as name:
        folder = Path(name)
        with valkey(folder) as redis_url:
            _measure_on(report, EngineBench(folder, tree, Sqlite(folder), redis_url), tell, rounds, counts)
            programs = postgres_programs()
            if programs is None:
                report.skip("engine on PostgreSQL", NO_POSTGRES, "engine, PostgreSQL | *")
                return
            cluster = Postgres(programs, folder)
            try:
                _measure_on(report, EngineBench(folder, tree, cluster, redis_url), tell, rounds, counts)
            finally:
                cluster.close()


def _measure_on(
    report: Report, bench: EngineBench, tell: Callable[[str], None], rounds: int, counts: dict[int, int]
) -> None:
    with tempfile.TemporaryDirectory(prefix="mex-bench-") as folder:
        recorded = {}
        for batch, count in counts.items():
            path = str(Path(folder) / f"{batch}.pickle")
            recorded[batch] = (path, bench.on_a_copy("record", path, str(batch), str(count)))
        engine: dict[int, list[dict[str, Any]]] = {batch: [] for batch in counts}
        bare: dict[int, list[dict[str, Any]]] = {batch: [] for batch in counts}
        for number in range(rounds):
            tell(f"{bench.kind}: round {number + 1} of {rounds}")
            for batch, (path, answer) in recorded.items():
                # In turn, and the other way round in the next round: whoever comes second finds warmer caches.
                for subject in ("engine", "bare") if number % 2 == 0 else ("bare", "engine"):
                    if subject == "engine":
                        engine[batch].append(bench.on_a_copy("engine", str(batch), str(answer["commands"])))
                    else:
                        bare[batch].append(bench.on_a_copy("bare", path))
    for batch, (_, answer) in recorded.items():
        _add(report, bench.kind, batch, answer, engine[batch], bare[batch])


def _add(
    report: Report,
    kind: str,
    batch: int,
    recorded: dict[str, Any],
    engine: list[dict[str, Any]],
    bare: list[dict[str, Any]],
) -> None:
    commands = recorded["commands"]
    rate = commands / median(run["seconds"] for run in engine)
    bare_rate = commands / median(run["seconds"] for run in bare)
    rows = f"{recorded['rows'] / commands:.1f} rows each"
    figure = Figure(
        f"engine, {kind}", f"batches of {batch:,}", rate, "commands/s", rate / bare_rate, "bare script", GOAL,
        note=rows, details={"engine": engine, "bare": bare, "recorded": recorded},
    )  # fmt: skip
    report.figures.append(figure)
    report.figures.append(Figure(f"engine, {kind}", f"bare script, {batch:,}", bare_rate, "commands/s"))
