"""The rules by which the reference refuses new orders and lists, each in one place and in plain words.

What yields refusals yields them in order of precedence; the first is told. Nothing after it is looked at, so that
numbers that make no sense meet no rule that counts with them.
"""

from collections.abc import Iterator

from tests.reference_matching import Run, rehearse
from tests.reference_state import PPM, PRICED, STOPS, WHOLE, ReferenceState, asset_paid, needs
from tests.reference_triggers import hold_price, meets_stop
from trading.engine.commands import PlaceList, PlaceOrder
from trading.engine.enums import MarketStatus, OrderType, Reject, Side, StpMode, TimeInForce
from trading.engine.events import Accepted
from trading.engine.markets import MarketSpec

BIGGEST = 9_223_372_036_854_775_807
ABOVE_OF = {
    Side.SELL: (OrderType.LIMIT_MAKER, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT),
    Side.BUY: (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT),
}
BELOW_OF = {Side.SELL: ABOVE_OF[Side.BUY], Side.BUY: ABOVE_OF[Side.SELL]}
WITH_SLICES = (
    OrderType.LIMIT,
    OrderType.LIMIT_MAKER,
    OrderType.STOP_LOSS_LIMIT,
    OrderType.TAKE_PROFIT_LIMIT,
)
WITH_TIME_IN_FORCE = (OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT)


def refusals_of_order(exchange: ReferenceState, wish: PlaceOrder) -> Iterator[Reject]:
    """The reasons to refuse an order, the first by precedence first."""
    if (wish.account, wish.client_order_id) in exchange.names:
        yield Reject.DUPLICATE_ORDER
    spec = exchange.market(wish.market)
    if spec is None:
        yield Reject.MARKET_UNKNOWN
        return
    if spec.status is not MarketStatus.TRADING:
        yield Reject.MARKET_CLOSED
    if is_nonsense(wish):
        yield Reject.INVALID
    yield from refusals_of_shape(exchange, spec, wish)
    yield from refusals_by_state(exchange, spec, [wish])


def refusals_of_list(exchange: ReferenceState, wish: PlaceList) -> Iterator[Reject]:
    """The reasons to refuse a list."""
    names = [(order.account, order.client_order_id) for order in (wish.above, wish.below)]
    in_use = [(group.account, group.client_list_id) for group in exchange.lists]
    is_one_name = wish.above.client_order_id == wish.below.client_order_id
    if (wish.account, wish.client_list_id) in in_use or is_one_name or set(names) & exchange.names:
        yield Reject.DUPLICATE_ORDER
    spec = exchange.market(wish.market)
    if spec is None:
        yield Reject.MARKET_UNKNOWN
        return
    if spec.status is not MarketStatus.TRADING:
        yield Reject.MARKET_CLOSED
    if not makes_a_list(wish) or is_nonsense(wish.above) or is_nonsense(wish.below):
        yield Reject.INVALID
    yield from refusals_of_shape(exchange, spec, wish.above)
    yield from refusals_of_shape(exchange, spec, wish.below)
    yield from refusals_by_state(exchange, spec, [wish.above, wish.below])


def makes_a_list(wish: PlaceList) -> bool:
    """Whether two orders are of one account, market, side and quantity, and of types that stand where they should."""
    above, below = wish.above, wish.below
    return (
        (wish.account, wish.market) == (above.account, above.market) == (below.account, below.market)
        and above.side is below.side
        and above.quantity == below.quantity
        and above.type in ABOVE_OF[above.side]
        and below.type in BELOW_OF[below.side]
        and 1 <= len(wish.client_list_id) <= 36
    )


# --- what can be said of an order alone -------------------------------------------------------------


def refusals_of_shape(exchange: ReferenceState, spec: MarketSpec, wish: PlaceOrder) -> Iterator[Reject]:
    """From PRICE_FILTER to TRAILING_DELTA."""
    if wish.type in PRICED and not is_on(wish.price, spec.price_min, spec.price_max, spec.tick):
        yield Reject.PRICE_FILTER
    if wish.stop_price and not is_on(wish.stop_price, spec.price_min, spec.price_max, spec.tick):
        yield Reject.PRICE_FILTER
    if breaks_percent_price(exchange, spec, wish):
        yield Reject.PERCENT_PRICE
    if not wish.quote_quantity and not is_on(wish.quantity, spec.quantity_min, spec.quantity_max, spec.lot):
        yield Reject.LOT_SIZE
    yield from refusals_of_slices(spec, wish)
    if breaks_notional(exchange, spec, wish):
        yield Reject.NOTIONAL
    if wish.trailing_delta and not spec.trailing_min <= wish.trailing_delta <= spec.trailing_max:
        yield Reject.TRAILING_DELTA


def refusals_of_slices(spec: MarketSpec, wish: PlaceOrder) -> Iterator[Reject]:
    """Whether slices are off the lot or too many."""
    if wish.iceberg_quantity % spec.lot != 0:
        yield Reject.LOT_SIZE
    if wish.iceberg_quantity and -(-wish.quantity // wish.iceberg_quantity) > spec.iceberg_parts_max:
        yield Reject.ICEBERG_PARTS


def is_nonsense(wish: PlaceOrder) -> bool:
    """Whether the order contradicts itself."""
    amounts = (
        wish.quantity,
        wish.price,
        wish.quote_quantity,
        wish.stop_price,
        wish.trailing_delta,
        wish.iceberg_quantity,
    )
    has_condition = wish.stop_price != 0 or wish.trailing_delta != 0
    is_gtc = wish.time_in_force is TimeInForce.GTC
    return (
        wish.account <= 0
        or not 1 <= len(wish.client_order_id) <= 36
        or any(not 0 <= amount <= BIGGEST for amount in amounts)
        or (wish.price != 0 and wish.type not in PRICED)
        or (wish.quote_quantity != 0 and (wish.type is not OrderType.MARKET or wish.quantity != 0))
        or has_condition != (wish.type in STOPS)
        or (not is_gtc and wish.type not in WITH_TIME_IN_FORCE)
        or (not is_gtc and wish.iceberg_quantity != 0)
        or (wish.iceberg_quantity != 0 and wish.type not in WITH_SLICES)
    )


def is_on(number: int, smallest: int, largest: int, step: int) -> bool:
    """Whether a number is within bounds and a whole number of steps."""
    return smallest <= number <= largest and number % step == 0


def breaks_percent_price(exchange: ReferenceState, spec: MarketSpec, wish: PlaceOrder) -> bool:
    """Whether a price is too far from the last one."""
    last = exchange.last_price.get(spec.id, 0)
    if last == 0 or wish.type not in (OrderType.LIMIT, OrderType.LIMIT_MAKER):
        return False
    up, down = (spec.bid_up_ppm, spec.bid_down_ppm) if wish.side is Side.BUY else (spec.ask_up_ppm, spec.ask_down_ppm)
    is_too_high = up != 0 and wish.price * PPM > last * up
    return is_too_high or (down != 0 and wish.price * PPM < last * down)


def breaks_notional(exchange: ReferenceState, spec: MarketSpec, wish: PlaceOrder) -> bool:
    """Whether the order is worth too little or too much; a market order that finds nobody is worth nothing at all."""
    if wish.type is OrderType.MARKET:
        if wish.quote_quantity:
            return wish.quote_quantity < spec.notional_min
        run = rehearsal(exchange, wish)
        return run.trades != [] and run.quote < spec.notional_min
    price = wish.price if wish.type in PRICED else wish.stop_price
    if price == 0:
        return False
    worth = price * wish.quantity
    return not spec.notional_min * WHOLE <= worth <= spec.notional_max * WHOLE


def rehearsal(exchange: ReferenceState, wish: PlaceOrder) -> Run:
    """What the order would trade if it were accepted now."""
    return rehearse(exchange, Accepted(exchange.last_order + 1, exchange.now_ms, wish, mode_of(exchange, wish)))


def mode_of(exchange: ReferenceState, wish: PlaceOrder) -> StpMode:
    """The order's own mode of self-trade prevention, or its account's, or none."""
    if wish.stp is not StpMode.DEFAULT:
        return wish.stp
    terms = exchange.terms.get(wish.account)
    return terms.stp if terms and terms.stp is not StpMode.DEFAULT else StpMode.NONE


# --- what depends on all else, for an order or for the two of a list --------------------------------


def refusals_by_state(exchange: ReferenceState, spec: MarketSpec, wishes: list[PlaceOrder]) -> Iterator[Reject]:
    """From MAX_NUM_ORDERS to INSUFFICIENT_FUNDS."""
    yield from refusals_by_number(exchange, spec, wishes)
    if breaks_position(exchange, spec, wishes[0]):
        yield Reject.MAX_POSITION
    prices = [wish.price if wish.type is OrderType.LIMIT_MAKER else wish.stop_price for wish in wishes]
    if len(prices) == 2 and 0 not in prices and prices[0] <= prices[1]:
        yield Reject.PRICE_RELATION
    if any(hold_price(exchange, wish) is None for wish in wishes):
        yield Reject.PRICE_RELATION
    last = exchange.last_price.get(spec.id, 0)
    if last and any(wish.stop_price and not wish.trailing_delta and meets_stop(wish, last) for wish in wishes):
        yield Reject.WOULD_TRIGGER
    if any(wish.type is OrderType.LIMIT_MAKER and exchange.makers(wish) for wish in wishes):
        yield Reject.WOULD_TAKE
    needed = max(funds_needed(exchange, wish) for wish in wishes)
    if exchange.available(wishes[0].account, asset_paid(wishes[0], spec)) < needed:
        yield Reject.INSUFFICIENT_FUNDS


def refusals_by_number(exchange: ReferenceState, spec: MarketSpec, wishes: list[PlaceOrder]) -> Iterator[Reject]:
    """Whether there would be too many orders, or too many that wait."""
    there = exchange.orders_of(wishes[0].account, spec.id)
    waiting = [order for order in there if order in exchange.waiting(spec.id)]
    may_stay = [
        wish
        for wish in wishes
        if wish.type in STOPS or (wish.type is not OrderType.MARKET and wish.time_in_force is TimeInForce.GTC)
    ]
    will_wait = [wish for wish in wishes if wish.type in STOPS]
    if may_stay and len(there) + len(may_stay) > spec.orders_max:
        yield Reject.MAX_NUM_ORDERS
    if will_wait and len(waiting) + len(will_wait) > spec.algo_orders_max:
        yield Reject.MAX_NUM_ALGO_ORDERS


def breaks_position(exchange: ReferenceState, spec: MarketSpec, wish: PlaceOrder) -> bool:
    """Whether a buyer would have too much of the base if all his orders were filled."""
    if spec.position_max == 0 or wish.side is not Side.BUY:
        return False
    buying = wish.quantity or rehearsal(exchange, wish).base
    for order in exchange.orders_of(wish.account, spec.id):
        if order.wish.side is Side.BUY:
            buying += order.open
    return exchange.balance(wish.account, spec.base) + buying > spec.position_max


def funds_needed(exchange: ReferenceState, wish: PlaceOrder) -> int:
    """What an order would hold, or, if it is a market order, spend."""
    if wish.type is not OrderType.MARKET:
        return needs(Accepted(0, 0, wish, wish.stp, hold_price=hold_price(exchange, wish) or 0), wish.quantity)
    if wish.side is Side.SELL:
        return wish.quantity or rehearsal(exchange, wish).base
    return wish.quote_quantity or rehearsal(exchange, wish).quote
