"""The engine's side of the database: what a batch must know before, and all that it did in one transaction after."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import connection, transaction

from mex.clock import now_ms
from mex.limits import LEASE_MS
from trading.engine.commands import Command, HoldFunds, PlaceOrder, ReleaseHold, SettleHold, Transfer
from trading.engine.core import Core
from trading.engine.enums import Execution, HoldState, Reason
from trading.engine.events import (
    BalanceChanged,
    Event,
    Executed,
    HoldChanged,
    LevelChanged,
    Posted,
    Traded,
)
from trading.runtime.lease import LeaseLost
from trading.runtime.tables import Row, Table, writer

_BIG, _SMALL, _TEXT, _BOOL = "bigint", "smallint", "text", "boolean"

ORDERS = Table(
    "trading_order",
    id=_BIG,
    account_id=_BIG,
    market_id=_BIG,
    client_order_id=_TEXT,
    side=_SMALL,
    type=_SMALL,
    time_in_force=_SMALL,
    status=_SMALL,
    price=_BIG,
    quantity=_BIG,
    quote_quantity=_BIG,
    executed=_BIG,
    executed_quote=_BIG,
    created_ms=_BIG,
    updated_ms=_BIG,
)
ORDER_CHANGES = Table(
    "trading_order", id=_BIG, status=_SMALL, executed=_BIG, executed_quote=_BIG, quantity=_BIG, updated_ms=_BIG
)
TRADES = Table(
    "trading_trade",
    market_id=_BIG,
    number=_BIG,
    price=_BIG,
    quantity=_BIG,
    quote=_BIG,
    buyer_is_maker=_BOOL,
    buyer_id=_BIG,
    seller_id=_BIG,
    buyer_order=_BIG,
    seller_order=_BIG,
    buyer_fee=_BIG,
    seller_fee=_BIG,
    time_ms=_BIG,
)
POSTINGS = Table(
    "wallets_posting",
    sequence=_BIG,
    debit=_BIG,
    credit=_BIG,
    asset_id=_BIG,
    amount=_BIG,
    reason=_SMALL,
    reference=_TEXT,
    time_ms=_BIG,
)
BALANCES = Table("wallets_balance", owner=_BIG, asset_id=_BIG, balance=_BIG, held=_BIG)
HOLDS = Table("wallets_hold", reference=_TEXT, account=_BIG, asset_id=_BIG, amount=_BIG, state=_SMALL)

_USED_ORDER_IDS = Table("trading_order", account_id=_BIG, client_order_id=_TEXT)
_DONE_TRANSFERS = Table("wallets_posting", reference=_TEXT, reason=_SMALL)
_KNOWN_HOLDS = Table("wallets_hold", reference=_TEXT)


@dataclass(slots=True)
class Changes:
    """What a batch did, gathered so that each row is written once with its final values."""

    new_orders: dict[int, Executed] = field(default_factory=dict)
    changed_orders: dict[int, Executed] = field(default_factory=dict)
    trades: list[Traded] = field(default_factory=list)
    postings: list[Posted] = field(default_factory=list)
    balances: dict[tuple[int, int], BalanceChanged] = field(default_factory=dict)
    holds: dict[str, HoldChanged] = field(default_factory=dict)
    last_trades: dict[int, int] = field(default_factory=dict)
    last_updates: dict[int, int] = field(default_factory=dict)

    def add(self, events: Iterable[Event]) -> None:
        """Gather the events of one command."""
        for event in events:
            kind = type(event)
            if kind is Executed:
                self._add_order(event)  # type: ignore[arg-type]  # `is` on the type does not narrow, but is the fast test
            elif kind is BalanceChanged:
                self.balances[event.account, event.asset] = event  # type: ignore[union-attr,assignment]
            elif kind is Posted:
                self.postings.append(event)  # type: ignore[arg-type]
            elif kind is LevelChanged:
                self.last_updates[event.market] = event.update  # type: ignore[union-attr]
            elif kind is Traded:
                self.trades.append(event)  # type: ignore[arg-type]
                self.last_trades[event.market] = event.id  # type: ignore[union-attr]
            elif kind is HoldChanged:
                self.holds[event.reference] = event  # type: ignore[union-attr,assignment]

    def _add_order(self, event: Executed) -> None:
        if event.kind is Execution.NEW or event.order in self.new_orders:
            self.new_orders[event.order] = event
        else:
            self.changed_orders[event.order] = event


def learn(core: Core, commands: Sequence[Command]) -> None:
    """Tell the core which ids of these commands were used before, as far as only the database remembers."""
    database = writer()
    orders = [(c.account, c.client_order_id) for c in commands if isinstance(c, PlaceOrder)]
    if orders:
        core.learn_orders((int(row[0]), str(row[1])) for row in database.existing(_USED_ORDER_IDS, orders))
    transfers = [(c.reference, int(c.reason)) for c in commands if isinstance(c, Transfer)]
    if transfers:
        core.learn_transfers((str(row[0]), Reason(row[1])) for row in database.existing(_DONE_TRANSFERS, transfers))
    holds = {c.reference for c in commands if isinstance(c, HoldFunds | SettleHold | ReleaseHold)}
    if holds:
        known = {str(row[0]) for row in database.existing(_KNOWN_HOLDS, [(reference,) for reference in holds])}
        core.learn_holds(_hold_rows(known))


def _hold_rows(references: Iterable[str]) -> list[tuple[str, int, int, int, HoldState]]:
    rows = []
    with connection.cursor() as cursor:
        for reference in references:
            cursor.execute(
                "SELECT reference, account, asset_id, amount, state FROM wallets_hold WHERE reference = %s", [reference]
            )
            found = cursor.fetchone()
            rows.append((str(found[0]), int(found[1]), int(found[2]), int(found[3]), HoldState(found[4])))
    return rows


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the engine stands after a batch; stored with it."""

    position: str
    batch: int
    time_ms: int
    packed: bytes


def commit(*, shard: int, epoch: int, core: Core, changes: Changes, mark: Mark) -> None:
    """Write a whole batch in one transaction. Raises LeaseLost, having written nothing, when the epoch is over."""
    with transaction.atomic():
        _advance(shard, epoch, core, mark)
        _write(changes, mark.time_ms)


def _advance(shard: int, epoch: int, core: Core, mark: Mark) -> None:
    # First of all: on PostgreSQL this row lock makes a successor wait, and a successor's epoch makes us stop.
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE trading_enginestate SET position = %s, batch = %s, time_ms = %s, last_batch = %s, sequence = %s,"
            " last_order = %s, last_execution = %s, lease_until_ms = %s WHERE shard = %s AND epoch = %s",
            [
                mark.position,
                mark.batch,
                mark.time_ms,
                mark.packed,
                core.sequence,
                core.last_order,
                core.last_execution,
                now_ms() + LEASE_MS,
                shard,
                epoch,
            ],
        )
        if cursor.rowcount != 1:
            raise LeaseLost(f"epoch {epoch} of shard {shard} is over")


def _write(changes: Changes, time_ms: int) -> None:
    database = writer()
    if changes.new_orders:
        database.insert(ORDERS, [_order_row(event) for event in changes.new_orders.values()])
    if changes.changed_orders:
        database.update(ORDER_CHANGES, "id", [_order_change(event) for event in changes.changed_orders.values()])
    if changes.trades:
        database.insert(TRADES, [_trade_row(event) for event in changes.trades])
    if changes.postings:
        database.insert(POSTINGS, [_posting_row(event, time_ms) for event in changes.postings])
    if changes.balances:
        rows = [(event.account, event.asset, event.balance, event.held) for event in changes.balances.values()]
        database.upsert(BALANCES, ("owner", "asset_id"), rows)
    if changes.holds:
        database.upsert(HOLDS, ("reference",), [_hold_row(event) for event in changes.holds.values()])
    _write_markets(changes)


def _write_markets(changes: Changes) -> None:
    with connection.cursor() as cursor:
        for market, number in changes.last_trades.items():
            cursor.execute("UPDATE trading_marketstate SET last_trade = %s WHERE market_id = %s", [number, market])
        for market, number in changes.last_updates.items():
            cursor.execute("UPDATE trading_marketstate SET last_update = %s WHERE market_id = %s", [number, market])


def _order_row(event: Executed) -> Row:
    return (
        event.order,
        event.account,
        event.market,
        event.client_order_id,
        int(event.side),
        int(event.type),
        int(event.time_in_force),
        int(event.status),
        event.price,
        event.quantity,
        event.quote_quantity,
        event.executed,
        event.executed_quote,
        event.created_ms,
        event.time_ms,
    )


def _order_change(event: Executed) -> Row:
    return (event.order, int(event.status), event.executed, event.executed_quote, event.quantity, event.time_ms)


def _trade_row(event: Traded) -> Row:
    return (
        event.market,
        event.id,
        event.price,
        event.quantity,
        event.quote,
        event.buyer_is_maker,
        event.buyer,
        event.seller,
        event.buyer_order,
        event.seller_order,
        event.buyer_fee,
        event.seller_fee,
        event.time_ms,
    )


def _posting_row(event: Posted, time_ms: int) -> Row:
    return (
        event.sequence,
        event.debit,
        event.credit,
        event.asset,
        event.amount,
        int(event.reason),
        event.reference,
        time_ms,
    )


def _hold_row(event: HoldChanged) -> Row:
    return (event.reference, event.account, event.asset, event.amount, int(event.state))
