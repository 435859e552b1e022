"""What a refusal over the websocket tells of the budgets, and of when to come back."""

import json
import time
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import override_settings

from accounts import throttle as module
from accounts.authentication import Caller
from tests.api.shapes import check
from trading.consumers import OrderConsumer

ACCOUNT = 7
ORDER = {"symbol": "ETHBTC", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "0.05"}


@pytest.fixture(autouse=True)
def fresh_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody have used anything, and no window end in a test."""
    for name, seconds in (("_weight", 60), ("_orders_10s", 10), ("_orders_day", 86_400)):
        monkeypatch.setattr(module.throttle, name, module.Window(seconds))
    monkeypatch.setattr(module.time, "time", lambda: 1_790_000_041.0)


async def refusal(frame: object, *, is_behind: bool = False, is_binary: bool = False) -> dict[str, Any]:
    """Return the answer to a frame of a connection that has a session."""
    consumer, answers = OrderConsumer(), []
    consumer.hub = SimpleNamespace(is_behind=is_behind, catalog=None)  # type: ignore[assignment]
    consumer._address, consumer._tell_limits = "198.51.100.1", True
    consumer._session = Caller(account=ACCOUNT, can_trade=True, can_withdraw=False)
    consumer.put = lambda text: answers.append(json.loads(text))  # type: ignore[method-assign]
    if is_binary:
        consumer.text_of_binary(b"")
    else:
        await consumer.take(frame if isinstance(frame, str) else json.dumps(frame))
    [answer] = answers
    return dict(answer)


def counts(answer: dict[str, Any]) -> list[tuple[str, str, int]]:
    """Return the kind, interval and count of each of an answer's limits."""
    return [(row["rateLimitType"], row["interval"], row["count"]) for row in answer["rateLimits"]]


@pytest.mark.parametrize(
    ("frame", "code", "weight"),
    [
        ("no JSON", -1100, 1),
        ({"method": "nothing"}, -1020, 1),
        ({"method": "account.status", "params": {"apiKey": "not one of ours"}}, -2014, 20),
        ({"method": "account.status", "params": {"apiKey": "nor this", "returnRateLimits": "\0"}}, -2014, 20),
    ],
)
async def test_a_refusal_tells_the_weight(frame: object, code: int, weight: int) -> None:
    answer = await refusal(frame)

    assert (answer["status"] in (400, 401), answer["error"]["code"]) == (True, code)
    assert "data" not in answer["error"]
    assert counts(answer) == [("REQUEST_WEIGHT", "MINUTE", weight)]


async def test_a_binary_frame_is_told_the_weight() -> None:
    assert counts(await refusal(None, is_binary=True)) == [("REQUEST_WEIGHT", "MINUTE", 1)]


@pytest.mark.parametrize("method", ["nothing", "account.status", "order.place"])
async def test_a_refusal_leaves_the_limits_out_if_asked_to(method: str) -> None:
    params = {"apiKey": "not one of ours", "returnRateLimits": False}

    assert "rateLimits" not in await refusal({"method": method, "params": params})


@pytest.mark.parametrize("frame", ["no JSON", {"method": "nothing"}, {"method": "ping"}, {"method": "order.place"}])
async def test_too_much_weight_says_when_to_come_back(frame: object) -> None:
    with override_settings(WEIGHT_PER_MINUTE=0):
        answer = await refusal(frame)

    assert (answer["status"], answer["error"]["code"]) == (429, -1003)
    assert waits_ms(answer) == (60 - 1_790_000_041 % 60) * 1000
    assert counts(answer) == [("REQUEST_WEIGHT", "MINUTE", 1)]
    check({**answer, "id": ""}, "w_later")


async def test_too_many_orders_say_when_to_come_back_and_how_many_they_were() -> None:
    with override_settings(ORDERS_PER_10S=0):
        answer = await refusal({"method": "order.place", "params": ORDER})

    assert (answer["status"], answer["error"]["code"]) == (429, -1015)
    assert waits_ms(answer) == 9_000
    assert counts(answer) == [("REQUEST_WEIGHT", "MINUTE", 1), ("ORDERS", "SECOND", 1), ("ORDERS", "DAY", 1)]


async def test_a_server_that_is_behind_says_when_to_come_back() -> None:
    answer = await refusal({"method": "order.place", "params": ORDER}, is_behind=True)

    assert (answer["status"], answer["error"]["code"]) == (503, -1008)
    assert waits_ms(answer) == 1_000
    assert counts(answer) == [("REQUEST_WEIGHT", "MINUTE", 1)]


def waits_ms(answer: dict[str, Any]) -> int:
    """Return how long a refusal asks to wait, ms; it must count from now."""
    data = answer["error"]["data"]
    assert -3_000 < data["serverTime"] - time.time_ns() // 1_000_000 < 3_000
    return int(data["retryAfter"] - data["serverTime"])
