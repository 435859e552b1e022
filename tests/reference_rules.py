"""The rules by which the reference refuses, each in one place and in plain words."""

from typing import TYPE_CHECKING

from trading.engine.commands import PlaceOrder
from trading.engine.enums import MarketStatus, OrderType, Reject, Side, TimeInForce
from trading.engine.markets import MarketSpec

if TYPE_CHECKING:
    from tests.reference_book import ReferenceExchange

WHOLE = 100_000_000
BIGGEST = 9_223_372_036_854_775_807
SYSTEM_OWNERS = (-1, -2, -3, -4, -5, -6)


def makes_sense(reference: str, asset: int, amount: int, *owners: int) -> bool:
    """Whether a movement of money has a name, an asset, an amount and owners that there can be."""
    owners_exist = all(owner > 0 or owner in SYSTEM_OWNERS for owner in owners)
    return owners_exist and 1 <= len(reference) <= 80 and asset >= 1 and 1 <= amount <= BIGGEST


def reason_to_refuse(exchange: "ReferenceExchange", command: PlaceOrder) -> Reject | None:
    """The first reason by precedence, or None. What makes no sense is refused before any filter uses its numbers."""
    if any(
        order.command.account == command.account and order.command.client_order_id == command.client_order_id
        for order in exchange.orders
    ):
        return Reject.DUPLICATE_ORDER
    spec = exchange.market(command.market)
    if spec is None:
        return Reject.MARKET_UNKNOWN
    if spec.status != MarketStatus.TRADING:
        return Reject.MARKET_CLOSED
    if is_nonsense(command):
        return Reject.INVALID
    if command.type != OrderType.MARKET and not is_on(command.price, spec.price_min, spec.price_max, spec.tick):
        return Reject.PRICE_FILTER
    if not command.quote_quantity and not is_on(command.quantity, spec.quantity_min, spec.quantity_max, spec.lot):
        return Reject.LOT_SIZE
    broken = {
        Reject.NOTIONAL: breaks_notional(exchange, spec, command),
        Reject.MAX_NUM_ORDERS: has_too_many_orders(exchange, spec, command),
        Reject.WOULD_TAKE: command.type == OrderType.LIMIT_MAKER and exchange.makers(command) != [],
        Reject.INSUFFICIENT_FUNDS: is_short_of_funds(exchange, spec, command),
    }
    return min((reject for reject, is_broken in broken.items() if is_broken), default=None)


def is_nonsense(command: PlaceOrder) -> bool:
    """Whether the order contradicts itself."""
    if command.account <= 0 or not 1 <= len(command.client_order_id) <= 36:
        return True
    if command.type == OrderType.LIMIT:
        return command.quote_quantity != 0
    if command.time_in_force != TimeInForce.GTC:
        return True
    if command.type == OrderType.LIMIT_MAKER:
        return command.quote_quantity != 0
    quantities = [number for number in (command.quantity, command.quote_quantity) if number != 0]
    return command.price != 0 or len(quantities) != 1 or not 0 <= command.quote_quantity <= BIGGEST


def is_on(number: int, smallest: int, largest: int, step: int) -> bool:
    """Whether a number is within bounds and a whole number of steps."""
    return smallest <= number <= largest and number % step == 0


def breaks_notional(exchange: "ReferenceExchange", spec: MarketSpec, command: PlaceOrder) -> bool:
    """Whether the order is worth too little or too much; a market order that finds nobody is worth nothing at all."""
    if command.type != OrderType.MARKET:
        return not spec.notional_min <= command.price * command.quantity // WHOLE <= spec.notional_max
    if command.quote_quantity:
        return command.quote_quantity < spec.notional_min
    bought, paid = exchange.would_trade(command)
    return bought > 0 and paid < spec.notional_min


def has_too_many_orders(exchange: "ReferenceExchange", spec: MarketSpec, command: PlaceOrder) -> bool:
    """Whether an order that might rest would be one too many."""
    if command.type == OrderType.MARKET or command.time_in_force != TimeInForce.GTC:
        return False
    pairs = [(order.command.account, order.command.market) for order in exchange.open_orders()]
    return pairs.count((command.account, command.market)) >= spec.orders_max


def is_short_of_funds(exchange: "ReferenceExchange", spec: MarketSpec, command: PlaceOrder) -> bool:
    """Whether the account cannot pay for the worst that the order may do."""
    bought, paid = exchange.would_trade(command)
    if command.side == Side.SELL:
        return exchange.available(command.account, spec.base) < (command.quantity or bought)
    if command.type == OrderType.MARKET:
        needed = command.quote_quantity or paid
    else:
        needed = command.price * command.quantity // WHOLE
    return exchange.available(command.account, spec.quote) < needed
