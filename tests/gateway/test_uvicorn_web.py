"""What uvicorn keeps for a client that breaks the rules, with a protocol of ours and a small application."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from mex.limits import FRAME_BYTES_MAX
from mex.uvicorn_web import BoundedProtocol

DEADLINE_S = 10.0
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Send back what comes, until the connection ends."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[tuple[int, ServerState]]:
    """Serve the echo; give the port and what the server knows of its connections."""
    settings: dict[str, Any] = {"ws_max_size": FRAME_BYTES_MAX, "ws_per_message_deflate": False, **options}
    config = uvicorn.Config(echo, http="h11", ws=BoundedProtocol, lifespan="off", log_config=None, **settings)
    config.load()
    state = ServerState()

    def connection() -> asyncio.Protocol:
        return config.http_protocol_class(config=config, server_state=state, app_state={})  # type: ignore[call-arg]

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], state
    finally:
        server.close()
        for open_one in tuple(state.connections):
            open_one.transport.abort()


async def mute(port: int) -> socket.socket:
    """Return a connection whose client reads nothing after the handshake."""
    client = socket.socket()
    client.setblocking(False)
    # Small, so that what the kernel takes is less than what a test sends.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", port))
    await loop.sock_sendall(client, HANDSHAKE)
    assert (await loop.sock_recv(client, 4096)).startswith(b"HTTP/1.1 101")
    return client


async def sent_until_blocked(client: socket.socket, frames: bytes, most: int) -> int:
    """Send frames again and again; return how many bytes were taken before nobody took more for a second."""
    loop = asyncio.get_running_loop()
    sent = 0
    while sent < most:
        try:
            await asyncio.wait_for(loop.sock_sendall(client, frames), 1.0)
        except TimeoutError:
            return sent
        sent += len(frames)
    return sent


async def until_gone(state: ServerState) -> None:
    """Return when the server has no connection any more, and the application has taken notice."""
    async with asyncio.timeout(DEADLINE_S):
        while state.connections or state.tasks:
            await asyncio.sleep(0.01)


async def test_pings_of_a_client_that_does_not_read_are_not_answered_without_end() -> None:
    """uvicorn's own protocol takes them all, and keeps as many pongs."""
    pings = Frame(Opcode.PING, b"p" * 100).serialize(mask=True) * 1_000
    async with serving(ws_ping_interval=None) as (port, state):
        with await mute(port) as client:
            sent = await sent_until_blocked(client, pings, most=64_000_000)

            assert sent < 16_000_000
            [connection] = state.connections
            assert connection.transport.get_write_buffer_size() < 2_000_000


async def test_messages_of_a_client_that_does_not_read_are_not_taken() -> None:
    frames = Frame(Opcode.TEXT, b"m" * 1_000).serialize(mask=True) * 100
    async with serving(ws_ping_interval=None) as (port, state):
        with await mute(port) as client:
            sent = await sent_until_blocked(client, frames, most=64_000_000)

            assert sent < 16_000_000
            [connection] = state.connections
            assert connection.transport.get_write_buffer_size() < 100_000


async def test_a_client_that_reads_again_gets_everything() -> None:
    count = 4_000
    async with serving() as (port, _), connect(f"ws://127.0.0.1:{port}/", compression=None, max_queue=4) as client:

        async def send() -> None:
            for number in range(count):
                await client.send(f"{number:08000}")

        sending = asyncio.create_task(send())
        await asyncio.wait([sending], timeout=0.5)
        assert not sending.done()

        assert [int((await client.recv())[-9:]) for _ in range(count)] == list(range(count))
        await sending


async def test_a_client_that_neither_reads_nor_answers_pings_is_dropped() -> None:
    """uvicorn's own protocol waits for ever for the rest to be taken."""
    frames = Frame(Opcode.TEXT, b"m" * 1_000).serialize(mask=True) * 100
    async with serving(ws_ping_interval=1.0, ws_ping_timeout=1.0) as (port, state):
        with await mute(port) as client:
            await sent_until_blocked(client, frames, most=64_000_000)

            await until_gone(state)


async def test_a_long_message_is_refused_with_a_code_that_arrives() -> None:
    async with serving() as (port, state):
        for _ in range(20):
            async with connect(f"ws://127.0.0.1:{port}/", compression=None) as client:
                sending = asyncio.create_task(client.send("x" * 3_000_000))
                with pytest.raises(ConnectionClosed) as closed:
                    await client.recv()
                await asyncio.wait([sending])
                assert sending.exception() is None or isinstance(sending.exception(), ConnectionClosed)
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 1009
        await until_gone(state)


async def test_empty_fragments_are_not_kept() -> None:
    fragments = Frame(Opcode.CONT, b"", fin=False).serialize(mask=True) * 10_000
    loop = asyncio.get_running_loop()
    async with serving() as (port, state):
        with await mute(port) as client:
            await loop.sock_sendall(client, Frame(Opcode.TEXT, b"a", fin=False).serialize(mask=True))
            await loop.sock_sendall(client, fragments)
            await loop.sock_sendall(client, Frame(Opcode.CONT, b"b", fin=False).serialize(mask=True))
            [connection] = state.connections
            assert isinstance(connection, BoundedProtocol)
            async with asyncio.timeout(DEADLINE_S):
                while connection.frames[-1:] != [b"b"]:
                    await asyncio.sleep(0.01)

            assert connection.frames == [b"a", b"b"]
            await loop.sock_sendall(client, Frame(Opcode.CONT, b"", fin=True).serialize(mask=True))
            assert (await loop.sock_recv(client, 100)).endswith(b"ab")


async def test_a_connection_that_the_application_ended_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that takes nothing would keep it for ever."""
    monkeypatch.setattr("mex.uvicorn_web._CLOSE_S", 0.2)
    frames = Frame(Opcode.TEXT, b"m" * 1_000).serialize(mask=True) * 100
    async with serving(ws_ping_interval=None) as (port, state):
        with await mute(port) as client:
            await sent_until_blocked(client, frames, most=64_000_000)
            [task] = state.tasks
            [connection] = state.connections
            assert isinstance(connection, BoundedProtocol)
            connection.queue.put_nowait({"type": "websocket.disconnect", "code": 1000, "reason": ""})
            connection.writable.set()  # the application goes on, to its end
            async with asyncio.timeout(DEADLINE_S):
                await task

            assert connection in state.connections
            await until_gone(state)
