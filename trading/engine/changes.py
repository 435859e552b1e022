"""Open orders are cancelled, replaced and amended.  [pure]"""

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from mex.money import UNITS
from trading.engine.book import Book
from trading.engine.commands import AmendOrder, CancelAll, CancelOrder, ReplaceOrder
from trading.engine.desk import Desk
from trading.engine.enums import CancelRestriction, OrderStatus, Reject, ReplaceMode
from trading.engine.events import Amended, CancelRejected, Closed, Event
from trading.engine.exits import Exits
from trading.engine.orders import Order, Trader
from trading.engine.record import Record
from trading.engine.traders import MARKETS_MAX, Traders

_CANCELED: Final = OrderStatus.CANCELED
_NO_RESTRICTION: Final = CancelRestriction.NONE


_fields: Final = msgspec.structs.astuple
"""All fields of a message at once: half as dear as one after the other, when most are needed."""
_Fields: TypeAlias = tuple[int, int, int, str, str, CancelRestriction]  # those of CancelOrder


class ChangeDesk:
    """Applies the commands that change or end open orders; in halted markets too."""

    __slots__ = ("_by_place", "_desk", "_exits", "_record", "_traders")

    _by_place: dict[int, Trader]
    _record: Record
    _traders: Traders
    _exits: Exits
    _desk: Desk

    def __init__(self, record: Record, traders: Traders, exits: Exits, desk: Desk) -> None:
        self._record = record
        self._traders = traders
        self._by_place = traders.by_place
        self._exits = exits
        self._desk = desk

    def cancel(self, command: CancelOrder) -> Sequence[Event]:
        """Close an open order of the account and give back what it holds; return what that did.

        An order in the book and in no list that is named by its number goes a short way, any other the long one. On
        the short way all that `Exits.close` and `Ladder.remove` would do is done right here, for calls are dear.
        """
        fields: _Fields = _fields(command)
        account, market, order_id, name, cancel_id, restriction = fields
        trader = self._by_place.get(account * MARKETS_MAX + market)
        if trader is None or trader.market != market or name or restriction is not _NO_RESTRICTION:
            return self._cancel_any(command)
        order = trader.orders.get(order_id)
        if order is None or order.special is not None:
            return self._cancel_any(command)
        level, rest = order.level, order.rest
        assert level is not None
        if level.is_bid:
            own, _, purse = trader.buying
            purse.held -= rest // trader.lot * level.per_lot
        else:
            own, _, purse = trader.selling
            purse.held -= rest
        if not trader.is_touched:
            self._record.touch(trader)
        del trader.orders[order_id]
        if not level.is_noted:
            own.note(level)
        level.quantity -= rest
        previous, following = order.previous, order.next
        if following is not None:
            following.previous = previous
        else:
            level.tail = previous
        if previous is not None:
            previous.next = following
        else:
            level.head = following
            if following is None:
                own.drop(level)
        return (Closed(order.card, _CANCELED, order.executed, order.executed_quote, cancel_id),)

    def _cancel_any(self, command: CancelOrder) -> list[Event]:
        """Close an order of any kind, or say why not; return what that did."""
        events: list[Event] = []
        self._record.events = events
        reject = self._try_cancel(command)
        if reject is not None:
            self._record.reject(reject)
        return events

    def cancel_all(self, command: CancelAll) -> None:
        """Close all open orders of the account in the market, oldest first."""
        if command.market not in self._traders.books:
            self._record.reject(Reject.MARKET_UNKNOWN)
            return
        trader = self._traders.find(command.account, command.market)
        if trader is None or not trader.orders:
            self._record.reject(Reject.UNKNOWN_ORDER)
            return
        self.close_all(list(trader.orders.values()), _CANCELED, command.cancel_id)

    def close_all(self, orders: list[Order], status: OrderStatus, cancel_id: str = "") -> None:
        """Close open orders, oldest first; with an order of a list, the other one."""
        for order in sorted(orders, key=_id):
            if order.id in order.trader.orders:
                self._exits.close(order, status, cancel_id)

    def replace(self, command: ReplaceOrder) -> None:
        """Cancel one order and place another."""
        placed = command.order
        if placed.account != command.cancel.account or placed.market != command.cancel.market:
            self._record.reject(Reject.INVALID)
            return
        reject = self._try_cancel(command.cancel)
        if reject is not None:
            self._record.events.append(CancelRejected(reject))
            if command.mode is ReplaceMode.STOP_ON_FAILURE:
                return
        events = self._record.events
        events += self._desk.place(placed)
        self._record.events = events

    def amend(self, command: AmendOrder) -> None:
        """Make an order smaller; of a list, both."""
        book = self._traders.books.get(command.market)
        if book is None:
            self._record.reject(Reject.MARKET_UNKNOWN)
            return
        order = self._traders.order(command.account, command.market, command.order_id, command.client_order_id)
        if order is None:
            self._record.reject(Reject.UNKNOWN_ORDER)
            return
        group = None if order.special is None else order.special.group
        reject = _amend_refusal(order, book, command.quantity)
        if reject is None and group is not None:
            reject = _amend_refusal(group.other(order), book, command.quantity)
        if reject is not None:
            self._record.reject(reject)
            return
        before = order.needs
        self._resize(order, command.quantity)
        if group is None:
            order.pays_from.held -= before - order.needs
        else:
            self._resize(group.other(order), command.quantity)
            order.pays_from.held -= group.held - group.needs
            group.held = group.needs
        self._record.touch(order.trader)

    def _try_cancel(self, command: CancelOrder) -> Reject | None:
        """Close an order, or return why not."""
        if command.market not in self._traders.books:
            return Reject.MARKET_UNKNOWN
        order = self._traders.order(command.account, command.market, command.order_id, command.client_order_id)
        if order is None:
            return Reject.UNKNOWN_ORDER
        is_new = order.executed == 0
        if command.restriction is CancelRestriction.ONLY_NEW and not is_new:
            return Reject.CANCEL_RESTRICTED
        if command.restriction is CancelRestriction.ONLY_PARTIALLY_FILLED and is_new:
            return Reject.CANCEL_RESTRICTED
        self._exits.close(order, _CANCELED, command.cancel_id)
        return None

    def _resize(self, order: Order, quantity: int) -> None:
        """Give an order its new quantity and its new card."""
        rest = quantity - order.prevented - order.executed
        book = order.trader.book
        if order.level is not None:
            (book.bids if order.is_buy else book.asks).resize(order, rest)
        else:
            order.rest = rest
        order.card = msgspec.structs.replace(
            order.card, order=msgspec.structs.replace(order.card.order, quantity=quantity)
        )
        self._record.events.append(Amended(order.card, order.executed, order.executed_quote, order.prevented))


def _amend_refusal(order: Order, book: Book, quantity: int) -> Reject | None:
    spec, placed = book.spec, order.card.order
    if quantity < spec.quantity_min or quantity % spec.lot:
        return Reject.LOT_SIZE
    if quantity >= placed.quantity or quantity <= order.executed + order.prevented:
        return Reject.AMEND_QUANTITY
    if placed.price and placed.price * quantity // UNITS < spec.notional_min:
        return Reject.NOTIONAL
    return None


def _id(order: Order) -> int:
    return order.id
