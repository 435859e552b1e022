"""Commands from processes that do not wait for the answer: workers and management commands.

They look in the database for what became of a command, and send it again when nothing did: each command carries a
reference that makes a repeat harmless.
"""

from collections.abc import Sequence

import msgspec
from django.conf import settings

from mex.limits import ENTRY_COMMANDS_MAX
from trading.engine.commands import Command, Parcel, Request
from trading.gateway import pipes

NOBODY = ""
"""The sender of commands whose answer nobody waits for."""


def send(commands: Sequence[Command]) -> None:
    """Put commands on the stream, in order. Raises redis.RedisError when the pipe is down: send again later."""
    for start in range(0, len(commands), ENTRY_COMMANDS_MAX):
        requests = [Request(0, command) for command in commands[start : start + ENTRY_COMMANDS_MAX]]
        packed = msgspec.msgpack.encode(Parcel(NOBODY, requests))
        pipes.connection().xadd(pipes.commands_key(settings.MEX_SHARD), {pipes.FIELD: packed})
