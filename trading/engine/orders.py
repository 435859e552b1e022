"""Orders, who placed them, and the indexes of those that are open.  [pure]"""

from mex.money import notional
from trading.engine.enums import OrderStatus, OrderType, Side, TimeInForce
from trading.engine.funds import Purse
from trading.engine.levels import Level

_BUY = Side.BUY


class Trader:
    """One account in one market: the two purses it trades with, and how many orders it has open there."""

    __slots__ = ("base", "open_orders", "quote")

    base: Purse
    quote: Purse
    open_orders: int

    def __init__(self, base: Purse, quote: Purse) -> None:
        self.base = base
        self.quote = quote
        self.open_orders = 0


class Order:
    """An accepted order. While it rests in the book it is also a link of its level's queue.

    Made without `__init__`, because one call less per order is worth it: whoever makes one sets every attribute.
    """

    __slots__ = (
        "account",
        "client_order_id",
        "created_ms",
        "executed",
        "executed_quote",
        "id",
        "key",
        "level",
        "market",
        "next",
        "previous",
        "price",
        "quantity",
        "quote_quantity",
        "side",
        "status",
        "time_in_force",
        "trader",
        "type",
    )

    id: int
    key: tuple[int, str]
    """Account and client order id, together the order's other name."""
    account: int
    client_order_id: str
    market: int
    trader: Trader
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    status: OrderStatus
    quantity: int
    quote_quantity: int
    price: int
    executed: int
    executed_quote: int
    created_ms: int
    level: "Level | None"
    previous: "Order | None"
    next: "Order | None"

    @property
    def pays_from(self) -> Purse:
        """The purse of what this order gives: quote to buy, base to sell."""
        return self.trader.quote if self.side is _BUY else self.trader.base

    @property
    def needs(self) -> int:
        """What the open rest of a limit order holds, in units of what it gives."""
        rest = self.quantity - self.executed
        return notional(self.price, rest) if self.side is _BUY else rest


class OpenOrders:
    """Every resting order by its id and by its account and client order id."""

    __slots__ = ("by_id", "by_key", "used")

    by_id: dict[int, Order]
    by_key: dict[tuple[int, str], Order]
    used: set[tuple[int, str]]
    """Keys accepted since the last `forget`, or learned since then."""

    def __init__(self) -> None:
        self.by_id = {}
        self.by_key = {}
        self.used = set()

    def add(self, order: Order) -> None:
        """Index an order that starts to rest."""
        self.by_id[order.id] = order
        self.by_key[order.key] = order
        order.trader.open_orders += 1

    def remove(self, order: Order) -> None:
        """Drop an order that rests no longer."""
        del self.by_id[order.id]
        del self.by_key[order.key]
        order.trader.open_orders -= 1

    def find(self, account: int, order_id: int, client_order_id: str) -> Order | None:
        """Return the account's open order of these ids; 0 and "" mean "not given", and those given must agree."""
        if order_id:
            order = self.by_id.get(order_id)
            if order is None or order.account != account:
                return None
            return order if client_order_id in ("", order.client_order_id) else None
        return self.by_key.get((account, client_order_id))
