"""Asking again, but ever less often: what is repeated until it shows must not flood a pipe while somebody is down."""

import logging
import time
import uuid
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeAlias

import redis

from trading.engine.commands import Command, HoldFunds, ReleaseHold, SettleHold, Transfer
from trading.gateway import sender

log = logging.getLogger(__name__)
Send: TypeAlias = Callable[[Sequence[Command]], None]
_FIRST_S = 2.0
_LONGEST_S = 60.0
_KEYS_MAX = 100_000


class Pacer:
    """Says when something is due again: at once, then after 2 s, 4 s, 8 s, up to a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next: dict[Hashable, tuple[float, float]] = {}

    def is_due(self, key: Hashable) -> bool:
        """Return whether it is time, and count this as a time."""
        now = self._clock()
        due, wait = self._next.get(key, (now, _FIRST_S))
        if now < due:
            return False
        if len(self._next) >= _KEYS_MAX:
            self._next.clear()
        self._next[key] = (now + wait, min(wait * 2, _LONGEST_S))
        return True


class Aside:
    """What could not be paid: tried again after 2 s, 4 s, 8 s, up to a minute, and in nobody's way until then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[uuid.UUID, tuple[float, float]] = {}

    def put(self, key: uuid.UUID) -> None:
        """Set something aside, for longer each time."""
        if len(self._until) >= _KEYS_MAX:
            self._until.clear()
        wait = min(self._until[key][1] * 2, _LONGEST_S) if key in self._until else _FIRST_S
        self._until[key] = (self._clock() + wait, wait)

    def take(self, keys: Iterable[uuid.UUID]) -> None:
        """Forget what was paid."""
        for key in keys:
            self._until.pop(key, None)

    def __len__(self) -> int:
        """Return how much is, or was, put aside."""
        return len(self._until)

    def __contains__(self, key: object) -> bool:
        """Return whether something is to be left alone for now."""
        return isinstance(key, uuid.UUID) and key in self._until and self._clock() < self._until[key][0]


class Courier:
    """Sends commands to the engine and repeats each at a growing interval, for as long as its caller keeps asking."""

    def __init__(self, send: Send = sender.send, pacer: Pacer | None = None) -> None:
        self._send = send
        self._pacer = pacer or Pacer()

    def send(self, commands: Sequence[Command]) -> None:
        """Send those commands that are due. When the pipe is down they are sent at a later call."""
        due = [command for command in commands if self._pacer.is_due(_key(command))]
        if not due:
            return
        try:
            self._send(due)
        except redis.RedisError as error:
            log.warning("%d commands could not be sent, they will be sent again: %s", len(due), error)


def _key(command: Command) -> Hashable:
    if isinstance(command, Transfer):
        return command.reference, command.reason
    assert isinstance(command, HoldFunds | SettleHold | ReleaseHold)
    return command.reference, type(command).__name__
