"""The heart of a web process: reads what the engine committed and hands it to whoever is concerned.

There is one hub per event loop. It keeps the books, answers commands, and passes events on to subscribers: each event
is turned into JSON once, however many listen. Batches are numbered without gaps: a number that was seen is dropped, and
after a gap the books are read anew and the public connections are closed, so that their clients take new snapshots.
"""

import asyncio
import logging
import os
import weakref
from collections.abc import Callable, Coroutine, Sequence
from typing import Protocol, cast

import msgspec
import redis
from django.conf import settings
from django.db import OperationalError

from accounts.credentials import credentials
from mex.database import in_database
from mex.outages import database_outage
from trading import selectors
from trading.engine.events import Batch, MarketChanged
from trading.engine.markets import MarketSpec
from trading.gateway import catalog, pipes
from trading.gateway.catalog import Catalog
from trading.gateway.client import CommandClient
from trading.gateway.feeds import Feeds
from trading.gateway.notices import Notice, notices_of
from trading.gateway.pulse import Pulse
from trading.gateway.reports import AccountReports

log = logging.getLogger(__name__)
_batch_decoder = msgspec.msgpack.Decoder(Batch)


class AccountListener(Protocol):
    """A connection that wants the events of one account. Called in the event loop; must not block."""

    def account_event(self, text: bytes) -> None:
        """Take one event of the user data stream, as JSON."""

    def browser_event(self, text: bytes) -> None:
        """Take one event that only browsers get, as JSON."""

    def events_missed(self) -> None:
        """Learn that events are lost: close, so that the client reads anew what it must know."""


class Guest(Protocol):
    """A connection that was let in by an API key or by a session. Called in the event loop; must not block."""

    def dismissed(self) -> None:
        """Learn that it may no longer be so: close, so that the client shows again what it has."""


class Hub:
    """Everything that the connections of one web process share."""

    def __init__(self) -> None:
        self._pipe = pipes.async_connection()
        self.client = CommandClient(self._pipe)
        self.feeds = Feeds()
        self.pulse = Pulse()
        self.catalog: Catalog
        self.reports: AccountReports
        self._listeners: dict[int, set[AccountListener]] = {}
        self._guests: dict[str | int, set[Guest]] = {}
        self._batch = 0  # the last one that was answered and passed on
        self._books_at = 0  # the last one that is in the books: ahead of `_batch` after a gap
        self._changed_at = 0  # the last one that changed a market
        self._is_closing = False
        self._events_at = b"$"
        self._notices_at = b"$"
        self._ready: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def ready(self) -> None:
        """Start on first use; every user waits until the books are there."""
        if self._ready is None or (self._ready.done() and self._ready.exception() is not None):
            self._ready = asyncio.create_task(self._start())
        await asyncio.shield(self._ready)

    def listen(self, account: int, listener: AccountListener) -> None:
        """Pass an account's events on to a connection."""
        self._listeners.setdefault(account, set()).add(listener)

    def unlisten(self, account: int, listener: AccountListener) -> None:
        """Stop passing them on."""
        listeners = self._listeners.get(account)
        if listeners is not None:
            listeners.discard(listener)
            if not listeners:
                del self._listeners[account]

    def admit(self, by: str | int, guest: Guest) -> None:
        """Note that a connection was let in by an API key, or by a session of an account."""
        self._guests.setdefault(by, set()).add(guest)

    def leave(self, by: str | int, guest: Guest) -> None:
        """Forget a connection that has ended."""
        guests = self._guests.get(by)
        if guests is not None:
            guests.discard(guest)
            if not guests:
                del self._guests[by]

    @property
    def is_behind(self) -> bool:
        """Return whether new orders are refused, before they cost anything: this process or the engine is behind."""
        return self.pulse.is_late or self.client.is_full

    @property
    def listening(self) -> int:
        """Return how many accounts somebody listens to."""
        return len(self._listeners)

    async def close(self) -> None:
        """End the tasks and the connections to the pipes."""
        # The flag as well, because the Redis client can swallow a cancellation that meets an answer.
        self._is_closing = True
        self.pulse.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._pipe.aclose()

    # --- start -------------------------------------------------------------------------------------

    async def _start(self) -> None:
        # The places in the streams first, then the books: what happens in between is read twice and dropped by number.
        self._events_at = await self._end_of(pipes.events_key(settings.MEX_SHARD))
        self._notices_at = await self._end_of(pipes.NOTICES_KEY)
        await self._load_books()
        self._batch = self._books_at
        self.pulse.start()
        self._tasks = [
            self._keep(self._read_streams),
            self._keep(self.client.run),
            self._keep(self.client.expire),
            self._keep(self.feeds.run),
            self._keep(self._refresh_catalog),
        ]

    def _keep(self, work: Callable[[], Coroutine[None, None, None]]) -> asyncio.Task[None]:
        task = asyncio.create_task(work())
        task.add_done_callback(_ended)
        return task

    async def _end_of(self, key: str) -> bytes:
        newest = cast(list[pipes.Entry], await self._pipe.xrevrange(key, count=1))
        return newest[0][0] if newest else b"0-0"

    async def _load_books(self) -> None:
        batch, updates, levels = await in_database(selectors.book_levels)
        # The markets after the books, so that every book has its market.
        self._use_catalog(await catalog.load())
        self._books_at = batch
        self.feeds.load(self.catalog, updates, levels)

    async def _refresh_catalog(self) -> None:
        """Read the catalog now and then for what no event tells, such as the name of a new asset."""
        was_away = False
        while True:
            await asyncio.sleep(2)
            if not self.catalog.is_fresh:
                batch = self._batch
                try:
                    read = await catalog.load()
                except OperationalError as error:
                    why = database_outage(error)
                    if not why:
                        raise
                    if not was_away:
                        log.warning("the catalog stays as it is while the database cannot be used: %s", why)
                    was_away = True
                    continue
                was_away = False
                if self._changed_at <= batch:  # else an event has told something newer meanwhile
                    self._use_catalog(read)

    def _use_catalog(self, new: Catalog) -> None:
        self.catalog = new
        self.reports = AccountReports(new)
        self.feeds.learn(new)

    async def _change_markets(self, specs: Sequence[MarketSpec], batch: int) -> None:
        """Let changed rules and new markets hold from this batch on."""
        self._changed_at = batch
        changed = self.catalog
        for spec in specs:
            changed = changed.with_market(spec)
        if not all(changed.knows_assets_of(spec) for spec in specs):
            changed = await catalog.load()
        self._use_catalog(changed)

    # --- reading -----------------------------------------------------------------------------------

    async def _read_streams(self) -> None:
        events_key = pipes.events_key(settings.MEX_SHARD)
        is_down = False
        while not self._is_closing:
            try:
                answer = await self._pipe.xread(
                    {events_key: self._events_at, pipes.NOTICES_KEY: self._notices_at}, block=1000
                )
            except (redis.RedisError, OSError) as error:
                if not is_down:
                    log.warning("no event stream: %s", error)
                is_down = True
                await asyncio.sleep(0.2)
                continue
            if is_down:
                is_down = not await self._find_places()
                continue  # what was read is read again from there
            for key, entries in pipes.pages(answer):
                for entry, fields in entries:
                    if key == pipes.NOTICES_KEY:
                        self._notices_at = entry
                        self._take_notices(entry, fields)
                    else:
                        self._events_at = entry
                        await self._take_entry(entry, fields)

    async def _find_places(self) -> bool:
        """After an outage, return whether it is known from where to read on.

        A server that came back empty, with a clock behind the old one, gives out ids below those that were read: then
        read from its beginning. Batches that were seen are dropped by their numbers.
        """
        try:
            if _is_below(await self._end_of(pipes.events_key(settings.MEX_SHARD)), self._events_at):
                self._events_at = b"0-0"
            if _is_below(await self._end_of(pipes.NOTICES_KEY), self._notices_at):
                self._notices_at = b"0-0"
        except (redis.RedisError, OSError) as error:
            log.warning("no event stream: %s", error)
            return False
        return True

    async def _take_entry(self, entry: bytes, fields: dict[bytes, bytes]) -> None:
        try:
            batch = _batch_decoder.decode(fields.get(pipes.FIELD, b""))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            # If a batch was lost with it, the next number shows.
            log.error("entry %r of the event stream is no batch and is skipped: %s", entry, error)
            return
        await self._take_batch(batch)

    async def _take_batch(self, batch: Batch) -> None:
        if batch.number <= self._batch:
            return
        if batch.number > self._batch + 1:
            log.warning("batches %d to %d were missed; reading the books anew", self._batch + 1, batch.number - 1)
            for listener in {listener for found in self._listeners.values() for listener in found}:
                listener.events_missed()
            await self._load_books()
        self._batch = batch.number
        # The change of a market is the last thing that its command does.
        markets = [
            outcome.events[-1].spec
            for outcome in batch.outcomes
            if outcome.events and isinstance(outcome.events[-1], MarketChanged)
        ]
        if markets:
            await self._change_markets(markets, batch.number)
        told = {change.asset for change in batch.balances if change.account in self._listeners}
        if not self.catalog.asset_codes.keys() >= told:
            self._use_catalog(await catalog.load())  # an asset is newer than what was read
        # The books first: whoever is told of an order must find it in the depth (docs/api.md, "Reads follow writes").
        # After a gap they may be ahead of the stream; the answers of these batches are still waited for.
        if batch.number > self._books_at:
            self._books_at = batch.number
            self.feeds.take(batch)
        self._answer(batch)

    def _answer(self, batch: Batch) -> None:
        """Hand answers to those who asked, and then events to those who listen."""
        name = self.client.name
        for sequence, outcome in enumerate(batch.outcomes, batch.first_sequence):
            if outcome.sender == name:
                self.client.resolve(outcome, time_ms=batch.time_ms, sequence=sequence)
        if not self._listeners:
            return
        for account, texts in self.reports.of(batch, self._listeners.keys()).items():
            # A listener whose outbox is full leaves all its accounts at once, so this one may be gone by now.
            for listener in tuple(self._listeners.get(account, ())):
                for text in texts:
                    listener.account_event(text)

    def _take_notices(self, entry: bytes, fields: dict[bytes, bytes]) -> None:
        try:
            notices = notices_of(fields)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.error("entry %r of the notices is none and is skipped: %s", entry, error)
            return
        for notice in notices:
            self._take_notice(notice)

    def _take_notice(self, notice: Notice) -> None:
        if notice.revoked_key:
            credentials.forget(notice.revoked_key)
        for by in (notice.revoked_key, notice.ended_sessions):
            for guest in tuple(self._guests.get(by, ())):
                guest.dismissed()
        if notice.event is not None:
            text = msgspec.json.encode(notice.event)
            for listener in tuple(self._listeners.get(notice.account, ())):
                listener.browser_event(text)


def _is_below(entry: bytes, other: bytes) -> bool:
    """Return whether a stream id, "milliseconds-count", comes before another one."""
    return [int(part) for part in entry.split(b"-")] < [int(part) for part in other.split(b"-")]


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        # Without its hub a web process can neither answer nor stream: end it, and the supervisor starts a new one.
        log.critical("a hub task ended", exc_info=task.exception())
        asyncio.get_running_loop().call_soon(_end_process)


def _end_process() -> None:
    # Not SystemExit: at its end Python waits for its threads, and one that serves a page may wait for this event loop.
    # Such a process would neither answer nor end, and nobody would start another one.
    logging.shutdown()
    os._exit(1)


_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()


async def get_hub() -> Hub:
    """Return the running event loop's hub, started."""
    loop = asyncio.get_running_loop()
    hub = _hubs.get(loop)
    if hub is None:
        hub = _hubs[loop] = Hub()
    await hub.ready()
    return hub


async def close_hub() -> None:
    """End the running event loop's hub, if there is one."""
    hub = _hubs.pop(asyncio.get_running_loop(), None)
    if hub is not None:
        await hub.close()
