"""matching-engine 0.1.1, the fastest pure-Python peer that we know of."""

from collections.abc import Sequence
from typing import Any

from matching_engine.domain import (  # type: ignore[import-not-found]  # it is in an environment of its own
    CancelOrder,
    NewOrder,
    OrderType,
    SelfTradePrevention,
    SequencedCommand,
    Side,
    TimeInForce,
)
from matching_engine.engine import MatchingEngine  # type: ignore[import-not-found]  # as above
from matching_engine.events import Trade as PeerTrade  # type: ignore[import-not-found]  # as above

from bench.engines import Row
from bench.oracle import BUY, CANCEL, REST, Command, Resting, Trade
from bench.workloads import ACCOUNTS

NOW_NS = 1_790_000_000_000_000_000


class MatchingEnginePeer:
    """Sequenced commands in, lists of events out; its default self-trade prevention, which is ours too here."""

    def __init__(self) -> None:
        self._engine = MatchingEngine()
        self._answers: list[list[Any]] = []
        self._sequence = 0

    def prepare(self, commands: Sequence[Command]) -> list[Row]:
        """Return numbers and enums."""
        return [
            (
                op == CANCEL,
                account,
                order,
                Side.BUY if side == BUY else Side.SELL,
                TimeInForce.GTC if op == REST else TimeInForce.IOC,
                quantity,
                price,
            )
            for op, order, side, price, quantity, account in commands
        ]

    def run(self, rows: Sequence[Row]) -> None:
        """Process all commands."""
        process, keep, sequence = self._engine.process, self._answers.append, self._sequence
        limit, mode = OrderType.LIMIT, SelfTradePrevention.CANCEL_TAKER
        for is_cancel, account, order, side, time_in_force, quantity, price in rows:
            sequence += 1
            if is_cancel:
                keep(process(SequencedCommand(sequence, NOW_NS, CancelOrder(order, account))))
            else:
                keep(
                    process(
                        SequencedCommand(
                            sequence,
                            NOW_NS,
                            NewOrder(order, account, side, price, quantity, limit, time_in_force, False, mode),
                        )
                    )
                )
        self._sequence = sequence

    def rest(self, order: int, is_buy: bool, price: int, quantity: int) -> None:
        """Place an order that stays."""
        self._sequence += 1
        side = Side.BUY if is_buy else Side.SELL
        command = NewOrder(order, order % ACCOUNTS + 1, side, price, quantity)
        self._engine.process(SequencedCommand(self._sequence, NOW_NS, command))

    def handed_over(self) -> list[Trade]:
        """Return the trades since the last call, and let go of all answers."""
        trades = [
            (event.taker_order_id, event.maker_order_id, event.price, event.qty)
            for events in self._answers
            for event in events
            if isinstance(event, PeerTrade)
        ]
        self._answers.clear()
        return trades

    def resting(self) -> list[Resting] | None:
        """Return what rests."""
        return [(entry.order_id, entry.price, entry.qty) for entry in self._engine.book.entries()]
