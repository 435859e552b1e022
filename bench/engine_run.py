"""What a process of the engine's measurement does; started by bench/engine.py in a stack's environment.

`python -m bench.engine_run prepare`: makes accounts, gives them funds, and lets 4,000 orders rest.
`… record FILE BATCH COUNT`: runs the engine and keeps every write that its commits make.
`… engine BATCH COUNT`: runs the engine, as the engine process does, and tells how long it took.
`… bare FILE`: makes the recorded writes, and nothing else, with the same functions on the same settings.
"""

import gc
import json
import pickle
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import django
import msgspec

django.setup()

from django.conf import settings  # noqa: E402  # after Django's set-up, as all that follow

from accounts.models import User  # noqa: E402
from bench.oracle import BUY, CANCEL, REST, Command  # noqa: E402
from bench.workloads import ACCOUNTS, workload  # noqa: E402
from mex.limits import ENTRY_COMMANDS_MAX  # noqa: E402
from trading.engine.commands import CancelOrder, Parcel, PlaceOrder, Request, Transfer  # noqa: E402
from trading.engine.commands import Command as EngineCommand  # noqa: E402
from trading.engine.enums import OrderType, Reason, Side, StpMode, TimeInForce  # noqa: E402
from trading.gateway import pipes  # noqa: E402
from trading.models import Market  # noqa: E402
from trading.runtime import inbox, lease, store  # noqa: E402
from trading.runtime.loop import Engine, open_pipe  # noqa: E402
from trading.runtime.tables import Work, Written, writer  # noqa: E402
from wallets.ledger.chart import Owner  # noqa: E402

SYMBOL = "BTCUSDT"
LOTS = 10
"""Lots of the market for one of the workload, so that the smallest order is worth enough."""
FUNDS = 10**16
Commit = tuple[str, Sequence[Any], Sequence[Work]]


def engine_commands(commands: Sequence[Command], market: Market) -> list[EngineCommand]:
    """Return a workload's commands as the gateway would send them."""
    return [
        CancelOrder(account, market.pk, order, "", f"cancel-{order}")
        if op == CANCEL
        else PlaceOrder(
            account,
            market.pk,
            f"order-{order}",
            Side.BUY if side == BUY else Side.SELL,
            OrderType.LIMIT,
            TimeInForce.GTC if op == REST else TimeInForce.IOC,
            quantity * LOTS * market.lot,
            price * market.tick,
            stp=StpMode.EXPIRE_TAKER,
        )
        for op, order, side, price, quantity, account in commands
    ]


def send(commands: Sequence[EngineCommand], entry_size: int) -> None:
    """Put commands on the stream, so many to an entry."""
    encode = msgspec.msgpack.Encoder().encode
    key = pipes.commands_key(settings.MEX_SHARD)
    pipe = open_pipe().pipeline(transaction=False)
    for start in range(0, len(commands), entry_size):
        part = commands[start : start + entry_size]
        requests = [Request(start + number, command) for number, command in enumerate(part, 1)]
        pipe.xadd(key, {pipes.FIELD: encode(Parcel("bench", requests))})
    pipe.execute()


def run_engine(commands: Sequence[EngineCommand], batch: int) -> dict[str, float]:
    """Send commands, start an engine, and let it work until all are done; return the seconds that took."""
    # As many to a batch as asked for: with all of them waiting, the engine would take a thousand at a time.
    inbox.BATCH_COMMANDS_MAX = batch  # type: ignore[attr-defined]  # it has it from mex.limits
    open_pipe().flushall()
    send(commands, min(batch, ENTRY_COMMANDS_MAX))
    engine = Engine(settings.MEX_SHARD, open_pipe())
    engine.start()
    last = engine.core.sequence + len(commands)
    gc.collect()
    gc.freeze()
    took = timed(lambda: engine.run(lambda: engine.core.sequence >= last))
    assert engine.core.sequence == last
    engine.close()
    return took


def timed(work: Callable[[], None]) -> dict[str, float]:
    """Return how long something took by the clock, and how much CPU time of this process."""
    began, used = time.perf_counter(), time.process_time()
    work()
    return {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - used}


def prepare() -> dict[str, Any]:
    """Make the state that every run begins with."""
    User.objects.bulk_create(User(email=f"user{number}@bench.test") for number in range(1, ACCOUNTS + 1))
    accounts = sorted(User.objects.values_list("pk", flat=True))
    assert accounts == list(range(1, ACCOUNTS + 1)), "the workload counts accounts from 1"
    market = Market.objects.get(symbol=SYMBOL)
    transfers: list[EngineCommand] = [
        Transfer(f"bench:{account}:{asset}", int(Owner.ADJUSTMENT), account, asset, FUNDS, Reason.ADJUSTMENT)
        for account in accounts
        for asset in (market.base_id, market.quote_id)
    ]
    run_engine(transfers, 1_000)
    return run_engine(engine_commands(workload("active").before, market), 1_000)


def run(batch: int, count: int) -> dict[str, Any]:
    """Run the engine on the first `count` commands of the busy workload."""
    market = Market.objects.get(symbol=SYMBOL)
    took = run_engine(engine_commands(workload("active").commands[:count], market), batch)
    return {**took, "commands": count, "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def record(path: Path, batch: int, count: int) -> dict[str, Any]:
    """Run the engine once and keep its commits."""
    commits: list[Commit] = []

    class Recorder:
        """The writer of the database, which also keeps what it is told to write."""

        def __init__(self) -> None:
            self._writer = writer()
            self.find = self._writer.find

        def write(self, fence: str, values: Sequence[Any], works: Sequence[Work]) -> Written:
            """Keep it and write it."""
            commits.append((fence, values, works))
            return self._writer.write(fence, values, works)

    store.writer = Recorder  # type: ignore[attr-defined]  # it has it from tables
    took = run(batch, count)
    path.write_bytes(pickle.dumps(commits))
    rows = sum(len(work.rows) for _, _, works in commits for work in works)
    return {**took, "commits": len(commits), "rows": rows}


def bare(path: Path) -> dict[str, Any]:
    """Write what was recorded."""
    commits: list[Commit] = pickle.loads(path.read_bytes())
    lease.take(settings.MEX_SHARD)
    database = writer()
    gc.collect()
    gc.freeze()

    def write() -> None:
        for fence, values, works in commits:
            database.write(fence, values, works).commit()

    return timed(write)


def main(arguments: Sequence[str]) -> None:
    """Do what is asked for and write the answer."""
    match list(arguments):
        case ["prepare"]:
            answer = prepare()
        case ["record", path, batch, count]:
            answer = record(Path(path), int(batch), int(count))
        case ["engine", batch, count]:
            answer = run(int(batch), int(count))
        case ["bare", path]:
            answer = bare(Path(path))
        case _:
            raise SystemExit(__doc__)
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
