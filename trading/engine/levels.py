"""One side of a book: price levels in order, and the queue of orders at each.  [pure]

Prices are kept as keys that rise towards the best price: the price itself for bids, minus the price for asks. So the
best level is the last of a sorted list, and one comparison tells whether an order crosses, on either side.
"""

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Final

from mex.money import UNITS

if TYPE_CHECKING:  # the two types refer to each other
    from trading.engine.orders import Order, Special

ANY_PRICE: Final = -(2**63)
"""A key below that of every price: the limit of an order that takes any."""
NO_PRICE: Final = ANY_PRICE - 1
"""The best key of a side on which nobody stands."""

_PRICES_KEPT_MAX: Final = 16_384


class Tariff:
    """What a market's rules say of a price. It is reckoned once for each price that comes up, not for each order."""

    __slots__ = ("_known", "cheapest", "dearest", "fewest", "highest", "lot", "lowest", "most", "tick")

    tick: int
    lot: int
    lowest: int
    highest: int
    """What prices are to be from and to; above it, `lowest` is, in a market that takes no plain orders (desk.py)."""
    fewest: int
    most: int
    """Lots of an order from and to."""
    cheapest: int
    dearest: int
    """What an order is to be worth, from and to; at least 1, as a price that is not allowed has lots worth 0."""
    _known: dict[int, int]

    def __init__(
        self,
        *,
        lot: int,
        tick: int = 1,
        prices: tuple[int, int] = (1, 0),
        lots: tuple[int, int] = (0, 0),
        notional: tuple[int, int] = (1, 0),
    ) -> None:
        self.lot = lot
        self.tick = tick
        self.lowest, self.highest = prices
        self.fewest, self.most = lots
        self.cheapest, self.dearest = notional
        self._known = {}

    def at(self, price: int) -> int:
        """Return what a lot costs at a price, in quote units; 0 if the price is off its bounds or its tick."""
        per_lot = self._known.get(price)
        if per_lot is None:
            if len(self._known) >= _PRICES_KEPT_MAX:
                self._known.clear()
            is_allowed = self.lowest <= price <= self.highest and price % self.tick == 0
            per_lot = self._known[price] = price * self.lot // UNITS if is_allowed else 0
        return per_lot


class Level:
    """The orders at one price, oldest first; the sums of what they show and of what they hide, in base units."""

    __slots__ = (
        "allowed",
        "head",
        "hidden",
        "is_bid",
        "is_noted",
        "key",
        "per_lot",
        "price",
        "quantity",
        "rank",
        "tail",
        "told",
    )

    key: int
    price: int
    rank: int
    """Its key in ticks, to sort by: small numbers compare faster."""
    is_bid: bool
    per_lot: int
    """Quote units that a lot costs here: price x quantity = quantity / lot x per_lot, without the large number."""
    allowed: int
    """The same, or 0 if the rules have come to forbid the price."""
    quantity: int
    hidden: int
    is_noted: bool
    """Whether this batch may have changed it."""
    told: int
    """What it showed before the last batch that may have changed it."""
    head: "Order | None"
    tail: "Order | None"

    def __init__(self, key: int, price: int, tariff: Tariff) -> None:
        self.key = key
        self.price = price
        self.is_bid = key > 0
        self.take_tariff(tariff)
        self.quantity = 0
        self.hidden = 0
        self.told = 0
        self.is_noted = False
        self.head = None
        self.tail = None

    def take_tariff(self, tariff: Tariff) -> None:
        """Go by new rules."""
        self.allowed = tariff.at(self.price)
        self.per_lot = self.allowed or self.price * tariff.lot // UNITS
        self.rank = self.key // tariff.tick

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

    __slots__ = ("best", "emptied", "keys", "levels", "noted", "sign", "tariff")

    sign: int
    tariff: Tariff
    keys: list[int]
    """Of the levels where orders stand; sorted, best last."""
    best: int
    """The last of them, or NO_PRICE."""
    levels: dict[int, Level]
    """By key. One that has become empty stays until the batch is told: orders often come back to its price."""
    noted: list[Level]
    """The levels that this batch may have changed."""
    emptied: list[Level]
    """Those that it emptied; someone may stand there again."""

    def __init__(self, sign: int, tariff: Tariff) -> None:
        self.sign = sign
        self.tariff = tariff
        self.keys = []
        self.best = NO_PRICE
        self.levels = {}
        self.noted = []
        self.emptied = []

    def open(self, key: int) -> Level:
        """Return the level of a price, a new one if there is none."""
        level = self.levels.get(key)
        if level is None:
            level = self.levels[key] = Level(key, key * self.sign, self.tariff)
        return level

    def append(self, order: "Order", level: Level, shown: int) -> None:
        """Put an order last in the queue of its price; `shown` is the open quantity that others may see of it."""
        if not level.is_noted:
            self.note(level)
        order.previous = tail = level.tail
        if tail is not None:
            tail.next = order
        else:
            level.head = order
            key = level.key
            if key < self.best:
                insort(self.keys, key)
            else:
                self.keys.append(key)
                self.best = key
        order.next = None
        order.level = level
        level.tail = order
        level.quantity += shown

    def append_slice(self, order: "Order", special: "Special") -> None:
        """Put a special order last in the queue of its price; an iceberg shows its slice there."""
        rest = order.rest
        special.hidden = hidden = hidden_of(special.slice, order.executed, rest)
        level = self.open(order.price * self.sign)
        self.append(order, level, rest - hidden)
        level.hidden += hidden

    def remove(self, order: "Order") -> None:
        """Take an order out of its queue, wherever it stands, and its price with it if it was the last one there.

        Its own links stay as they are, for it is about to be forgotten; nobody who stands here knows it any more.
        """
        level = order.level
        assert level is not None
        if not level.is_noted:
            self.note(level)
        special = order.special
        if special is None:
            level.quantity -= order.rest
        else:
            level.quantity -= order.rest - special.hidden
            level.hidden -= special.hidden
            special.hidden = 0
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
                self.drop(level)

    def resize(self, order: "Order", rest: int) -> None:
        """Make a resting order smaller; it keeps its place."""
        level = order.level
        assert level is not None
        if not level.is_noted:
            self.note(level)
        special = order.special
        level.quantity -= order.rest - rest
        if special is not None and special.slice:
            hidden = hidden_of(special.slice, order.executed, rest)
            level.quantity += special.hidden - hidden
            level.hidden -= special.hidden - hidden
            special.hidden = hidden
        order.rest = rest

    def drop(self, level: Level) -> None:
        """Take a price out at which nobody stands any more."""
        keys = self.keys
        if level.key == self.best:
            keys.pop()
            self.best = keys[-1] if keys else NO_PRICE
        else:
            del keys[bisect_left(keys, level.key)]
        self.emptied.append(level)

    def note(self, level: Level) -> None:
        """Note, once in a batch, that a level changes now."""
        level.is_noted = True
        level.told = level.quantity
        self.noted.append(level)

    def end_batch(self) -> list[Level]:
        """Forget the levels where nobody stands, and return those that this batch may have changed."""
        noted = self.noted
        for level in noted:
            level.is_noted = False
        for level in self.emptied:
            if level.head is None:
                self.levels.pop(level.key, None)
        self.noted = []
        self.emptied = []
        return noted

    def take_tariff(self, tariff: Tariff) -> None:
        """Go by new rules."""
        self.tariff = tariff
        for level in self.levels.values():
            level.take_tariff(tariff)

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
