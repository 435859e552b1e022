"""A web process that is behind refuses new orders, and takes them again as soon as it has caught up."""

import asyncio
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest

from accounts.authentication import Caller
from mex.errors import EngineBusy
from mex.limits import LOOP_LATE_MAX_S
from mex.params import Params
from trading import rest_urls
from trading.consumers import OrderConsumer
from trading.gateway import pulse as pulse_module
from trading.gateway.pulse import Pulse

NEW = ("order.place", "order.cancelReplace", "orderList.place", "orderList.place.oco")
OTHERS = ("order.cancel", "order.amend.keepPriority", "openOrders.cancelAll", "order.status")


class Clock:
    """A clock that can be put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


class StoppedClock(Clock):
    """One that goes on only when it is put forward."""

    def monotonic(self) -> float:
        return self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pulse_module, "time", clock)
    return clock


def test_it_is_late_within_a_turn_that_takes_too_long_and_not_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = StoppedClock()
    monkeypatch.setattr(pulse_module, "time", clock)

    async def found() -> list[bool]:
        pulse = Pulse()
        pulse.start()
        answers = [pulse.is_late]
        clock.ahead = LOOP_LATE_MAX_S - 0.05  # a turn that is long, but not too long
        answers.append(pulse.is_late)
        clock.ahead = 60
        answers.append(pulse.is_late)
        async with asyncio.timeout(60):
            while pulse.is_late:
                await asyncio.sleep(0.01)
        pulse.stop()
        clock.ahead = 3600
        return [*answers, pulse.is_late]

    assert asyncio.run(found()) == [False, False, True, False]


def test_what_was_read_before_the_timer_is_due_does_not_come_before_it(clock: Clock) -> None:
    """One long turn, as of the collector, refuses nothing: the timer comes before what was read meanwhile."""

    async def found() -> bool:
        loop, pulse = asyncio.get_running_loop(), Pulse()
        pulse.start()
        late: asyncio.Future[bool] = loop.create_future()

        def stall() -> None:
            while time.monotonic() < pulse._due:
                pass
            clock.ahead = 60
            # As a reader wakes a consumer: by a call of the turn after this one.
            loop.call_soon(lambda: loop.call_soon(lambda: late.set_result(pulse.is_late)))

        loop.call_soon(stall)
        try:
            return await late
        finally:
            pulse.stop()

    assert asyncio.run(found()) is False


def test_new_orders_are_refused_over_the_websocket_and_the_rest_passes() -> None:
    async def found() -> dict[str, object]:
        consumer, answers = OrderConsumer(), []
        consumer.hub = SimpleNamespace(is_behind=True)  # type: ignore[assignment]
        consumer._address, consumer._session, consumer._tell_limits = "198.51.100.1", None, False
        consumer.put = lambda text: answers.append(json.loads(text))  # type: ignore[method-assign]
        for method in (*NEW, *OTHERS):
            await consumer.take(json.dumps({"id": method, "method": method, "params": {}}))
        return {answer["id"]: (answer["status"], answer["error"]["code"]) for answer in answers}

    told = asyncio.run(found())

    assert {method: told[method] for method in NEW} == dict.fromkeys(NEW, (503, -1008))
    # These get as far as the missing key.
    assert {told[method][1] for method in OTHERS} == {-2014}  # type: ignore[index]


def test_new_orders_are_refused_over_rest_and_the_rest_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    class PreparedError(Exception):
        pass

    def prepare(caller: Caller, params: Params, catalog: object) -> Any:
        raise PreparedError()

    async def late_hub() -> object:
        return SimpleNamespace(is_behind=True, catalog=None)

    monkeypatch.setattr(rest_urls, "get_hub", late_hub)
    caller = Caller(account=1, can_trade=True, can_withdraw=False)

    for orders, expected in ((1, EngineBusy), (0, PreparedError)):
        operation = rest_urls._trade(prepare, orders=orders).operation
        with pytest.raises(expected):
            asyncio.run(operation(caller, Params({})))  # type: ignore[arg-type]
