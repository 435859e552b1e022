"""One side of a book: price levels in order, and the queue of orders at each.  [pure]

Prices are kept as keys that rise towards the best price: the price itself for bids, minus the price for asks. So the
best level is the last of a sorted list, and one comparison tells whether an order crosses, on either side.
"""

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from mex.money import UNITS

if TYPE_CHECKING:  # the two types refer to each other
    from trading.engine.orders import Order, Special


class Level:
    """The orders at one price, oldest first; the sums of what they show and of what they hide, in base units."""

    __slots__ = ("head", "hidden", "key", "per_lot", "price", "quantity", "tail")

    key: int
    price: int
    per_lot: int
    """Quote units that a lot costs here: price x quantity = quantity / lot x per_lot, without the large number."""
    quantity: int
    hidden: int
    head: "Order | None"
    tail: "Order | None"

    def __init__(self, key: int, price: int, lot: int) -> None:
        self.key = key
        self.price = price
        self.per_lot = price * lot // UNITS
        self.quantity = 0
        self.hidden = 0
        self.head = None
        self.tail = None

    def advance(self, head: "Order | None", taken: int) -> None:
        """Note that trades took so much of what is shown, and who is first now."""
        self.quantity -= taken
        self.head = head
        if head is None:
            self.tail = None
        else:
            head.previous = None


class Ladder:
    """The levels of one side. Its links hold no reference cycle once an order has left: all of it is freed at once."""

    __slots__ = ("changed", "keys", "levels", "lot", "sign")

    sign: int
    lot: int
    """The market's: every order of it stands on the lot (operators.py)."""
    keys: list[int]
    """Sorted, best last."""
    levels: dict[int, Level]
    changed: dict[int, int]
    """Levels that this batch may have changed, with what they showed before it."""

    def __init__(self, sign: int, lot: int) -> None:
        self.sign = sign
        self.lot = lot
        self.keys = []
        self.levels = {}
        self.changed = {}

    def append(self, order: "Order", price: int, shown: int) -> None:
        """Put an order last in the queue of its price; `shown` is the open quantity that others may see of it."""
        key = price * self.sign
        level = self.levels.get(key)
        changed = self.changed
        if level is None:
            level = self.levels[key] = Level(key, price, self.lot)
            keys = self.keys
            if keys and key < keys[-1]:
                insort(keys, key)
            else:
                keys.append(key)
            order.previous = None
            level.head = order
            if key not in changed:
                changed[key] = 0
        else:
            order.previous = tail = level.tail
            tail.next = order  # type: ignore[union-attr]  # a level is never empty
            if key not in changed:
                changed[key] = level.quantity
        order.next = None
        order.level = level
        level.tail = order
        level.quantity += shown

    def append_slice(self, order: "Order", special: "Special") -> None:
        """Put a special order last in the queue of its price; an iceberg shows its slice there."""
        rest = order.size - order.executed
        special.hidden = hidden = hidden_of(special.slice, order.executed, rest)
        self.append(order, order.price, rest - hidden)
        if order.level is not None:
            order.level.hidden += hidden

    def remove(self, order: "Order") -> None:
        """Take an order out of its queue, wherever it stands, and its level with it if it was the last one there."""
        level = order.level
        assert level is not None
        key, changed = level.key, self.changed
        if key not in changed:
            changed[key] = level.quantity
        special = order.special
        if special is None:
            level.quantity -= order.size - order.executed
        else:
            level.quantity -= order.size - order.executed - special.hidden
            level.hidden -= special.hidden
            special.hidden = 0
        previous, following = order.previous, order.next
        order.previous = order.next = order.level = None
        if previous is not None:
            previous.next = following
        elif following is None:
            self.drop(key)
            level.head = level.tail = None
            return
        else:
            level.head = following
        if following is not None:
            following.previous = previous
        else:
            level.tail = previous

    def resize(self, order: "Order", size: int) -> None:
        """Make a resting order smaller; it keeps its place."""
        level = order.level
        assert level is not None
        if level.key not in self.changed:
            self.changed[level.key] = level.quantity
        special = order.special
        level.quantity -= order.size - size
        if special is not None and special.slice:
            rest = size - order.executed
            hidden = hidden_of(special.slice, order.executed, rest)
            level.quantity += special.hidden - hidden
            level.hidden -= special.hidden - hidden
            special.hidden = hidden
        order.size = size

    def drop(self, key: int) -> None:
        """Remove a level that has become empty."""
        del self.levels[key]
        keys = self.keys
        if keys[-1] == key:
            keys.pop()
        else:
            del keys[bisect_left(keys, key)]

    def take_lot(self, lot: int) -> None:
        """Count in a new lot."""
        self.lot = lot
        for level in self.levels.values():
            level.per_lot = level.price * lot // UNITS

    def best_first(self, limit: int) -> list[tuple[int, int]]:
        """Return at most `limit` levels as (price, quantity shown), best first."""
        levels = self.levels
        return [(levels[key].price, levels[key].quantity) for key in self.keys[: -limit - 1 : -1]]


def hidden_of(slice: int, executed: int, rest: int) -> int:
    """Return what an iceberg hides of its open `rest`: all but what is left of the slice that it is at.

    Slices are counted from the order's beginning (docs/engine.md, "Order types"); 0 is an order that hides nothing.
    """
    if slice == 0:
        return 0
    shown = slice - executed % slice
    return rest - shown if shown < rest else 0
