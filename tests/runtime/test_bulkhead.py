"""A trader's command whose effects the database does not take is refused, and no other one suffers for it."""

import gc
import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
import redis
from django.conf import settings
from django.db.models import F
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from launcher.services import Process
from mex.clock import now_ms
from mex.limits import LEASE_MS
from tests.runtime.conftest import EngineStack
from tests.runtime.processes import applied, start
from trading.engine.commands import CancelOrder, Command, Parcel, PlaceOrder, ReleaseHold, Request, Transfer
from trading.engine.enums import OrderStatus, OrderType, Reason, Reject, Side, TimeInForce
from trading.engine.events import Accepted, Batch, Closed, Outcome, Posted, Rejected
from trading.engine.orders import Trader
from trading.gateway import pipes
from trading.models import EngineState
from trading.runtime import loop
from trading.runtime.bulkhead import find_fault
from trading.runtime.inbox import Intake
from trading.runtime.lease import LeaseLost
from trading.runtime.loop import Engine

COMMANDS_KEY, EVENTS_KEY = "mex:{0}:commands", "mex:{0}:events"


@given(st.lists(st.booleans(), min_size=1, max_size=300))
def test_what_is_found_is_taken_without_and_not_with(taken: list[bool]) -> None:
    place = find_fault(len(taken), lambda count: count == 0 or taken[count - 1])

    if taken[-1]:
        assert place is None
    else:
        assert place is not None
        assert place == 0 or taken[place - 1]
        assert not taken[place]


def test_it_is_no_command_s_fault_where_even_nothing_is_not_taken() -> None:
    assert find_fault(3, lambda count: False) is None


def refuse(stack: EngineStack, table: str, column: str) -> None:
    """Have the database refuse rows whose text in a column begins with "poison"."""
    if stack.is_sqlite:
        stack.execute(
            f"CREATE TRIGGER no_poison BEFORE INSERT ON {table} WHEN NEW.{column} LIKE 'poison%'"
            " BEGIN SELECT RAISE(ABORT, 'poison'); END"
        )
    else:
        stack.execute(f"ALTER TABLE {table} ADD CONSTRAINT no_poison CHECK ({column} NOT LIKE 'poison%')")


def order(account: int, name: str) -> PlaceOrder:
    return PlaceOrder(account, 1, name, Side.SELL, OrderType.LIMIT, TimeInForce.GTC, 1_000_000, 5_000_000)


def send(stack: EngineStack, *entries: Sequence[Command]) -> None:
    """Put entries on the stream at once, so that the engine takes them together."""
    pipe = redis.Redis.from_url(stack.environment["REDIS_URL"])
    with pipe.pipeline() as pipeline:
        number = 0
        for commands in entries:
            requests = [Request(number + place, command) for place, command in enumerate(commands, 1)]
            number += len(commands)
            pipeline.xadd(COMMANDS_KEY, {pipes.FIELD: msgspec.msgpack.encode(Parcel("test", requests))})
        pipeline.execute()
    pipe.close()


def told(stack: EngineStack) -> list[Outcome]:
    """Return what was published of the commands that a test has sent; an engine repeats the last batch of another."""
    pipe = redis.Redis.from_url(stack.environment["REDIS_URL"])
    batches = [msgspec.msgpack.decode(fields[b"p"], type=Batch) for _, fields in pipe.xrange(EVENTS_KEY)]
    pipe.close()
    by_number = {batch.number: batch for batch in batches}
    assert list(by_number) == list(range(1, len(by_number) + 1))
    return [outcome for batch in by_number.values() for outcome in batch.outcomes if outcome.sender == "test"]


@pytest.mark.parametrize("more", [0, 200], ids=["a few", "many"])
def test_everybody_else_goes_on_trading(stack: EngineStack, more: int) -> None:
    engine = start(stack, "engine ready, epoch 1")
    accounts = stack.fund_users(2)
    applied(stack, 4)
    refuse(stack, "trading_order", "client_order_id")
    others = [order(accounts[0], f"other-{number}") for number in range(more)]
    first = [*others, order(accounts[0], "first"), CancelOrder(accounts[0], 1, 0, "first", "")]
    middle = [order(accounts[1], name) for name in ("poison-1", "between", "poison-2", "last of them")]
    last = [order(accounts[0], "after")]

    send(stack, first, [], middle, last)
    applied(stack, 4 + more + 7)

    outcomes = told(stack)
    assert [outcome.request for outcome in outcomes] == list(range(1, more + 8))
    seen = [outcome.events[0] for outcome in outcomes[more:]]
    assert [type(event) for event in seen] == [Accepted, Closed, Rejected, Accepted, Rejected, Accepted, Accepted]
    assert [seen[2], seen[4]] == [Rejected(Reject.INVALID)] * 2
    names = f"SELECT client_order_id FROM trading_order WHERE status = {int(OrderStatus.NEW)} ORDER BY id"
    kept = ["between", "last of them", "after"]
    assert [name for (name,) in stack.rows(names)][more:] == kept
    audit = stack.manage("audit", "--json", "--no-chains", check=False)
    assert json.loads(audit.stdout)["clean"], audit.stdout
    replay = stack.manage("replay", "--json", check=False)
    assert json.loads(replay.stdout)["equal"], replay.stdout
    engine.terminate()
    said = engine.communicate(timeout=30)[1]
    assert engine.returncode == 0
    assert said.count("a command is refused, for the database does not take it") == 2


def test_what_moves_coins_in_ends_the_engine(stack: EngineStack) -> None:
    engine = start(stack, "engine ready, epoch 1")
    accounts = stack.fund_users(1)
    applied(stack, 2)
    refuse(stack, "wallets_posting", "reference")
    deposit = Transfer("poison", -1, accounts[0], 1, 5, Reason.DEPOSIT)

    send(stack, [order(accounts[0], "before")], [order(accounts[0], "beside"), deposit])
    said = engine.communicate(timeout=30)[1]

    assert engine.returncode == 1
    assert "the engine ends at an entry of the command stream" in said
    # The lease is not as long as one that is taken for loading: a standby elsewhere would wait for it.
    assert stack.rows("SELECT lease_until_ms FROM trading_enginestate")[0][0] <= now_ms() + LEASE_MS
    # What does not lie in the same entry is done.
    assert stack.rows("SELECT client_order_id FROM trading_order") == [("before",)]
    assert [type(outcome.events[0]) for outcome in told(stack)] == [Accepted]
    if stack.is_sqlite:
        stack.execute("DROP TRIGGER no_poison")
    else:
        stack.execute("ALTER TABLE wallets_posting DROP CONSTRAINT no_poison")
    start(stack, "engine ready, epoch 2")
    applied(stack, 5)
    assert [type(outcome.events[0]) for outcome in told(stack)] == [Accepted, Accepted, Posted]


@pytest.fixture
def engine(valkey: Process, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine in this process, with a thread that commits every batch; entries are batches of their own."""
    pipes.connection().delete(pipes.events_key(settings.MEX_SHARD), pipes.commands_key(settings.MEX_SHARD))
    monkeypatch.setattr(loop, "_OVERLAP_COMMANDS_MIN", 1)
    monkeypatch.setattr("trading.runtime.inbox.BATCH_COMMANDS_MAX", 1)
    monkeypatch.setattr(loop.gc, "freeze", lambda: None)
    EngineState.objects.update(position="0-0")
    engine = Engine(settings.MEX_SHARD, pipes.connection())
    engine.start()
    yield engine
    engine.close()


def put(*entries: Sequence[Command]) -> None:
    """Put entries on the stream of an engine in this process."""
    for commands in entries:
        packed = msgspec.msgpack.encode(Parcel("test", [Request(n, command) for n, command in enumerate(commands, 1)]))
        pipes.connection().xadd(pipes.commands_key(settings.MEX_SHARD), {pipes.FIELD: packed})


def batches() -> list[Batch]:
    """Return what an engine in this process has published."""
    entries: Any = pipes.connection().xrange(pipes.events_key(settings.MEX_SHARD))
    return [msgspec.msgpack.decode(fields[pipes.FIELD], type=Batch) for _, fields in entries]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("writes_first", [False, True])
def test_a_batch_that_waits_for_the_pipe_is_told_though_the_next_one_is_refused(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, writes_first: bool
) -> None:
    engine._writes_first = writes_first
    prepare, publish_again, publish = engine._prepare, engine._publish_again, engine._publisher.send
    waits, prepared, down, end = threading.Event(), [], ["once"], time.monotonic() + 20

    def publish_but_once(packed: bytes) -> None:
        if down:
            raise redis.ConnectionError(down.pop())
        publish(packed)

    def wait_for_the_pipe(*what: Any) -> None:
        waits.set()
        publish_again(*what)

    def refuse_the_second(intake: Any) -> Any:
        prepared.append(intake.position)
        if len(prepared) == 2:
            assert waits.wait(20)
            raise OverflowError("too large")
        return prepare(intake)

    monkeypatch.setattr(engine._publisher, "send", publish_but_once)
    monkeypatch.setattr(engine, "_publish_again", wait_for_the_pipe)
    monkeypatch.setattr(engine, "_prepare", refuse_the_second)
    put([ReleaseHold("none")], [ReleaseHold("none")])

    engine.run(lambda: len(batches()) == 2 or time.monotonic() > end)

    first, second = batches()
    assert second.number == first.number + 1 == EngineState.objects.get().batch


@pytest.mark.django_db(transaction=True)
def test_what_came_later_is_taken_in_batches_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the last entry that had been read is none, and one that came later is taken with it."""
    pipe, key = pipes.connection(), pipes.commands_key(settings.MEX_SHARD)
    put([ReleaseHold("read")])
    pipe.xadd(key, {pipes.FIELD: b"\xc1"})
    engine._inbox.take(1)
    put([ReleaseHold("later")], [ReleaseHold("later")])

    engine._go_past(OverflowError("too large"), lambda: False)

    assert [len(batch.outcomes) for batch in batches()] == [1, 1]
    assert pipe.xlen(key) == 4
    following = engine._inbox.take(1)
    assert following is not None
    assert following.commands == [ReleaseHold("later")]


@pytest.mark.django_db(transaction=True)
def test_the_states_before_are_not_kept_for_ever(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    account = User.objects.create(email="states@runtime.test").pk
    put([Transfer("fund", -5, account, 2, 10**12, Reason.ADJUSTMENT)], [order(account, "rests")])
    engine.run(lambda: engine.core.sequence == 2)
    kept: list[int] = []
    monkeypatch.setattr(loop.gc, "freeze", lambda: kept.append(sum(type(each) is Trader for each in gc.get_objects())))
    gc.collect()
    before = sum(type(each) is Trader for each in gc.get_objects())
    put([order(account, "again")])
    gc.disable()
    try:
        engine._go_past(OverflowError("too large"), lambda: False)
    finally:
        gc.enable()

    assert kept == [before] != [0]


@pytest.mark.django_db(transaction=True)
def test_an_engine_that_is_replaced_meanwhile_does_not_blame_an_entry(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its successor has written makes no sense to it."""

    def be_replaced(intake: Intake) -> None:
        EngineState.objects.update(epoch=F("epoch") + 1)
        raise AssertionError("a hold was not restored")

    monkeypatch.setattr(engine, "_prepare", be_replaced)

    with pytest.raises(LeaseLost):
        engine._take_alone(Intake("1-0", [Parcel("test", [Request(1, ReleaseHold("none"))])]), lambda: False)


@pytest.mark.django_db(transaction=True)
def test_an_engine_that_was_replaced_does_not_go_on(valkey: Process) -> None:
    """What its successor has written may well clash with what it meant to write itself."""
    engine = Engine(settings.MEX_SHARD, pipes.connection())
    engine.start()
    EngineState.objects.update(epoch=F("epoch") + 1)

    with pytest.raises(LeaseLost):
        engine._go_past(sqlite3.IntegrityError("UNIQUE constraint failed"), lambda: False)
