"""The runtime with one thing wrong: each of these the simulation must find, or it would not find the real thing."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import redis
from django.db import connection

from tests.simulation.world import World
from trading.engine.commands import HoldFunds, PlaceOrder, ReleaseHold, SetMarket, SetTerms, SettleHold, Transfer
from trading.engine.core import Core
from trading.engine.events import BalanceChanged
from trading.runtime import inbox, lease, loop, recovery, store, tables
from trading.runtime.inbox import Inbox, Intake
from trading.runtime.journal import Journal, Recent
from trading.runtime.loop import Engine
from trading.runtime.order_rows import OrderRows
from trading.runtime.publisher import Publisher

Mutation = Callable[[], Any]
"""Returns a context manager in which the runtime is wrong."""

_commit = store.commit
_learn = store.learn


def _running() -> Engine:
    engine = World.current.running
    assert engine is not None
    return engine


def _with_commit(commit: Callable[..., None]) -> Mutation:
    return lambda: mock.patch("trading.runtime.store.commit", commit)


def _do_nothing(*what: Any) -> None:
    """Leave something out."""


# --- the order of things ------------------------------------------------------------------------------------


def _publish_first(**what: Any) -> None:
    _running()._publisher.publish(what["mark"].packed)
    _commit(**what)


def _trim_first(**what: Any) -> None:
    box = _running()._inbox
    box.committed = what["mark"].position
    box._trim()
    _commit(**what)


def _keep_position(**what: Any) -> None:
    [(position,)] = World.current.rows("SELECT position FROM trading_enginestate")
    _commit(**what | {"mark": dataclasses.replace(what["mark"], position=position)})


def _swallow_refusal(**what: Any) -> None:
    try:
        _commit(**what)
    except store.LeaseLost:
        pass


def _any_epoch(**what: Any) -> None:
    [(epoch,)] = World.current.rows("SELECT epoch FROM trading_enginestate")
    _commit(**what | {"epoch": epoch})


def _write_in_pieces(
    writer: tables.SqliteWriter, fence: str, values: Any, works: Sequence[tables.Work]
) -> tables.Written:
    """Commit row by row: what a crash leaves is half of a batch."""
    if connection.connection.execute(fence.replace("%s", "?"), values).rowcount != 1:
        raise tables.FenceFailed
    for work in works:
        connection.connection.executemany(tables._sqlite_sql(work.how, work.table), work.rows)
    return tables.Written(connection.connection)


def _try_again(**what: Any) -> None:
    """Commit a second time when the first one seems to have failed: it may have been done all the same."""
    try:
        _commit(**what)
    except Exception as error:  # that is what is wrong with it
        if isinstance(error, store.LeaseLost):
            raise
        _commit(**what)


def _start_silently(engine: Engine) -> None:
    lease.renew(engine.shard, engine.epoch)
    engine._inbox.prepare()


def _give_up_publishing(engine: Engine, packed: bytes, is_stopping: Callable[[], bool]) -> None:
    try:
        engine._publisher.publish(packed)
    except (redis.ConnectionError, redis.TimeoutError):
        pass


def _forget_answer(engine: Engine, is_stopping: Callable[[], bool]) -> None:
    """Take it for granted that what was sent arrived."""
    try:
        engine._publisher.confirm()
    except (redis.ConnectionError, redis.TimeoutError):
        pass


def _publish_late(engine: Engine, packed: bytes, is_stopping: Callable[[], bool]) -> None:
    """Publish a batch only when the next one is committed."""
    waiting, engine._waits = getattr(engine, "_waits", b""), packed  # type: ignore[attr-defined]  # its own
    if waiting:
        engine._publisher.publish(waiting)


def _trim_all(box: Inbox) -> None:
    box._pipe.xtrim(box._key, minid=inbox._after(box.read_to), approximate=False)


def _take_all_positions(box: Inbox, wait_ms: int, commands_max: int | None = None) -> Intake | None:
    """Say of a batch that it reaches to the last entry that was read."""
    taken = _take(box, wait_ms, commands_max)
    return taken and dataclasses.replace(taken, position=box.read_to)


_take = Inbox.take


# --- what is remembered ----------------------------------------------------------------------------------------


def _learn_without(*kinds: type) -> Mutation:
    def learn(core: Core, commands: Sequence[Any], recent: Recent) -> None:
        _learn(core, [command for command in commands if not isinstance(command, kinds)], recent)

    return lambda: mock.patch("trading.runtime.store.learn", learn)


def _learn_what_is_committed(core: Core, commands: Sequence[Any], recent: Recent) -> None:
    """Forget what the batch that is under way has used up."""
    _learn(core, commands, Recent({}, frozenset(), {}, frozenset()))


def _renewing_nothing(shard: int, epoch: int, for_ms: int = lease.LEASE_MS) -> None:
    """Renew a lease, whosever it is."""
    lease.EngineState.objects.filter(shard=shard).update(lease_until_ms=lease.now_ms() + for_ms)


@contextmanager
def _with_time_that_goes_back() -> Iterator[None]:
    """Take the clock's time, even when the last batch's was later."""
    with mock.patch("trading.runtime.loop.max", lambda now, last: now, create=True):
        yield


# --- rows and recovery -----------------------------------------------------------------------------------------


def _with_sql(name: str, old: str, new: str) -> Mutation:
    sql = getattr(recovery, name)
    assert old in sql, f"{old!r} is not in {name} any more"
    return lambda: mock.patch(f"trading.runtime.recovery.{name}", sql.replace(old, new))


def _stand_nowhere(rows: OrderRows, number: int) -> None:
    """Forget that an order comes to stand anew."""
    if number in rows._conditions:
        _stand(rows, number)


_stand = OrderRows._stand
_works = Journal.works


def _works_without_fees(journal: Journal, books: Any, balances: Iterable[BalanceChanged]) -> list[tables.Work]:
    return _works(journal, books, [change for change in balances if change.account > 0])


MUTATIONS: dict[str, Mutation] = {
    "publish before the commit": _with_commit(_publish_first),
    "trim before the commit": _with_commit(_trim_first),
    "do not store the position": _with_commit(_keep_position),
    "go on when the lease is lost": _with_commit(_swallow_refusal),
    "skip the check of the epoch": _with_commit(_any_epoch),
    "commit again after an error": _with_commit(_try_again),
    "commit in pieces": lambda: mock.patch.object(tables.SqliteWriter, "write", _write_in_pieces),
    "do not publish the last batch at the start": lambda: mock.patch.object(Engine, "start", _start_silently),
    "give up when publishing fails": lambda: mock.patch.object(Engine, "_publish", _give_up_publishing),
    "publish one batch late": lambda: mock.patch.object(Engine, "_publish", _publish_late),
    "publish nothing": lambda: mock.patch.object(Publisher, "send", _do_nothing),
    "commit before the last batch is seen on the stream": lambda: mock.patch.object(Engine, "_confirm", _forget_answer),
    "trim what is read, not what is committed": lambda: mock.patch.object(Inbox, "_trim", _trim_all),
    "store the position of what is read": lambda: mock.patch.object(Inbox, "take", _take_all_positions),
    "do not raise the ids of an empty pipe": lambda: mock.patch.object(Inbox, "prepare", _do_nothing),
    "renew a lease that is another's": lambda: mock.patch("trading.runtime.lease.renew", _renewing_nothing),
    "let time go back": _with_time_that_goes_back,
    "forget orders": _learn_without(PlaceOrder),
    "forget transfers": _learn_without(Transfer),
    "forget holds": _learn_without(HoldFunds, SettleHold, ReleaseHold),
    "forget what operators changed": _learn_without(SetMarket, SetTerms),
    "forget what is under way": lambda: mock.patch("trading.runtime.store.learn", _learn_what_is_committed),
    "keep no new places in queues": lambda: mock.patch.object(OrderRows, "_stand", _stand_nowhere),
    "recover orders by their ids": _with_sql("_ORDERS", "COALESCE(c.rank_after, o.id), COALESCE(c.rank_number, 0)",
                                             "o.id"),
    "recover no prevented quantity": _with_sql("_ORDERS", "o.prevented", "0"),
    "recover no best price": lambda: mock.patch("trading.runtime.recovery._best_prices", dict),
    "recover no terms": _with_sql("_TERMS", "FROM trading_terms", "FROM trading_terms WHERE account_id < 0"),
    "recover no last price": _with_sql("_COUNTERS", "last_price", "0"),
    "recover no open holds": _with_sql("_HOLDS", "state = 1", "state = 9"),
    "write no balances but traders'": lambda: mock.patch.object(Journal, "works", _works_without_fees),
}  # fmt: skip
assert loop.store is store
