"""An engine's process as the simulation keeps it, and its end of the pipe."""

import random
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
    def may_pause(self) -> bool:
        """Whether it could go on later: told to end with a batch on its way to readers, it would leave that one."""
        return self.is_settled and self.engine is not None and not self.engine._publisher.unconfirmed

    @property
    def identity(self) -> str:
        """What its lease names."""
        return f"{'near' if self.is_near else 'far'}:{self.life.number}:1"


class Host(Protocol):
    """Where a process runs: the world, as its pipe sees it."""

    chance: random.Random
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
        self._sent: tuple[Any, ...] = ()
        """A batch that is on its way to the server, and how many entries may stay with it."""
        self._answer = b""

    def client(self) -> "PipeEnd":
        """Return a connection of its own: here, the same one."""
        return self

    @property
    def connection(self) -> "PipeEnd":
        """What commands can be sent by without waiting for their answers."""
        return self

    def send_command(self, *words: Any) -> None:
        """Send a batch. The server takes it at once, or when its answer is asked for, if it is still there then."""
        assert words[:4] == ("XADD", EVENTS, "MAXLEN", "~")
        assert words[5:7] == ("*", pipes.FIELD)
        self._sent = words[7], words[4]
        if self._host.chance.random() < 0.5:
            self._deliver()

    def read_response(self) -> bytes:
        """Return the answer to what was sent."""
        if self._sent:
            self._deliver()
        answer, self._answer = self._answer, b""
        assert answer, "nothing was sent"
        self._host.pass_place("publish after")
        return answer

    def _deliver(self) -> None:
        (packed, count), self._sent = self._sent, ()
        host = self._host
        host.pass_place("publish before")
        if host.is_down:
            raise redis.ConnectionError("the pipe's server is away")
        host.publishes(packed)
        self._answer = id_of(host.streams.add(EVENTS, packed).number)
        host.streams.trim_to(EVENTS, count)

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

    def xadd(self, name: str, fields: Mapping[bytes, bytes], id: str) -> bytes:
        """Append the mark of a position."""
        packed = fields[pipes.FIELD]
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
