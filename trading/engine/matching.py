"""Trades: an incoming order against the orders that rest, by price and then by time.  [pure]"""

from typing import Final

from mex.money import UNITS
from trading.engine.book import Book
from trading.engine.enums import OrderStatus, Side, StpMode
from trading.engine.events import Prevented, Traded
from trading.engine.exits import Exits
from trading.engine.levels import Ladder, Level, hidden_of
from trading.engine.orders import Order, Trader
from trading.engine.record import Record

_BUY: Final = Side.BUY
_NONE: Final = StpMode.NONE
_EXPIRE_TAKER: Final = StpMode.EXPIRE_TAKER
_EXPIRE_MAKER: Final = StpMode.EXPIRE_MAKER
_EXPIRE_BOTH: Final = StpMode.EXPIRE_BOTH

STOPPED: Final = -1
"""What `match` returns when the taker has expired in a match with its own account."""


class Matcher:
    """Matches orders of any book, and settles each trade at once."""

    __slots__ = ("_ceiling", "_exits", "_goal", "_record", "path")

    _record: Record
    _exits: Exits
    _goal: int
    """What the taker has executed when it has all that it asked for."""
    _ceiling: int
    """What a taker with a budget may have paid or received at most, quote units."""
    path: list[tuple[int, int]]
    """While orders wait for a price: the prices of the last taker's trades in turn, with the first trade at each."""

    def __init__(self, record: Record, exits: Exits) -> None:
        self._record = record
        self._exits = exits
        self._goal = 0
        self._ceiling = 0
        self.path = []

    def match(self, taker: Order, ladder: Ladder, limit_key: int) -> int:
        """Trade a taker's open quantity on levels not worse than `limit_key`; return what is left, or STOPPED."""
        keys = ladder.keys
        want = taker.size - taker.executed
        self._goal = taker.size
        while want > 0 and keys and keys[-1] >= limit_key:
            want = self._visit(taker, ladder, want)
        return want

    def match_budget(self, taker: Order, ladder: Ladder, budget: int) -> int:
        """Trade at any price for `budget` quote units at most, in whole lots; return 0 if all is done, or STOPPED.

        A taker by quantity is done with its quantity; one by quote quantity, when what is left of its budget does not
        pay for a lot at the next price there is.
        """
        self._ceiling = taker.executed_quote + budget
        by_quote = taker.card.order.quote_quantity > 0
        while ladder.keys:
            level = ladder.levels[ladder.keys[-1]]
            total = level.quantity + level.hidden
            want = min(self._pays_for(taker, level.price), total)
            if by_quote:
                is_last = want > 0 and self._is_last(taker, ladder, level, want, total)
                self._goal = taker.executed + want if is_last else -1
            else:
                want = min(want, taker.size - taker.executed)
                self._goal = taker.size
            if want == 0:
                break
            executed = taker.executed
            if self._visit(taker, ladder, want) == STOPPED:
                return STOPPED
            if taker.executed == self._goal and taker.executed > executed:
                return 0
        return 1

    def _pays_for(self, taker: Order, price: int) -> int:
        """What is left of a budget pays for so much at a price, base units in whole lots."""
        lot = taker.trader.book.lot
        return (self._ceiling - taker.executed_quote) * UNITS // price // lot * lot

    def _is_last(self, taker: Order, ladder: Ladder, level: Level, want: int, total: int) -> bool:
        """Whether a taker by quote quantity that trades `want` at the best level can pay for no lot after it."""
        left = self._ceiling - taker.executed_quote - level.price * want // UNITS
        price = ladder.levels[ladder.keys[-2]].price if want == total and len(ladder.keys) > 1 else level.price
        return left < price * taker.trader.book.lot // UNITS

    def _visit(self, taker: Order, ladder: Ladder, want: int) -> int:
        """Trade at the best level up to an order that needs more thought, and give it that; return what is left."""
        key = ladder.keys[-1]
        level = ladder.levels[key]
        book = taker.trader.book
        if key not in ladder.changed:
            ladder.changed[key] = level.quantity
        first = book.last_trade + 1
        want = self._match_level(book, taker, level, want)
        if book.last_trade >= first:
            book.last_price = level.price
            if book.triggers.count and not (self.path and self.path[-1][0] == level.price):
                self.path.append((level.price, first))
        if level.head is None:
            ladder.drop(key)
        elif want > 0:
            return self._match_special(taker, level.head, ladder, want)
        return want

    def _match_level(self, book: Book, taker: Order, level: Level, want: int) -> int:
        """Trade with the orders at the head of a level up to one that needs more thought; return what is left.

        What the taker receives is `given`, what it pays `paid`: base and quote, or the other way round. It is all in
        one function because a call per trade costs a tenth of the core's time (docs/performance.md).
        """
        record, trader, card, maker = self._record, taker.trader, taker.card, level.head
        events, price, goal = record.events, level.price, self._goal
        part, parts, lot, per_lot = *trader.taker_fee, book.lot, level.per_lot
        is_guarded, is_buy = card.stp is not _NONE, card.order.side is _BUY
        executed, executed_quote, number = taker.executed, taker.executed_quote, book.last_trade
        taker_fees = maker_fees = 0
        while want and maker is not None:
            maker_trader, special = maker.trader, maker.special
            if is_guarded and maker_trader is trader:
                break
            rest = maker.size - maker.executed
            if special is not None:
                if special.group is not None:
                    break
                rest -= special.hidden
            quantity = want if want < rest else rest
            quote = quantity // lot * per_lot  # price x quantity, without the large number in between
            want -= quantity
            executed += quantity
            executed_quote += quote
            maker.executed = maker_executed = maker.executed + quantity
            maker.executed_quote = maker_quote = maker.executed_quote + quote
            if is_buy:
                given, paid, giver, receiver = quantity, quote, maker_trader.base, maker_trader.quote
            else:
                given, paid, giver, receiver = quote, quantity, maker_trader.quote, maker_trader.base
            maker_part, maker_parts = maker_trader.maker_fee
            maker_fee = -(-paid * maker_part // maker_parts)
            taker_fee = -(-given * part // parts)
            giver.balance -= given
            giver.held -= given
            maker.held -= given
            receiver.balance += paid - maker_fee
            taker_fees += taker_fee
            maker_fees += maker_fee
            if not maker_trader.is_touched:
                record.touch(maker_trader)
            number += 1
            trade = Traded(
                number, price, quantity, quote, card, maker.card, taker_fee, maker_fee, executed, executed_quote,
                maker_executed, maker_quote, executed == goal, maker_executed == maker.size,
            )  # fmt: skip
            events.append(trade)
            if quantity == rest:
                maker = _show_next_slice(level, maker) if special is not None and special.hidden else _leave(maker)
        taken, quoted = executed - taker.executed, executed_quote - taker.executed_quote
        if taken:
            level.advance(maker, taken)
            taker.executed, taker.executed_quote, book.last_trade = executed, executed_quote, number
            self._settle(book, trader, is_buy, taken, quoted, taker_fees, maker_fees)
        return want

    def _settle(
        self, book: Book, trader: Trader, is_buy: bool, taken: int, quoted: int, taker_fees: int, maker_fees: int
    ) -> None:
        """Move what a taker received and paid, and the fees of both sides, in the asset that each received."""
        base, quote, record = trader.base, trader.quote, self._record
        base_fees, quote_fees = book.base_fees, book.quote_fees
        if is_buy:
            base.balance += taken - taker_fees
            quote.balance -= quoted
            base_fees.balance += taker_fees
            quote_fees.balance += maker_fees
        else:
            quote.balance += quoted - taker_fees
            base.balance -= taken
            quote_fees.balance += taker_fees
            base_fees.balance += maker_fees
        record.touch(trader)
        record.purses += (base_fees, quote_fees)

    # --- makers that need more thought --------------------------------------------------------------

    def _match_special(self, taker: Order, maker: Order, ladder: Ladder, want: int) -> int:
        """Deal with a level's first order, which is of the taker's account or of a list; return what is left."""
        if maker.trader is taker.trader and taker.card.stp is not _NONE:
            return self._prevent(taker, maker, ladder, want)
        assert maker.special is not None
        assert maker.special.group is not None
        self._exits.dissolve(maker.special.group, maker)
        return want

    def _prevent(self, taker: Order, maker: Order, ladder: Ladder, want: int) -> int:
        """Keep two orders of one account from trading, by the taker's mode; return what is left, or STOPPED."""
        mode = taker.card.stp
        open_of_taker = self._open_of(taker, maker.price)
        open_of_maker = maker.size - maker.executed
        if mode is _EXPIRE_TAKER:
            taker_loses, maker_loses = open_of_taker, 0
        elif mode is _EXPIRE_MAKER:
            taker_loses, maker_loses = 0, open_of_maker
        elif mode is _EXPIRE_BOTH:
            taker_loses, maker_loses = open_of_taker, open_of_maker
        else:
            taker_loses = maker_loses = min(open_of_taker, open_of_maker)
        if maker_loses and maker.special is not None and maker.special.group is not None:
            self._exits.dissolve(maker.special.group, maker)
        self._report(taker, maker, taker_loses, maker_loses)
        if maker_loses:
            self._lose(maker, maker_loses, ladder)
        taker.size -= taker_loses
        if taker_loses == open_of_taker:
            return STOPPED
        if taker.card.order.quote_quantity:
            self._goal = -1  # what is the last trade is reckoned anew, with what is left of the budget
            self._ceiling -= maker.price * taker_loses // UNITS
        else:
            self._goal -= taker_loses
        return want - taker_loses

    def _open_of(self, taker: Order, price: int) -> int:
        """What of a taker could still trade at a price, base units."""
        if not taker.card.order.quote_quantity:
            return taker.size - taker.executed
        return self._pays_for(taker, price)

    def _lose(self, maker: Order, quantity: int, ladder: Ladder) -> None:
        """Make a resting order smaller, or close it when nothing of it is left."""
        size = maker.size - quantity
        if size == maker.executed:
            # Out of the book with the size that its level counts, and out of it first.
            self._exits.close(maker, OrderStatus.EXPIRED_IN_MATCH)
            maker.size = size
            return
        ladder.resize(maker, size)
        purse = maker.pays_from
        purse.held -= maker.held - maker.needs
        maker.held = maker.needs
        self._record.touch(maker.trader)

    def _report(self, taker: Order, maker: Order, taker_loses: int, maker_loses: int) -> None:
        book = taker.trader.book
        book.last_prevented += 1
        self._record.events.append(
            Prevented(
                book.last_prevented,
                maker.price,
                taker.card,
                maker.card,
                taker_loses,
                maker_loses,
                taker.prevented + taker_loses,
                maker.prevented + maker_loses,
                taker.executed,
                taker.executed_quote,
                maker.executed,
                maker.executed_quote,
            )
        )


def _leave(maker: Order) -> Order | None:
    """Let a maker go that is filled; return who stands behind it."""
    del maker.trader.orders[maker.card.id]
    following = maker.next
    maker.next = maker.level = None
    return following


def _show_next_slice(level: Level, maker: Order) -> Order:
    """Let an iceberg whose shown part was eaten show more, last in its queue; return who is first now."""
    special = maker.special
    assert special is not None
    hidden = hidden_of(special.slice, maker.executed, maker.size - maker.executed)
    level.quantity += special.hidden - hidden
    level.hidden -= special.hidden - hidden
    special.hidden = hidden
    following = maker.next
    tail = level.tail
    if following is None or tail is None:
        return maker
    maker.next = None
    maker.previous = tail
    tail.next = maker
    level.tail = maker
    return following
