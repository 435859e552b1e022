"""The generator as the controller runs it: open loop, latency from the intended time, refusals apart from errors."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadtest.acks import AckFile, read_acks
from loadtest.arrivals import poisson
from loadtest.children import Child, ChildFailed
from loadtest.generator import Generator
from loadtest.histogram import Histogram
from loadtest.markets import MARKETS
from loadtest.messages import Run, Second, Setup, Times, User
from loadtest.mix import parse_mix
from loadtest.steps import add
from tests.loadtest.fake_exchange import Answer, FakeExchange, accept, refuse

Start = Callable[..., "Child[Second]"]


def setup_for(url: str, acks: Path, mix: str = "place=1", connections: int = 2) -> Setup:
    return Setup(
        url=url,
        users=[User("a@example.com", "key", "secret")],
        markets=list(MARKETS.values()),
        mix=parse_mix(mix),
        seed="seed",
        prefix="lt-",
        acks=str(acks),
        connections=connections,
        open_orders=10_000,
        user_streams=True,
    )


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    children: list[Child[Second]] = []

    def make(mex: FakeExchange | str, *, mix: str = "place=1", connections: int = 2) -> Child[Second]:
        setup = setup_for(mex if isinstance(mex, str) else mex.url, tmp_path / "acks.txt", mix, connections)
        child = Child(
            "loadtest.generator", setup, Second, environment=os.environ, log=tmp_path / f"log-{len(children)}"
        )
        children.append(child)
        child.wait_ready()
        return child

    yield make
    for child in children:
        child.close()


def all_of(child: "Child[Second]", run: Run) -> Second:
    """Do a step and return all that happened in it."""
    child.send(run)
    whole = Second(t=0)
    while True:
        second = child.next(30)
        add(whole, second)
        if second.done:
            whole.in_flight = second.in_flight
            return whole


def quantile_ms(times: Times, part: float) -> float:
    return times.histogram().quantile_us(part) / 1000


def test_what_is_sent_and_acknowledged_is_counted_and_written_down(start: Start, tmp_path: Path) -> None:
    with FakeExchange() as mex:
        child = start(mex, mix="place=60,cancel=25,cross=10,replace=5")
        whole = all_of(child, Run(200, 1.5, 10, 1))
        child.close()

        sent = list(poisson(200, "seed:1", 1.5))
        assert whole.sent == whole.acked == len(mex.requests) == len(sent)
        assert (whole.refused, whole.errors, whole.in_flight) == ({}, {}, 0)
        assert sum(whole.kinds.values()) == whole.sent
        assert set(whole.kinds) == {"place", "cancel", "cross", "replace"}
        assert whole.cancel_latency.histogram().total == whole.kinds["cancel"]
        assert whole.latency.histogram().total == whole.sent - whole.kinds["cancel"]
        assert whole.late.histogram().total == whole.sent

    acks = list(read_acks(tmp_path / "acks.txt"))
    orders = {
        (number + 1, request["params"]["newClientOrderId"], request["params"]["symbol"])
        for number, request in enumerate(mex.requests)
        if request["method"] != "order.cancel"
    }
    cancels = {
        int(params["orderId"] if request["method"] == "order.cancel" else params["cancelOrderId"])
        for request in mex.requests
        if request["method"] != "order.place"
        for params in [request["params"]]
    }
    assert {ack[:3] for ack in acks if not ack.is_cancel} == orders
    assert {ack.order for ack in acks if ack.is_cancel} == cancels
    assert len(acks) == len(orders) + len(cancels)


def test_a_stall_is_charged_to_every_order_that_was_meant_to_be_sent_in_it(start: Start) -> None:
    # A generator that waits for answers sends two orders (one a connection) into the stall, and finds a fine p99.
    with FakeExchange(stall=(0.5, 1.5)) as mex:
        whole = all_of(start(mex), Run(200, 2.0, 10, 1))

    assert whole.sent == whole.acked == len(list(poisson(200, "seed:1", 2.0)))
    # Half of all orders fall into the second of the stall, and wait for its end: from no time up to all of it.
    assert quantile_ms(whole.latency, 0.75) > 350
    assert quantile_ms(whole.latency, 0.99) > 900
    # It was not the generator that was late.
    assert quantile_ms(whole.late, 0.5) < quantile_ms(whole.latency, 0.75) / 2


def test_a_generator_that_stood_still_says_so(start: Start) -> None:
    with FakeExchange() as mex:
        child = start(mex)
        child.send(Run(200, 2.0, 10, 1))
        first = child.next(10)
        os.kill(child.pid, signal.SIGSTOP)
        stopped_s = time.monotonic()
        while time.monotonic() < stopped_s + 0.5:
            pass
        os.kill(child.pid, signal.SIGCONT)
        whole = first
        while not whole.done:
            second = child.next(10)
            add(whole, second)
            whole.done = second.done

    assert whole.sent == whole.acked == len(list(poisson(200, "seed:1", 2.0)))
    assert whole.late.max_us >= 450_000
    assert whole.latency.max_us >= 450_000


@pytest.mark.parametrize("code", [-1008, -1015, -1003])
def test_what_may_be_repeated_is_no_error(start: Start, code: int, tmp_path: Path) -> None:
    with FakeExchange(refuse(code)) as mex:
        whole = all_of(start(mex), Run(100, 0.5, 10, 1))

    assert whole.sent > 0
    assert (whole.refused, whole.errors, whole.acked) == ({str(code): whole.sent}, {}, 0)
    lines = [line.split() for line in (tmp_path / "acks.txt").read_text().splitlines()]
    assert len({words[1] for words in lines}) == whole.sent
    assert {(words[0], words[-2]) for words in lines} == {("0", "REFUSED")}


@pytest.mark.parametrize("code", [-1007, -2010, -1021])
def test_everything_else_is_an_error(start: Start, code: int) -> None:
    with FakeExchange(refuse(code)) as mex:
        whole = all_of(start(mex), Run(100, 0.5, 10, 1))

    assert whole.sent > 0
    assert (whole.refused, whole.errors, whole.acked) == ({}, {str(code): whole.sent}, 0)


@pytest.mark.parametrize("answer", [accept, refuse(-1008)], ids=["acknowledged", "refused"])
def test_what_is_answered_after_it_was_given_up_is_written_down_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    told: list[Second] = []
    monkeypatch.setattr("loadtest.generator.LOST_AFTER_S", 0.2)
    monkeypatch.setattr("loadtest.generator.say", told.append)
    path = tmp_path / "acks.txt"

    async def course(mex: FakeExchange) -> None:
        with path.open("a") as file:
            generator = Generator(setup_for(mex.url, path), AckFile(file))
            await generator.open()
            await generator.run(Run(50, 0.5, 10, 1))
            monkeypatch.undo()
            monkeypatch.setattr("loadtest.generator.say", told.append)
            # Answers come in order: with those to these requests, all to those before have come.
            await generator.run(Run(100, 2, 10, 2))
            await generator.close()

    with FakeExchange(answer, stall=(0, 1.0)) as mex:
        asyncio.run(course(mex))

    whole = Second(t=0)
    for second in told:
        add(whole, second)
    assert set(whole.errors) == {"no answer"}
    assert whole.acked + sum(whole.refused.values()) + whole.errors["no answer"] == whole.sent
    assert len(list(read_acks(path))) == len(mex.requests) == whole.sent


def test_a_cancel_that_came_too_late_is_answered_rightly(start: Start) -> None:
    def answer(number: int, request: dict[str, object]) -> dict[str, object]:
        return (refuse(-2011) if request["method"] == "order.cancel" else accept)(number, request)

    with FakeExchange(answer) as mex:
        whole = all_of(start(mex, mix="place=1,cancel=1"), Run(100, 1, 10, 1))

    assert whole.late_cancels == whole.kinds["cancel"] > 0
    assert (whole.acked, whole.errors) == (whole.kinds["place"], {})


def test_a_connection_that_is_lost_is_opened_again_and_what_was_lost_is_told(start: Start) -> None:
    with FakeExchange(hang_up_after=20) as mex:
        child = start(mex, connections=1)
        first = all_of(child, Run(100, 2, 10, 1))
        second = all_of(child, Run(50, 0.5, 10, 2))

    assert first.acked + sum(first.errors.values()) == first.sent
    assert set(first.errors) <= {"connection lost", "disconnected"}
    assert first.errors["disconnected"] > 0
    assert mex.connections == 2
    assert second.acked == second.sent > 0


def test_it_ends_with_its_input_in_the_middle_of_a_step_and_keeps_what_was_acknowledged(
    start: Start, tmp_path: Path
) -> None:
    with FakeExchange() as mex:
        child = start(mex)
        child.send(Run(200, 600, 10, 1))
        second = child.next(10)

        child.close()

        acks = list(read_acks(tmp_path / "acks.txt"))
        assert second.acked > 0
        assert second.acked <= len(acks) <= len(mex.requests)


def test_an_exchange_that_is_not_there_is_told(start: Start) -> None:
    with pytest.raises(ChildFailed, match=r"127\.0\.0\.1:9"):
        start("http://127.0.0.1:9")


def test_the_second_that_is_told_is_about_one(start: Start) -> None:
    with FakeExchange() as mex:
        child = start(mex)
        child.send(Run(50, 2.5, 10, 1))
        times = [child.next(10) for _ in range(4)]

    assert [second.draining for second in times] == [False, False, False, True]
    assert [second.done for second in times] == [False, False, False, True]
    assert all(second.t >= expected for second, expected in zip(times, (1, 2, 2.5, 2.5), strict=True))
    assert Histogram(times[0].late.counts).total == times[0].sent
