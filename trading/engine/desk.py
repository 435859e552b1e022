"""Orders come in, trade, rest or wait, and set others off.  [pure]"""

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from mex.limits import CLIENT_ORDER_ID_CHARS_MAX
from trading.engine.book import Book
from trading.engine.commands import PlaceOrder
from trading.engine.enums import OrderStatus, OrderType, Reject, Side, StpMode, TimeInForce
from trading.engine.events import Accepted, Event, TrailStarted, Triggered
from trading.engine.exits import Exits
from trading.engine.filters import hold_price_of, limit_refusal, makes_no_sense, market_refusal, slice_of
from trading.engine.levels import ANY_PRICE, Ladder
from trading.engine.matching import STOPPED, Matcher
from trading.engine.orders import STOPS, Order, Special, Trader
from trading.engine.planning import walk
from trading.engine.record import Record
from trading.engine.traders import MARKETS_MAX, Traders

_BUY: Final = Side.BUY
_LIMIT: Final = OrderType.LIMIT
_MARKET: Final = OrderType.MARKET
_GTC: Final = TimeInForce.GTC
_FOK: Final = TimeInForce.FOK

_DEFAULT: Final = StpMode.DEFAULT
_fields: Final = msgspec.structs.astuple
"""All fields of a message at once: half as dear as one after the other, when most are needed."""
_Fields: TypeAlias = tuple[
    int, int, str, Side, OrderType, TimeInForce, int, int, int, int, int, int, StpMode
]  # those of PlaceOrder
_EXPIRED: Final = OrderStatus.EXPIRED
_EXPIRED_IN_MATCH: Final = OrderStatus.EXPIRED_IN_MATCH


class Desk:
    """Places orders, and carries out those that trades have triggered."""

    __slots__ = ("_by_place", "_exits", "_matcher", "_record", "_traders")

    _by_place: dict[int, Trader]
    _record: Record
    _traders: Traders
    _exits: Exits
    _matcher: Matcher

    def __init__(self, record: Record, traders: Traders, exits: Exits) -> None:
        self._record = record
        self._traders = traders
        self._by_place = traders.by_place
        self._exits = exits
        self._matcher = Matcher(record, exits)

    def place(self, command: PlaceOrder) -> Sequence[Event]:
        """Accept an order and carry it out, or refuse it; return what that did.

        A plain limit order goes a short way: one condition says that nothing speaks against it, and if it meets nobody
        it is put into the book right here. Whatever else comes, or is wrong, goes the long way, where each rule is
        looked at in its turn.
        """
        fields: _Fields = _fields(command)
        account, market, name, side, kind, force, quantity, price, quote, stop, trail, slice, stp = fields
        trader = self._by_place.get(account * MARKETS_MAX + market)
        if trader is None or trader.market != market or kind is not _LIMIT or slice or stop or trail or quote:
            return self._place_any(command)
        lots = quantity // trader.lot
        if side is _BUY:
            own, opposite, purse = trader.buying
            key, limit_key = price, -price
        else:
            own, opposite, purse = trader.selling
            key, limit_key = -price, price
        level = own.levels.get(key)
        tariff = own.tariff
        cost = lots * (tariff.at(price) if level is None else level.allowed)
        needed = cost if side is _BUY else quantity
        names, orders = trader.names, trader.orders
        if not (
            tariff.cheapest <= cost <= tariff.dearest
            and tariff.fewest <= lots <= tariff.most
            and lots * tariff.lot == quantity
            and name not in names
            and needed <= purse.balance - purse.held
            and len(orders) < trader.orders_max
            and name
            and len(name) <= CLIENT_ORDER_ID_CHARS_MAX
        ):
            return self._place_any(command)
        record = self._record
        record.last_order = id = record.last_order + 1
        card = Accepted(id, record.now_ms, command, stp if stp is not _DEFAULT else trader.stp)
        if not names:
            record.named.append(trader.account)
        names[name] = id
        order = Order()
        order.card = card
        order.trader = trader
        order.rest = quantity
        order.executed = 0
        order.executed_quote = 0
        order.special = None
        if force is not _GTC or opposite.best >= limit_key:
            return self._take(order, opposite, limit_key, force)
        purse.held += needed
        if not trader.is_touched:
            trader.is_touched = True
            record.traders.append(trader)
        orders[id] = order
        own.append(order, level if level is not None else own.open(key), quantity)
        return (card,)

    def _take(self, order: Order, opposite: Ladder, limit_key: int, force: TimeInForce) -> list[Event]:
        """Carry out a plain limit order that may trade, and then whatever its trades trigger."""
        record, matcher = self._record, self._matcher
        events: list[Event] = [order.card]
        record.events = events
        if force is not _FOK or self._can_fill(order, limit_key):
            left = matcher.match(order, opposite, limit_key)
        else:
            left = order.rest
        if left:
            self._settle_rest(order, left, force)
        if matcher.path:
            self._follow_path(order.trader.book)
        return events

    def _place_any(self, command: PlaceOrder) -> list[Event]:
        """Look at every rule in its turn, then accept and carry out an order of any type; return what that did."""
        events: list[Event] = []
        self._record.events = events
        trader = self._traders.find(command.account, command.market)
        reject = self._traders.refusal(command.account, command.client_order_id, command.market)
        if reject is None and makes_no_sense(command):
            reject = Reject.INVALID
        if reject is None and trader is None:
            trader = self._traders.trader(command.account, command.market)
        if reject is None:
            assert trader is not None
            stp = self.mode_of(command, trader)
            is_market = command.type is _MARKET
            reject = market_refusal(command, trader, stp) if is_market else limit_refusal(command, trader)
        if reject is not None:
            self._record.reject(reject)
            return events
        assert trader is not None
        order = self.accept(command, trader, 0)
        if command.type in STOPS:
            self.wait(order)
        else:
            self._carry_out(order)
            if self._matcher.path:
                self._follow_path(trader.book)
        return events

    # --- steps that lists take too --------------------------------------------------------------------

    def mode_of(self, command: PlaceOrder, trader: Trader) -> StpMode:
        """Return the self-trade prevention in force for an order."""
        return command.stp if command.stp is not _DEFAULT else trader.stp

    def accept(self, command: PlaceOrder, trader: Trader, list_id: int) -> Order:
        """Return a new order under the next number. From here on nothing refuses it."""
        record = self._record
        record.last_order += 1
        hold_price = hold_price_of(command, trader.book)
        card = Accepted(record.last_order, record.now_ms, command, self.mode_of(command, trader), list_id, hold_price)
        record.events.append(card)
        if not trader.names:
            record.named.append(trader.account)
        trader.names[command.client_order_id] = card.id
        order = Order()
        order.card = card
        order.trader = trader
        order.rest = command.quantity
        order.executed = 0
        order.executed_quote = 0
        order.level = None
        slice = slice_of(command)
        order.special = Special(slice, None) if slice or list_id or command.type in STOPS else None
        return order

    def wait(self, order: Order) -> None:
        """Let a stop order wait, or follow the market at once. Its hold is its own, unless a list holds for it."""
        self._keep(order)
        book, placed = order.trader.book, order.card.order
        if placed.stop_price:
            book.triggers.wait(order)
            return
        self._follow(order, max(book.last_trade, 1), book.last_price)

    def _follow(self, order: Order, trade: int, price: int) -> None:
        """Let an order follow the market from a trade on; `price` is that of the trade, 0 if it is still to come."""
        order.card = msgspec.structs.replace(order.card, trail_ms=self._record.now_ms)
        self._record.events.append(TrailStarted(order.card, trade))
        order.trader.book.triggers.follow(order, price)

    def rest(self, order: Order) -> None:
        """Put an order into the book and set aside what its open rest needs."""
        self._keep(order)
        ladder = order.trader.book.ladder(order.card.order.side)
        if order.special is None:
            ladder.append(order, ladder.open(order.price * ladder.sign), order.rest)
        else:
            ladder.append_slice(order, order.special)

    def _keep(self, order: Order) -> None:
        """Note an order as open and hold for it, if no list does."""
        trader = order.trader
        trader.orders[order.id] = order
        if order.special is None or order.special.group is None:
            order.pays_from.held += order.needs
        self._record.touch(trader)

    # --- trading --------------------------------------------------------------------------------------

    def _follow_path(self, book: Book) -> None:
        """Carry out whatever the trades just made trigger, and what that triggers in turn."""
        queue: list[Order] = []
        self._look(book, queue)
        at = 0
        while at < len(queue):
            triggered = queue[at]
            at += 1
            self._work(triggered)
            if self._matcher.path:
                self._look(book, queue)

    def _work(self, order: Order) -> None:
        """Carry out a triggered order. Until now it was open and held what it needs; now it is a taker."""
        trader = order.trader
        order.card = msgspec.structs.replace(order.card, working_ms=self._record.now_ms)
        self._record.events.append(Triggered(order.card))
        del trader.orders[order.id]
        purse = order.pays_from
        purse.held -= order.held
        self._record.touch(trader)
        if order.special is not None and not order.special.slice:
            order.special = None
        self._carry_out(order)

    def _carry_out(self, order: Order) -> None:
        """Trade an order as far as it goes; the rest waits in the book or expires."""
        trader, placed = order.trader, order.card.order
        book = trader.book
        opposite = book.asks if placed.side is _BUY else book.bids
        if not placed.price:
            left = self._take_any_price(order)
        else:
            limit_key = order.price * opposite.sign
            left = order.rest
            if placed.time_in_force is not _FOK or self._can_fill(order, limit_key):
                left = self._matcher.match(order, opposite, limit_key)
        if left:
            self._settle_rest(order, left, placed.time_in_force if placed.price else TimeInForce.IOC)

    def _settle_rest(self, order: Order, left: int, force: TimeInForce) -> None:
        """Let what a taker did not trade wait in the book, or end it."""
        if left == STOPPED:
            self._record.end(order, _EXPIRED_IN_MATCH)
        elif force is _GTC:
            self.rest(order)
        else:
            self._record.end(order, _EXPIRED)

    def _take_any_price(self, order: Order) -> int:
        """Trade a MARKET order, or a stop order that has become one; a triggered BUY pays with what there is."""
        trader, placed = order.trader, order.card.order
        opposite = trader.book.opposite(placed.side)
        if placed.quote_quantity:
            return self._matcher.match_budget(order, opposite, placed.quote_quantity)
        if placed.type is not _MARKET and placed.side is _BUY:
            return self._matcher.match_budget(order, opposite, trader.quote.available)
        return self._matcher.match(order, opposite, ANY_PRICE)

    def _can_fill(self, order: Order, limit_key: int) -> bool:
        trader = order.trader
        opposite = trader.book.opposite(order.card.order.side)
        return walk(trader, opposite, order.card.stp, limit_key, order.rest).is_complete

    # --- what trades set off ---------------------------------------------------------------------------

    def _look(self, book: Book, queue: list[Order]) -> None:
        """Go along the prices of the trades just made and queue the orders that each of them triggers, oldest first."""
        path = self._matcher.path
        self._matcher.path = []
        for price, trade in path:
            starting, triggered = book.triggers.step(price)
            if not starting and not triggered:
                continue
            met = {order.id: order for order in starting}
            for order in sorted(starting + triggered, key=_id):
                if order.id not in order.trader.orders:
                    continue  # the other order of its list was triggered by the same price
                if order.id in met:
                    self._follow(order, trade, price)
                    continue
                special = order.special
                if special is not None and special.group is not None:
                    self._exits.dissolve(special.group, order)
                queue.append(order)


def _id(order: Order) -> int:
    return order.id
