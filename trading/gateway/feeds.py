"""Public market data: the books, and the streams that tell how they change.

Each event is encoded once, however many connections listen. Depth is sent on a timer with levels merged, so that a slow
reader costs a bounded amount. Source: docs/api.md, "Market streams".
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from mex.clock import now_ms
from mex.money import format_units
from trading.engine.enums import Side
from trading.engine.events import Batch, LevelChanged, Traded
from trading.gateway import shapes
from trading.gateway.catalog import Catalog
from trading.gateway.replica import BookReplica
from trading.selectors import Level

_TICK_S = 0.1
_TICKS_PER_SECOND = 10


class FeedListener(Protocol):
    """A connection that wants public streams. Called in the event loop; must not block."""

    def feed(self, stream: str, text: bytes) -> None:
        """Take one event of a stream, as JSON."""

    def feeds_broken(self) -> None:
        """Learn that the books were read anew: close, so that the client takes a new snapshot."""


class _DepthFeed:
    """One diff stream of one market: gapless by itself, U of an event is u of the one before plus 1."""

    def __init__(self, symbol: str, names: Sequence[str], last_update: int) -> None:
        self.names = names
        self._symbol = symbol
        self._sent_to = last_update
        self._changed: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}

    def change(self, event: LevelChanged) -> None:
        self._changed[event.side][event.price] = event.quantity

    def flush(self, last_update: int, event_ms: int) -> shapes.Json | None:
        """Return the event for everything since the last one, or None when nothing changed."""
        if last_update == self._sent_to:
            return None
        event: shapes.Json = {
            "e": "depthUpdate",
            "E": event_ms,
            "s": self._symbol,
            "U": self._sent_to + 1,
            "u": last_update,
            "b": shapes.levels(sorted(self._changed[Side.BUY].items(), reverse=True)),
            "a": shapes.levels(sorted(self._changed[Side.SELL].items())),
        }
        self._sent_to = last_update
        self._changed = {Side.BUY: {}, Side.SELL: {}}
        return event


class _MarketFeed:
    """Book and streams of one market."""

    def __init__(self, symbol: str, last_update: int) -> None:
        name = symbol.lower()
        self.symbol = symbol
        self.book = BookReplica(last_update)
        self.trade_name = f"{name}@trade"
        self.ticker_name = f"{name}@bookTicker"
        self.fast = _DepthFeed(symbol, [f"{name}@depth@100ms"], last_update)
        self.slow = _DepthFeed(symbol, [f"{name}@depth", f"{name}@depth@1000ms"], last_update)
        self._best: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))

    def change(self, event: LevelChanged) -> None:
        self.book.set_level(event.side, event.price, event.quantity)
        self.book.last_update = event.update
        self.fast.change(event)
        self.slow.change(event)

    def new_best(self) -> shapes.Json | None:
        """Return the best bid and ask if they changed since the last call."""
        best = (self.book.best(Side.BUY), self.book.best(Side.SELL))
        if best == self._best:
            return None
        self._best = best
        (bid, bid_quantity), (ask, ask_quantity) = best
        return {
            "u": self.book.last_update,
            "s": self.symbol,
            "b": format_units(bid),
            "B": format_units(bid_quantity),
            "a": format_units(ask),
            "A": format_units(ask_quantity),
        }


class Feeds:
    """All markets' books and streams of one web process, and who listens."""

    def __init__(self) -> None:
        self._markets: dict[int, _MarketFeed] = {}
        self._listeners: dict[str, set[FeedListener]] = {}
        self._encode = msgspec.json.Encoder().encode

    def load(self, catalog: Catalog, updates: dict[int, int], levels: Sequence[Level]) -> None:
        """Take the books as the database has them. Whoever listened until now is told to start anew."""
        self._markets = {
            market.id: _MarketFeed(market.symbol, updates.get(market.id, 0)) for market in catalog.by_id.values()
        }
        for market, side, price, quantity in levels:
            self._markets[market].book.set_level(side, price, quantity)
        for feed in self._markets.values():
            feed.new_best()
        listeners = {listener for found in self._listeners.values() for listener in found}
        self._listeners.clear()
        for listener in listeners:
            listener.feeds_broken()

    def learn(self, catalog: Catalog) -> None:
        """Add markets that are new."""
        for market in catalog.by_id.values():
            self._markets.setdefault(market.id, _MarketFeed(market.symbol, 0))

    def book(self, market: int) -> BookReplica:
        """Return a market's book."""
        return self._markets[market].book

    def subscribe(self, stream: str, listener: FeedListener) -> None:
        """Pass a stream on to a connection. A stream that does not exist is accepted and stays silent."""
        self._listeners.setdefault(stream, set()).add(listener)

    def unsubscribe(self, stream: str, listener: FeedListener) -> None:
        """Stop passing it on."""
        listeners = self._listeners.get(stream)
        if listeners is not None:
            listeners.discard(listener)
            if not listeners:
                del self._listeners[stream]

    def take(self, batch: Batch) -> None:
        """Bring the books up to date with a batch and send what is sent at once."""
        event_ms = now_ms()
        changed: dict[int, _MarketFeed] = {}
        for change in batch.levels:
            feed = changed[change.market] = self._markets[change.market]
            feed.change(change)
        heard = {id: feed for id, feed in self._markets.items() if feed.trade_name in self._listeners}
        if heard:
            self._send_trades(batch, heard, event_ms)
        for feed in changed.values():
            best = feed.new_best()
            if best is not None:
                self._send([feed.ticker_name], best)

    def _send_trades(self, batch: Batch, heard: Mapping[int, _MarketFeed], event_ms: int) -> None:
        for outcome in batch.outcomes:
            for event in outcome.events:
                if type(event) is Traded:
                    feed = heard.get(event.taker.order.market)
                    if feed is not None:
                        trade = shapes.trade_event(feed.symbol, event, batch.time_ms, event_ms)
                        self._send([feed.trade_name], trade)

    async def run(self) -> None:
        """Send depth on the timer, until cancelled."""
        tick = 0
        while True:
            await asyncio.sleep(_TICK_S)
            tick = (tick + 1) % _TICKS_PER_SECOND
            for feed in self._markets.values():
                self._flush(feed.fast, feed.book.last_update)
                if tick == 0:
                    self._flush(feed.slow, feed.book.last_update)

    def _flush(self, depth: _DepthFeed, last_update: int) -> None:
        event = depth.flush(last_update, now_ms())
        if event is not None:
            self._send(depth.names, event)

    def _send(self, streams: Sequence[str], event: shapes.Json) -> None:
        heard = [stream for stream in streams if stream in self._listeners]
        if heard:
            text = self._encode(event)
            for stream in heard:
                # A listener whose outbox is full leaves all its streams at once, so this one may be gone by now.
                for listener in tuple(self._listeners.get(stream, ())):
                    listener.feed(stream, text)
