"""The children's ends of the pipes to the controller: JSON lines."""

import asyncio
import sys

import msgspec


def say(message: msgspec.Struct) -> None:
    """Write one message, at once."""
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


async def lines() -> asyncio.StreamReader:
    """Return standard input, as lines."""
    reader = asyncio.StreamReader(limit=2**24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader
