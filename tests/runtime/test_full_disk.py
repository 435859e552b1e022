"""No room for the database: nothing that was told is lost, nothing is told that is not kept, nothing is done twice."""

import sqlite3
from typing import Any

import msgspec
import psycopg
import pytest
import redis
from django.conf import settings
from django.core.management.base import CommandError
from django.db import OperationalError, connection

from launcher.services import Process
from mex.outages import database_outage
from tests.runtime.conftest import EngineStack
from tests.runtime.full_disk import no_room
from tests.runtime.processes import applied, read, run, start
from trading.engine.commands import Parcel, Request, Transfer
from trading.engine.enums import Reason
from trading.engine.events import Batch
from trading.engine.snapshot import state_hash
from trading.gateway import pipes
from trading.management.commands import run_engine
from trading.models import EngineState
from trading.runtime import lease, recovery
from trading.runtime.loop import Engine
from wallets.models import Posting

MANY = 300
_SEND = """
import sys
import django
django.setup()
from trading.engine.commands import Transfer
from trading.engine.enums import Reason
from trading.gateway.sender import send
first, last = map(int, sys.argv[1:])
send([Transfer(f"t:{n}", -5, 7, 1, 1, Reason.ADJUSTMENT) for n in range(first, last)])
"""
_HEAVY = (
    "CREATE TABLE weight (bytes BLOB)",
    "CREATE TRIGGER heavy AFTER UPDATE ON trading_enginestate BEGIN INSERT INTO weight VALUES (zeroblob(9000)); END",
)
"""With these, whoever takes the lease needs a new page."""


def put(pipe: Any, first: int, last: int) -> None:
    requests = [Request(n, Transfer(f"t:{n}", -5, 7, 1, 1, Reason.ADJUSTMENT)) for n in range(first, last)]
    pipe.xadd(pipes.commands_key(settings.MEX_SHARD), {pipes.FIELD: msgspec.msgpack.encode(Parcel("web", requests))})


def told(pipe: Any) -> list[int]:
    """Return the numbers of the requests that were answered."""
    batches = [
        msgspec.msgpack.decode(fields[pipes.FIELD], type=Batch)
        for _, fields in pipe.xrange(pipes.events_key(settings.MEX_SHARD))
    ]
    return [outcome.request for batch in batches for outcome in batch.outcomes]


def kept() -> list[str]:
    return sorted(Posting.objects.values_list("reference", flat=True))


@pytest.mark.django_db(transaction=True)
def test_what_finds_no_room_is_told_to_nobody_and_done_once_by_the_next_engine(valkey: Process) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has no limit of its own")
    pipe: Any = pipes.connection()
    pipe.delete(pipes.events_key(settings.MEX_SHARD), pipes.commands_key(settings.MEX_SHARD))
    EngineState.objects.update(position="0-0")
    engine = Engine(settings.MEX_SHARD, pipe)
    engine.start()
    put(pipe, 0, 1)
    engine.run(lambda: engine.core.sequence == 1)
    before = EngineState.objects.values_list("position", "batch", "sequence").get()
    put(pipe, 1, MANY)

    with no_room(), pytest.raises(sqlite3.OperationalError) as refused:
        engine.run(lambda: False)

    assert database_outage(refused.value) == "its disk is full"
    assert EngineState.objects.values_list("position", "batch", "sequence").get() == before
    assert (told(pipe), kept()) == ([0], ["t:0"])
    assert not connection.in_atomic_block

    engine.close()
    successor = Engine(settings.MEX_SHARD, pipe)
    pipe.delete(pipes.events_key(settings.MEX_SHARD))
    successor.run(lambda: successor.core.sequence == MANY)
    assert told(pipe) == list(range(1, MANY))
    assert kept() == sorted(f"t:{n}" for n in range(MANY))
    assert state_hash(recovery.load(settings.MEX_SHARD).core) == state_hash(successor.core)
    successor.close()


@pytest.mark.parametrize("stack", ["sqlite"], indirect=True)
def test_an_engine_says_in_one_line_that_there_is_no_room_and_ends(stack: EngineStack) -> None:
    events = redis.Redis.from_url(stack.environment["REDIS_URL"])
    first = start(stack, "engine ready, epoch 1")
    run(stack, _SEND, "0", "3")
    applied(stack, 3)
    first.terminate()
    assert first.wait(30) == 0
    published = events.xlen(pipes.events_key(0))
    (stack.folder / "full").touch()
    run(stack, _SEND, "3", str(MANY))

    for epoch in (2, 3):
        full = stack.python("-m", "tests.runtime.full_engine", stdout=-1, stderr=-1)
        read(full, f"engine ready, epoch {epoch}")
        assert full.wait(30) == 1
        assert full.stderr is not None
        [line] = full.stderr.read().splitlines()
        assert line.startswith("CommandError: the database cannot be used, its disk is full (")
        assert stack.rows("SELECT sequence FROM trading_enginestate") == [(3,)]
        assert stack.rows("SELECT count(*) FROM wallets_posting") == [(3,)]
    # Each start says the last batch again, and nothing else was said.
    assert events.xlen(pipes.events_key(0)) == published + 2

    last = start(stack, "engine ready, epoch 4")
    applied(stack, MANY)
    assert stack.rows("SELECT count(*), count(DISTINCT reference) FROM wallets_posting") == [(MANY, MANY)]
    assert stack.rows("SELECT balance FROM wallets_balance WHERE owner = 7") == [(MANY,)]
    assert "the engine's" in stack.manage("replay").stdout
    last.terminate()
    assert last.wait(30) == 0


@pytest.mark.parametrize("stack", ["sqlite"], indirect=True)
def test_an_engine_that_cannot_take_the_lease_says_why_once_and_waits_for_room(stack: EngineStack) -> None:
    first = start(stack, "engine ready, epoch 1")
    first.terminate()
    assert first.wait(30) == 0
    for sql in _HEAVY:
        stack.execute(sql)
    (stack.folder / "full").touch()

    waiting = stack.python("-m", "tests.runtime.full_engine", stdout=-1, stderr=-1)
    read(waiting, "waiting, the database cannot be used, its disk is full: database or disk is full")
    assert stack.rows("SELECT epoch FROM trading_enginestate") == [(1,)]
    (stack.folder / "full").unlink()

    read(waiting, "engine ready, epoch 2")
    waiting.terminate()
    assert waiting.wait(30) == 0


@pytest.mark.parametrize("stack", ["sqlite"], indirect=True)
def test_an_engine_whose_log_finds_no_room_trades_all_the_same(stack: EngineStack) -> None:
    with open("/dev/full", "w") as full:
        engine = stack.python("manage.py", "run_engine", stdout=full, stderr=full)
        run(stack, _SEND, "0", "3")
        applied(stack, 3)
    engine.terminate()
    engine.wait(30)
    assert stack.rows("SELECT lease_until_ms FROM trading_enginestate") == [(0,)]


@pytest.mark.django_db(transaction=True)
def test_an_engine_that_could_not_load_leaves_its_lease_to_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stood by for itself, until the lease of one that loads was over."""
    tries: list[int] = []

    class Loading:
        def __init__(self, shard: int, pipe: object) -> None:
            tries.append(shard)
            lease.take(shard)
            raise OperationalError("the server has gone") from psycopg.OperationalError("the server has gone")

    monkeypatch.setattr(run_engine, "Engine", Loading)
    monkeypatch.setattr(run_engine, "open_pipe", lambda: None)
    monkeypatch.setattr(run_engine, "_RETRY_S", 0.0)
    command = run_engine.Command()
    command._stopping = False

    with pytest.raises(CommandError, match="could not load: the next one takes over"):
        command._lead(wait=True)
    assert tries == [settings.MEX_SHARD] * 2
