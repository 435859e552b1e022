"""REST routes of the trading API: /api/v3, and the empty answers that clients ask for when they start."""

from collections.abc import Callable
from typing import TypeAlias

from django.urls import URLPattern

from accounts.authentication import Caller
from accounts.endpoints import Endpoint, Operation, route
from mex.errors import EngineBusy
from mex.params import Params
from trading import api, lists_api, orders_api
from trading.gateway.catalog import Catalog
from trading.gateway.hub import get_hub
from trading.orders_api import Submission

Prepare: TypeAlias = Callable[[Caller, Params, Catalog], Submission]


def _awaited(prepare: Prepare, *, is_new: bool) -> Operation:
    """Return the operation that sends a submission and waits for its answer; a websocket does not wait."""

    async def operation(caller: Caller | None, params: Params) -> object:
        assert caller is not None
        hub = await get_hub()
        if is_new and hub.is_behind:
            raise EngineBusy()
        submission = prepare(caller, params, hub.catalog)
        return submission.render(await hub.client.ask(submission.command))

    return operation


def _trade(prepare: Prepare, *, orders: int = 0, weight: int = 1) -> Endpoint:
    return Endpoint(_awaited(prepare, is_new=orders > 0), signed=True, trade=True, orders=orders, weight=weight)


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
    route("api/v3/account/commission", GET=Endpoint(api.commission, signed=True, weight=20)),
    route(
        "api/v3/order",
        GET=Endpoint(api.order, signed=True, weight=4),
        POST=_trade(orders_api.place, orders=1),
        DELETE=_trade(orders_api.cancel),
    ),
    route("api/v3/order/test", POST=Endpoint(api.order_test, signed=True, trade=True)),
    route("api/v3/order/cancelReplace", POST=_trade(orders_api.replace, orders=1)),
    route("api/v3/order/amend/keepPriority", PUT=_trade(orders_api.amend, weight=4)),
    route("api/v3/order/oco", POST=_trade(lists_api.place_by_limit_and_stop, orders=2)),
    route("api/v3/orderList/oco", POST=_trade(lists_api.place, orders=2)),
    route(
        "api/v3/orderList",
        GET=Endpoint(lists_api.one, signed=True, weight=4),
        DELETE=_trade(lists_api.cancel),
    ),
    route("api/v3/openOrderList", GET=Endpoint(lists_api.open_lists, signed=True, weight=6)),
    route("api/v3/allOrderList", GET=Endpoint(lists_api.all_lists, signed=True, weight=20)),
    route(
        "api/v3/openOrders",
        GET=Endpoint(api.open_orders, signed=True, weight=6),
        DELETE=_trade(orders_api.cancel_all),
    ),
    route("api/v3/allOrders", GET=Endpoint(api.all_orders, signed=True, weight=20)),
    route("api/v3/myTrades", GET=Endpoint(api.my_trades, signed=True, weight=20)),
    route("api/v3/myPreventedMatches", GET=Endpoint(api.my_prevented_matches, signed=True, weight=20)),
    # Clients ask these when they start (docs/api.md): no margin, no futures, nothing to be delisted.
    route("sapi/v1/margin/allPairs", GET=_always([])),
    route("sapi/v1/margin/isolated/allPairs", GET=_always([])),
    route("sapi/v1/spot/delist-schedule", GET=_always([])),
    route("fapi/v1/exchangeInfo", GET=_always({"symbols": []})),
    route("dapi/v1/exchangeInfo", GET=_always({"symbols": []})),
]
