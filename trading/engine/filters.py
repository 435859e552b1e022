"""Why an order would be refused: every check, in order of precedence, before anything changes.  [pure]"""

from mex.limits import CLIENT_ORDER_ID_CHARS_MAX
from mex.money import AMOUNT_MAX, notional
from trading.engine.book import ANY_PRICE, Book, Walk
from trading.engine.commands import PlaceOrder
from trading.engine.enums import OrderType, Reject, Side, TimeInForce
from trading.engine.orders import Trader

_BUY = Side.BUY
_MARKET = OrderType.MARKET
_LIMIT_MAKER = OrderType.LIMIT_MAKER
_GTC = TimeInForce.GTC


def makes_no_sense(command: PlaceOrder) -> bool:
    """Return whether the parts of an order contradict each other, whatever the market's rules are."""
    if command.account <= 0 or not 0 < len(command.client_order_id) <= CLIENT_ORDER_ID_CHARS_MAX:
        return True
    if command.type is not _MARKET:
        return command.quote_quantity != 0 or (command.type is _LIMIT_MAKER and command.time_in_force is not _GTC)
    if command.price != 0 or command.time_in_force is not _GTC or not 0 <= command.quote_quantity <= AMOUNT_MAX:
        return True
    return (command.quantity == 0) is (command.quote_quantity == 0)


def limit_refusal(command: PlaceOrder, book: Book, trader: Trader) -> Reject | None:
    """Return why a LIMIT or LIMIT_MAKER order is refused, or None.

    It needs funds for all of it at its own price, even if it would trade at a better one.
    """
    spec = book.spec
    price, quantity = command.price, command.quantity
    if not spec.price_min <= price <= spec.price_max or price % spec.tick:
        return Reject.PRICE_FILTER
    if not spec.quantity_min <= quantity <= spec.quantity_max or quantity % spec.lot:
        return Reject.LOT_SIZE
    cost = notional(price, quantity)
    if not spec.notional_min <= cost <= spec.notional_max:
        return Reject.NOTIONAL
    if trader.open_orders >= spec.orders_max and command.time_in_force is _GTC:
        return Reject.MAX_NUM_ORDERS
    if command.type is _LIMIT_MAKER:
        opposite = book.opposite(command.side)
        if opposite.keys and opposite.keys[-1] >= price * opposite.sign:
            return Reject.WOULD_TAKE
    purse, needed = (trader.quote, cost) if command.side is _BUY else (trader.base, quantity)
    if purse.balance - purse.held < needed:
        return Reject.INSUFFICIENT_FUNDS
    return None


def plan_market(command: PlaceOrder, book: Book, trader: Trader) -> Walk | Reject:
    """Return what a MARKET order trades, or why it is refused.

    A buyer needs funds for what he would trade, or for his whole budget; a seller for his whole quantity, or for what
    his quote quantity would take.
    """
    spec = book.spec
    quantity, budget = command.quantity, command.quote_quantity
    opposite = book.opposite(command.side)
    if budget == 0:
        if not spec.quantity_min <= quantity <= spec.quantity_max or quantity % spec.lot:
            return Reject.LOT_SIZE
        walk = book.walk(opposite, ANY_PRICE, quantity)
        if walk.quantity and walk.quote < spec.notional_min:
            return Reject.NOTIONAL
    else:
        if budget < spec.notional_min:
            return Reject.NOTIONAL
        walk = book.walk_budget(opposite, budget)
    if command.side is _BUY:
        is_covered = trader.quote.available >= (budget or walk.quote)
    else:
        is_covered = trader.base.available >= (quantity or walk.quantity)
    return walk if is_covered else Reject.INSUFFICIENT_FUNDS
