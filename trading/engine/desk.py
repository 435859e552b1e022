"""Orders come in, rest, and are cancelled.  [pure]"""

from mex.money import notional
from trading.engine.book import ANY_PRICE, Book, Walk
from trading.engine.commands import CancelOrder, PlaceOrder
from trading.engine.enums import Execution, MarketStatus, OrderStatus, OrderType, Reject, Side, TimeInForce
from trading.engine.events import Rejected
from trading.engine.filters import limit_refusal, makes_no_sense, plan_market
from trading.engine.levels import Level
from trading.engine.matching import Matcher
from trading.engine.orders import OpenOrders, Order, Trader
from trading.engine.record import Record

_BUY = Side.BUY
_SELL = Side.SELL
_MARKET = OrderType.MARKET
_GTC = TimeInForce.GTC
_FOK = TimeInForce.FOK
_TRADING = MarketStatus.TRADING
_NEW = OrderStatus.NEW


class Desk:
    """Applies the commands that place and cancel orders."""

    __slots__ = ("_books", "_matcher", "_open", "_record")

    _record: Record
    _open: OpenOrders
    _books: dict[int, Book]
    _matcher: Matcher

    def __init__(self, record: Record, open_orders: OpenOrders, books: dict[int, Book]) -> None:
        self._record = record
        self._open = open_orders
        self._books = books
        self._matcher = Matcher(record, open_orders)

    def place(self, command: PlaceOrder) -> None:
        """Accept an order, trade it, and let the rest of it wait or expire; or refuse it."""
        reject = self._place(command)
        if reject is not None:
            self._record.events.append(Rejected(reject))

    def cancel(self, command: CancelOrder) -> None:
        """Close an open order of the account and give back what it holds; in a halted market too."""
        record = self._record
        book = self._books.get(command.market)
        if book is None:
            record.events.append(Rejected(Reject.MARKET_UNKNOWN))
            return
        order = self._open.find(command.account, command.order_id, command.client_order_id)
        if order is None or order.market != command.market:
            record.events.append(Rejected(Reject.UNKNOWN_ORDER))
            return
        purse = order.pays_from
        purse.held -= order.needs
        record.touch(purse)
        self._open.remove(order)
        level = book.ladder(order.side).remove(order)
        order.status = OrderStatus.CANCELED
        record.report(order, Execution.CANCELED, command.cancel_id)
        record.events.append(book.change(order.side, level))

    def _place(self, command: PlaceOrder) -> Reject | None:
        """Return why an order is refused, or carry it out and return None. The duplicate is looked for first."""
        key = (command.account, command.client_order_id)
        if key in self._open.used or key in self._open.by_key:
            return Reject.DUPLICATE_ORDER
        book = self._books.get(command.market)
        if book is None:
            return Reject.MARKET_UNKNOWN
        if book.spec.status != _TRADING:
            return Reject.MARKET_CLOSED
        if makes_no_sense(command):
            return Reject.INVALID
        trader = book.trader(command.account)
        if command.type is _MARKET:
            plan = plan_market(command, book, trader)
            if not isinstance(plan, Walk):
                return plan
            self._carry_out_market(book, self._accept(command, key, trader), plan)
            return None
        reject = limit_refusal(command, book, trader)
        if reject is not None:
            return reject
        self._carry_out_limit(book, self._accept(command, key, trader))
        return None

    def _accept(self, command: PlaceOrder, key: tuple[int, str], trader: Trader) -> Order:
        """Return the new order under the next number. From here on nothing refuses it."""
        record = self._record
        record.last_order += 1
        self._open.used.add(key)
        order = Order()
        order.id = record.last_order
        order.key = key
        order.account = command.account
        order.client_order_id = command.client_order_id
        order.market = command.market
        order.trader = trader
        order.side = command.side
        order.type = command.type
        order.time_in_force = command.time_in_force
        order.status = _NEW
        order.quantity = command.quantity
        order.quote_quantity = command.quote_quantity
        order.price = command.price
        order.executed = 0
        order.executed_quote = 0
        order.created_ms = record.now_ms
        order.level = order.previous = order.next = None
        record.report(order, Execution.NEW)
        return order

    def _carry_out_limit(self, book: Book, order: Order) -> None:
        """Trade a limit order as far as its price allows, then let the rest wait (GTC) or expire."""
        opposite = book.opposite(order.side)
        limit_key = order.price * opposite.sign
        changed: list[Level] = []
        if opposite.keys and opposite.keys[-1] >= limit_key:
            quantity = order.quantity
            if order.time_in_force is not _FOK or book.walk(opposite, limit_key, quantity).complete:
                changed = self._matcher.match(book, order, opposite, limit_key, quantity, True)
        rests = False
        if order.executed < order.quantity:
            if order.time_in_force is _GTC:
                rests = True
            else:
                self._expire(order)
        if changed:
            self._report_levels(book, order, changed)
        if rests:
            self._rest(book, order)

    def _carry_out_market(self, book: Book, order: Order, plan: Walk) -> None:
        """Trade a market order exactly as planned; what liquidity was missing for expires."""
        opposite = book.opposite(order.side)
        changed = self._matcher.match(book, order, opposite, ANY_PRICE, plan.quantity, plan.complete)
        if not plan.complete:
            self._expire(order)
        self._report_levels(book, order, changed)

    def _expire(self, order: Order) -> None:
        order.status = OrderStatus.EXPIRED
        self._record.report(order, Execution.EXPIRED)

    def _rest(self, book: Book, order: Order) -> None:
        """Put an order into the book and set aside what its open rest needs."""
        record = self._record
        rest = order.quantity - order.executed
        if order.side is _BUY:
            purse = order.trader.quote
            purse.held += notional(order.price, rest)
        else:
            purse = order.trader.base
            purse.held += rest
        record.touch(purse)
        self._open.add(order)
        level = book.ladder(order.side).append(order)
        record.events.append(book.change(order.side, level))

    def _report_levels(self, book: Book, taker: Order, changed: list[Level]) -> None:
        """Add the levels that a taker changed, in the order in which it reached them."""
        side = _SELL if taker.side is _BUY else _BUY
        for level in changed:
            self._record.events.append(book.change(side, level))
