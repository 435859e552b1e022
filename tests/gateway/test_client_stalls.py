"""A pipe that stands still: what was given up meanwhile is not sent afterwards, and what waits is bounded."""

import asyncio
from typing import Any

import msgspec
import pytest
from django.conf import settings

from launcher.services import Process
from mex.errors import EngineBusy
from trading.engine.commands import (
    AmendOrder,
    CancelAll,
    CancelList,
    CancelOrder,
    Command,
    Parcel,
    PlaceList,
    PlaceOrder,
    ReplaceOrder,
)
from trading.engine.enums import OrderType, ReplaceMode, Side, TimeInForce
from trading.engine.events import Outcome
from trading.gateway import client as module
from trading.gateway import pipes
from trading.gateway.client import CommandClient, Done

OLD = PlaceOrder(1, 1, "old", Side.BUY, OrderType.LIMIT, TimeInForce.GTC, 100_000, 1_000)
NEW = msgspec.structs.replace(OLD, client_order_id="new")


async def test_a_command_that_was_given_up_is_not_sent_later(valkey: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sender was told "unknown" long ago: an order at an old price must not trade minutes later."""
    key = pipes.commands_key(settings.MEX_SHARD)
    pipe = pipes.async_connection()
    await pipe.delete(key)
    client = CommandClient(pipe)
    told: list[Done | None] = []
    monkeypatch.setattr(module, "REPLY_TIMEOUT_S", 0.1)
    client.submit(OLD, told.append)
    expiry = asyncio.create_task(client.expire())
    async with asyncio.timeout(10):
        while not told:
            await asyncio.sleep(0.02)
    expiry.cancel()
    monkeypatch.setattr(module, "REPLY_TIMEOUT_S", 10.0)

    client.submit(NEW, told.append)
    sender = asyncio.create_task(client.run())
    async with asyncio.timeout(10):
        while not await pipe.xlen(key):
            await asyncio.sleep(0.02)

    entries: Any = await pipe.xrange(key)
    fields = entries[0][1]
    parcel = msgspec.msgpack.decode(fields[pipes.FIELD], type=Parcel)
    assert told == [None]
    assert [request.command for request in parcel.requests] == [NEW]
    sender.cancel()
    await asyncio.gather(sender, expiry, return_exceptions=True)
    await pipe.delete(key)
    await pipe.aclose()


CANCEL = CancelOrder(1, 1, 5, "", "c")
URGENT = [CANCEL, CancelAll(1, 1, "c"), CancelList(1, 1, 3, "", "c"), AmendOrder(1, 1, 5, "", 100_000)]


@pytest.mark.parametrize("urgent", URGENT, ids=lambda command: type(command).__name__)
async def test_what_waits_is_bounded_and_has_room_for_what_lessens_risk(
    monkeypatch: pytest.MonkeyPatch, urgent: Command
) -> None:
    monkeypatch.setattr(module, "COMMANDS_UNANSWERED_MAX", 3)
    pipe = pipes.async_connection()
    client = CommandClient(pipe)
    for _ in range(3):
        client.submit(OLD, lambda done: None)

    for order in (OLD, ReplaceOrder(CANCEL, OLD, ReplaceMode.STOP_ON_FAILURE), PlaceList(1, 1, "list", OLD, NEW)):
        with pytest.raises(EngineBusy):
            client.submit(order, lambda done: None)
    for _ in range(3):
        client.submit(urgent, lambda done: None)
    with pytest.raises(EngineBusy):
        client.submit(urgent, lambda done: None)

    assert (client.waiting, client.unanswered) == (6, 6)
    await pipe.aclose()


async def test_what_nobody_waits_for_any_more_counts_until_the_engine_has_done_it(
    valkey: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a process would put another ten seconds' worth on the stream of a dead engine every ten seconds."""
    monkeypatch.setattr(module, "COMMANDS_UNANSWERED_MAX", 2)
    monkeypatch.setattr(module, "REPLY_TIMEOUT_S", 0.1)
    key = pipes.commands_key(settings.MEX_SHARD)
    pipe = pipes.async_connection()
    await pipe.delete(key)
    client = CommandClient(pipe)
    tasks = [asyncio.create_task(client.run()), asyncio.create_task(client.expire())]
    told: list[Done | None] = []
    for _ in range(2):
        client.submit(OLD, told.append)
    async with asyncio.timeout(10):
        while len(told) < 2:
            await asyncio.sleep(0.02)

    assert (client.waiting, client.unanswered) == (0, 2)
    with pytest.raises(EngineBusy):
        client.submit(OLD, told.append)
    client.resolve(Outcome(client.name, 1, []), time_ms=1, sequence=1)
    client.submit(OLD, told.append)
    with pytest.raises(EngineBusy):
        client.submit(OLD, told.append)
    # The pipe may lose all of it, and with it the answers: an empty stream says that nothing is left to be answered.
    async with asyncio.timeout(10):
        while client._sent_to < 3:
            await asyncio.sleep(0.02)
        await pipe.delete(key)
        while client.unanswered:
            await asyncio.sleep(0.02)
    client.submit(OLD, told.append)

    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await pipe.delete(key)
    await pipe.aclose()
