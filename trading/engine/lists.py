"""Order lists (OCO): two orders of which one can trade, and one hold for both.  [pure]"""

from typing import Final

from trading.engine.book import Book
from trading.engine.commands import CancelList, PlaceList, PlaceOrder
from trading.engine.desk import Desk
from trading.engine.enums import ListStatus, OrderStatus, OrderType, Reject, Side
from trading.engine.exits import Exits
from trading.engine.filters import (
    count_refusal,
    form_refusal,
    hold_price_of,
    is_triggered_already,
    makes_no_sense,
    needed,
    position_refusal,
    would_take,
)
from trading.engine.orders import PRICELESS, STOPS, Order, OrderList, Trader
from trading.engine.record import Record
from trading.engine.traders import Traders

_BUY: Final = Side.BUY
_LIMIT_MAKER: Final = OrderType.LIMIT_MAKER
_LOSSES: Final = (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)
_PROFITS: Final = (OrderType.LIMIT_MAKER, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)
_NAME_CHARS_MAX = 36


class ListDesk:
    """Applies the commands that place and cancel order lists."""

    __slots__ = ("_desk", "_exits", "_record", "_traders")

    _record: Record
    _traders: Traders
    _exits: Exits
    _desk: Desk

    def __init__(self, record: Record, traders: Traders, exits: Exits, desk: Desk) -> None:
        self._record = record
        self._traders = traders
        self._exits = exits
        self._desk = desk

    def place(self, command: PlaceList) -> None:
        """Place both orders, or refuse both."""
        above, below = command.above, command.below
        reject = self._first_refusal(command)
        if reject is None and (not _is_a_list(command) or makes_no_sense(above) or makes_no_sense(below)):
            reject = Reject.INVALID
        if reject is not None:
            self._record.reject(reject)
            return
        trader = self._traders.trader(command.account, command.market)
        reject = _refusal(above, below, trader)
        if reject is not None:
            self._record.reject(reject)
            return
        self._accept(command, trader)

    def cancel(self, command: CancelList) -> None:
        """Cancel both orders of a list."""
        if command.market not in self._traders.books:
            self._record.reject(Reject.MARKET_UNKNOWN)
            return
        group = self._find(command)
        if group is None:
            self._record.reject(Reject.UNKNOWN_ORDER)
            return
        self._exits.close(group.above, OrderStatus.CANCELED, command.cancel_id)

    def _first_refusal(self, command: PlaceList) -> Reject | None:
        account = self._traders.accounts.get(command.account)
        names = (command.above.client_order_id, command.below.client_order_id)
        is_used = account is not None and (
            command.client_list_id in account.lists or any(name in account.names for name in names)
        )
        if is_used or names[0] == names[1]:
            return Reject.DUPLICATE_ORDER
        return self._traders.refusal(command.account, names[0], command.market)

    def _accept(self, command: PlaceList, trader: Trader) -> None:
        record = self._record
        record.last_list += 1
        group = OrderList(record.last_list, command.client_list_id, record.now_ms)
        # Told before its orders, whose numbers are known.
        at = len(record.events)
        group.above = self._desk.accept(command.above, trader, group.id)
        group.below = self._desk.accept(command.below, trader, group.id)
        for order in (group.above, group.below):
            assert order.special is not None
            order.special.group = group
        cards = record.events[at:]
        del record.events[at:]
        self._exits.tell(group, ListStatus.EXECUTING)
        for order, card in zip((group.above, group.below), cards, strict=True):
            record.events.append(card)
            self._let_in(order)
        trader.account.lists[group.client_list_id] = group
        group.held = group.needs
        group.above.pays_from.held += group.held
        record.touch(trader)

    def _let_in(self, order: Order) -> None:
        if order.card.order.type in STOPS:
            self._desk.wait(order)
        else:
            self._desk.rest(order)

    def _find(self, command: CancelList) -> OrderList | None:
        trader = self._traders.find(command.account, command.market)
        if trader is None:
            return None
        if command.client_list_id:
            found = trader.account.lists.get(command.client_list_id)
            matches = found is not None and command.list_id in (0, found.id)
        else:
            found = next((group for group in trader.account.lists.values() if group.id == command.list_id), None)
            matches = found is not None
        return found if found is not None and matches and found.above.trader is trader else None


def _is_a_list(command: PlaceList) -> bool:
    above, below = command.above, command.below
    if not 0 < len(command.client_list_id) <= _NAME_CHARS_MAX:
        return False
    for order in (above, below):
        if order.account != command.account or order.market != command.market:
            return False
    if above.side is not below.side or above.quantity != below.quantity:
        return False
    profit, loss = (below, above) if above.side is _BUY else (above, below)
    return profit.type in _PROFITS and loss.type in _LOSSES


def _refusal(above: PlaceOrder, below: PlaceOrder, trader: Trader) -> Reject | None:
    """Return why two orders that make a list are refused, from PRICE_FILTER on."""
    book, both = trader.book, (above, below)
    for order in both:
        reject = form_refusal(order, book)
        if reject is not None:
            return reject
    waiting = sum(order.type in STOPS for order in both)
    reject = count_refusal(trader, 2, waiting) or position_refusal(trader, above.side, above.quantity)
    if reject is not None:
        return reject
    if not _are_in_relation(above, below, book):
        return Reject.PRICE_RELATION
    if any(is_triggered_already(order, book) for order in both):
        return Reject.WOULD_TRIGGER
    if any(order.type is _LIMIT_MAKER and would_take(order, book) for order in both):
        return Reject.WOULD_TAKE
    purse = trader.quote if above.side is _BUY else trader.base
    most = max(needed(order, hold_price_of(order, book)) for order in both)
    return Reject.INSUFFICIENT_FUNDS if purse.available < most else None


def _are_in_relation(above: PlaceOrder, below: PlaceOrder, book: Book) -> bool:
    """Return whether the upper price is above the lower one, and whether a stop to buy has a price to hold at."""
    if above.side is _BUY:
        for order in (above, below):
            if order.type in PRICELESS and hold_price_of(order, book) == 0:
                return False
    prices = [order.price if order.type is _LIMIT_MAKER else order.stop_price for order in (above, below)]
    return 0 in prices or prices[0] > prices[1]
