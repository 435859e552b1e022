"""REST routes of the trading API: /api/v3, and the empty answers that clients ask for when they start."""

from collections.abc import Callable
from typing import TypeAlias

from django.urls import URLPattern

from accounts.authentication import Caller
from accounts.endpoints import Endpoint, Operation, route
from mex.params import Params
from trading import api, orders_api
from trading.gateway.catalog import Catalog
from trading.gateway.hub import get_hub
from trading.orders_api import Submission

Prepare: TypeAlias = Callable[[Caller, Params, Catalog], Submission]


def _awaited(prepare: Prepare) -> Operation:
    """Return the operation that sends a submission and waits for its answer; a websocket does not wait."""

    async def operation(caller: Caller | None, params: Params) -> object:
        assert caller is not None
        hub = await get_hub()
        submission = prepare(caller, params, hub.catalog)
        return submission.render(await hub.client.request(submission.command))

    return operation


def _always(answer: object) -> Endpoint:
    async def operation(caller: Caller | None, params: Params) -> object:
        return answer

    return Endpoint(operation)


urlpatterns: list[URLPattern] = [
    route("api/v3/ping", GET=Endpoint(api.ping)),
    route("api/v3/time", GET=Endpoint(api.time)),
    route("api/v3/exchangeInfo", GET=Endpoint(api.exchange_info, weight=20)),
    route("api/v3/depth", GET=Endpoint(api.depth, weight=5)),
    route("api/v3/trades", GET=Endpoint(api.trades, weight=25)),
    route("api/v3/ticker/bookTicker", GET=Endpoint(api.book_ticker, weight=4)),
    route("api/v3/account", GET=Endpoint(api.account, signed=True, weight=20)),
    route(
        "api/v3/order",
        GET=Endpoint(api.order, signed=True, weight=4),
        POST=Endpoint(_awaited(orders_api.place), signed=True, trade=True, order=True),
        DELETE=Endpoint(_awaited(orders_api.cancel), signed=True, trade=True),
    ),
    route("api/v3/openOrders", GET=Endpoint(api.open_orders, signed=True, weight=6)),
    route("api/v3/allOrders", GET=Endpoint(api.all_orders, signed=True, weight=20)),
    route("api/v3/myTrades", GET=Endpoint(api.my_trades, signed=True, weight=20)),
    # Clients ask these when they start (docs/api.md): no margin, no futures, nothing to be delisted.
    route("sapi/v1/margin/allPairs", GET=_always([])),
    route("sapi/v1/margin/isolated/allPairs", GET=_always([])),
    route("sapi/v1/spot/delist-schedule", GET=_always([])),
    route("fapi/v1/exchangeInfo", GET=_always({"symbols": []})),
    route("dapi/v1/exchangeInfo", GET=_always({"symbols": []})),
]
