"""Commands of a web process: packed once per event-loop turn, answered by events.

A consumer hands a command over and goes on; nobody waits for the commit inside a consumer. One packed stream entry
holds all commands of one turn: an entry per command would cap the whole exchange at about 15,000 a second.
"""

import asyncio
import logging
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence

import msgspec
import redis
import redis.asyncio
from django.conf import settings

from mex.errors import AnswerUnknown, EngineBusy
from mex.limits import COMMAND_STREAM_ENTRIES_MAX, ENTRY_COMMANDS_MAX, REPLY_TIMEOUT_S
from trading.engine.commands import CancelOrder, Command, Parcel, Request
from trading.engine.events import Event, Outcome
from trading.gateway import pipes

log = logging.getLogger(__name__)

OnOutcome = Callable[[Sequence[Event] | None], None]
"""Called once, with the events of a command, or with None when the answer did not come: execution status unknown."""


class CommandClient:
    """Sends commands in the order in which they were submitted, and finds their answers."""

    def __init__(self, pipe: redis.asyncio.Redis) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{time.time_ns()}"
        self._pipe = pipe
        self._encode = msgspec.msgpack.Encoder().encode
        self._outgoing: deque[Request] = deque()
        self._waiting: dict[int, tuple[float, OnOutcome]] = {}
        self._last_id = 0
        self._backlog = 0
        self._wake = asyncio.Event()

    def submit(self, command: Command, on_outcome: OnOutcome) -> None:
        """Send a command. Raises EngineBusy, having sent nothing, when the engine is behind; cancels still pass."""
        is_behind = self._backlog > COMMAND_STREAM_ENTRIES_MAX or len(self._outgoing) > COMMAND_STREAM_ENTRIES_MAX
        if is_behind and not isinstance(command, CancelOrder):
            raise EngineBusy()
        self._last_id += 1
        self._waiting[self._last_id] = (time.monotonic() + REPLY_TIMEOUT_S, on_outcome)
        self._outgoing.append(Request(self._last_id, command))
        self._wake.set()

    @property
    def waiting(self) -> int:
        """Return how many commands wait for their answer."""
        return len(self._waiting)

    async def request(self, command: Command) -> Sequence[Event]:
        """Send a command and return its events. Raises EngineBusy or AnswerUnknown."""
        future: asyncio.Future[Sequence[Event] | None] = asyncio.get_running_loop().create_future()

        def resolve(events: Sequence[Event] | None) -> None:
            if not future.done():
                future.set_result(events)

        self.submit(command, resolve)
        events = await future
        if events is None:
            raise AnswerUnknown()
        return events

    def resolve(self, outcome: Outcome) -> None:
        """Hand an outcome to whoever waits for it. A second one for the same request finds nobody."""
        waiting = self._waiting.pop(outcome.request, None)
        if waiting is not None:
            waiting[1](outcome.events)

    async def run(self) -> None:
        """Send what is submitted, until cancelled. One sender, so that commands keep their order."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outgoing:
                count = min(len(self._outgoing), ENTRY_COMMANDS_MAX)
                requests = [self._outgoing.popleft() for _ in range(count)]
                # What was given up while the pipe stood still is not sent any more: the market has moved on.
                requests = [request for request in requests if request.id in self._waiting]
                if requests:
                    await self._send(requests)

    async def expire(self) -> None:
        """Give up on answers that are overdue, until cancelled."""
        while True:
            await asyncio.sleep(1)
            if self._backlog > COMMAND_STREAM_ENTRIES_MAX:
                # While new orders are refused nothing may be sent that would tell that the engine has caught up.
                await self._measure()
            now = time.monotonic()
            # Requests time out in the order in which they were made, so the first one in time ends the search.
            while self._waiting:
                first = next(iter(self._waiting))
                if self._waiting[first][0] > now:
                    break
                self._waiting.pop(first)[1](None)

    async def _measure(self) -> None:
        try:
            async with asyncio.timeout(1):
                self._backlog = await self._pipe.xlen(pipes.commands_key(settings.MEX_SHARD))
        except (redis.RedisError, OSError) as error:
            log.warning("the length of the command stream is not known: %s", error)

    async def _send(self, requests: list[Request]) -> None:
        key = pipes.commands_key(settings.MEX_SHARD)
        packed = self._encode(Parcel(self.name, requests))
        try:
            async with self._pipe.pipeline(transaction=False) as pipeline:
                pipeline.xadd(key, {pipes.FIELD: packed})
                pipeline.xlen(key)
                self._backlog = (await pipeline.execute())[1]
        except (redis.RedisError, OSError) as error:
            # It may have arrived all the same: nobody may be told that it did not.
            log.error("%d commands may not have reached the engine: %s", len(requests), error)
            for request in requests:
                self._waiting.pop(request.id, (0.0, _ignore))[1](None)


def _ignore(events: Sequence[Event] | None) -> None:
    """Take no notice: the request was answered already."""
