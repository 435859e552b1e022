"""What is asked of an exchange with a long history, and by whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """A page, or a call of the REST API; by whom, if not by just anybody.

    params: with {order}, {trade}, {start} and {end} for what lies in the middle of the history.
    """

    name: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    who: str = ""


_MARKET = {"symbol": "BTCUSDT"}
_DAY = {"startTime": "{start}", "endTime": "{end}"}
_PAGES = (
    Request("page of a market", "/trade/BTCUSDT", {}, "busy"),
    Request("page of own orders", "/history", {"show": "orders"}, "busy"),
    Request("page of own orders, the 200th", "/history", {"show": "orders", "page": "200"}, "busy"),
    Request("page of own trades", "/history", {"show": "trades"}, "busy"),
    Request("page of own trades, the 200th", "/history", {"show": "trades", "page": "200"}, "busy"),
    Request("admin: orders", "/admin/trading/order/", {}, "operator"),
    Request("admin: trades", "/admin/trading/trade/", {}, "operator"),
)
_PUBLIC = (
    Request("depth", "/api/v3/depth", _MARKET),
    Request("trades", "/api/v3/trades", _MARKET),
)
_ORDERS = (
    Request("openOrders", "/api/v3/openOrders", _MARKET, "busy"),
    Request("order by client id", "/api/v3/order", {**_MARKET, "origClientOrderId": "order-{order}"}, "busy"),
    Request("allOrders", "/api/v3/allOrders", _MARKET, "busy"),
    Request("allOrders from an order on", "/api/v3/allOrders", {**_MARKET, "orderId": "{order}"}, "busy"),
    Request("allOrders of a day", "/api/v3/allOrders", {**_MARKET, **_DAY}, "busy"),
    Request("allOrders up to a time", "/api/v3/allOrders", {**_MARKET, "endTime": "{end}"}, "busy"),
    Request("allOrders of a newcomer", "/api/v3/allOrders", _MARKET, "newcomer"),
)
_TRADES = (
    Request("myTrades", "/api/v3/myTrades", _MARKET, "busy"),
    Request("myTrades from a trade on", "/api/v3/myTrades", {**_MARKET, "fromId": "{trade}"}, "busy"),
    Request("myTrades of a day", "/api/v3/myTrades", {**_MARKET, **_DAY}, "busy"),
    Request("myTrades up to a time", "/api/v3/myTrades", {**_MARKET, "endTime": "{end}"}, "busy"),
    Request("myTrades of an order", "/api/v3/myTrades", {**_MARKET, "orderId": "{order}"}, "busy"),
    Request("myTrades of a newcomer", "/api/v3/myTrades", _MARKET, "newcomer"),
)
REQUESTS = (*_PAGES, *_PUBLIC, *_ORDERS, *_TRADES)
