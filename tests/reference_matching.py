"""How the reference carries an order out: whom it trades with, how much, and what becomes of it."""

from dataclasses import dataclass, field

from mex.money import AMOUNT_MAX
from tests.reference_state import PPM, PRICED, ReferenceOrder, ReferenceState, cost
from trading.engine.enums import OrderStatus, Side, StpMode, TimeInForce
from trading.engine.events import Accepted, Prevented, Traded
from trading.engine.markets import MarketSpec

FEES = -2


@dataclass
class Run:
    """What became of an order that was carried out."""

    status: OrderStatus = OrderStatus.EXPIRED
    trades: list[Traded] = field(default_factory=list)

    @property
    def base(self) -> int:
        return sum(trade.quantity for trade in self.trades)

    @property
    def quote(self) -> int:
        return sum(trade.quote for trade in self.trades)


def carry_out(exchange: ReferenceState, taker: ReferenceOrder) -> Run:
    """Let an order trade as far as it goes, then rest or end."""
    if taker.wish.time_in_force is TimeInForce.FOK and rehearse(exchange, taker.card).base < taker.wish.quantity:
        exchange.close(taker, OrderStatus.EXPIRED)
        return Run()
    run = trade_on(exchange, taker)
    if run.status is OrderStatus.FILLED:
        exchange.remove(taker)
    elif (
        run.status is OrderStatus.EXPIRED and taker.wish.type in PRICED and taker.wish.time_in_force is TimeInForce.GTC
    ):
        exchange.put_in_book(taker)
    else:
        exchange.close(taker, run.status)
    return run


def rehearse(exchange: ReferenceState, card: Accepted) -> Run:
    """Return what a new order would trade, by letting it trade in a copy of the exchange."""
    stage = exchange.copy()
    actor = new_taker(card)
    stage.orders.append(actor)
    return trade_on(stage, actor)


def new_taker(card: Accepted) -> ReferenceOrder:
    return ReferenceOrder(card, budget=card.order.quote_quantity or None)


def trade_on(exchange: ReferenceState, taker: ReferenceOrder) -> Run:
    """Trade until all is done, nobody is left, the money is spent, or an order of its own stops it."""
    run = Run()
    while makers := exchange.makers(taker.wish):
        maker = makers[0]
        quantity = wanted(exchange, taker, maker)
        if quantity == 0:
            break
        if maker.wish.account == taker.wish.account and taker.card.stp is not StpMode.NONE:
            if prevent(exchange, taker, maker):
                run.status = OrderStatus.EXPIRED_IN_MATCH
                break
            continue
        run.trades.append(trade(exchange, taker, maker, min(quantity, maker.shown)))
        if run.trades[-1].is_done:
            run.status = OrderStatus.FILLED
            break
    return run


def wanted(exchange: ReferenceState, taker: ReferenceOrder, maker: ReferenceOrder) -> int:
    """How much the taker would take at the maker's price, were there enough of it."""
    if taker.budget is None:
        return taker.open
    price = maker.wish.price
    paid_for = lots_paid_for(taker.budget, price, exchange.spec_of(maker))
    if taker.wish.quote_quantity:
        return paid_for
    if cost(price, min(taker.open, maker.shown)) <= taker.budget:
        return taker.open
    return paid_for


def lots_paid_for(budget: int, price: int, spec: MarketSpec) -> int:
    """The base units of all whole lots that a budget pays for."""
    return budget // cost(price, spec.lot) * spec.lot


# --- a trade ----------------------------------------------------------------------------------------


def trade(exchange: ReferenceState, taker: ReferenceOrder, maker: ReferenceOrder, quantity: int) -> Traded:
    exchange.expire_the_other(maker)
    spec = exchange.spec_of(maker)
    price = maker.wish.price
    quote = cost(price, quantity)
    for order in (maker, taker):
        order.executed += quantity
        order.executed_quote += quote
    if taker.budget is not None:
        taker.budget -= quote
    if maker.open == 0:
        exchange.remove(maker)
    elif maker.wish.iceberg_quantity and maker.executed % maker.wish.iceberg_quantity == 0:
        exchange.put_in_book(maker)  # anew: its next slice goes to the end
    exchange.last_trade[spec.id] = number = exchange.last_trade.get(spec.id, 0) + 1
    exchange.last_price[spec.id] = price
    taker_fee, maker_fee = settle(exchange, spec, taker, maker, quantity, quote)
    traded = Traded(
        id=number,
        price=price,
        quantity=quantity,
        quote=quote,
        taker=taker.card,
        maker=maker.card,
        taker_fee=taker_fee,
        maker_fee=maker_fee,
        taker_executed=taker.executed,
        taker_executed_quote=taker.executed_quote,
        maker_executed=maker.executed,
        maker_executed_quote=maker.executed_quote,
        is_done=has_all(exchange, taker, price),
        is_maker_done=maker.open == 0,
    )
    exchange.tell(traded)
    return traded


def settle(
    exchange: ReferenceState, spec: MarketSpec, taker: ReferenceOrder, maker: ReferenceOrder, base: int, quote: int
) -> tuple[int, int]:
    """Move the money of a trade and return the taker's and the maker's fee, each in what that side receives."""
    buyer, seller = (taker, maker) if taker.wish.side is Side.BUY else (maker, taker)
    exchange.move(seller.wish.account, buyer.wish.account, spec.base, base)
    exchange.move(buyer.wish.account, seller.wish.account, spec.quote, quote)
    fees = {}
    for order, asset, received in ((buyer, spec.base, base), (seller, spec.quote, quote)):
        fee = -(-received * fee_rate(exchange, spec, order.wish.account, is_maker=order is maker) // PPM)
        exchange.move(order.wish.account, FEES, asset, fee)
        fees[order.id] = fee
    return fees[taker.id], fees[maker.id]


def fee_rate(exchange: ReferenceState, spec: MarketSpec, account: int, is_maker: bool) -> int:
    """In ppm of what is received: the account's own rate, or the market's."""
    terms = exchange.terms.get(account)
    if is_maker:
        own, of_market = (terms.maker_fee_ppm if terms else -1), spec.maker_fee_ppm
    else:
        own, of_market = (terms.taker_fee_ppm if terms else -1), spec.taker_fee_ppm
    return of_market if own == -1 else own


def has_all(exchange: ReferenceState, taker: ReferenceOrder, price: int) -> bool:
    """Whether a taker that just traded at a price is complete."""
    if not taker.wish.quote_quantity:
        return taker.open == 0
    makers = exchange.makers(taker.wish)
    last_seen = makers[0].wish.price if makers else price
    assert taker.budget is not None
    return lots_paid_for(taker.budget, last_seen, exchange.spec_of(taker)) == 0


# --- orders of one account --------------------------------------------------------------------------


def prevent(exchange: ReferenceState, taker: ReferenceOrder, maker: ReferenceOrder) -> bool:
    """Keep two orders of one account from trading, and return whether the taker ends by it."""
    mode = taker.card.stp
    quantity = still_after(exchange, taker, maker.wish.price)
    smaller = min(quantity, maker.open)
    taker_loss, maker_loss = {
        StpMode.EXPIRE_TAKER: (quantity, 0),
        StpMode.EXPIRE_MAKER: (0, maker.open),
        StpMode.EXPIRE_BOTH: (quantity, maker.open),
        StpMode.DECREMENT: (smaller, smaller),
    }[mode]
    if maker_loss:
        exchange.expire_the_other(maker)
    taker.prevented += taker_loss
    maker.prevented += maker_loss
    market, price = maker.wish.market, maker.wish.price
    if mode is StpMode.DECREMENT and taker.wish.quote_quantity:
        assert taker.budget is not None
        taker.budget -= cost(price, taker_loss)
    exchange.last_prevented[market] = number = exchange.last_prevented.get(market, 0) + 1
    exchange.tell(
        Prevented(
            id=number,
            price=price,
            taker=taker.card,
            maker=maker.card,
            taker_quantity=taker_loss,
            maker_quantity=maker_loss,
            taker_prevented=taker.prevented,
            maker_prevented=maker.prevented,
            taker_executed=taker.executed,
            taker_executed_quote=taker.executed_quote,
            maker_executed=maker.executed,
            maker_executed_quote=maker.executed_quote,
        )
    )
    if maker.open == 0:
        exchange.close(maker, OrderStatus.EXPIRED_IN_MATCH)
    if mode in (StpMode.EXPIRE_TAKER, StpMode.EXPIRE_BOTH):
        return True
    return mode is StpMode.DECREMENT and still_after(exchange, taker, price) == 0


def still_after(exchange: ReferenceState, taker: ReferenceOrder, price: int) -> int:
    """What the taker is after at a price: its open quantity, or what its quote quantity pays for and a column holds."""
    if not taker.wish.quote_quantity:
        return taker.open
    assert taker.budget is not None
    spec = exchange.spec_of(taker)
    room = AMOUNT_MAX - taker.executed - taker.prevented
    return min(lots_paid_for(taker.budget, price, spec), room // spec.lot * spec.lot)
