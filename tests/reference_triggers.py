"""How the reference wakes stop orders: it walks along the prices of trades and scans all that wait at each of them."""

import msgspec

from tests.reference_matching import Run, carry_out
from tests.reference_state import BIPS, STOPS, ReferenceOrder, ReferenceState, Where
from trading.engine.commands import PlaceOrder
from trading.engine.enums import OrderType, Side
from trading.engine.events import TrailStarted, Triggered

RISING = {
    (OrderType.STOP_LOSS, Side.BUY),
    (OrderType.STOP_LOSS_LIMIT, Side.BUY),
    (OrderType.TAKE_PROFIT, Side.SELL),
    (OrderType.TAKE_PROFIT_LIMIT, Side.SELL),
}
"""Who waits for a price at or above the stop price; the others wait for one at or below it."""


def carry_out_and_look(exchange: ReferenceState, taker: ReferenceOrder) -> None:
    """Carry an order out, then all that its trades trigger, and what theirs do."""
    queue: list[ReferenceOrder] = []
    look(exchange, carry_out(exchange, taker), queue)
    while queue:
        triggered = queue.pop(0)
        triggered.where = Where.IN_HAND
        triggered.card = msgspec.structs.replace(triggered.card, working_ms=exchange.now_ms)
        exchange.tell(Triggered(triggered.card))
        limit_to_funds(exchange, triggered)
        look(exchange, carry_out(exchange, triggered), queue)


def limit_to_funds(exchange: ReferenceState, order: ReferenceOrder) -> None:
    """A triggered BUY order without a price may spend what it held, for that is not held now, and what is free."""
    if order.wish.side is Side.BUY and order.wish.price == 0:
        order.budget = exchange.available(order.wish.account, exchange.spec_of(order).quote)


def look(exchange: ReferenceState, run: Run, queue: list[ReferenceOrder]) -> None:
    """Show each price at which an order traded to all orders that wait."""
    first_trades: dict[int, int] = {}
    for traded in run.trades:
        first_trades.setdefault(traded.price, traded.id)
    if not first_trades:
        return
    market = run.trades[0].taker.order.market
    for price, trade in first_trades.items():
        for order in exchange.waiting(market):
            if order.where is Where.WAITING:
                if meets_stop(order.wish, price):
                    start_or_trigger(exchange, order, price, trade, queue)
            elif order.where is Where.FOLLOWING and follows_to_its_trigger(order, price):
                trigger(exchange, order, queue)


def start_or_trigger(
    exchange: ReferenceState, order: ReferenceOrder, price: int, trade: int, queue: list[ReferenceOrder]
) -> None:
    """The price meets the order's condition."""
    if order.wish.trailing_delta:
        start(exchange, order, trade)
        order.best_price = price
    else:
        trigger(exchange, order, queue)


def start(exchange: ReferenceState, order: ReferenceOrder, trade: int) -> None:
    """Let a trailing order follow the prices of trades from a number on."""
    order.where = Where.FOLLOWING
    order.card = msgspec.structs.replace(order.card, trail_ms=exchange.now_ms)
    exchange.tell(TrailStarted(order.card, trade))


def trigger(exchange: ReferenceState, order: ReferenceOrder, queue: list[ReferenceOrder]) -> None:
    """Let an order wait for its turn to be carried out."""
    exchange.expire_the_other(order)
    order.where = Where.TRIGGERED
    queue.append(order)


def wait(exchange: ReferenceState, order: ReferenceOrder) -> None:
    """Let a new stop order wait, or follow at once if it has a trailing delta only."""
    order.where = Where.WAITING
    if order.wish.stop_price == 0:
        start(exchange, order, exchange.last_trade.get(order.wish.market, 1))
        order.best_price = exchange.last_price.get(order.wish.market, 0)


def meets_stop(wish: PlaceOrder, price: int) -> bool:
    """Whether a price meets the stop price of an order."""
    return price >= wish.stop_price if (wish.type, wish.side) in RISING else price <= wish.stop_price


def follows_to_its_trigger(order: ReferenceOrder, price: int) -> bool:
    """Show a price to an order that follows, and return whether it is too far off the best."""
    if order.best_price == 0:
        order.best_price = price
    if order.wish.side is Side.SELL:
        order.best_price = max(order.best_price, price)
        return price * BIPS <= order.best_price * (BIPS - order.wish.trailing_delta)
    order.best_price = min(order.best_price, price)
    return price * BIPS >= order.best_price * (BIPS + order.wish.trailing_delta)


def hold_price(exchange: ReferenceState, wish: PlaceOrder) -> int | None:
    """What a BUY order that waits without a price of its own holds per whole base; None if nobody knows."""
    if (
        wish.type not in STOPS
        or wish.side is not Side.BUY
        or wish.type
        in (
            OrderType.STOP_LOSS_LIMIT,
            OrderType.TAKE_PROFIT_LIMIT,
        )
    ):
        return 0
    if wish.stop_price:
        return wish.stop_price
    last = exchange.last_price.get(wish.market, 0)
    return -(-last * (BIPS + wish.trailing_delta) // BIPS) or None
