"""The clients of the websocket API count what took effect, and let no answer pass that should not be."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

from bench import web_client
from bench.web_client import Plan, WrongAnswer, run

Request = dict[str, Any]
Answer = Callable[[Request], Request | None]


class Server(WSListener):
    """Gives the answers of a function, and none where that gives none."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        request = json.loads(frame.get_payload_as_bytes())
        answer = self._answer(request)
        if answer is not None:
            transport.send(WSMsgType.TEXT, json.dumps({"id": request["id"], **answer}).encode())


class Exchange:
    """Takes every order; every third cancel comes too late, and the first requests of all are refused."""

    def __init__(self, refused: int = 0) -> None:
        self.refused = refused
        self.placed = self.cancels = 0

    def __call__(self, request: Request) -> Request:
        if self.refused:
            self.refused -= 1
            return error(-1008)
        if request["method"] == "order.cancel":
            self.cancels += 1
            return error(-2011) if self.cancels % 3 == 0 else {"status": 200, "result": {"status": "CANCELED"}}
        self.placed += 1
        return {"status": 200, "result": {"orderId": self.placed, "status": "NEW"}}


def error(code: int) -> Request:
    return {"status": 400, "error": {"code": code, "msg": ""}}


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[str]:
    """Run a server and give its URL."""
    server = await ws_create_server(lambda _: Server(answer), "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()


def plan_of(url: str, *, in_flight: int = 5, is_echo: bool = False) -> Plan:
    """Return a short plan."""
    return Plan(
        url=url, keys=[("key", "secret")], symbol="ETHBTC", middle=5_000, tick="0.00001", quantity="0.1",
        connections=2, in_flight=in_flight, seconds=0.5, warm_up_s=0.5, is_echo=is_echo,
    )  # fmt: skip


async def test_what_took_effect_is_counted_by_kind_and_what_did_not_by_code() -> None:
    exchange = Exchange()

    async with answering(exchange) as url:
        told = await run(plan_of(url))

    answers = told["answers"]
    assert set(answers) == {"placed", "cancelled", "-2011"}
    assert told["per_second"] == (answers["placed"] + answers["cancelled"]) / told["seconds"]
    # From the first to the last one, so that it can be compared with what is in the database.
    assert told["placed"] == exchange.placed > answers["placed"]
    assert 0 < told["p50_ms"] <= told["p99_ms"]


async def test_what_comes_while_it_warms_up_is_told_apart() -> None:
    async with answering(Exchange(refused=20)) as url:
        told = await run(plan_of(url))

    assert told["warm_up"]["-1008"] == 20
    assert "-1008" not in told["answers"]


async def test_processor_time_is_told_by_role() -> None:
    scripts = {"busy": "while True: pass", "idle": "import signal; signal.pause()"}
    processes = {role: subprocess.Popen([sys.executable, "-c", script]) for role, script in scripts.items()}
    try:
        async with answering(Exchange()) as url:
            plan = plan_of(url)
            plan.processes = {role: process.pid for role, process in processes.items()}
            told = await run(plan)
    finally:
        for process in processes.values():
            process.kill()
            process.wait()

    assert set(told["cores"]) == {"busy", "idle", "clients"}
    assert told["cores"]["idle"] < min(told["cores"]["busy"], told["cores"]["clients"])


async def test_an_echo_is_neither_placed_nor_cancelled() -> None:
    async with answering(lambda request: request) as url:
        told = await run(plan_of(url, is_echo=True))

    assert set(told["answers"]) == {"echoed"}
    assert told["placed"] == 0


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (error(-1000), "nothing took effect in .*'-1000'"),
        ({"status": 500}, "nothing took effect in .*'status 500 without a code'"),
        ({"method": "order.place", "params": {}}, "nothing took effect in .*'status 200 without a code'"),
        (None, "nothing took effect in"),
    ],
)
async def test_nothing_that_took_effect_is_no_result(answer: Request | None, words: str) -> None:
    async with answering(lambda _: answer) as url:
        with pytest.raises(WrongAnswer, match=words):
            await run(plan_of(url))


async def test_a_single_answer_that_should_not_be_ends_the_run() -> None:
    exchange = Exchange()

    async with answering(lambda request: error(-1007) if request["id"] == 3 else exchange(request)) as url:
        with pytest.raises(WrongAnswer, match=r"answers that should not be: \{'-1007': 2\}"):
            await run(plan_of(url))


async def test_a_request_that_is_never_answered_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = Exchange()
    monkeypatch.setattr(web_client, "_DRAIN_S_MAX", 1.0)

    async with answering(lambda request: None if request["id"] == 3 else exchange(request)) as url:
        with pytest.raises(WrongAnswer, match=r"2 requests were not answered in 1 s"):
            await run(plan_of(url))
