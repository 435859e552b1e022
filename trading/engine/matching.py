"""Trades: an incoming order against the orders that rest, by price and then by time.  [pure]"""

from typing import Final

from mex.money import AMOUNT_MAX, UNITS
from trading.engine.enums import OrderStatus, StpMode
from trading.engine.events import Prevented, Traded
from trading.engine.exits import Exits
from trading.engine.levels import Ladder, Level, hidden_of
from trading.engine.orders import Order
from trading.engine.record import Record

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
        want = taker.rest
        self._goal = taker.executed + want
        while want > 0 and ladder.best >= limit_key:
            level = ladder.levels[ladder.best]  # what `_visit` does, without the call
            if not level.is_noted:
                ladder.note(level)
            want = self._match_level(taker, level, want)
            if level.head is None:
                ladder.drop(level)
            elif want:
                want = self._match_special(taker, level.head, ladder, want)
        return want

    def match_budget(self, taker: Order, ladder: Ladder, budget: int) -> int:
        """Trade at any price for `budget` quote units at most, in whole lots; return 0 if all is done, or STOPPED.

        A taker by quantity is done with its quantity; one by quote quantity, when what is left of its budget does not
        pay for a lot at the next price there is.
        """
        self._ceiling = taker.executed_quote + budget
        by_quote = taker.card.order.quote_quantity > 0
        while ladder.keys:
            level = ladder.levels[ladder.best]
            total = level.quantity + level.hidden
            want = min(self._pays_for(taker, level.price), total)
            if by_quote:
                is_last = want > 0 and self._is_last(taker, ladder, level, want, total)
                self._goal = taker.executed + want if is_last else -1
            else:
                want = min(want, taker.rest)
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
        level = ladder.levels[ladder.best]
        if not level.is_noted:
            ladder.note(level)
        want = self._match_level(taker, level, want)
        if level.head is None:
            ladder.drop(level)
        elif want:
            return self._match_special(taker, level.head, ladder, want)
        return want

    def _match_level(self, taker: Order, level: Level, want: int) -> int:
        """Trade with the orders at the head of a level up to one that needs more thought; return what is left.

        It is all in one function, with both sides written out, because a call costs as much as twenty other steps.
        """
        record, trader, card, maker = self._record, taker.trader, taker.card, level.head
        events, price, goal, is_buy = record.events, level.price, self._goal, not level.is_bid
        part, parts, up = trader.taker_fee
        book, lot, per_lot = trader.book, trader.lot, level.per_lot
        shunned = None if card.stp is _NONE else trader
        executed, executed_quote, number = taker.executed, taker.executed_quote, book.last_trade
        taker_fees = maker_fees = 0
        while want and maker is not None:
            owner, special, rest = maker.trader, maker.special, maker.rest
            if owner is shunned or (special is not None and special.group is not None):
                break
            shown = rest if special is None else rest - special.hidden
            quantity = want if want < shown else shown
            quote = quantity // lot * per_lot  # price x quantity, without the large number in between
            want -= quantity
            executed += quantity
            executed_quote += quote
            maker_part, maker_parts, maker_up = owner.maker_fee
            if is_buy:
                maker_fee = (quote * maker_part + maker_up) // maker_parts
                taker_fee = (quantity * part + up) // parts
                purse = owner.base
                purse.balance -= quantity
                purse.held -= quantity
                owner.quote.balance += quote - maker_fee
            else:
                maker_fee = (quantity * maker_part + maker_up) // maker_parts
                taker_fee = (quote * part + up) // parts
                purse = owner.quote
                purse.balance -= quote
                purse.held -= quote
                owner.base.balance += quantity - maker_fee
            taker_fees += taker_fee
            maker_fees += maker_fee
            if not owner.is_touched:
                record.touch(owner)
            number += 1
            maker_executed, maker_quote = maker.executed + quantity, maker.executed_quote + quote
            trade = Traded(
                number, price, quantity, quote, card, maker.card, taker_fee, maker_fee, executed, executed_quote,
                maker_executed, maker_quote, executed == goal, quantity == rest,
            )  # fmt: skip
            events.append(trade)
            if quantity == rest:
                del owner.orders[maker.card.id]
                filled, maker = maker, maker.next
                filled.next = None  # or the two would keep each other alive
            else:
                maker.rest, maker.executed, maker.executed_quote = rest - quantity, maker_executed, maker_quote
                if quantity == shown:
                    maker = _show_next_slice(level, maker)
        if number > book.last_trade:
            level.advance(maker, executed - taker.executed)
            self._settle(taker, level, number, executed, executed_quote, taker_fees, maker_fees)
        return want

    def _settle(
        self, taker: Order, level: Level, number: int, executed: int, quoted: int, taker_fees: int, maker_fees: int
    ) -> None:
        """Move what a taker received and paid, and the fees of both sides, in the asset that each received.

        number: of the last trade; executed, quoted: what the taker has traded by now.
        """
        trader = taker.trader
        book, base, quote = trader.book, trader.base, trader.quote
        if book.triggers.count and not (self.path and self.path[-1][0] == level.price):
            self.path.append((level.price, book.last_trade + 1))
        book.last_price, book.last_trade = level.price, number
        taken, paid = executed - taker.executed, quoted - taker.executed_quote
        taker.rest -= taken
        taker.executed, taker.executed_quote = executed, quoted
        if level.is_bid:
            quote.balance += paid - taker_fees
            base.balance -= taken
            book.quote_fees.balance += taker_fees
            book.base_fees.balance += maker_fees
        else:
            base.balance += taken - taker_fees
            quote.balance -= paid
            book.base_fees.balance += taker_fees
            book.quote_fees.balance += maker_fees
        if not trader.is_touched:
            self._record.touch(trader)
        if not book.has_traded:
            book.has_traded = True
            self._record.books.append(book)

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
        open_of_maker = maker.rest
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
        taker.rest -= taker_loses
        if taker_loses == open_of_taker:
            return STOPPED
        if taker.card.order.quote_quantity:
            self._goal = -1  # what is the last trade is reckoned anew, with what is left of the budget
            self._ceiling -= maker.price * taker_loses // UNITS
        else:
            self._goal -= taker_loses
        return want - taker_loses

    def _open_of(self, taker: Order, price: int) -> int:
        """What of a taker could still trade at a price, base units.

        A quote quantity may name more than there is: then as much as its order's columns can hold.
        """
        if not taker.card.order.quote_quantity:
            return taker.rest
        lot = taker.trader.book.lot
        return min(self._pays_for(taker, price), (AMOUNT_MAX - taker.executed - taker.prevented) // lot * lot)

    def _lose(self, maker: Order, quantity: int, ladder: Ladder) -> None:
        """Make a resting order smaller, or close it when nothing of it is left."""
        if quantity == maker.rest:
            self._exits.close(maker, OrderStatus.EXPIRED_IN_MATCH)
            return
        before = maker.needs
        ladder.resize(maker, maker.rest - quantity)
        maker.pays_from.held -= before - maker.needs
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


def _show_next_slice(level: Level, maker: Order) -> Order:
    """Let an iceberg whose shown part was eaten show more, last in its queue; return who is first now."""
    special = maker.special
    assert special is not None
    hidden = hidden_of(special.slice, maker.executed, maker.rest)
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
