"""What a batch did, gathered event by event, and given out as the writes that make it last."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from trading.engine.book import Book
from trading.engine.events import (
    Accepted,
    Amended,
    BalanceChanged,
    CancelRejected,
    Closed,
    Event,
    HoldChanged,
    ListChanged,
    MarketChanged,
    Posted,
    Prevented,
    Rejected,
    TermsChanged,
    Traded,
    TrailStarted,
    TransferRepeated,
    Triggered,
)
from trading.runtime.operator_rows import OperatorRows
from trading.runtime.order_rows import OrderRows
from trading.runtime.tables import Row, Work

Name = tuple[int, str]
"""An account and a client order id."""


@dataclass(frozen=True, slots=True)
class Recent:
    """What one batch used up: the database knows it when the batch is committed, and the next one must know it now."""

    orders: Mapping[Name, int]
    """Ids of orders by name."""
    transfers: Set[tuple[str, int]]
    """References and reasons."""
    holds: Mapping[str, Row]
    """Rows of schema.HOLDS by reference."""
    changes: Set[str]
    """References of operators' changes."""


class Journal:
    """Lives as long as the engine: it knows what the next batch's rows follow from."""

    def __init__(self, orders: OrderRows, others: OperatorRows) -> None:
        self._orders = orders
        self._others = others
        self.recent = Recent({}, frozenset(), {}, frozenset())
        """What the last batch used up."""
        self._handlers: dict[type, Callable[[Any], None]] = {
            Accepted: orders.accepted,
            Traded: orders.traded,
            Closed: orders.closed,
            Prevented: orders.kept_apart,
            Triggered: orders.triggered,
            TrailStarted: orders.trail_started,
            Amended: orders.amended,
            ListChanged: orders.list_changed,
            Posted: others.posted,
            HoldChanged: others.hold_changed,
            MarketChanged: others.market_changed,
            TermsChanged: others.terms_changed,
            # What was refused or done before leaves no row anywhere.
            Rejected: _leave,
            CancelRejected: _leave,
            TransferRepeated: _leave,
        }

    @property
    def rank_number(self) -> int:
        """The last number given to an order with a condition (trading/models.py)."""
        return self._orders.rank_number

    def begin(self, time_ms: int) -> None:
        """Begin a batch."""
        self._orders.time_ms = self._others.time_ms = time_ms

    def add(self, sequence: int, events: Sequence[Event]) -> None:
        """Take the events of one command, which has this number."""
        self._orders.sequence = self._others.sequence = sequence
        for event in events:
            self._handlers[type(event)](event)
        self._orders.end_command()

    def works(self, books: Iterable[Book], balances: Iterable[BalanceChanged]) -> list[Work]:
        """Return what is to be written of the batch, without what is empty, and be ready for the next one."""
        orders, others = self._orders, self._others
        self.recent = Recent(orders.names(), others.references(), others.holds(), others.changes())
        works = [*orders.works(), *others.works(books, balances)]
        return [work for work in works if work.rows]


def _leave(event: object) -> None:
    """Make no row of an event."""
