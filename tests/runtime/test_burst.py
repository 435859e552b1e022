"""A hundred thousand commands at once: the engine takes them in bounded portions and answers each, in order."""

import re
from pathlib import Path

import msgspec
import redis

from mex.limits import BATCH_COMMANDS_MAX, ENTRY_COMMANDS_MAX
from tests.api.exchange import wait_until
from tests.runtime.conftest import EngineStack
from tests.runtime.processes import applied, run, start
from trading.engine.enums import OrderStatus
from trading.engine.events import Accepted, Batch, Traded

COMMANDS = 100_000
GROWTH_KB_MAX = 96 * 1024
"""What the engine may grow by: two portions of the stream, a batch with its events and rows, and the event stream's
accounts. The commands and events of the whole burst would be several times as much."""

# Pairs that trade with each other, so that nothing stays in the book and memory is that of the burst alone.
_BURST = """
import sys
import django
django.setup()
import msgspec
from django.conf import settings
from mex.limits import ENTRY_COMMANDS_MAX
from trading.engine.commands import Parcel, PlaceOrder, Request
from trading.engine.enums import OrderType, Side, TimeInForce
from trading.gateway import pipes
users = [int(word) for word in sys.argv[1].split(",")]
count = int(sys.argv[2])
with pipes.connection().pipeline(transaction=False) as pipeline:
    for start in range(0, count, ENTRY_COMMANDS_MAX):
        requests = [
            Request(number + 1, PlaceOrder(users[number // 2 % len(users)], 1, f"burst-{number}",
                Side.SELL if number % 2 == 0 else Side.BUY, OrderType.LIMIT, TimeInForce.GTC, 1_000_000, 5_000_000))
            for number in range(start, min(start + ENTRY_COMMANDS_MAX, count))
        ]
        pipeline.xadd(pipes.commands_key(settings.MEX_SHARD), {pipes.FIELD: msgspec.msgpack.encode(
            Parcel("burst", requests))})
    pipeline.execute()
"""


def memory_kb(process: int, what: str) -> int:
    """Return a figure of /proc/PID/status: VmRSS, or VmHWM for the most that there ever was."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found is not None
    return int(found[1])


def test_a_burst_neither_fills_the_memory_nor_loses_a_command(stack: EngineStack) -> None:
    engine = start(stack, "engine ready, epoch 1")
    accounts = stack.fund_users(20)
    applied(stack, 40)
    before_kb = memory_kb(engine.pid, "VmRSS")

    run(stack, _BURST, ",".join(map(str, accounts)), str(COMMANDS))
    applied(stack, 40 + COMMANDS, deadline_s=180)

    assert memory_kb(engine.pid, "VmHWM") - before_kb < GROWTH_KB_MAX
    pipe = redis.Redis.from_url(stack.environment["REDIS_URL"])
    batches = [msgspec.msgpack.decode(fields[b"p"], type=Batch) for _, fields in pipe.xrange("mex:{0}:events")]
    wait_until(lambda: pipe.xlen("mex:{0}:commands") == 0, "the stream to be empty")
    pipe.close()
    outcomes = [outcome for batch in batches for outcome in batch.outcomes if outcome.sender == "burst"]
    assert [outcome.request for outcome in outcomes] == list(range(1, COMMANDS + 1))
    assert all(isinstance(outcome.events[0], Accepted) for outcome in outcomes)
    assert sum(isinstance(event, Traded) for outcome in outcomes for event in outcome.events) == COMMANDS // 2
    assert max(len(batch.outcomes) for batch in batches) < BATCH_COMMANDS_MAX + ENTRY_COMMANDS_MAX
    assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))
    filled = f"SELECT count(*) FROM trading_order WHERE status = {int(OrderStatus.FILLED)}"
    assert stack.rows(filled) == [(COMMANDS,)]
    audit = stack.manage("audit", "--json", "--no-chains", check=False)
    assert audit.returncode == 0, audit.stdout
