"""Which price levels a batch has changed.  [pure]"""

from collections.abc import Mapping

from trading.engine.book import Book
from trading.engine.enums import Side
from trading.engine.events import LevelChanged
from trading.engine.levels import Ladder


def level_changes(books: Mapping[int, Book]) -> list[LevelChanged]:
    """Return the levels that differ from the last call, market by market, bids and then asks, best first."""
    told: list[LevelChanged] = []
    for market in sorted(books):
        book = books[market]
        if book.bids.changed:
            _add(told, book, book.bids, Side.BUY)
        if book.asks.changed:
            _add(told, book, book.asks, Side.SELL)
    return told


def _add(told: list[LevelChanged], book: Book, ladder: Ladder, side: Side) -> None:
    market, levels, before = book.spec.id, ladder.levels, ladder.changed
    for key in sorted(before, reverse=True):
        level = levels.get(key)
        quantity = 0 if level is None else level.quantity
        if quantity != before[key]:
            book.last_update += 1
            told.append(LevelChanged(market, book.last_update, side, key * ladder.sign, quantity))
    ladder.changed = {}
