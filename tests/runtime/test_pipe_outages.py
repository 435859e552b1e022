"""A pipe that goes away at the worst moment: what is committed is told when it is back, by the same engine."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import redis
from django.conf import settings

from launcher.services import Process
from trading.engine.commands import Parcel, ReleaseHold, Request
from trading.gateway import pipes
from trading.models import EngineState
from trading.runtime.inbox import Inbox, Intake
from trading.runtime.loop import Engine

pytestmark = pytest.mark.django_db(transaction=True)


class Breaking:
    """A pipe whose calls fail as the script says, one word a call: "lost" is carried out, "down" is not."""

    def __init__(self, pipe: Any, name: str, script: list[str]) -> None:
        self._pipe = pipe
        self._name = name
        self._script = script

    def client(self) -> "Breaking":
        """Break the same calls on a connection of its own."""
        return Breaking(self._pipe.client(), self._name, self._script)

    @property
    def connection(self) -> "Breaking":
        """Break the same calls where commands are sent."""
        return Breaking(self._pipe.connection, self._name, self._script)

    def __getattr__(self, name: str) -> Any:
        real: Callable[..., Any] = getattr(self._pipe, name)
        if name != self._name or not self._script:
            return real
        what = self._script.pop(0)

        def broken(*args: Any, **kwargs: Any) -> None:
            if what == "lost":
                real(*args, **kwargs)
            if name == "read_response":
                self._pipe.disconnect()  # as the library does when it cannot read
            raise redis.TimeoutError(what) if what == "lost" else redis.ConnectionError(what)

        return broken


@pytest.mark.parametrize(
    ("call", "script", "published"),
    [
        ("send_command", ["down"], 1),
        ("send_command", ["down", "down", "down"], 1),
        ("read_response", ["down"], 2),  # the same batch twice: readers drop the second
        ("read_response", ["lost", "lost"], 3),
        ("xtrim", ["down"], 1),
    ],
)
def test_an_engine_outlives_its_pipe(valkey: Process, call: str, script: list[str], published: int) -> None:
    pipe: Any = pipes.connection()
    pipe.delete(pipes.events_key(settings.MEX_SHARD), pipes.commands_key(settings.MEX_SHARD))
    engine = Engine(settings.MEX_SHARD, Breaking(pipe, call, script))  # type: ignore[arg-type]
    batch = EngineState.objects.get(shard=settings.MEX_SHARD).batch

    engine.process(Intake("1-0", [Parcel("web", [Request(1, ReleaseHold("none"))])]))

    entries = pipe.xrange(pipes.events_key(settings.MEX_SHARD))
    assert len(entries) == published
    assert len({fields[pipes.FIELD] for _, fields in entries}) == 1
    state = EngineState.objects.get(shard=settings.MEX_SHARD)
    assert (state.batch, state.position, bytes(state.last_batch)) == (batch + 1, "1-0", entries[0][1][pipes.FIELD])
    engine.close()


def test_an_engine_that_is_stopped_while_the_pipe_is_down_leaves_its_batch_to_the_next(valkey: Process) -> None:
    pipe: Any = pipes.connection()
    pipe.delete(pipes.events_key(settings.MEX_SHARD))
    engine = Engine(settings.MEX_SHARD, Breaking(pipe, "send_command", ["down"] * 99))  # type: ignore[arg-type]
    engine.process(Intake("2-0", [Parcel("web", [Request(1, ReleaseHold("none"))])]), lambda: True)
    engine.close()
    assert pipe.xlen(pipes.events_key(settings.MEX_SHARD)) == 0

    successor = Engine(settings.MEX_SHARD, pipe)
    successor.start()

    [(_, fields)] = pipe.xrange(pipes.events_key(settings.MEX_SHARD))
    assert fields[pipes.FIELD] == bytes(EngineState.objects.get(shard=settings.MEX_SHARD).last_batch)
    successor.close()


def test_a_pipe_that_comes_back_empty_with_its_clock_behind_is_read_on(valkey: Process) -> None:
    """Its ids are times: new entries would get ids that the engine takes for old ones, and would never be seen."""
    pipe: Any = pipes.connection()
    key = pipes.commands_key(settings.MEX_SHARD)
    inbox = Inbox(Breaking(pipe, "xread", ["down"]), settings.MEX_SHARD, "9999999999999-0")  # type: ignore[arg-type]
    with pytest.raises(redis.ConnectionError):
        inbox.take(1)
    pipe.delete(key)

    assert inbox.take(1) is None
    pipe.xadd(key, {pipes.FIELD: msgspec.msgpack.encode(Parcel("web", [Request(1, ReleaseHold("none"))]))})
    intake = inbox.take(1)

    assert intake is not None
    assert [parcel.sender for parcel in intake.parcels] == ["web"]
    pipe.delete(key)
