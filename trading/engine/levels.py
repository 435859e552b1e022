"""One side of a book: price levels in order, and the queue of orders at each.  [pure]

Prices are kept as keys that rise towards the best price: the price itself for bids, minus the price for asks. So the
best level is the last of a sorted list, and one comparison tells whether an order crosses, on either side.
"""

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the two types refer to each other
    from trading.engine.orders import Order


class Level:
    """The orders at one price, oldest first, and the sum of their open quantities in base units."""

    __slots__ = ("head", "key", "price", "quantity", "tail")

    key: int
    price: int
    quantity: int
    head: "Order | None"
    tail: "Order | None"

    def __init__(self, key: int, price: int) -> None:
        self.key = key
        self.price = price
        self.quantity = 0
        self.head = None
        self.tail = None


class Ladder:
    """The levels of one side. Its links hold no reference cycle once an order has left: all of it is freed at once."""

    __slots__ = ("keys", "levels", "sign")

    sign: int
    keys: list[int]
    """Sorted, best last."""
    levels: dict[int, Level]

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys = []
        self.levels = {}

    def append(self, order: "Order") -> Level:
        """Put an order last in the queue of its price and return its level."""
        key = order.price * self.sign
        level = self.levels.get(key)
        if level is None:
            level = self.levels[key] = Level(key, order.price)
            insort(self.keys, key)
        tail = level.tail
        if tail is None:
            level.head = order
        else:
            tail.next = order
        order.previous = tail
        order.level = level
        level.tail = order
        level.quantity += order.quantity - order.executed
        return level

    def remove(self, order: "Order") -> Level:
        """Take an order out of its queue, wherever it stands there, and return the level that it left."""
        level = order.level
        assert level is not None
        previous, following = order.previous, order.next
        if previous is None:
            level.head = following
        else:
            previous.next = following
        if following is None:
            level.tail = previous
        else:
            following.previous = previous
        order.previous = order.next = order.level = None
        level.quantity -= order.quantity - order.executed
        if level.head is None:
            self.drop(level)
        return level

    def drop(self, level: Level) -> None:
        """Remove a level that has become empty."""
        del self.levels[level.key]
        keys = self.keys
        if keys[-1] == level.key:
            keys.pop()
        else:
            del keys[bisect_left(keys, level.key)]

    def best_first(self, limit: int) -> list[tuple[int, int]]:
        """Return at most `limit` levels as (price, quantity), best first."""
        levels = self.levels
        return [(levels[key].price, levels[key].quantity) for key in self.keys[: -limit - 1 : -1]]
