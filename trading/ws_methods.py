"""The methods of the websocket API, and what each asks of its caller."""

from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec

from accounts.authentication import Caller
from accounts.endpoints import Operation
from mex.params import Params
from trading import api, orders_api
from trading.gateway.catalog import Catalog
from trading.orders_api import Submission


class Kind(Enum):
    """How a method is answered: by the engine, by a read, or by the connection itself."""

    SUBMIT = "submit"
    READ = "read"
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    SUBSCRIPTIONS = "subscriptions_told"


def _nothing(*args: Any) -> Any:
    raise AssertionError("this method is answered in another way")


class Method(msgspec.Struct, frozen=True):
    """One method. `weight` counts against the request budget, `order` against the order budget."""

    kind: Kind
    operation: Operation = _nothing
    prepare: Callable[[Caller, Params, Catalog], Submission] = _nothing
    signed: bool = False
    trade: bool = False
    order: bool = False
    weight: int = 1


def _read(operation: Operation, *, weight: int = 1, signed: bool = False) -> Method:
    return Method(Kind.READ, operation=operation, weight=weight, signed=signed)


METHODS: dict[str, Method] = {
    "ping": _read(api.ping),
    "time": _read(api.time),
    "exchangeInfo": _read(api.exchange_info, weight=20),
    "depth": _read(api.depth, weight=5),
    "trades.recent": _read(api.trades, weight=25),
    "ticker.book": _read(api.book_ticker, weight=4),
    "account.status": _read(api.account, signed=True, weight=20),
    "order.status": _read(api.order, signed=True, weight=4),
    "openOrders.status": _read(api.open_orders, signed=True, weight=6),
    "allOrders": _read(api.all_orders, signed=True, weight=20),
    "myTrades": _read(api.my_trades, signed=True, weight=20),
    "order.place": Method(Kind.SUBMIT, prepare=orders_api.place, signed=True, trade=True, order=True),
    "order.cancel": Method(Kind.SUBMIT, prepare=orders_api.cancel, signed=True, trade=True),
    "userDataStream.subscribe.signature": Method(Kind.SUBSCRIBE, signed=True, weight=2),
    "userDataStream.subscribe": Method(Kind.SUBSCRIBE, signed=True, weight=2),
    "userDataStream.unsubscribe": Method(Kind.UNSUBSCRIBE, weight=2),
    "session.subscriptions": Method(Kind.SUBSCRIPTIONS, weight=2),
}
