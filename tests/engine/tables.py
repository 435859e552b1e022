"""Words for table tests: a small exchange, orders in whole lots and ticks, and what came of them in few columns."""

from collections.abc import Sequence

import msgspec

from tests.engine.shell import Session
from trading.engine.commands import CancelOrder, PlaceOrder, Transfer
from trading.engine.enums import MarketStatus, OrderType, Reason, Side, TimeInForce
from trading.engine.events import BalanceChanged, Event, Executed, LevelChanged, Posted, Rejected, Traded
from trading.engine.markets import MarketSpec

BUY, SELL = Side.BUY, Side.SELL
LIMIT, MARKET, LIMIT_MAKER = OrderType.LIMIT, OrderType.MARKET, OrderType.LIMIT_MAKER
GTC, IOC, FOK = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK

COIN, CASH = 2, 1
"""The base and the quote of the market."""
ANN, BOB, CARL = 1, 2, 3
CHAIN, FEES = -1, -2
TICK = 10_000_000
"""Ten coin units at a price of one tick cost one cash unit."""
LOT = 10

PLAIN = MarketSpec(
    id=1,
    symbol="COINCASH",
    base=COIN,
    quote=CASH,
    tick=TICK,
    lot=LOT,
    price_min=TICK,
    price_max=1_000 * TICK,
    quantity_min=LOT,
    quantity_max=1_000 * LOT,
    notional_min=0,
    notional_max=100_000,
    maker_fee_ppm=0,
    taker_fee_ppm=0,
    orders_max=100,
    status=MarketStatus.TRADING,
)


def exchange(market: MarketSpec | Sequence[MarketSpec] = PLAIN, funds: int = 10_000) -> Session:
    """Return a session of a market, or of several, in which Ann, Bob and Carl have `funds` of both assets."""
    session = Session([market] if isinstance(market, MarketSpec) else market)
    if funds:
        for owner in (ANN, BOB, CARL):
            for asset in (COIN, CASH):
                session.step(Transfer(f"{owner}:{asset}", CHAIN, owner, asset, funds, Reason.DEPOSIT))
    return session


def order(account: int, side: Side, lots: int, ticks: int, name: str = "", **changes: object) -> PlaceOrder:
    """Return a LIMIT GTC order of `lots` at `ticks`, with changes; without a name its parts make one."""
    plain = PlaceOrder(
        account=account,
        market=1,
        client_order_id=name or f"{account}-{side}-{lots}-{ticks}",
        side=side,
        type=LIMIT,
        time_in_force=GTC,
        quantity=lots * LOT,
        price=ticks * TICK,
    )
    return msgspec.structs.replace(plain, **changes)


def market_order(account: int, side: Side, lots: int = 0, quote: int = 0) -> PlaceOrder:
    """Return a MARKET order by quantity or by quote quantity."""
    return order(account, side, lots, 0, f"market-{account}-{lots}-{quote}", type=MARKET, quote_quantity=quote)


def cancel(account: int, order_id: int = 0, name: str = "", market: int = 1) -> CancelOrder:
    """Return a cancel."""
    return CancelOrder(account, market, order_id, name, "cancel-1")


def reject_of(events: Sequence[Event]) -> str:
    """Return the name of the refusal that is the only event, or ""."""
    if len(events) == 1 and isinstance(events[0], Rejected):
        return events[0].reject.name
    assert not any(isinstance(event, Rejected) for event in events)
    return ""


def trades(events: Sequence[Event]) -> list[tuple[int, int, int, int]]:
    """Return (buyer's order, seller's order, lots, ticks) of each trade."""
    return [
        (event.buyer_order, event.seller_order, event.quantity // LOT, event.price // TICK)
        for event in events
        if isinstance(event, Traded)
    ]


def steps(events: Sequence[Event], order_id: int) -> list[tuple[str, str, int, int]]:
    """Return (kind, status, executed base units, executed quote units) of each execution report of an order."""
    return [
        (event.kind.name, event.status.name, event.executed, event.executed_quote)
        for event in events
        if isinstance(event, Executed) and event.order == order_id
    ]


def postings(events: Sequence[Event]) -> list[tuple[str, int, int, int, int]]:
    """Return (reason, debit, credit, asset, amount) of each posting."""
    return [
        (event.reason.name, event.debit, event.credit, event.asset, event.amount)
        for event in events
        if isinstance(event, Posted)
    ]


def levels(events: Sequence[Event]) -> list[tuple[int, str, int, int]]:
    """Return (update, side, ticks, lots) of each changed level."""
    return [
        (event.update, event.side.name, event.price // TICK, event.quantity // LOT)
        for event in events
        if isinstance(event, LevelChanged)
    ]


def balances(events: Sequence[Event]) -> list[tuple[int, int, int, int]]:
    """Return (owner, asset, balance, held) of each changed balance."""
    return [
        (event.account, event.asset, event.balance, event.held) for event in events if isinstance(event, BalanceChanged)
    ]


def funds_of(session: Session, owner: int) -> tuple[int, int, int, int]:
    """Return coin, held coin, cash, held cash of an owner."""
    core = session.core
    coin, cash = core.balance_of(owner, COIN), core.balance_of(owner, CASH)
    return coin, core.held_of(owner, COIN), cash, core.held_of(owner, CASH)
