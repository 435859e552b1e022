"""The engine's end of the command stream: bounded batches, from the committed position on."""

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import redis

from mex.limits import BATCH_COMMANDS_MAX, BATCH_ENTRIES_MAX
from trading.engine.commands import Command, Parcel
from trading.gateway import pipes
from trading.runtime.storable import screened

log = logging.getLogger(__name__)
_decoder = msgspec.msgpack.Decoder(Parcel)


@dataclass(frozen=True, slots=True)
class Intake:
    """What one batch takes from the stream; `position` is the last entry of it."""

    position: str
    parcels: Sequence[Parcel]

    @property
    def commands(self) -> list[Command]:
        """All commands, in order."""
        return [request.command for parcel in self.parcels for request in parcel.requests]


class Inbox:
    """Reads parcels in order and never skips one."""

    def __init__(self, pipe: redis.Redis, shard: int, position: str) -> None:
        self._pipe = pipe
        self._key = pipes.commands_key(shard)
        self.read_to = position
        """The last entry that was read."""
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._was_away = False
        self.committed = position
        """The last entry whose effects are committed."""
        self._trimmed = ""

    def prepare(self) -> None:
        """Make sure that new entries get ids after our position, also when the server lost its memory.

        Ids are times: only a server that starts empty with a clock behind the old one could give out ids that we
        would take for old ones.
        """
        try:
            last = self._pipe.xinfo_stream(self._key)["last-generated-id"]
        except redis.ResponseError:
            last = b"0-0"  # the stream does not exist
        if number_of(_text(last)) < number_of(self.read_to):
            try:
                self._pipe.xadd(self._key, {pipes.FIELD: b""}, id=self.read_to)
            except redis.ResponseError:
                return  # somebody else has raised the ids meanwhile
            self._pipe.xdel(self._key, self.read_to)

    def take(self, wait_ms: int, commands_max: int | None = None) -> Intake | None:
        """Return the next batch, or None when nothing came within `wait_ms`."""
        if not self._waiting:
            self._fill(wait_ms)
        return self.take_waiting(commands_max)

    def go_back(self, position: str) -> None:
        """Take everything after a committed position once more."""
        self._waiting.clear()
        self.read_to = self.committed = position

    @property
    def has_waiting(self) -> bool:
        """Whether there is a batch that has been read."""
        return bool(self._waiting)

    def take_waiting(self, commands_max: int | None = None) -> Intake | None:
        """Return the next batch of what has been read, or None: whole entries, until it has so many commands."""
        if not self._waiting:
            return None
        parcels: list[Parcel] = []
        commands = 0
        position = ""
        while self._waiting and commands < (commands_max or BATCH_COMMANDS_MAX):
            position, packed = self._waiting.popleft()
            parcel = _unpack(position, packed)
            if parcel is not None and parcel.requests:
                parcels.append(parcel)
                commands += len(parcel.requests)
        return Intake(position, parcels)

    def _fill(self, wait_ms: int) -> None:
        if self._was_away:
            self.prepare()
        self._was_away = True  # unless it answers
        self._trim()
        answer = self._pipe.xread({self._key: self.read_to}, count=BATCH_ENTRIES_MAX, block=wait_ms)
        self._was_away = False
        for _, entries in pipes.pages(answer):
            for entry, fields in entries:
                self.read_to = _text(entry)
                self._waiting.append((self.read_to, fields.get(pipes.FIELD, b"")))

    def _trim(self) -> None:
        """Drop what is committed from the stream, so that its length is the backlog.

        Before each read, not after each batch: under load that is one round trip for many batches.
        """
        position = self.committed
        if position != self._trimmed:
            self._pipe.xtrim(self._key, minid=_after(position), approximate=False)
            self._trimmed = position


def _unpack(position: str, packed: bytes) -> Parcel | None:
    try:
        parcel = screened(_decoder.decode(packed))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        # Nobody was promised anything about it, and stopping here would stop the exchange.
        log.error("entry %s of the command stream is not a parcel and is skipped: %s", position, error)
        return None
    return parcel


def _text(entry: bytes | str) -> str:
    return entry.decode() if isinstance(entry, bytes) else entry


def number_of(position: str) -> tuple[int, int]:
    """Return an entry's id as numbers, which are in the order of the entries."""
    milliseconds, _, count = position.partition("-")
    return int(milliseconds), int(count or 0)


def _after(position: str) -> str:
    milliseconds, count = number_of(position)
    return f"{milliseconds}-{count + 1}"
