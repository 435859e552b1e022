"""Orders of one market that wait for a price outside its book.  [pure]

Stop prices are kept as keys like those of a ladder: the key that a moving price meets first is last in a sorted list.
Trailing orders of one side and delta stand in buckets by the best price they have followed: a better price merges
buckets at one end, a price that fell back far enough empties buckets at the other, so each step costs what it changes.
"""

from bisect import bisect_left, insort
from collections import deque
from typing import TYPE_CHECKING

from trading.engine.enums import OrderState, OrderType, Side
from trading.engine.markets import BIPS

if TYPE_CHECKING:  # orders know their bucket
    from trading.engine.orders import Order

NOTHING_FOLLOWED = -(2**63)
"""The key of trailing orders that no trade has met yet: below that of every price."""


class Bucket:
    """Trailing orders that have followed the same best price. `key` is that price for SELL, minus it for BUY."""

    __slots__ = ("key", "orders")

    key: int
    orders: dict[int, "Order"]

    def __init__(self, key: int) -> None:
        self.key = key
        self.orders = {}

    @property
    def price(self) -> int:
        """The best price followed, or 0 before the first."""
        if self.key == NOTHING_FOLLOWED:
            return 0
        return self.key if self.key > 0 else -self.key


class Trail:
    """Trailing orders of one side and delta, the bucket with the best price first."""

    __slots__ = ("buckets", "delta", "sign")

    sign: int
    """1: SELL, follows what rises; -1: BUY, follows what falls."""
    delta: int
    buckets: deque[Bucket]

    def __init__(self, sign: int, delta: int) -> None:
        self.sign = sign
        self.delta = delta
        self.buckets = deque()

    def add(self, order: "Order", key: int) -> None:
        """Let an order follow on from the price of this key: the worst so far, unless it is being restored."""
        buckets = self.buckets
        place = len(buckets)
        while place and buckets[place - 1].key < key:
            place -= 1
        if not place or buckets[place - 1].key != key:
            buckets.insert(place, Bucket(key))
            place += 1
        bucket = buckets[place - 1]
        bucket.orders[order.id] = order
        assert order.special is not None
        order.special.bucket = bucket

    def step(self, price: int) -> list["Order"]:
        """Follow the market to a price and take out the orders that it triggers."""
        key = price * self.sign
        buckets = self.buckets
        triggered: list[Order] = []
        while buckets and self._is_far(buckets[0].key, key):
            triggered += buckets.popleft().orders.values()
        if buckets and buckets[-1].key < key:
            self._merge(key)
        while buckets and not buckets[0].orders:
            buckets.popleft()
        return triggered

    def _is_far(self, best: int, key: int) -> bool:
        """Whether a price has come back from the best one by the delta. Keys of BUY are negative prices."""
        if best == NOTHING_FOLLOWED:
            return False
        return key * BIPS <= best * (BIPS - self.delta * self.sign)

    def _merge(self, key: int) -> None:
        """Let all that have followed a worse price stand at this one."""
        buckets = self.buckets
        merged = buckets.pop()
        while buckets and buckets[-1].key <= key:
            small, merged = sorted((buckets.pop(), merged), key=_size)
            merged.orders.update(small.orders)
            for order in small.orders.values():
                assert order.special is not None
                order.special.bucket = merged
        merged.key = key
        if merged.orders:
            buckets.append(merged)


def _size(bucket: Bucket) -> int:
    return len(bucket.orders)


class Shelf:
    """Orders by stop price, for prices that rise to it (`sign` -1) or fall to it (1)."""

    __slots__ = ("keys", "orders", "sign")

    sign: int
    keys: list[int]
    orders: dict[int, dict[int, "Order"]]

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys = []
        self.orders = {}

    def add(self, order: "Order") -> None:
        """Let an order wait for its stop price."""
        key = order.card.order.stop_price * self.sign
        found = self.orders.get(key)
        if found is None:
            found = self.orders[key] = {}
            insort(self.keys, key)
        found[order.id] = order

    def remove(self, order: "Order") -> None:
        """Let it wait no more."""
        key = order.card.order.stop_price * self.sign
        found = self.orders[key]
        del found[order.id]
        if not found:
            del self.orders[key]
            del self.keys[bisect_left(self.keys, key)]

    def step(self, price: int) -> list["Order"]:
        """Take out the orders whose stop price is met."""
        key = price * self.sign
        met: list[Order] = []
        while self.keys and self.keys[-1] >= key:
            met += self.orders.pop(self.keys.pop()).values()
        return met


class Triggers:
    """All waiting orders of one market."""

    __slots__ = ("count", "falling", "rising", "trails")

    count: int
    rising: Shelf
    falling: Shelf
    trails: dict[tuple[int, int], Trail]

    def __init__(self) -> None:
        self.count = 0
        self.rising = Shelf(-1)
        self.falling = Shelf(1)
        self.trails = {}

    def wait(self, order: "Order") -> None:
        """Let an order wait for its stop price."""
        self._enter(order, OrderState.WAITING)
        self._shelf(order).add(order)

    def follow(self, order: "Order", price: int) -> None:
        """Let an order follow the market from a price on; 0: from that of the next trade on."""
        self._enter(order, OrderState.TRAILING)
        sign = -1 if order.is_buy else 1
        name = (sign, order.card.order.trailing_delta)
        trail = self.trails.get(name)
        if trail is None:
            trail = self.trails[name] = Trail(*name)
        trail.add(order, price * sign if price else NOTHING_FOLLOWED)

    def leave(self, order: "Order") -> None:
        """Take a waiting order out."""
        special = order.special
        assert special is not None
        if special.bucket is not None:
            # An empty bucket stays until its trail moves: it harms nothing.
            del special.bucket.orders[order.id]
            special.bucket = None
        else:
            self._shelf(order).remove(order)
        self._left(order)

    def step(self, price: int) -> tuple[list["Order"], list["Order"]]:
        """Take out what a trade's price meets: (orders that may start to follow, orders that are triggered)."""
        met = self.rising.step(price) + self.falling.step(price)
        starting = [order for order in met if order.card.order.trailing_delta]
        triggered = [order for order in met if not order.card.order.trailing_delta]
        for name, trail in list(self.trails.items()):
            triggered += trail.step(price)
            if not trail.buckets:
                del self.trails[name]
        for order in met:
            self._left(order)
        for order in triggered:
            if order.special is not None and order.special.bucket is not None:
                order.special.bucket = None
                self._left(order)
        return starting, triggered

    def _enter(self, order: "Order", state: OrderState) -> None:
        assert order.special is not None
        order.special.state = state
        order.trader.waiting += 1
        self.count += 1

    def _left(self, order: "Order") -> None:
        assert order.special is not None
        order.special.state = OrderState.WORKING
        order.trader.waiting -= 1
        self.count -= 1

    def _shelf(self, order: "Order") -> Shelf:
        placed = order.card.order
        return self.rising if rises_to_stop(placed.side, placed.type) else self.falling


def rises_to_stop(side: Side, type: OrderType) -> bool:
    """Return whether a stop order waits for a price at or above its stop price, rather than at or below."""
    is_loss = type is OrderType.STOP_LOSS or type is OrderType.STOP_LOSS_LIMIT
    return is_loss is (side is Side.BUY)


def is_met(side: Side, type: OrderType, stop_price: int, price: int) -> bool:
    """Return whether a price meets a stop order's condition."""
    return price >= stop_price if rises_to_stop(side, type) else price <= stop_price


def trigger_price(side: Side, delta: int, price: int) -> int:
    """Return the price that would trigger a trailing order that has followed `price`, rounded up."""
    turn = BIPS + delta if side is Side.BUY else BIPS - delta
    return -(-price * turn // BIPS)
