"""Commands of a web process: packed once per event-loop turn, answered by events.

A consumer hands a command over and goes on; nobody waits for the commit inside a consumer. One packed stream entry
holds all commands of one turn: an entry per command would cap the whole exchange at about 15,000 a second.

When the engine is behind, new orders are refused while cancels and amends still pass; and whatever is asked, what waits
here and what lies on the stream is bounded. Every command that was taken is answered once, if only with "unknown".
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
from mex.limits import COMMAND_STREAM_ENTRIES_MAX, COMMANDS_UNANSWERED_MAX, ENTRY_COMMANDS_MAX, REPLY_TIMEOUT_S
from trading.engine.commands import AmendOrder, CancelAll, CancelList, CancelOrder, Command, Parcel, Request
from trading.engine.events import Event, Outcome
from trading.gateway import pipes

log = logging.getLogger(__name__)

_LESSENS_RISK = (CancelOrder, CancelAll, CancelList, AmendOrder)
"""Commands that pass while the engine is behind: whoever cannot get out of the market would lose by our being slow."""


def lessens_risk(command: Command) -> bool:
    """Return whether a command passes while the engine is behind."""
    return isinstance(command, _LESSENS_RISK)


class Done(msgspec.Struct, frozen=True, gc=False):
    """What became of a command: its events, when (ms), and under which number the engine carried it out."""

    events: Sequence[Event]
    time_ms: int
    sequence: int


OnDone = Callable[[Done | None], None]
"""Called once, with what became of a command, or with None when the answer did not come: execution status unknown."""


class CommandClient:
    """Sends commands in the order in which they were submitted, and finds their answers."""

    def __init__(self, pipe: redis.asyncio.Redis) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{time.time_ns()}"
        self._pipe = pipe
        self._encode = msgspec.msgpack.Encoder().encode
        self._outgoing: deque[Request] = deque()
        self._waiting: dict[int, tuple[float, OnDone]] = {}
        self._last_id = 0
        self._sent_to = 0  # the last id that was handed to the pipe
        self._answered_to = 0  # the last id that the engine has answered: it answers in the order of sending
        self._entries = 0  # on the command stream, as last seen
        self._wake = asyncio.Event()

    def submit(self, command: Command, on_done: OnDone) -> None:
        """Send a command. Raises EngineBusy, having sent nothing, when the engine is behind (see above)."""
        is_refused = self.unanswered >= 2 * COMMANDS_UNANSWERED_MAX if lessens_risk(command) else self.is_full
        if is_refused:
            raise EngineBusy()
        self._last_id += 1
        self._waiting[self._last_id] = (time.monotonic() + REPLY_TIMEOUT_S, on_done)
        self._outgoing.append(Request(self._last_id, command))
        self._wake.set()

    @property
    def is_full(self) -> bool:
        """Return whether new orders are refused, because the engine is behind."""
        return self.unanswered >= COMMANDS_UNANSWERED_MAX or self._is_stream_long

    @property
    def waiting(self) -> int:
        """Return how many commands wait for their answer."""
        return len(self._waiting)

    @property
    def unanswered(self) -> int:
        """Return how many commands the engine has not answered, those that nobody waits for any more included."""
        return max(len(self._waiting), self._last_id - self._answered_to)

    async def ask(self, command: Command) -> Done:
        """Send a command and return what became of it. Raises EngineBusy or AnswerUnknown."""
        future: asyncio.Future[Done | None] = asyncio.get_running_loop().create_future()

        def resolve(done: Done | None) -> None:
            if not future.done():
                future.set_result(done)

        self.submit(command, resolve)
        done = await future
        if done is None:
            raise AnswerUnknown()
        return done

    async def request(self, command: Command) -> Sequence[Event]:
        """Send a command and return its events. Raises EngineBusy or AnswerUnknown."""
        return (await self.ask(command)).events

    def resolve(self, outcome: Outcome, *, time_ms: int, sequence: int) -> None:
        """Hand an outcome to whoever waits for it. A second one for the same request finds nobody."""
        if outcome.request > self._answered_to:
            self._answered_to = outcome.request
        waiting = self._waiting.pop(outcome.request, None)
        if waiting is not None:
            waiting[1](Done(outcome.events, time_ms, sequence))

    async def run(self) -> None:
        """Send what is submitted, until cancelled. One sender, so that commands keep their order."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outgoing:
                # All there is: under load a turn of the event loop takes long, and a reply comes a turn later at best.
                requests, last = list(self._outgoing), self._outgoing[-1].id
                self._outgoing.clear()
                # What was given up while the pipe stood still is not sent any more: the market has moved on.
                requests = [request for request in requests if request.id in self._waiting]
                if requests:
                    await self._send(requests)
                self._sent_to = last

    async def expire(self) -> None:
        """Give up on answers that are overdue, until cancelled."""
        while True:
            await asyncio.sleep(1)
            if self.is_full:
                # While new orders are refused nothing may be sent that would tell that the engine has caught up.
                await self._measure()
            now = time.monotonic()
            # Requests time out in the order in which they were made, so the first one in time ends the search.
            while self._waiting:
                first = next(iter(self._waiting))
                if self._waiting[first][0] > now:
                    break
                self._waiting.pop(first)[1](None)

    @property
    def _is_stream_long(self) -> bool:
        return self._entries > COMMAND_STREAM_ENTRIES_MAX

    async def _measure(self) -> None:
        sent_to = self._sent_to
        try:
            async with asyncio.timeout(1):
                self._entries = await self._pipe.xlen(pipes.commands_key(settings.MEX_SHARD))
        except (redis.RedisError, OSError) as error:
            log.warning("the length of the command stream is not known: %s", error)
            return
        if self._entries == 0:
            # All that was sent is committed, or lost with the pipe's memory: entries leave the stream only then.
            self._answered_to = max(self._answered_to, sent_to)

    async def _send(self, requests: list[Request]) -> None:
        key = pipes.commands_key(settings.MEX_SHARD)
        try:
            async with self._pipe.pipeline(transaction=False) as pipeline:
                for start in range(0, len(requests), ENTRY_COMMANDS_MAX):
                    parcel = Parcel(self.name, requests[start : start + ENTRY_COMMANDS_MAX])
                    pipeline.xadd(key, {pipes.FIELD: self._encode(parcel)})
                pipeline.xlen(key)
                self._entries = (await pipeline.execute())[-1]
        except (redis.RedisError, OSError) as error:
            # It may have arrived all the same: nobody may be told that it did not.
            log.error("%d commands may not have reached the engine: %s", len(requests), error)
            for request in requests:
                self._waiting.pop(request.id, (0.0, _ignore))[1](None)


def _ignore(done: Done | None) -> None:
    """Take no notice: the request was answered already."""
