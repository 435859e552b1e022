"""Words for table tests: a small exchange, orders in whole lots and ticks, and what came of them in few columns.

A lot costs one unit of cash per tick, so that a table's numbers can be checked in the head.
"""

from collections.abc import Sequence

import msgspec

from tests.engine.recipes import Recipe
from tests.engine.shell import Changes, Session
from trading.engine.commands import (
    AmendOrder,
    CancelOrder,
    PlaceList,
    PlaceOrder,
    ReplaceOrder,
    SetMarket,
    SetTerms,
    Transfer,
)
from trading.engine.enums import (
    CancelRestriction,
    MarketStatus,
    OrderType,
    Reason,
    ReplaceMode,
    Side,
    StpMode,
    TimeInForce,
)
from trading.engine.events import (
    Accepted,
    Amended,
    CancelRejected,
    Closed,
    Event,
    ListChanged,
    MarketChanged,
    Posted,
    Prevented,
    Rejected,
    TermsChanged,
    Traded,
    TrailStarted,
    Triggered,
)
from trading.engine.markets import MarketSpec
from trading.engine.settlement import postings_of

BUY, SELL = Side.BUY, Side.SELL
LIMIT, MARKET, LIMIT_MAKER = OrderType.LIMIT, OrderType.MARKET, OrderType.LIMIT_MAKER
STOP_LOSS, STOP_LOSS_LIMIT = OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT
TAKE_PROFIT, TAKE_PROFIT_LIMIT = OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT
GTC, IOC, FOK = TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK

COIN, CASH = 2, 1
"""The base and the quote of the market."""
ANN, BOB, CARL = 1, 2, 3
CHAIN, FEES = -1, -2
TICK = 10_000_000
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

Row = tuple[object, ...]


def market(**changes: object) -> MarketSpec:
    """Return the plain market with changes."""
    return msgspec.structs.replace(PLAIN, **changes)


def exchange(markets: MarketSpec | Sequence[MarketSpec] = PLAIN, funds: int = 10_000) -> Session:
    """Return a session of a market, or of several, in which Ann, Bob and Carl have `funds` of both assets."""
    session = Session([markets] if isinstance(markets, MarketSpec) else markets)
    if funds:
        for owner in (ANN, BOB, CARL):
            for asset in (COIN, CASH):
                session.step(Transfer(f"{owner}:{asset}", CHAIN, owner, asset, funds, Reason.DEPOSIT))
    session.close_batch()
    return session


# --- commands ---------------------------------------------------------------------------------------


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


def market_order(account: int, side: Side, lots: int = 0, quote: int = 0, **changes: object) -> PlaceOrder:
    """Return a MARKET order by quantity or by quote quantity."""
    name = f"market-{account}-{lots}-{quote}"
    return order(account, side, lots, 0, name, **({"type": MARKET, "quote_quantity": quote} | changes))


def stop(
    account: int, side: Side, type: OrderType, lots: int, at: int = 0, ticks: int = 0, name: str = "", **changes: object
) -> PlaceOrder:
    """Return a stop order that waits for a price of `at` ticks, without or (`ticks`) with a price of its own."""
    waiting = {"type": type, "stop_price": at * TICK}
    return order(account, side, lots, ticks, name or f"stop-{account}-{lots}-{at}", **(waiting | changes))


def oco(above: PlaceOrder, below: PlaceOrder, name: str = "list", **changes: object) -> PlaceList:
    """Return an order list of the account of `above`."""
    return msgspec.structs.replace(PlaceList(above.account, above.market, name, above, below), **changes)


def cancel(
    account: int,
    order_id: int = 0,
    name: str = "",
    market: int = 1,
    restriction: CancelRestriction = CancelRestriction.NONE,
) -> CancelOrder:
    """Return a cancel."""
    return CancelOrder(account, market, order_id, name, "cancel-1", restriction)


def replacing(old: CancelOrder, new: PlaceOrder, *, in_any_case: bool = False) -> ReplaceOrder:
    """Return a cancel-replace."""
    return ReplaceOrder(old, new, ReplaceMode.ALLOW_FAILURE if in_any_case else ReplaceMode.STOP_ON_FAILURE)


def amend(account: int, order_id: int, lots: int, **changes: object) -> AmendOrder:
    """Return an amendment to `lots` in all."""
    return msgspec.structs.replace(AmendOrder(account, 1, order_id, "", lots * LOT), **changes)


def set_market(reference: str = "m1", **changes: object) -> SetMarket:
    """Return the command that makes the plain market one with these changes."""
    return SetMarket(reference, "olga", "a note", market(**changes))


def set_terms(
    account: int, maker_ppm: int = -1, taker_ppm: int = -1, stp: StpMode = StpMode.NONE, reference: str = "t1"
) -> SetTerms:
    """Return the command that gives an account these terms."""
    return SetTerms(reference, "olga", "a note", account, maker_ppm, taker_ppm, stp)


def after(session: Session, *commands: Recipe) -> Session:
    """Let commands be carried out, none of which may be refused, and return the session."""
    for command in commands:
        events = session.step(command)
        assert not any(isinstance(event, Rejected | CancelRejected) for event in events), (command, events)
    return session


def traded_at(session: Session, *ticks: int) -> Session:
    """Let Carl trade a lot with himself at each of these prices, which must be within the book's best."""
    for price in ticks:
        number = session.steps
        after(session, order(CARL, SELL, 1, price, f"s{number}"), order(CARL, BUY, 1, price, f"b{number}"))
    return session


# --- what came of them ------------------------------------------------------------------------------


def reject_of(events: Sequence[Event]) -> str:
    """Return the name of the refusal that is the only event, or ""."""
    if len(events) == 1 and isinstance(events[0], Rejected):
        return events[0].reject.name
    assert not any(isinstance(event, Rejected) for event in events)
    return ""


def told(events: Sequence[Event]) -> list[Row]:
    """Return each event in few words: what, of which order, with lots and ticks."""
    return [_row(event) for event in events]


def _row(event: Event) -> Row:
    if isinstance(event, Accepted):
        return ("accepted", event.id)
    if isinstance(event, Traded):
        return ("trade", event.taker.id, event.maker.id, _lots(event.quantity), event.price // TICK)
    if isinstance(event, Closed):
        return ("closed", event.order.id, event.status.name, _lots(event.executed))
    if isinstance(event, Prevented):
        lost = (_lots(event.taker_quantity), _lots(event.maker_quantity))
        return ("prevented", event.taker.id, event.maker.id, *lost)
    if isinstance(event, Triggered):
        return ("triggered", event.order.id)
    if isinstance(event, TrailStarted):
        return ("following", event.order.id, event.trade)
    if isinstance(event, Amended):
        return ("amended", event.order.id, _lots(event.order.order.quantity))
    if isinstance(event, ListChanged):
        return ("list", event.id, event.status.name)
    return _row_of_another(event)


def _row_of_another(event: Event) -> Row:
    if isinstance(event, Rejected):
        return ("refused", event.reject.name)
    if isinstance(event, CancelRejected):
        return ("cancel refused", event.reject.name)
    if isinstance(event, MarketChanged):
        return ("market", event.spec.id, "new" if event.is_new else "changed")
    assert isinstance(event, TermsChanged), event
    return ("terms", event.account)


def _lots(quantity: int) -> int:
    lots, rest = divmod(quantity, LOT)
    assert rest == 0, f"{quantity} are no whole lots"
    return lots


def trades(events: Sequence[Event]) -> list[tuple[int, int, int, int]]:
    """Return (taker, maker, lots, ticks) of each trade."""
    return [
        (event.taker.id, event.maker.id, event.quantity // LOT, event.price // TICK)
        for event in events
        if isinstance(event, Traded)
    ]


def closed(events: Sequence[Event]) -> list[tuple[int, str, int, int]]:
    """Return (order, status, executed base units, executed quote units) of each order that ended unfilled."""
    return [
        (event.order.id, event.status.name, event.executed, event.executed_quote)
        for event in events
        if isinstance(event, Closed)
    ]


def postings(events: Sequence[Event]) -> list[tuple[str, int, int, int, int]]:
    """Return (reason, debit, credit, asset, amount) of each posting, those that follow from trades too."""
    found: list[Posted] = []
    for event in events:
        if isinstance(event, Posted):
            found.append(event)
        elif isinstance(event, Traded):
            found += postings_of(event, PLAIN)
    return [(event.reason.name, event.debit, event.credit, event.asset, event.amount) for event in found]


def levels(changes: Changes) -> list[tuple[int, str, int, int]]:
    """Return (update, side, ticks, lots) of each level that a batch told."""
    return [(level.update, level.side.name, level.price // TICK, _lots(level.quantity)) for level in changes[0]]


def balances(changes: Changes) -> list[tuple[int, int, int, int]]:
    """Return (owner, asset, balance, held) of each balance that a batch told."""
    return [(change.account, change.asset, change.balance, change.held) for change in changes[1]]


def book(session: Session, side: Side) -> list[tuple[int, int]]:
    """Return (ticks, lots shown) of each level of a side, best first."""
    found = session.core.book(1).levels(side, 1_000)
    assert found == session.reference.bests(1, side)
    return [(price // TICK, _lots(quantity)) for price, quantity in found]


def funds_of(session: Session, owner: int) -> tuple[int, int, int, int]:
    """Return coin, held coin, cash, held cash of an owner."""
    core, reference = session.core, session.reference
    found = tuple(ask(owner, asset) for asset in (COIN, CASH) for ask in (core.balance_of, core.held_of))
    assert found == tuple(ask(owner, asset) for asset in (COIN, CASH) for ask in (reference.balance, reference.held))
    coin, held_coin, cash, held_cash = found
    return coin, held_coin, cash, held_cash
