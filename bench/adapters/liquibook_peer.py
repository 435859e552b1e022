"""The Python wrapper of liquibook, a book in C++; the fastest engine on PyPI that tells its trades as they happen."""

from collections.abc import Sequence
from typing import Any

import liquibook  # type: ignore[import-not-found]  # it is in an environment of its own

from bench.engines import Row
from bench.oracle import BUY, CANCEL, REST, Command, Resting, Trade


class _Listener(liquibook.OrderListener):  # made by SWIG, without types
    """Keeps fills. The orders that it is given live only as long as the call, so their numbers are read in it."""

    def __init__(self) -> None:
        liquibook.OrderListener.__init__(self)
        self.fills: list[Trade] = []

    def on_accept(self, order: Any) -> None:
        """Do nothing; the wrapper demands that it is there."""

    def on_cancel(self, order: Any) -> None:
        """Do nothing."""

    def on_fill(self, order: Any, matched: Any, quantity: int, price: int) -> None:
        """Keep a fill of an order that came in."""
        self.fills.append((order.order_id_, matched.order_id_, price, quantity))


class LiquibookPeer:
    """Its plain order book, without depth: the leanest that the wrapper has. It numbers orders itself, from 1."""

    def __init__(self) -> None:
        self._book = self.new_book()
        self._listener = _Listener()
        self._book.set_order_listener(self._listener)
        self._orders: list[Any] = [None]

    def new_book(self) -> Any:
        """Return an empty book."""
        return liquibook.liquibook_book_OrderBook()

    def prepare(self, commands: Sequence[Command]) -> list[Row]:
        """Return numbers, and the conditions of a price that is good till cancelled, or for the moment."""
        return [
            (
                op == CANCEL,
                order,
                side == BUY,
                price,
                quantity,
                liquibook.oc_no_conditions if op == REST else liquibook.oc_immediate_or_cancel,
            )
            for op, order, side, price, quantity, _ in commands
        ]

    def run(self, rows: Sequence[Row]) -> None:
        """Add and cancel all orders."""
        add, cancel, new_order = self._book.add, self._book.cancel, liquibook.SimpleOrder
        orders = self._orders
        for is_cancel, number, is_buy, price, quantity, conditions in rows:
            if is_cancel:
                cancel(orders[number])
            else:
                order = new_order(is_buy, price, quantity, 0, conditions)
                orders.append(order)
                add(order)

    def rest(self, order: int, is_buy: bool, price: int, quantity: int) -> None:
        """Place an order that stays."""
        added = liquibook.SimpleOrder(is_buy, price, quantity)
        self._orders.append(added)
        self._book.add(added)

    def handed_over(self) -> list[Trade]:
        """Return the trades since the last call, and let go of all answers."""
        trades = list(self._listener.fills)
        self._listener.fills.clear()
        return trades

    def resting(self) -> list[Resting] | None:
        """Return that it cannot tell: the wrapper does not show its book."""
        return None


class LiquibookDepthPeer(LiquibookPeer):
    """Its order book with five levels of depth, which is the one that its documentation shows."""

    def new_book(self) -> Any:
        """Return an empty book."""
        return liquibook.DepthOrderBook()
