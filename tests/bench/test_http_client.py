"""The HTTP client counts whole answers that are as expected, and lets no other pass."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from bench.http_client import NUMBER, Plan, WrongAnswer, numbered, run

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: id=x\r\n\r\nhello"
Answer = Callable[[bytes], list[bytes]]


class Server(asyncio.Protocol):
    """Answers each request with the pieces that `answer` gives, or hangs up if there are none."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.ended.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._write(self._answer(data) or [b""])

    def _write(self, pieces: list[bytes]) -> None:
        if pieces[0]:
            self.transport.write(pieces[0])
        else:
            self.transport.close()
        if pieces[1:]:
            asyncio.get_running_loop().call_soon(self._write, pieces[1:])


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[int]:
    """Run a server and give its port. The client must have hung up at the end, whatever came of it.

    On Python 3.12 and later a server that closes waits for its connections, for ever.
    """
    connections: list[Server] = []

    def connection() -> Server:
        connections.append(Server(answer))
        return connections[-1]

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
        async with asyncio.timeout(10):
            await asyncio.gather(*(each.ended for each in connections))
    finally:
        server.close()
        for each in connections:
            each.transport.abort()


def plan_of(port: int, **more: object) -> Plan:
    """Return a short plan."""
    values: dict[str, object] = {
        "port": port, "request": f"GET /{NUMBER} HTTP/1.1\r\n\r\n", "connections": 3, "seconds": 0.5, "length": 5,
        "warm_up_s": 0.5, "cookie": "id", "numbers": 7,
    }  # fmt: skip
    return Plan(**(values | more))  # type: ignore[arg-type]  # the names are those of its fields


@pytest.mark.parametrize("pieces", [[GOOD], [GOOD[:20], GOOD[20:-3], GOOD[-3:]], [GOOD[:-5], GOOD[-5:]]])
async def test_whole_answers_are_counted_however_they_come(pieces: list[bytes]) -> None:
    asked: list[bytes] = []

    def answer(request: bytes) -> list[bytes]:
        asked.append(request)
        return pieces

    async with answering(answer) as port:
        told = await run(plan_of(port, connections=1))

    assert 0 < told["answered"] <= len(asked)
    assert told["bytes_per_second"] == pytest.approx(5 * told["per_second"])
    assert 0 < told["p50_ms"] <= told["p99_ms"]
    assert asked[:8] == [f"GET /{number:06} HTTP/1.1\r\n\r\n".encode() for number in (0, 1, 2, 3, 4, 5, 6, 0)]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([GOOD.replace(b"200 OK", b"302 Found")], "expected 200 and 5 bytes"),
        ([GOOD.replace(b"Content-Length: 5", b"Content-Length: 4")], "expected 200 and 5 bytes"),
        ([GOOD.replace(b"Content-Length: 5", b"Transfer-Encoding: chunked")], "expected 200 and 5 bytes"),
        ([GOOD.replace(b"id=x", b"other=x")], "expected a cookie id"),
        ([GOOD + b"more"], "4 bytes more than announced"),
        ([], "connection lost"),
    ],
)
async def test_an_answer_that_is_not_as_expected_ends_the_run(answer: list[bytes], words: str) -> None:
    async with answering(lambda _: answer) as port:
        with pytest.raises(WrongAnswer, match=words):
            await run(plan_of(port))


async def test_a_server_that_says_nothing_is_no_result() -> None:
    async with answering(lambda _: [b"H"]) as port:
        with pytest.raises(WrongAnswer, match="nothing was answered"):
            await run(plan_of(port))


def test_all_numbers_are_as_long() -> None:
    assert [numbered(f"a{NUMBER}b{NUMBER}", number) for number in (0, 123_456)] == ["a000000b000000", "a123456b123456"]
