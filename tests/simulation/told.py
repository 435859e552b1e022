"""What clients were told, held against the rows: at once, and again in the end."""

from collections.abc import Sequence
from typing import Any

import msgspec

from tests.simulation.database import SimulatedDatabase
from tests.simulation.errands import require
from trading.engine.enums import HoldState, ListStatus
from trading.engine.events import (
    Accepted,
    Amended,
    Closed,
    Event,
    HoldChanged,
    ListChanged,
    MarketChanged,
    Posted,
    Prevented,
    TermsChanged,
    Traded,
    TrailStarted,
    TransferRepeated,
    Triggered,
)


class Told:
    """Remembers every event that a client was told of."""

    def __init__(self, database: SimulatedDatabase) -> None:
        self._database = database
        self.events: list[Event] = []

    def take(self, batch: int, events: Sequence[Event]) -> None:
        """Take an answer and require that all of it is committed."""
        [(committed,)] = self._database.rows("SELECT batch FROM trading_enginestate WHERE shard = 0")
        require(batch <= committed, f"told of batch {batch}, but {committed} is the last one that is committed")
        for event in events:
            self._require_row(event)
        self.events += events

    def check(self) -> None:
        """Require that all that was ever told still is in the rows."""
        for event in self.events:
            self._require_row(event)

    def _require_row(self, event: Event) -> None:
        check = _CHECKS.get(type(event))
        if check is not None:
            sql, values, expected = check(event)
            found = self._database.rows(sql, values)
            require(found == [expected], f"told of {event}\n  the rows: {found}\n  expected: {expected}")


_Check = tuple[str, tuple[Any, ...], tuple[Any, ...]]
"""A query, its values, and the one row that it must find."""


def _accepted(event: Accepted) -> _Check:
    order = event.order
    sql = (
        "SELECT id, market_id, side, type, time_in_force, price, quote_quantity, stp, created_ms FROM trading_order"
        " WHERE account_id = ? AND client_order_id = ?"
    )
    expected = (event.id, order.market, order.side, order.type, order.time_in_force, order.price, order.quote_quantity)
    return sql, (order.account, order.client_order_id), (*map(int, expected), int(event.stp), event.created_ms)


def _traded(event: Traded) -> _Check:
    sql = (
        "SELECT price, quantity, quote, MIN(buyer_order, seller_order), MAX(buyer_order, seller_order)"
        " FROM trading_trade WHERE market_id = ? AND number = ?"
    )
    orders = sorted((event.maker.id, event.taker.id))
    return sql, (event.maker.order.market, event.id), (event.price, event.quantity, event.quote, *orders)


def _closed(event: Closed) -> _Check:
    sql = "SELECT status, executed, executed_quote FROM trading_order WHERE id = ?"
    return sql, (event.order.id,), (int(event.status), event.executed, event.executed_quote)


def _prevented(event: Prevented) -> _Check:
    sql = (
        "SELECT taker_order, maker_order, taker_quantity, maker_quantity FROM trading_preventedmatch"
        " WHERE market_id = ? AND number = ?"
    )
    expected = (event.taker.id, event.maker.id, event.taker_quantity, event.maker_quantity)
    return sql, (event.maker.order.market, event.id), expected


def _amended(event: Amended) -> _Check:
    # It may have been made smaller again.
    sql = "SELECT quantity <= ? AND executed >= ? FROM trading_order WHERE id = ?"
    return sql, (event.order.order.quantity, event.executed, event.order.id), (1,)


def _works(event: Triggered) -> _Check:
    sql = "SELECT state, working_ms FROM trading_ordercondition WHERE order_id = ?"
    return sql, (event.order.id,), (0, event.order.working_ms)


def _follows(event: TrailStarted) -> _Check:
    sql = "SELECT trail_from, trail_ms FROM trading_ordercondition WHERE order_id = ?"
    return sql, (event.order.id,), (event.trade, event.order.trail_ms)


def _listed(event: ListChanged) -> _Check:
    status = "status >= ?" if event.status is ListStatus.EXECUTING else "status = ?"
    sql = f"SELECT client_list_id, above, below FROM trading_orderlist WHERE id = ? AND {status}"
    return sql, (event.id, int(event.status)), (event.client_list_id, event.above, event.below)


def _posted(event: Posted) -> _Check:
    sql = "SELECT debit, credit, asset_id, amount FROM wallets_posting WHERE reference = ? AND reason = ?"
    return sql, (event.reference, int(event.reason)), (event.debit, event.credit, event.asset, event.amount)


def _repeated(event: TransferRepeated) -> _Check:
    sql = "SELECT COUNT(*) FROM wallets_posting WHERE reference = ? AND reason >= 5"
    return sql, (event.reference,), (1,)


def _held(event: HoldChanged) -> _Check:
    # What is held may have been paid out or given back since.
    later = "state < 4" if event.state is HoldState.HELD else f"state = {int(event.state)}"
    sql = f"SELECT account, asset_id, amount FROM wallets_hold WHERE reference = ? AND {later}"
    return sql, (event.reference,), (event.account, event.asset, event.amount)


def _ruled(event: MarketChanged) -> _Check:
    sql = "SELECT kind, subject, actor, after FROM trading_operatorchange WHERE reference = ?"
    after = msgspec.json.encode(msgspec.structs.asdict(event.spec)).decode()
    return sql, (event.reference,), ("market", event.spec.id, event.actor, after)


def _agreed(event: TermsChanged) -> _Check:
    sql = "SELECT kind, subject, actor FROM trading_operatorchange WHERE reference = ?"
    return sql, (event.reference,), ("terms", event.account, event.actor)


_CHECKS: dict[type, Any] = {
    Accepted: _accepted,
    Traded: _traded,
    Closed: _closed,
    Prevented: _prevented,
    Amended: _amended,
    Triggered: _works,
    TrailStarted: _follows,
    ListChanged: _listed,
    Posted: _posted,
    TransferRepeated: _repeated,
    HoldChanged: _held,
    MarketChanged: _ruled,
    TermsChanged: _agreed,
}
