"""What all websocket connections share."""

import asyncio
from collections.abc import Mapping
from typing import Any

import channels.consumer
import pytest
from channels.testing import WebsocketCommunicator

from mex.limits import SEND_BUFFER_BYTES_MAX
from trading.consumers import UnknownConsumer
from trading.sockets import TOO_SLOW, Socket


@pytest.fixture(autouse=True)
def no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a message that Channels takes by way of a thread fail: five times the work, and a database in the way."""

    async def fail() -> None:
        raise AssertionError("a message went by way of a thread")

    monkeypatch.setattr(channels.consumer, "aclose_old_connections", fail)


class Echo(Socket):
    """A socket that sends back what it gets."""

    async def websocket_connect(self, message: object) -> None:
        await self.accept()

    async def take(self, text: str) -> None:
        self.put(text)


async def test_a_connection_ends_when_its_client_goes() -> None:
    """An application that goes on after a disconnect is kept by the server for ten seconds and then killed."""
    socket = WebsocketCommunicator(Echo.as_asgi(), "/")
    assert (await socket.connect())[0]
    await socket.send_to(text_data="one")
    assert await socket.receive_from() == "one"

    await socket.disconnect()

    assert socket.future.done()


async def test_an_unknown_path_is_refused_and_ends() -> None:
    socket = WebsocketCommunicator(UnknownConsumer.as_asgi(), "/nowhere")

    accepted, code = await socket.connect()

    assert (accepted, code) == (False, 4404)
    await socket.disconnect()
    assert socket.future.done()


class Stalled(Socket):
    """A socket whose server never gets rid of a frame."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Mapping[str, Any]] = []
        self.flowing = asyncio.Event()

    async def send(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "websocket.send":
            await self.flowing.wait()
        self.sent.append(message)


async def test_a_reader_that_is_too_slow_is_closed_with_a_code() -> None:
    socket = Stalled()
    await socket.accept()
    frame = "x" * 1024
    for _ in range(SEND_BUFFER_BYTES_MAX // len(frame)):
        socket.put(frame)
    assert socket.is_open

    socket.put(frame)
    socket.put("never sent")

    assert not socket.is_open
    socket.flowing.set()
    assert socket._writer is not None
    await asyncio.wait_for(socket._writer, 10)
    assert socket.sent[-1] == {"type": "websocket.close", "code": TOO_SLOW}
    assert {message["type"] for message in socket.sent} <= {
        "websocket.accept",
        "websocket.send",
        "websocket.close",
    }
    assert len(socket.sent) <= 3


class Gone(Socket):
    """A socket whose client is not there any more, under a server that says so."""

    def __init__(self, at: str) -> None:
        super().__init__()
        self.at = at
        self.is_let_go = False

    async def send(self, message: Mapping[str, Any]) -> None:
        if message["type"] == self.at:
            raise OSError("the client has gone")

    def gone(self) -> None:
        self.is_let_go = True

    async def websocket_connect(self, message: object) -> None:
        await self.accept()


async def test_a_client_that_goes_before_it_is_accepted_leaves_nothing() -> None:
    socket = Gone("websocket.accept")

    async def receive() -> Mapping[str, Any]:
        return {"type": "websocket.connect"}

    await asyncio.wait_for(socket({"type": "websocket"}, receive, socket.send), 10)

    assert socket.is_let_go
    assert not socket.is_open
    assert socket._writer is None


async def test_a_client_that_goes_while_a_frame_is_sent_is_no_error() -> None:
    socket = Gone("websocket.send")
    await socket.accept()
    assert socket._writer is not None

    socket.put("a frame")
    await asyncio.wait_for(socket._writer, 10)

    assert socket._writer.exception() is None


async def test_a_connection_that_is_being_closed_takes_no_more_frames() -> None:
    """A client that does not read its answers could go on and place orders."""
    socket = Stalled()
    await socket.accept()

    socket.close(TOO_SLOW)
    await socket.websocket_receive({"type": "websocket.receive", "text": "an order"})

    assert socket._writer is not None
    await asyncio.wait_for(socket._writer, 10)
    assert [message["type"] for message in socket.sent] == ["websocket.accept", "websocket.close"]
