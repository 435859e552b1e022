"""Runs seeds of the simulation: see script/simulate."""

import argparse
import multiprocessing
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeAlias

import django

if TYPE_CHECKING:
    from tests.simulation.database import SimulatedDatabase
    from tests.simulation.summary import Summary

Result: TypeAlias = "Summary | str"
"""What came of a seed, or how it failed."""

_open = ExitStack()
_database: "SimulatedDatabase"


def main() -> int:
    """Run what the command line asks for; return 1 when a seed fails."""
    parser = argparse.ArgumentParser(prog="script/simulate", description=_DESCRIPTION)
    parser.add_argument("--seed", type=int, help="run this seed alone")
    parser.add_argument("--seeds", type=int, default=100, help="run so many seeds (100)")
    parser.add_argument("--first", type=int, default=0, help="of these, the first one (0)")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1), help="side by side (2)")
    parser.add_argument("--steps", action="store_true", help="print what happened, step by step")
    options = parser.parse_args()
    seeds = [options.seed] if options.seed is not None else range(options.first, options.first + options.seeds)
    started = time.monotonic()
    failed: list[str] = []
    whole: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="mex-simulation-") as folder:
        for result in _results(seeds, options.processes, folder):
            if isinstance(result, str):
                failed.append(result.rpartition("\nseed ")[2].partition(":")[0])
                print(result, flush=True)
                continue
            _add(whole, result)
            if options.steps:
                print("\n".join(result.steps))
            if options.steps or options.seed is not None:
                print(f"seed {result.seed}: {result.digest}")
    print(f"{len(seeds) - len(failed)} seeds in {time.monotonic() - started:.0f} s: ", end="")
    print(", ".join(f"{count:,} {name}" for name, count in whole.items()))
    if failed:
        print(f"failed: {len(failed)} seeds, {' '.join(sorted(failed, key=int))}")
    return 1 if failed else 0


def set_up(folder: str) -> None:
    """Load Django with an environment of its own, and set up the stage for good."""
    global _database
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "mex.settings",
        "MEX_PROFILE": "test",
        "MEX_DATA": folder,
        "SECRET_KEY": "a-key-for-tests-only-that-signs-nothing-of-value",
        "DATABASE_URL": "sqlite://:memory:",
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "BITCOIN_RPC_URL": "http://mex:test@127.0.0.1:9",
        "ETHEREUM_RPC_URL": "http://127.0.0.1:9",
    }
    django.setup()

    from tests.simulation.stage import stage

    _database = _open.enter_context(stage())


def run(seed: int) -> Result:
    """Run one seed in a process that is set up."""
    from tests.simulation.stage import SeedFailed, run_seed

    try:
        return run_seed(seed, _database)
    except SeedFailed as failure:
        return str(failure)


def _results(seeds: "list[int] | range", processes: int, folder: str) -> Iterator[Result]:
    if len(seeds) == 1 or processes == 1:
        set_up(folder)
        yield from map(run, seeds)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, set_up, (folder,)) as pool:
        yield from pool.imap_unordered(run, seeds, chunksize=5)


def _add(whole: Counter[str], summary: "Summary") -> None:
    whole["batches"] += summary.batches
    whole["commands"] += summary.commands
    whole["faults"] += summary.struck.total()
    whole["engines"] += summary.ends.total() - summary.ends["another one leads"]


_DESCRIPTION = (
    "Runs the exchange's core, runtime, stream, database and clients in one thread and a time of their own, with"
    " faults that the seed decides, and looks at each step whether all that must hold does. A seed gives the same run"
    " each time. docs/simulation.md says what is drawn and what is checked."
)
