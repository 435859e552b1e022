"""Commands of processes that wait for the answer and have no event loop: the admin and management commands.

For now and then, not for trading: each asker reads the whole event stream until its answer comes.
"""

import logging
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import msgspec
import redis
from django.conf import settings
from django.db import connection

from mex.errors import EngineSilent
from mex.limits import REPLY_TIMEOUT_S
from trading.engine.commands import Command, Parcel, Request
from trading.engine.events import Batch, Event
from trading.gateway import pipes

log = logging.getLogger(__name__)
_decoder = msgspec.msgpack.Decoder(Batch)
_BLOCK_MS_MAX = 1_000
"""How long one read waits: less than the connection's own time-out, which would take it for a pipe that is down."""
_BATCHES_AT_ONCE = 20
_TURN_S_MAX = 60.0
"""Longer than any turn takes: who dies in his does not stop the others for long."""


def ask(command: Command, timeout_s: float = REPLY_TIMEOUT_S) -> Sequence[Event]:
    """Send a command and return its events, which are committed. Raises EngineSilent.

    timeout_s: how long to wait. A command that carries a reference can be looked for in the database afterwards.
    """
    # Whoever asks inside a transaction may hold what the engine needs for its commit: on SQLite, the whole database.
    assert not connection.in_atomic_block, "the engine is asked inside a transaction"
    deadline = time.monotonic() + timeout_s
    sender = f"ask:{uuid.uuid4()}"
    packed = msgspec.msgpack.encode(Parcel(sender, [Request(1, command)]))
    pipe = pipes.connection()
    try:
        position = _end_of_events(pipe)
    except redis.RedisError as error:
        raise EngineSilent(f"The pipe to the engine does not answer, nothing was sent: {error}") from error
    try:
        pipe.xadd(pipes.commands_key(settings.MEX_SHARD), {pipes.FIELD: packed})
        for batch in _batches_after(pipe, position, deadline):
            for outcome in batch.outcomes:
                if outcome.sender == sender:
                    return outcome.events
    except redis.RedisError as error:
        message = f"The pipe to the engine went away: the command may or may not take effect, look first: {error}"
        raise EngineSilent(message) from error
    raise EngineSilent(
        f"The engine did not answer within {timeout_s:g} s. The command waits for it on the stream and takes effect "
        "when it runs: look before you repeat it."
    )


@contextmanager
def operators_turn() -> Iterator[None]:
    """Let one operator after the other read what is, and ask for something else. Raises EngineSilent.

    A command to change a market carries all its rules. Without taking turns, one operator's new fee would undo the halt
    that another asked for in the same second.
    """
    lock = pipes.connection().lock(
        f"mex:{{{settings.MEX_SHARD}}}:operators", timeout=_TURN_S_MAX, blocking_timeout=REPLY_TIMEOUT_S
    )
    try:
        is_ours = lock.acquire()
    except redis.RedisError as error:
        raise EngineSilent(f"The pipe to the engine does not answer, nothing was sent: {error}") from error
    if not is_ours:
        raise EngineSilent("Another operator's change is still on its way, nothing was sent: try again.")
    try:
        yield
    finally:
        try:
            lock.release()
        except redis.RedisError as error:
            log.warning("the operators' lock ends by itself in %g s: %s", _TURN_S_MAX, error)


def _end_of_events(pipe: redis.Redis) -> bytes:
    newest = cast(list[pipes.Entry], pipe.xrevrange(pipes.events_key(settings.MEX_SHARD), count=1))
    return newest[0][0] if newest else b"0-0"


def _batches_after(pipe: redis.Redis, position: bytes, deadline: float) -> Iterator[Batch]:
    key = pipes.events_key(settings.MEX_SHARD)
    while (rest_ms := int((deadline - time.monotonic()) * 1000)) > 0:
        answer = pipe.xread({key: position}, count=_BATCHES_AT_ONCE, block=min(rest_ms, _BLOCK_MS_MAX))
        for _, entries in pipes.pages(answer):
            for position, fields in entries:
                try:
                    yield _decoder.decode(fields.get(pipes.FIELD, b""))
                except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                    log.error("entry %r of the event stream is no batch and is skipped: %s", position, error)
