"""Request weight and order budgets."""

import pytest
from django.test import RequestFactory, override_settings

from accounts import throttle as module
from accounts.endpoints import Endpoint, answer, json_error, unknown
from accounts.throttle import Throttle
from mex.errors import EngineBusy, TooManyOrders, TooManyRequests
from trading import api


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands still at its last entry."""
    times = [1_790_000_041.0]
    monkeypatch.setattr(module.time, "time", lambda: times[-1])
    return times


@override_settings(WEIGHT_PER_MINUTE=10)
def test_an_address_has_a_weight_per_minute(clock: list[float]) -> None:
    throttle = Throttle()
    assert [throttle.request("a", 5), throttle.request("a", 5), throttle.request("b", 1)] == [5, 10, 1]

    with pytest.raises(TooManyRequests) as raised:
        throttle.request("a", 1)

    assert (raised.value.code, raised.value.status) == (-1003, 429)
    assert raised.value.message == "Too much request weight used; current limit is 10 request weight per 1 MINUTE."
    assert raised.value.retry_after_s == 60 - 1_790_000_041 % 60
    clock.append(clock[-1] + raised.value.retry_after_s)
    assert throttle.request("a", 1) == 1


@override_settings(ORDERS_PER_10S=2, ORDERS_PER_DAY=3)
def test_an_account_has_orders_per_ten_seconds_and_per_day(clock: list[float]) -> None:
    throttle = Throttle()
    assert throttle.order(1) == {"X-MBX-ORDER-COUNT-10S": "1", "X-MBX-ORDER-COUNT-1D": "1"}
    throttle.order(1)

    with pytest.raises(TooManyOrders) as soon:
        throttle.order(1)
    clock.append(clock[-1] + 10)
    with pytest.raises(TooManyOrders) as tomorrow:
        throttle.order(1)

    assert soon.value.message == "Too many new orders; current limit is 2 orders per 10 SECOND."
    assert soon.value.retry_after_s == 9
    assert tomorrow.value.message == "Too many new orders; current limit is 3 orders per 1 DAY."
    assert tomorrow.value.retry_after_s == 86_400 - int(clock[-1]) % 86_400
    assert throttle.order(2)["X-MBX-ORDER-COUNT-1D"] == "1"


@override_settings(WEIGHT_PER_MINUTE=0)
async def test_a_refusal_says_when_to_come_back() -> None:
    response = await answer(RequestFactory().get("/api/v3/ping"), Endpoint(api.ping))

    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 60
    assert int(response["X-MBX-USED-WEIGHT-1M"]) > 0
    assert response["Content-Type"] == "application/json"


@override_settings(WEIGHT_PER_MINUTE=0)
async def test_a_request_for_what_is_not_there_counts_too() -> None:
    request = RequestFactory().get("/api/v3/nothing", REMOTE_ADDR="198.51.100.7")

    weights = []
    for _ in range(2):
        response = await unknown(request)
        assert (response.status_code, int(response["Retry-After"]) > 0) == (429, True)
        weights.append(int(response["X-MBX-USED-WEIGHT-1M"]))

    assert weights in ([1, 2], [1, 1])  # a minute may end between them


def test_an_overloaded_server_says_when_to_come_back() -> None:
    response = json_error(EngineBusy())

    assert (response.status_code, response["Retry-After"]) == (503, "1")
