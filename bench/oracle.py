"""What a workload must lead to, worked out in the plainest way: every trade in its order, and what is left in the book.

It shares no code and no structure with the engine: a heap of prices and, for each price, a dict of open quantities.
tests/bench compares it with a program that sorts all orders anew for every trade.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

BUY, SELL = 1, 2
REST, CANCEL, TAKE = 0, 1, 2
"""A limit order that stays, a cancel, and a limit order of which nothing stays."""

Command = tuple[int, int, int, int, int, int]
"""Operation, order, side, price, quantity, account. A cancel repeats what its order said."""
Trade = tuple[int, int, int, int]
"""Taker, maker, price, quantity."""
Resting = tuple[int, int, int]
"""Order, price, open quantity; best first, and at one price in the order of the queue."""


@dataclass
class Oracle:
    """A book that is only right."""

    trades: list[Trade] = field(default_factory=list)
    _heaps: dict[int, list[int]] = field(default_factory=lambda: {BUY: [], SELL: []})
    """Prices as they come, best first, BUY prices negative; some of their queues may be empty by now."""
    _queues: dict[int, dict[int, dict[int, int]]] = field(default_factory=lambda: {BUY: {}, SELL: {}})
    """Side, price, order: what is open, in order of arrival."""
    _places: dict[int, tuple[int, int]] = field(default_factory=dict)
    _open: dict[int, int] = field(default_factory=lambda: {BUY: 0, SELL: 0})

    @property
    def size(self) -> int:
        """How many orders rest."""
        return len(self._places)

    def levels(self) -> int:
        """Return how many different prices the book has, both sides together."""
        return sum(bool(queue) for queues in self._queues.values() for queue in queues.values())

    def place(self, order: int, side: int, price: int, quantity: int, *, rests: bool) -> list[Trade]:
        """Trade an order at its price or better, and let the rest stand if it may; return its trades."""
        sign = 1 if side == BUY else -1
        opposite = SELL if side == BUY else BUY
        trades: list[Trade] = []
        while quantity:
            best = self._best(opposite)
            if best is None or best * sign > price * sign:
                break
            queue = self._queues[opposite][best]
            maker = next(iter(queue))
            part = min(quantity, queue[maker])
            quantity -= part
            queue[maker] -= part
            self._open[opposite] -= part
            trades.append((order, maker, best, part))
            if not queue[maker]:
                self.cancel(maker)
        if quantity and rests:
            heappush(self._heaps[side], -price * sign)
            self._queues[side].setdefault(price, {})[order] = quantity
            self._places[order] = (side, price)
            self._open[side] += quantity
        self.trades += trades
        return trades

    def cancel(self, order: int) -> None:
        """Take an order out."""
        side, price = self._places.pop(order)
        self._open[side] -= self._queues[side][price].pop(order)

    def is_open(self, order: int) -> bool:
        """Return whether an order rests."""
        return order in self._places

    def open_quantity(self, side: int) -> int:
        """Return what rests on a side in all."""
        return self._open[side]

    def resting(self, side: int) -> list[Resting]:
        """Return what rests on a side."""
        queues = self._queues[side]
        return [
            (order, price, quantity)
            for price in sorted(queues, reverse=side == BUY)
            for order, quantity in queues[price].items()
        ]

    def _best(self, side: int) -> int | None:
        heap, queues = self._heaps[side], self._queues[side]
        while heap:
            price = -heap[0] if side == BUY else heap[0]
            if queues[price]:
                return price
            heappop(heap)
        return None


def solve(commands: Sequence[Command]) -> Oracle:
    """Return the oracle after all commands."""
    oracle = Oracle()
    for op, order, side, price, quantity, _ in commands:
        if op == CANCEL:
            oracle.cancel(order)
        else:
            oracle.place(order, side, price, quantity, rests=op == REST)
    return oracle


def digest(rows: Sequence[Sequence[int]]) -> str:
    """Return a fingerprint of trades or of resting orders."""
    return hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()
