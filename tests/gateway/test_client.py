"""Commands of a web process: bounded, answered once, given up in time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
import redis.asyncio
from django.conf import settings

from launcher.services import Process
from mex.errors import AnswerUnknown, EngineBusy
from mex.limits import ENTRY_COMMANDS_MAX
from trading.engine.commands import CancelOrder, Parcel, PlaceOrder, Request
from trading.engine.enums import OrderType, Reject, Side, TimeInForce
from trading.engine.events import Outcome, Rejected
from trading.gateway import client as module
from trading.gateway import pipes
from trading.gateway.client import CommandClient, Done

ORDER = PlaceOrder(1, 1, "a", Side.BUY, OrderType.LIMIT, TimeInForce.GTC, 100_000, 1_000)
CANCEL = CancelOrder(1, 1, 5, "", "c")


@asynccontextmanager
async def running_client() -> AsyncIterator[tuple[CommandClient, "redis.asyncio.Redis"]]:
    """A client with its tasks, on an empty command stream."""
    pipe = pipes.async_connection()
    await pipe.delete(pipes.commands_key(settings.MEX_SHARD))
    client = CommandClient(pipe)
    tasks = [asyncio.create_task(client.run()), asyncio.create_task(client.expire())]
    try:
        yield client, pipe
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await pipe.delete(pipes.commands_key(settings.MEX_SHARD))
        await pipe.aclose()


async def until(is_true: object, seconds: float = 10.0) -> None:
    """Wait until a condition holds."""
    assert callable(is_true)
    async with asyncio.timeout(seconds):
        while not is_true():
            await asyncio.sleep(0.02)


async def test_new_orders_are_refused_while_the_engine_is_behind_and_cancels_pass(
    valkey: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the engine has caught up orders pass again, though nothing was sent meanwhile that would have told so."""
    monkeypatch.setattr(module, "COMMAND_STREAM_ENTRIES_MAX", 2)
    key = pipes.commands_key(settings.MEX_SHARD)
    async with running_client() as (client, pipe):
        for _ in range(3):
            await pipe.xadd(key, {pipes.FIELD: b""})
        client.submit(ORDER, lambda done: None)
        await until(lambda: client._entries == 4)

        with pytest.raises(EngineBusy) as refused:
            client.submit(ORDER, lambda done: None)
        client.submit(CANCEL, lambda done: None)

        assert (refused.value.code, refused.value.status) == (-1008, 503)
        await until(lambda: client._entries == 5)
        await pipe.xtrim(key, maxlen=0)
        await until(lambda: client._entries == 0)
        client.submit(ORDER, lambda done: None)


async def test_an_answer_is_given_once_and_an_overdue_one_is_unknown(
    valkey: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REPLY_TIMEOUT_S", 0.2)
    told: list[Done | None] = []
    async with running_client() as (client, _):
        client.submit(ORDER, told.append)
        outcome = Outcome(client.name, 1, [Rejected(Reject.INSUFFICIENT_FUNDS)])
        client.resolve(outcome, time_ms=5, sequence=7)
        client.resolve(outcome, time_ms=5, sequence=7)
        assert told == [Done([Rejected(Reject.INSUFFICIENT_FUNDS)], 5, 7)]

        with pytest.raises(AnswerUnknown):
            await client.request(ORDER)
        client.resolve(Outcome(client.name, 2, []), time_ms=6, sequence=8)
        assert len(told) == 1


async def test_commands_that_cannot_be_sent_are_unknown_at_once() -> None:
    """Whether they arrived cannot be told: the connection broke."""
    pipe = redis.asyncio.Redis(port=1)
    client = CommandClient(pipe)
    sender = asyncio.create_task(client.run())
    try:
        async with asyncio.timeout(30):
            with pytest.raises(AnswerUnknown):
                await client.request(ORDER)
    finally:
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
        await pipe.aclose()


async def test_all_that_was_submitted_leaves_at_once_in_order_and_in_entries_of_bounded_size(
    valkey: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One entry a turn was all that left: under load, when a turn takes long, everything waited for that."""
    count, sent = 2 * ENTRY_COMMANDS_MAX + 1, []
    send = CommandClient._send

    async def noting(self: CommandClient, requests: list[Request]) -> None:
        sent.append(len(requests))
        await send(self, requests)

    monkeypatch.setattr(CommandClient, "_send", noting)
    async with running_client() as (client, pipe):
        for _ in range(count):
            client.submit(ORDER, lambda done: None)
        await until(lambda: client._entries == 3)

        entries = await pipe.xrange(pipes.commands_key(settings.MEX_SHARD))

    parcels = [msgspec.msgpack.decode(fields[pipes.FIELD], type=Parcel) for _, fields in entries]
    assert sent == [count]
    assert [len(parcel.requests) for parcel in parcels] == [ENTRY_COMMANDS_MAX, ENTRY_COMMANDS_MAX, 1]
    assert [request.id for parcel in parcels for request in parcel.requests] == list(range(1, count + 1))
