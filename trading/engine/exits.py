"""How orders leave before they are filled: alone, or with the other order of their list.  [pure]"""

from typing import Final

from trading.engine.enums import ListStatus, OrderState, OrderStatus, Side
from trading.engine.events import ListChanged
from trading.engine.orders import Order, OrderList
from trading.engine.record import Record

_BUY: Final = Side.BUY
_WORKING: Final = OrderState.WORKING
_EXPIRED: Final = OrderStatus.EXPIRED


class Exits:
    """Takes open orders out of the book or from among the waiting ones, and gives back what they hold."""

    __slots__ = ("_record",)

    _record: Record

    def __init__(self, record: Record) -> None:
        self._record = record

    def close(self, order: Order, status: OrderStatus, cancel_id: str = "") -> None:
        """Close an open order; of a list, both orders, this one first."""
        special = order.special
        if special is not None and special.group is not None:
            group = special.group
            other = group.other(order)
            self._release(group)
            self._close(order, status, cancel_id, 0)
            self._close(other, status, cancel_id, 0)
            self._end(group)
        else:
            self._close(order, status, cancel_id, order.needs)

    def dissolve(self, group: OrderList, remaining: Order) -> None:
        """End a list because one of its orders is in action: the other expires, and the one holds for itself."""
        other = group.other(remaining)
        self._release(group)
        remaining.pays_from.held += remaining.needs
        self._close(other, _EXPIRED, "", 0)
        self._end(group)

    def tell(self, group: OrderList, status: ListStatus) -> None:
        """Add a list's state."""
        trader = group.above.trader
        self._record.events.append(
            ListChanged(
                group.id,
                trader.account.id,
                trader.book.spec.id,
                group.client_list_id,
                status,
                group.above.id,
                group.below.id,
                group.created_ms,
            )
        )

    def _release(self, group: OrderList) -> None:
        """Take back what a list holds, and make its orders single ones."""
        for order in (group.above, group.below):
            assert order.special is not None
            order.special.group = None
        group.above.pays_from.held -= group.held
        group.held = 0
        self._record.touch(group.above.trader)

    def _end(self, group: OrderList) -> None:
        del group.above.trader.account.lists[group.client_list_id]
        self.tell(group, ListStatus.ALL_DONE)

    def _close(self, order: Order, status: OrderStatus, cancel_id: str, held: int) -> None:
        trader, record = order.trader, self._record
        own, _, purse = trader.buying if order.card.order.side is _BUY else trader.selling
        purse.held -= held
        if not trader.is_touched:
            trader.is_touched = True
            record.traders.append(trader)
        if order.level is not None:
            own.remove(order)
            order.level = None
        elif order.special is not None and order.special.state is not _WORKING:
            trader.book.triggers.leave(order)
        # else one price has met both orders of a list: this one has left its place, and its turn never comes.
        del trader.orders[order.card.id]
        record.end(order, status, cancel_id)
