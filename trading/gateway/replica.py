"""A web process's copy of the books, kept in step with the event stream.

Depth snapshots and depth diffs come from the same state, so that a client that applies diffs to a snapshot has the true
book (docs/api.md, "Depth sequence").
"""

from bisect import bisect_left, insort
from itertools import islice

from trading.engine.enums import Side


class BookReplica:
    """Price levels of one market with the number of the last change in them."""

    def __init__(self, last_update: int) -> None:
        self.last_update = last_update
        self._quantities: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
        self._prices: dict[Side, list[int]] = {Side.BUY: [], Side.SELL: []}  # both rise

    def set_level(self, side: Side, price: int, quantity: int) -> None:
        """Set a level's quantity; 0 removes it."""
        quantities, prices = self._quantities[side], self._prices[side]
        if quantity:
            if price not in quantities:
                insort(prices, price)
            quantities[price] = quantity
        elif quantities.pop(price, None) is not None:
            del prices[bisect_left(prices, price)]

    def levels(self, side: Side, limit: int) -> list[tuple[int, int]]:
        """Return up to `limit` (price, quantity) of a side, best first."""
        prices = self._prices[side]
        quantities = self._quantities[side]
        best_first = reversed(prices) if side is Side.BUY else iter(prices)
        return [(price, quantities[price]) for price in islice(best_first, limit)]

    def best(self, side: Side) -> tuple[int, int]:
        """Return the best (price, quantity) of a side, or (0, 0) when it is empty."""
        prices = self._prices[side]
        if not prices:
            return 0, 0
        price = prices[-1] if side is Side.BUY else prices[0]
        return price, self._quantities[side][price]
