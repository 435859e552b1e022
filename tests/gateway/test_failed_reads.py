"""What breaks is answered all the same, and a connection that ends by it is let go of: nobody waits for ever."""

import asyncio
import json
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator

from launcher.services import Process
from trading.consumers import OrderConsumer
from trading.gateway.hub import close_hub
from trading.sockets import Message, Socket
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


@pytest.mark.django_db(transaction=True)
async def test_a_request_that_breaks_before_it_is_carried_out_is_answered_and_the_connection_stays(
    valkey: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key's secret is read again every half minute: with the database away the connection ended, unanswered."""
    monkeypatch.setattr("trading.consumers.credentials.find", broken)
    socket = WebsocketCommunicator(OrderConsumer.as_asgi(), "/ws-api/v3?returnRateLimits=false")
    assert (await socket.connect(timeout=10))[0]

    params = {"apiKey": "k" * 64, "timestamp": 1, "signature": "s"}
    await socket.send_to(text_data=json.dumps({"id": 7, "method": "account.status", "params": params}))
    answer = json.loads(await socket.receive_from(timeout=10))
    await socket.send_to(text_data='{"id": 8, "method": "ping"}')
    after = json.loads(await socket.receive_from(timeout=10))

    assert (answer["id"], answer["status"], answer["error"]["code"]) == (7, 500, -1000)
    assert after == {"id": 8, "status": 200, "result": {}}
    await socket.disconnect()
    await close_hub()


@pytest.mark.parametrize("end", ["an error", "the server"])
async def test_a_connection_is_let_go_of_however_it_ends(end: str) -> None:
    class Listening(Socket):
        async def websocket_connect(self, message: Message) -> None:
            await self.accept()

        async def take(self, text: str) -> None:
            raise RuntimeError("no such thing")

        def gone(self) -> None:
            nonlocal times
            times += 1

    times = 0
    application = Listening()
    arriving: asyncio.Queue[Message] = asyncio.Queue()
    leaving: asyncio.Queue[Message] = asyncio.Queue()
    arriving.put_nowait({"type": "websocket.connect"})
    running = asyncio.create_task(application({"type": "websocket"}, arriving.get, leaving.put))
    assert await leaving.get() == {"type": "websocket.accept"}
    assert application.is_open

    if end == "an error":
        arriving.put_nowait({"type": "websocket.receive", "text": "x"})
    else:
        running.cancel()  # as Daphne does with an application that still runs ten seconds after its client left
    await asyncio.wait([running])

    assert (application.is_open, times) == (False, 1)
    assert application._writer is not None
    await asyncio.wait([application._writer])
