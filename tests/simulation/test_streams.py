"""The pipe in memory answers as the real server does, in all that the engine asks of it."""

from collections.abc import Callable
from typing import Any

import pytest
import redis

from launcher.services import Process as Service
from tests.simulation.process import PipeEnd, Process
from tests.simulation.streams import COMMANDS, EVENTS, Streams
from tests.simulation.witness import Life
from trading.gateway import pipes


class Quiet:
    """A host where nothing goes wrong."""

    is_down = False

    def __init__(self) -> None:
        self.streams = Streams(lambda: 5_000)

    def wait(self, process: Process) -> bool:
        return True

    def pass_place(self, place: str) -> None:
        """Let it pass."""

    let_pass = publishes = trims = pass_place  # type: ignore[assignment]  # all of them do nothing


def _lowest_first(pipe: Any) -> None:
    pipe.xadd(COMMANDS, {pipes.FIELD: b"b"}, id="7-2")
    pipe.xadd(COMMANDS, {pipes.FIELD: b"a"}, id="7-1")


def _removed(pipe: Any) -> tuple[Any, ...]:
    pipe.xadd(COMMANDS, {pipes.FIELD: b""}, id="9-9")
    return pipe.xdel(COMMANDS, "9-9"), pipe.xdel(COMMANDS, "9-9"), pipe.xinfo_stream(COMMANDS)["last-generated-id"]


def _read(start: str, count: int | None) -> Callable[[Any], list[Any]]:
    def ask(pipe: Any) -> list[Any]:
        for number in range(1, 6):
            pipe.xadd(COMMANDS, {pipes.FIELD: b"%d" % number}, id=f"3-{number}")
        return pipes.pages(pipe.xread({COMMANDS: start}, count=count, block=1))

    return ask


def _trimmed(minid: str) -> Callable[[Any], tuple[Any, ...]]:
    def ask(pipe: Any) -> tuple[Any, ...]:
        for number in range(1, 6):
            pipe.xadd(COMMANDS, {pipes.FIELD: b""}, id=f"3-{number}")
        gone = pipe.xtrim(COMMANDS, minid=minid, approximate=False)
        return gone, pipes.pages(pipe.xread({COMMANDS: "0-0"}, count=10, block=1))

    return ask


QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "the last id of a stream that is not there": lambda pipe: pipe.xinfo_stream(COMMANDS)["last-generated-id"],
    "nothing to read": lambda pipe: pipes.pages(pipe.xread({COMMANDS: "0-0"}, count=5, block=1)),
    "an id that is taken": lambda pipe: [pipe.xadd(COMMANDS, {pipes.FIELD: b"a"}, id="7-1") for _ in range(2)],
    "an id below the last": _lowest_first,
    "an id below one that was removed": lambda pipe: (_removed(pipe), _lowest_first(pipe)),
    "what was removed": _removed,
    "all that there is": _read("0-0", None),
    "what comes after": _read("3-2", None),
    "some of what comes after": _read("3-1", 2),
    "what comes after the last": _read("3-5", None),
    "what comes after an id that is not there": _read("2", None),
    "trimming a part": _trimmed("3-4"),
    "trimming all": _trimmed("3-6"),
    "trimming nothing": _trimmed("3-1"),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_both_answer_the_same(valkey: Service, question: str) -> None:
    real = pipes.connection()
    real.delete(COMMANDS, EVENTS)
    simulated = PipeEnd(Quiet(), Process(Life(1), is_near=True, skew_ms=0, committer=None))

    answers = [_answer(QUESTIONS[question], pipe) for pipe in (real, simulated)]

    assert answers[1] == answers[0]


def test_ids_follow_the_clock_and_never_fall() -> None:
    now = [5_000]
    streams = Streams(lambda: now[0])

    ids = []
    for time in (5_000, 5_000, 4_000, 6_000):
        now[0] = time
        ids.append(streams.add(EVENTS, b"").number)

    assert ids == [(5_000, 0), (5_000, 1), (5_000, 2), (6_000, 0)]


def _answer(question: Callable[[Any], Any], pipe: Any) -> Any:
    try:
        return question(pipe)
    except redis.ResponseError:
        return "refused"
