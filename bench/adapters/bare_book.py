"""Our book alone: ladders, levels and queues, matched by price and time, without accounts, funds, fees or events."""

from collections.abc import Sequence
from typing import cast

from bench.engines import Row
from bench.oracle import BUY, CANCEL, REST, Command, Resting, Trade
from trading.engine.levels import Ladder, Level, Tariff

_NO_TRADES: Sequence[Trade] = ()
BATCH = 1_000
_TARIFF = Tariff(lot=1)
"""Any whole quantity: there is no money here that would have to stay whole."""


class _Numbered:
    """An order with what a ladder looks at, and a number."""

    __slots__ = ("ladder", "level", "next", "number", "previous", "rest", "special")

    number: int
    rest: int
    ladder: Ladder
    level: Level | None
    previous: "_Numbered | None"
    next: "_Numbered | None"
    special: None


class BareBook:
    """What is left of the engine when only the book is wanted. A trade is (taker, maker, price, quantity)."""

    def __init__(self) -> None:
        self.bids = Ladder(1, _TARIFF)
        self.asks = Ladder(-1, _TARIFF)
        self.orders: dict[int, _Numbered] = {}
        self._answers: list[Sequence[Trade]] = []

    def place(self, number: int, is_buy: bool, price: int, quantity: int, rests: bool) -> Sequence[Trade]:
        """Trade an order at its price or better; the rest stands in the book if it may."""
        trades: Sequence[Trade] = _NO_TRADES
        if is_buy:
            ladder, opposite, key, limit_key = self.bids, self.asks, price, -price
        else:
            ladder, opposite, key, limit_key = self.asks, self.bids, -price, price
        if opposite.best >= limit_key:
            quantity, trades = self._match(number, opposite, limit_key, quantity)
        if quantity and rests:
            order = _Numbered()
            self.orders[number] = order
            order.number = number
            order.ladder = ladder
            order.rest = quantity
            order.special = None
            level = ladder.levels.get(key) or ladder.open(key)
            ladder.append(order, level, quantity)  # type: ignore[arg-type]  # it has what a ladder looks at
        return trades

    def cancel(self, number: int) -> None:
        """Take an order out."""
        order = self.orders.pop(number)
        order.ladder.remove(order)  # type: ignore[arg-type]  # as above

    def _match(self, number: int, ladder: Ladder, limit_key: int, want: int) -> tuple[int, list[Trade]]:
        levels, orders = ladder.levels, self.orders
        trades: list[Trade] = []
        while want and ladder.best >= limit_key:
            level = levels[ladder.best]
            if not level.is_noted:
                ladder.note(level)
            price, before = level.price, want
            # Only numbered orders come in here.
            maker = cast("_Numbered | None", level.head)
            while want and maker is not None:
                rest = maker.rest
                if want < rest:
                    maker.rest = rest - want
                    trades.append((number, maker.number, price, want))
                    want = 0
                    break
                trades.append((number, maker.number, price, rest))
                want -= rest
                del orders[maker.number]
                following = maker.next
                maker.next = None
                maker = following
            level.quantity -= before - want
            if maker is None:
                level.head = level.tail = None
                ladder.drop(level)
            else:
                level.head = maker  # type: ignore[assignment]  # as everywhere here
                maker.previous = None
        return want, trades

    # --- the harness ----------------------------------------------------------------------------------

    def prepare(self, commands: Sequence[Command]) -> list[Row]:
        """Return numbers."""
        return [
            (op == CANCEL, order, side == BUY, price, quantity, op == REST)
            for op, order, side, price, quantity, _ in commands
        ]

    def run(self, rows: Sequence[Row]) -> None:
        """Place and cancel all orders."""
        place, cancel, keep = self.place, self.cancel, self._answers.append
        for start in range(0, len(rows), BATCH):
            for is_cancel, number, is_buy, price, quantity, rests in rows[start : start + BATCH]:
                if is_cancel:
                    cancel(number)
                else:
                    keep(place(number, is_buy, price, quantity, rests))
            # What has changed would be told now.
            self.bids.end_batch()
            self.asks.end_batch()

    def rest(self, order: int, is_buy: bool, price: int, quantity: int) -> None:
        """Place an order that stays."""
        self.place(order, is_buy, price, quantity, True)

    def handed_over(self) -> list[Trade]:
        """Return the trades since the last call, and let go of all answers."""
        trades = [trade for answer in self._answers for trade in answer]
        self._answers.clear()
        return trades

    def resting(self) -> list[Resting] | None:
        """Return what rests, from the queues of the levels."""
        resting = []
        for ladder in (self.bids, self.asks):
            for key in reversed(ladder.keys):
                order = cast("_Numbered | None", ladder.levels[key].head)
                while order is not None:
                    resting.append((order.number, ladder.levels[key].price, order.rest))
                    order = order.next
        return resting
