"""Why an order would be refused: every check, in order of precedence, before anything changes.  [pure]

`PRECEDENCE` (enums.py) and docs/engine.md give the order. The engine's fast path (desk.py) only finds that nothing is
wrong with a plain order; what is wrong is always found here.
"""

from typing import Final

from mex.limits import CLIENT_ORDER_ID_CHARS_MAX
from mex.money import AMOUNT_MAX, PPM, UNITS
from trading.engine.book import Book
from trading.engine.commands import PlaceOrder
from trading.engine.enums import OrderType, Reject, Side, StpMode, TimeInForce
from trading.engine.levels import ANY_PRICE
from trading.engine.markets import MarketSpec
from trading.engine.orders import PRICELESS, STOPS, Trader
from trading.engine.planning import Walk, walk, walk_budget
from trading.engine.triggers import is_met, trigger_price

_BUY: Final = Side.BUY
_LIMIT: Final = OrderType.LIMIT
_MARKET: Final = OrderType.MARKET
_LIMIT_MAKER: Final = OrderType.LIMIT_MAKER
_GTC: Final = TimeInForce.GTC


def makes_no_sense(command: PlaceOrder) -> bool:
    """Return whether the parts of an order contradict each other, whatever the market's rules are."""
    if command.account <= 0 or not 0 < len(command.client_order_id) <= CLIENT_ORDER_ID_CHARS_MAX:
        return True
    kind = command.type
    amounts = (
        command.quantity,
        command.price,
        command.quote_quantity,
        command.stop_price,
        command.trailing_delta,
        command.iceberg_quantity,
    )
    if min(amounts) < 0 or max(amounts) > AMOUNT_MAX:
        return True
    if command.quote_quantity and (kind is not _MARKET or command.quantity):
        return True
    has_condition = command.stop_price != 0 or command.trailing_delta != 0
    if has_condition is not (kind in STOPS):
        return True
    is_priceless = kind in PRICELESS
    if is_priceless and (command.price or command.iceberg_quantity):
        return True
    must_be_gtc = is_priceless or kind is _LIMIT_MAKER or command.iceberg_quantity != 0
    return must_be_gtc and command.time_in_force is not _GTC


def slice_of(command: PlaceOrder) -> int:
    """Return what an iceberg shows at once; 0 when it hides nothing."""
    return command.iceberg_quantity if command.iceberg_quantity < command.quantity else 0


def form_refusal(command: PlaceOrder, book: Book) -> Reject | None:
    """Return which rule about the order itself it breaks: PRICE_FILTER to TRAILING_DELTA."""
    spec = book.spec
    if not _is_priced_well(command, spec):
        return Reject.PRICE_FILTER
    if not _is_in_band(command, book):
        return Reject.PERCENT_PRICE
    quantity = command.quantity
    if not command.quote_quantity:
        if not spec.quantity_min <= quantity <= spec.quantity_max or quantity % spec.lot:
            return Reject.LOT_SIZE
        slice = command.iceberg_quantity
        if slice % spec.lot:
            return Reject.LOT_SIZE
        if slice and -(-quantity // slice) > spec.iceberg_parts_max:
            return Reject.ICEBERG_PARTS
    if not _is_worth_it(command, spec):
        return Reject.NOTIONAL
    if command.trailing_delta and not spec.trailing_min <= command.trailing_delta <= spec.trailing_max:
        return Reject.TRAILING_DELTA
    return None


def _is_priced_well(command: PlaceOrder, spec: MarketSpec) -> bool:
    prices = [] if command.type in PRICELESS else [command.price]
    if command.stop_price:
        prices.append(command.stop_price)
    return all(spec.price_min <= price <= spec.price_max and price % spec.tick == 0 for price in prices)


def _is_in_band(command: PlaceOrder, book: Book) -> bool:
    last = book.last_price
    if not book.has_rare_filters or last == 0 or command.type not in (_LIMIT, _LIMIT_MAKER):
        return True
    spec, part = book.spec, command.price * PPM
    is_buy = command.side is _BUY
    up, down = (spec.bid_up_ppm, spec.bid_down_ppm) if is_buy else (spec.ask_up_ppm, spec.ask_down_ppm)
    return (up == 0 or part <= last * up) and part >= last * down


def _is_worth_it(command: PlaceOrder, spec: MarketSpec) -> bool:
    if command.type is _MARKET:
        return command.quote_quantity == 0 or command.quote_quantity >= spec.notional_min
    price = command.price or command.stop_price
    return price == 0 or spec.notional_min <= price * command.quantity // UNITS <= spec.notional_max


def count_refusal(trader: Trader, orders: int, waiting: int) -> Reject | None:
    """Return whether so many more orders, of which `waiting` wait for a price, are too many for the account."""
    spec = trader.book.spec
    if orders and len(trader.orders) + orders > spec.orders_max:
        return Reject.MAX_NUM_ORDERS
    if waiting and trader.waiting + waiting > spec.algo_orders_max:
        return Reject.MAX_NUM_ALGO_ORDERS
    return None


def position_refusal(trader: Trader, side: Side, quantity: int) -> Reject | None:
    """Return whether a buyer would have, or have ordered, too much."""
    most = trader.book.spec.position_max
    if most == 0 or side is not _BUY:
        return None
    ordered = sum(order.rest for order in trader.orders.values() if order.is_buy)
    return Reject.MAX_POSITION if trader.base.balance + ordered + quantity > most else None


def hold_price_of(command: PlaceOrder, book: Book) -> int:
    """Return what a waiting BUY without a price of its own holds per whole base; 0 if nothing tells it."""
    if command.side is not _BUY or command.type not in PRICELESS or command.type is _MARKET:
        return 0
    if command.stop_price or book.last_price == 0:
        return command.stop_price
    return trigger_price(command.side, command.trailing_delta, book.last_price)


def needed(command: PlaceOrder, hold_price: int) -> int:
    """Return what an order that may rest or wait holds, in units of what it gives."""
    if command.side is not _BUY:
        return command.quantity
    return -(-(command.price or hold_price) * command.quantity // UNITS)


def is_triggered_already(command: PlaceOrder, book: Book) -> bool:
    """Return whether the last trade meets a stop order's condition."""
    last = book.last_price
    if last == 0 or command.trailing_delta or command.type not in STOPS:
        return False
    return is_met(command.side, command.type, command.stop_price, last)


def would_take(command: PlaceOrder, book: Book) -> bool:
    """Return whether a post-only order would trade."""
    opposite = book.opposite(command.side)
    return opposite.best >= command.price * opposite.sign


def limit_refusal(command: PlaceOrder, trader: Trader) -> Reject | None:
    """Return why an order that is not a MARKET order is refused, from PRICE_FILTER on, or None."""
    book = trader.book
    reject = form_refusal(command, book)
    if reject is not None:
        return reject
    waits = command.type in STOPS
    stays = 1 if waits or command.time_in_force is _GTC else 0
    reject = count_refusal(trader, stays, 1 if waits else 0)
    if reject is not None:
        return reject
    reject = position_refusal(trader, command.side, command.quantity)
    if reject is not None:
        return reject
    hold_price = hold_price_of(command, book)
    if command.side is _BUY and command.type in PRICELESS and hold_price == 0:
        return Reject.PRICE_RELATION
    if is_triggered_already(command, book):
        return Reject.WOULD_TRIGGER
    if command.type is _LIMIT_MAKER and would_take(command, book):
        return Reject.WOULD_TAKE
    purse = trader.quote if command.side is _BUY else trader.base
    return Reject.INSUFFICIENT_FUNDS if purse.available < needed(command, hold_price) else None


def market_refusal(command: PlaceOrder, trader: Trader, stp: StpMode) -> Reject | None:
    """Return why a MARKET order is refused, from LOT_SIZE on, or None.

    A buyer needs funds for what he would trade, or for his whole budget; a seller for his whole quantity, or for what
    his quote quantity would take.
    """
    book = trader.book
    reject = form_refusal(command, book)
    if reject is not None:
        return reject
    quantity, budget = command.quantity, command.quote_quantity
    plan = _plan(command, trader, stp)
    if quantity and plan.quantity and plan.quote < book.spec.notional_min:
        return Reject.NOTIONAL
    reject = position_refusal(trader, command.side, quantity or plan.quantity)
    if reject is not None:
        return reject
    if command.side is _BUY:
        is_covered = trader.quote.available >= (budget or plan.quote)
    else:
        is_covered = trader.base.available >= (quantity or plan.quantity)
    return None if is_covered else Reject.INSUFFICIENT_FUNDS


def _plan(command: PlaceOrder, trader: Trader, stp: StpMode) -> Walk:
    opposite = trader.book.opposite(command.side)
    if command.quote_quantity:
        return walk_budget(trader, opposite, stp, command.quote_quantity)
    return walk(trader, opposite, stp, ANY_PRICE, command.quantity)
