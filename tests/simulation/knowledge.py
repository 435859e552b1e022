"""What clients know of the exchange: what was published, from which recipes make their commands."""

from tests.reference_state import ReferenceOrder, ReferenceState
from tests.strategies import MARKETS
from trading.engine.enums import ListStatus
from trading.engine.events import (
    Accepted,
    Amended,
    Batch,
    Closed,
    Event,
    ListChanged,
    MarketChanged,
    Traded,
    TrailStarted,
    Triggered,
)


class Knowledge:
    """Open orders, open lists and markets, as of the last batch that was published."""

    def __init__(self) -> None:
        self.exchange = ReferenceState(list(MARKETS))
        self._orders: dict[int, ReferenceOrder] = {}
        self._lists: dict[int, ListChanged] = {}

    def take(self, batch: Batch) -> None:
        """Learn from a batch."""
        for outcome in batch.outcomes:
            for event in outcome.events:
                self._take(event)
        self.exchange.orders = list(self._orders.values())
        self.exchange.lists = list(self._lists.values())

    def _take(self, event: Event) -> None:
        if isinstance(event, Accepted):
            self._orders[event.id] = ReferenceOrder(event)
        elif isinstance(event, Traded):
            if event.is_done:
                del self._orders[event.taker.id]
            if event.is_maker_done:
                del self._orders[event.maker.id]
        elif isinstance(event, Closed):
            del self._orders[event.order.id]
        elif isinstance(event, Amended | Triggered | TrailStarted):
            self._orders[event.order.id].card = event.order
        elif isinstance(event, ListChanged):
            if event.status is ListStatus.EXECUTING:
                self._lists[event.id] = event
            else:
                del self._lists[event.id]
        elif isinstance(event, MarketChanged):
            markets = {spec.id: spec for spec in self.exchange.markets} | {event.spec.id: event.spec}
            self.exchange.markets = list(markets.values())
