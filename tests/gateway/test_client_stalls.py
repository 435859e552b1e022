"""A pipe that stands still: what was given up meanwhile is not sent afterwards, and what waits is bounded."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from django.conf import settings

from launcher.services import Process
from mex.errors import EngineBusy
from trading.engine.commands import CancelOrder, Parcel, PlaceOrder
from trading.engine.enums import OrderType, Side, TimeInForce
from trading.engine.events import Event
from trading.gateway import client as module
from trading.gateway import pipes
from trading.gateway.client import CommandClient

OLD = PlaceOrder(1, 1, "old", Side.BUY, OrderType.LIMIT, TimeInForce.GTC, 100_000, 1_000)
NEW = msgspec.structs.replace(OLD, client_order_id="new")


async def test_a_command_that_was_given_up_is_not_sent_later(valkey: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sender was told "unknown" long ago: an order at an old price must not trade minutes later."""
    key = pipes.commands_key(settings.MEX_SHARD)
    pipe = pipes.async_connection()
    await pipe.delete(key)
    client = CommandClient(pipe)
    told: list[Sequence[Event] | None] = []
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


async def test_what_waits_to_be_sent_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMAND_STREAM_ENTRIES_MAX", 2)
    pipe = pipes.async_connection()
    client = CommandClient(pipe)
    for _ in range(3):
        client.submit(OLD, lambda events: None)

    with pytest.raises(EngineBusy):
        client.submit(OLD, lambda events: None)
    client.submit(CancelOrder(1, 1, 5, "", "c"), lambda events: None)

    assert client.waiting == 4
    await pipe.aclose()
