"""A read that breaks is answered all the same: whoever asked must not wait for ever."""

import json
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator

from launcher.services import Process
from trading.consumers import OrderConsumer
from trading.gateway.hub import close_hub
from trading.ws_methods import METHODS, Kind, Method


async def broken(*args: Any) -> object:
    """Break as a database does that is not there."""
    raise RuntimeError("the database is on fire")


@pytest.mark.django_db(transaction=True)
async def test_a_read_that_breaks_is_answered_and_says_nothing_of_the_inside(
    valkey: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "time", Method(Kind.READ, operation=broken))
    socket = WebsocketCommunicator(OrderConsumer.as_asgi(), "/ws-api/v3?returnRateLimits=false")
    assert (await socket.connect(timeout=10))[0]

    await socket.send_to(text_data='{"id": 7, "method": "time"}')
    answer = json.loads(await socket.receive_from(timeout=10))
    await socket.send_to(text_data='{"id": 8, "method": "ping"}')
    after = json.loads(await socket.receive_from(timeout=10))

    message = "An unknown error occurred while processing the request."
    assert answer == {"id": 7, "status": 500, "error": {"code": -1000, "msg": message}}
    assert after == {"id": 8, "status": 200, "result": {}}
    await socket.disconnect()
    await close_hub()
