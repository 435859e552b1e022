"""The pipe, in memory: as much of a Redis server as the engine uses, with its words and its order of ids."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import redis

from trading.gateway import pipes

COMMANDS, EVENTS = pipes.commands_key(0), pipes.events_key(0)

Number = tuple[int, int]
"""An entry's id: milliseconds, and a count within them."""


def number_of(entry: bytes | str) -> Number:
    """Return an id as a pair that can be compared."""
    text = entry.decode() if isinstance(entry, bytes) else entry
    milliseconds, _, count = text.partition("-")
    return int(milliseconds), int(count or 0)


def id_of(number: Number) -> bytes:
    """Return the id that a pair stands for."""
    return f"{number[0]}-{number[1]}".encode()


@dataclass(slots=True)
class Entry:
    """One entry. What was forgotten stays known to the simulation, but to nobody else."""

    number: Number
    packed: bytes
    is_lost: bool = False


@dataclass(slots=True)
class Stream:
    """One stream: its entries in order, and the last id it gave out."""

    last: Number = (0, 0)
    entries: list[Entry] = field(default_factory=list)


class Streams:
    """The server. `now_ms` is its own clock."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._streams: dict[str, Stream] = {}
        self.archive: list[Entry] = []
        """Every command entry that there ever was, lost ones too."""

    def add(self, key: str, packed: bytes, entry: str = "*") -> Entry:
        """Append an entry. Raises ResponseError for an id that is not above the last one."""
        stream = self._streams.setdefault(key, Stream())
        if entry == "*":
            now = self._now_ms()
            number = (now, 0) if now > stream.last[0] else (stream.last[0], stream.last[1] + 1)
        else:
            number = number_of(entry)
            if number <= stream.last:
                raise redis.ResponseError(
                    "The ID specified in XADD is equal or smaller than the target stream top item"
                )
        stream.last = number
        added = Entry(number, packed)
        stream.entries.append(added)
        return added

    def send(self, packed: bytes) -> None:
        """Append a parcel to the command stream."""
        self.archive.append(self.add(COMMANDS, packed))

    def after(self, key: str, entry: str, count: int | None) -> list[Entry]:
        """Return the entries after an id, oldest first, at most `count`."""
        stream = self._streams.get(key)
        if stream is None:
            return []
        start = number_of(entry)
        found = [one for one in stream.entries if one.number > start]
        return found if count is None else found[:count]

    def last_id(self, key: str) -> bytes:
        """Return the last id that a stream gave out; 0-0 when there is no such stream."""
        return id_of(self._streams.get(key, Stream()).last)

    def info(self, key: str) -> dict[str, bytes]:
        """Return what is known of a stream. Raises ResponseError when there is no such stream."""
        if key not in self._streams:
            raise redis.ResponseError("no such key")
        return {"last-generated-id": self.last_id(key)}

    def remove(self, key: str, entry: str) -> int:
        """Remove one entry and return how many there were of it."""
        return self._keep(key, lambda one: one.number != number_of(entry))

    def trim_before(self, key: str, entry: str) -> int:
        """Remove what is before an id and return how many entries that were."""
        return self._keep(key, lambda one: one.number >= number_of(entry))

    def trim_to(self, key: str, count: int) -> int:
        """Keep the newest entries and return how many were removed."""
        entries = self._streams[key].entries if key in self._streams else []
        oldest = {id(one) for one in entries[: max(0, len(entries) - count)]}
        return self._keep(key, lambda one: id(one) not in oldest)

    def length(self, key: str) -> int:
        """Return how many entries a stream has."""
        return len(self._streams[key].entries) if key in self._streams else 0

    def lose_all(self) -> None:
        """Forget everything, as a server does that is started again."""
        for stream in self._streams.values():
            for entry in stream.entries:
                entry.is_lost = True
        self._streams.clear()

    def _keep(self, key: str, is_kept: Callable[[Entry], bool]) -> int:
        stream = self._streams.get(key)
        if stream is None:
            return 0
        before = len(stream.entries)
        stream.entries = [one for one in stream.entries if is_kept(one)]
        return before - len(stream.entries)


def as_answer(key: str, entries: list[Entry]) -> Any:
    """Return entries as XREAD returns them (RESP2)."""
    return [[key.encode(), [(id_of(one.number), {pipes.FIELD: one.packed}) for one in entries]]]
