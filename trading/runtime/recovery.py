"""Database → core. Start-up and recovery are this one path, so it is exercised at every start.

Rows come as tuples: a hundred thousand open orders are read in about a second (docs/adr/0009-no-snapshots.md).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

from django.db import connection

from mex.database import read_snapshot
from trading.engine.commands import PlaceOrder
from trading.engine.core import Core
from trading.engine.enums import HoldState, ListStatus, OrderState, OrderStatus, OrderType, Side, StpMode, TimeInForce
from trading.engine.events import Accepted
from trading.engine.orders import STOPS
from trading.models import EngineState, Market
from trading.runtime.journal import Journal
from trading.runtime.operator_rows import OperatorRows
from trading.runtime.order_rows import OrderRows
from trading.runtime.tables import Row
from trading.selectors import market_spec

Choice = TypeVar("Choice", bound=IntEnum)

_OPEN = f"o.status <= {int(OrderStatus.PARTIALLY_FILLED)}"
# In the order of their queues (trading/models.py, OrderCondition).
_ORDERS = (
    "SELECT o.id, o.created_ms, o.account_id, o.market_id, o.client_order_id, o.side, o.type, o.time_in_force,"
    " o.quantity, o.price, o.quote_quantity, o.stp, o.executed, o.executed_quote, o.prevented,"
    " c.stop_price, c.trailing_delta, c.iceberg_quantity, c.list_id, c.hold_price, c.state, c.working_ms, c.trail_ms"
    " FROM trading_order o LEFT JOIN trading_ordercondition c ON c.order_id = o.id"
    f" WHERE {_OPEN} ORDER BY COALESCE(c.rank_after, o.id), COALESCE(c.rank_number, 0)"
)
_TRAILING = (
    "SELECT o.id, o.market_id, o.side, c.trail_from FROM trading_order o"
    f" JOIN trading_ordercondition c ON c.order_id = o.id WHERE {_OPEN} AND c.state = {int(OrderState.TRAILING)}"
)
_LISTS = (
    "SELECT id, account_id, market_id, client_list_id, created_ms, above, below FROM trading_orderlist"
    f" WHERE status = {int(ListStatus.EXECUTING)}"
)
_COUNTERS = "SELECT market_id, last_trade, last_update, last_price, last_prevented FROM trading_marketstate"
_TERMS = "SELECT account_id, maker_fee_ppm, taker_fee_ppm, stp FROM trading_terms"
_BALANCES = "SELECT owner, asset_id, balance, held FROM wallets_balance"
_HOLDS = f"SELECT reference, account, asset_id, amount FROM wallets_hold WHERE state = {int(HoldState.HELD)}"

_ROWS_AT_ONCE = 10_000
STRETCHES_MAX = 500
"""Stretches of trades whose highest and lowest price one query asks for."""


class StateMismatch(Exception):
    """Raised when what the database keeps and what follows from it differ: the engine must not start on it."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The core as the last commit left it, where that was, and what the next batch's rows follow from."""

    core: Core
    state: EngineState
    journal: Journal


def load(shard: int) -> Loaded:
    """Return what the last commit left. Raises StateMismatch. Inside a transaction, that one's view."""
    with read_snapshot():
        state = EngineState.objects.get(shard=shard)
        specs = {market.pk: market_spec(market) for market in Market.objects.all()}
        core = Core(specs.values())
        counters = {row[0]: row for row in _rows(_COUNTERS)}
        for market, last_trade, last_update, last_price, last_prevented in counters.values():
            core.restore_market(
                market,
                last_trade=last_trade,
                last_update=last_update,
                last_price=last_price,
                last_prevented=last_prevented,
            )
        core.restore_counters(
            sequence=state.sequence, last_order=state.last_order, last_list=state.last_list, time_ms=state.time_ms
        )
        terms = {account: (maker, taker, stp) for account, maker, taker, stp in _rows(_TERMS)}
        for account, (maker, taker, stp) in terms.items():
            core.restore_terms(account, maker, taker, StpMode(stp))
        orders = OrderRows(specs, state.last_order, state.rank_number)
        held = _restore_funds(core)
    return Loaded(core, state, Journal(orders, OperatorRows(specs, terms, counters, set(held))))


def _restore_funds(core: Core) -> dict[tuple[int, int], int]:
    """Restore balances and what holds them; return what the database says is held, by owner and asset."""
    kept = {}
    for owner, asset, balance, held in _rows(_BALANCES):
        core.restore_balance(owner, asset, balance)
        kept[owner, asset] = held
    for row in _rows(_LISTS):
        core.restore_list(*row)
    _restore_orders(core)
    for row in _rows(_HOLDS):
        core.restore_hold(*row)
    for (owner, asset), held in kept.items():
        needed = core.held_of(owner, asset)
        if held != needed:
            raise StateMismatch(
                f"account {owner}, asset {asset}: {held} is kept as held, but orders and withdrawals need {needed}"
            )
    return kept


def _restore_orders(core: Core) -> None:
    sides, types, forces = _by_number(Side), _by_number(OrderType), _by_number(TimeInForce)
    modes, states = _by_number(StpMode), _by_number(OrderState)
    best = _best_prices()
    for (
        number, created_ms, account, market, client_order_id, side, type, force,
        quantity, price, quote_quantity, stp, executed, executed_quote, lost,
        stop_price, delta, iceberg, group, hold_price, state, working_ms, trail_ms,
    ) in _rows(_ORDERS):  # fmt: skip
        mode = modes[stp]
        order = PlaceOrder(
            account, market, client_order_id, sides[side], types[type], forces[force], quantity, price,
            quote_quantity, stop_price or 0, delta or 0, iceberg or 0, mode,
        )  # fmt: skip
        triggered_ms = working_ms if order.type in STOPS else 0
        card = Accepted(number, created_ms, order, mode, group or 0, hold_price or 0, triggered_ms, trail_ms or 0)
        core.restore_order(
            card,
            executed=executed,
            executed_quote=executed_quote,
            prevented=lost,
            state=states[state or 0],
            best_price=best.get(number, 0),
        )


def _best_prices() -> dict[int, int]:
    """Return the best price that each trailing order has followed, where there was a trade since it began to."""
    trailing: dict[int, list[tuple[int, int, int]]] = {}
    for number, market, side, start in _rows(_TRAILING):
        trailing.setdefault(market, []).append((start, number, side))
    best: dict[int, int] = {}
    for market, orders in trailing.items():
        starts = sorted({start for start, _, _ in orders}, reverse=True)
        highest, lowest = 0, 0
        extremes = {}
        found = _extremes(market, starts)
        for start in starts:
            if start in found:
                high, low = found[start]
                highest, lowest = max(highest, high), min(lowest or low, low)
            extremes[start] = (highest, lowest)
        for start, number, side in orders:
            highest, lowest = extremes[start]
            best[number] = highest if side == Side.SELL else lowest
    return best


def _extremes(market: int, starts: list[int]) -> dict[int, tuple[int, int]]:
    """Return the highest and the lowest price of the trades from each start (descending) up to the one before."""
    stretches = list(zip(starts, [2**62, *starts], strict=False))
    found = {}
    for at in range(0, len(stretches), STRETCHES_MAX):
        values = ", ".join(f"({low}, {high})" for low, high in stretches[at : at + STRETCHES_MAX])
        for start, high, low in _rows(
            f"WITH stretch (low, high) AS (VALUES {values})"
            " SELECT low, MAX(price), MIN(price) FROM stretch CROSS JOIN trading_trade"
            f" WHERE market_id = {market} AND number >= low AND number < high GROUP BY low"
        ):
            found[start] = (high, low)
    return found


def _rows(sql: str) -> Iterator[Row]:
    # Not all at once: on PostgreSQL the whole answer would be kept beside what is made of it.
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql)
        while rows := cursor.fetchmany(_ROWS_AT_ONCE):
            yield from rows


def _by_number(choices: Iterable[Choice]) -> dict[int, Choice]:
    """Return an enum's members by number: to look one up costs a tenth of what it costs to call the enum."""
    return {int(choice): choice for choice in choices}
