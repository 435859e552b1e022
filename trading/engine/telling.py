"""Which price levels a batch has changed.  [pure]"""

from collections.abc import Mapping
from operator import attrgetter

from trading.engine.book import Book
from trading.engine.enums import Side
from trading.engine.events import LevelChanged
from trading.engine.levels import Ladder


def level_changes(books: Mapping[int, Book]) -> list[LevelChanged]:
    """Return the levels that differ from the last call, market by market, bids and then asks, best first."""
    told: list[LevelChanged] = []
    for market in sorted(books):
        book = books[market]
        if book.bids.noted:
            _add(told, book, book.bids, Side.BUY)
        if book.asks.noted:
            _add(told, book, book.asks, Side.SELL)
    return told


def _add(told: list[LevelChanged], book: Book, ladder: Ladder, side: Side) -> None:
    market, changed = book.spec.id, [level for level in ladder.end_batch() if level.quantity != level.told]
    changed.sort(key=_rank, reverse=True)
    told += [
        LevelChanged(market, update, side, level.price, level.quantity)
        for update, level in enumerate(changed, book.last_update + 1)
    ]
    book.last_update += len(changed)


_rank = attrgetter("rank")
