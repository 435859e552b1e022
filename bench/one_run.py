"""One engine, one workload, one fresh process: `python -m bench.one_run WORKLOAD.json ENGINE GC`; the answer is JSON.

The clock is the process's CPU time: neighbours of the machine cost an engine time, but no CPU time of its own. It runs
while an engine works on a thousand commands, and stops while the next thousand are made ready and the answers handed
over, as our engine process does with each batch: what is measured is the engine, and not the memory of the harness.
"""

import gc
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.engines import Engine, engine
from bench.oracle import Command, Trade

BLOCK = 1_000


def timed(subject: Engine, commands: Sequence[Command], trades: list[Trade]) -> float:
    """Return how many seconds of CPU time an engine takes for the commands, and add its trades."""
    seconds = 0.0
    for start in range(0, len(commands), BLOCK):
        rows = subject.prepare(commands[start : start + BLOCK])
        began = time.process_time()
        subject.run(rows)
        seconds += time.process_time() - began
        trades += subject.handed_over()
    return seconds


def run(work: dict[str, Any], name: str, *, is_collecting: bool) -> dict[str, Any]:
    """Return how long an engine took for a workload, and whether it did what the oracle says.

    `first_wrong` is the number of the first trade that differs, or None. What the harness itself holds is out of the
    garbage collector's sight, for it would look at it again and again on the engine's bill.
    """
    subject = engine(name)
    trades: list[Trade] = []
    timed(subject, work["before"], trades)
    gc.collect()
    gc.freeze()
    if not is_collecting:
        gc.disable()
    phases = {}
    start = 0
    for phase, count in work["phases"].items():
        commands = work["commands"][start : start + count]
        phases[phase] = {"commands": count, "seconds": timed(subject, commands, trades)}
        start += count
    gc.enable()

    resting = subject.resting()
    wanted = [tuple(trade) for trade in work["trades"]]
    pairs = zip(trades, wanted, strict=False)
    differing = (number for number, (found, right) in enumerate(pairs) if found != right)
    first_wrong = next(differing, None if len(trades) == len(wanted) else min(len(trades), len(wanted)))
    book_is_right = None if resting is None else resting == [tuple(row) for row in work["resting"]]
    return {
        "phases": phases,
        "seconds": sum(phase["seconds"] for phase in phases.values()),
        "commands": len(work["commands"]),
        "trades": len(trades),
        "first_wrong": first_wrong,
        "book_is_right": book_is_right,
        "python": sys.version.split()[0],
    }


def main(arguments: Sequence[str]) -> None:
    """Read the workload, run the engine, write the answer."""
    path, name, collecting = arguments
    work = json.loads(Path(path).read_text())
    sys.stdout.write(json.dumps(run(work, name, is_collecting=collecting == "on")) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
