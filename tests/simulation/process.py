"""An engine's process as the simulation keeps it, and its end of the pipe."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import redis

from tests.simulation.committer import Committer
from tests.simulation.streams import COMMANDS, EVENTS, Streams, as_answer, id_of
from tests.simulation.witness import Life
from trading.engine.events import Batch
from trading.gateway import pipes
from trading.runtime.loop import Engine

Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class Process:
    """An engine's process."""

    life: Life
    is_near: bool
    """Whether the next engine runs on the same host, where one can see that a process is gone."""
    skew_ms: int
    """How far its clock is off."""
    committer: Committer | None
    """Its second thread."""
    engine: Engine | None = None
    turns_left: int = 0
    """After so many turns, whoever leads inside of another's call gives way."""
    is_pausing: bool = False
    is_told_to_stop: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether nothing of it is under way in its second thread."""
        return self.committer is None or self.committer.is_idle

    @property
    def identity(self) -> str:
        """What its lease names."""
        return f"{'near' if self.is_near else 'far'}:{self.life.number}:1"


class Host(Protocol):
    """Where a process runs: the world, as its pipe sees it."""

    streams: Streams
    is_down: bool

    def pass_place(self, place: str) -> None:
        """Pass a place where a fault may strike."""

    def wait(self, process: Process) -> bool:
        """Let everybody else have his turn; return whether the process may go on."""

    def let_pass(self, ms: int) -> None:
        """Let time pass."""

    def publishes(self, packed: bytes) -> Batch | None:
        """See a batch being published."""

    def trims(self, entry: str) -> None:
        """See the command stream being trimmed."""


class PipeEnd:
    """What an engine has in its hands of the pipe: the calls that it makes, with a client's names for them."""

    def __init__(self, host: Host, process: Process) -> None:
        self._host = host
        self._process = process

    def client(self) -> "PipeEnd":
        """Return a connection of its own: here, the same one."""
        return self

    def xread(self, streams: Mapping[str, str], count: int | None = None, block: int | None = None) -> Any:
        """Return new entries; wait for them when there are none."""
        host = self._host
        [(key, start)] = streams.items()
        assert key == COMMANDS
        if not host.wait(self._process):
            return []
        found = self._call("read", lambda: host.streams.after(key, start, count))
        if not found:
            host.let_pass(block or 0)
            return []
        self._process.life.read |= {entry.number: entry for entry in found}
        return as_answer(key, found)

    def xadd(
        self,
        name: str,
        fields: Mapping[bytes, bytes],
        id: str = "*",
        maxlen: int | None = None,
        approximate: bool = True,
    ) -> bytes:
        """Append an entry: a batch, or the mark of a position."""
        packed = fields[pipes.FIELD]
        if name == EVENTS:
            return self._call("publish", lambda: self._publish(packed, maxlen))
        return self._call("prepare", lambda: id_of(self._host.streams.add(name, packed, id).number))

    def xdel(self, name: str, *ids: str) -> int:
        """Remove entries."""
        return self._call("prepare", lambda: sum(self._host.streams.remove(name, id) for id in ids))

    def xtrim(self, name: str, minid: str, approximate: bool = True) -> int:
        """Remove what is before an id."""
        return self._call("trim", lambda: self._trim(name, minid))

    def xinfo_stream(self, name: str) -> dict[str, bytes]:
        """Return what the server knows of a stream."""
        return self._call("prepare", lambda: self._host.streams.info(name))

    def _publish(self, packed: bytes, maxlen: int | None) -> bytes:
        host = self._host
        host.publishes(packed)
        entry = host.streams.add(EVENTS, packed)
        if maxlen is not None:
            host.streams.trim_to(EVENTS, maxlen)
        return id_of(entry.number)

    def _trim(self, name: str, minid: str) -> int:
        self._host.trims(minid)
        return self._host.streams.trim_before(name, minid)

    def _call(self, name: str, carry_out: Callable[[], Result]) -> Result:
        host = self._host
        host.pass_place(f"{name} before")
        if host.is_down:
            raise redis.ConnectionError("the pipe's server is away")
        answer = carry_out()
        host.pass_place(f"{name} after")
        return answer
