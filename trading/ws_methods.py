"""The methods of the websocket API, and what each asks of its caller."""

from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec

from accounts.authentication import Caller
from accounts.endpoints import Operation
from mex.params import Params
from trading import api, lists_api, orders_api
from trading.gateway.catalog import Catalog
from trading.orders_api import Submission


class Kind(Enum):
    """How a method is answered: by the engine, by a read, or by the connection itself."""

    SUBMIT = "submit"
    READ = "read"
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    SUBSCRIPTIONS = "subscriptions_told"


Prepare = Callable[[Caller, Params, Catalog], Submission]


def _nothing(*args: Any) -> Any:
    raise AssertionError("this method is answered in another way")


class Method(msgspec.Struct, frozen=True):
    """One method. `weight` counts against the request budget, `orders` against the order budget."""

    kind: Kind
    operation: Operation = _nothing
    prepare: Prepare = _nothing
    signed: bool = False
    trade: bool = False
    orders: int = 0
    weight: int = 1


def _read(operation: Operation, *, weight: int = 1, signed: bool = False, trade: bool = False) -> Method:
    return Method(Kind.READ, operation=operation, weight=weight, signed=signed, trade=trade)


def _submit(prepare: Prepare, *, weight: int = 1, orders: int = 0) -> Method:
    return Method(Kind.SUBMIT, prepare=prepare, signed=True, trade=True, orders=orders, weight=weight)


METHODS: dict[str, Method] = {
    "ping": _read(api.ping),
    "time": _read(api.time),
    "exchangeInfo": _read(api.exchange_info, weight=20),
    "depth": _read(api.depth, weight=5),
    "trades.recent": _read(api.trades, weight=25),
    "ticker.book": _read(api.book_ticker, weight=4),
    "account.status": _read(api.account, signed=True, weight=20),
    "account.commission": _read(api.commission, signed=True, weight=20),
    "order.status": _read(api.order, signed=True, weight=4),
    "openOrders.status": _read(api.open_orders, signed=True, weight=6),
    "allOrders": _read(api.all_orders, signed=True, weight=20),
    "myTrades": _read(api.my_trades, signed=True, weight=20),
    "myPreventedMatches": _read(api.my_prevented_matches, signed=True, weight=20),
    "orderList.status": _read(lists_api.one, signed=True, weight=4),
    "openOrderLists.status": _read(lists_api.open_lists, signed=True, weight=6),
    "allOrderLists": _read(lists_api.all_lists, signed=True, weight=20),
    "order.test": _read(api.order_test, signed=True, trade=True),
    "order.place": _submit(orders_api.place, orders=1),
    "order.cancel": _submit(orders_api.cancel),
    "order.cancelReplace": _submit(orders_api.replace, orders=1),
    "order.amend.keepPriority": _submit(orders_api.amend, weight=4),
    "openOrders.cancelAll": _submit(orders_api.cancel_all),
    "orderList.place.oco": _submit(lists_api.place, orders=2),
    "orderList.place": _submit(lists_api.place_by_limit_and_stop, orders=2),
    "orderList.cancel": _submit(lists_api.cancel),
    "userDataStream.subscribe.signature": Method(Kind.SUBSCRIBE, signed=True, weight=2),
    "userDataStream.subscribe": Method(Kind.SUBSCRIBE, signed=True, weight=2),
    "userDataStream.unsubscribe": Method(Kind.UNSUBSCRIBE, weight=2),
    "session.subscriptions": Method(Kind.SUBSCRIPTIONS, weight=2),
}
