"""Operations of the trading API that read: one function each, shared by REST and the websocket API.

Each is `async def operation(caller, params)`; `caller` is None for public ones. Orders are in trading/orders_api.py.
"""

from collections.abc import Sequence

from accounts.authentication import Caller
from mex.clock import now_ms
from mex.database import in_database
from mex.errors import MexError, ParameterInvalid
from mex.limits import DEPTH_LEVELS_DEFAULT, DEPTH_LEVELS_MAX
from mex.params import Params
from trading import order_params, selectors
from trading.engine.book import Book
from trading.engine.enums import MarketStatus, Reject, Side
from trading.engine.filters import form_refusal, makes_no_sense
from trading.engine.funds import Purse
from trading.engine.markets import MarketSpec
from trading.gateway import budgets, order_shapes, shapes
from trading.gateway.catalog import Catalog
from trading.gateway.hub import get_hub
from trading.models import Order
from trading.paging import limit_of, range_of
from trading.refusals import refusal
from trading.selectors import Range
from wallets.ledger.chart import Owner
from wallets.models import Balance

_SYMBOL_STATUSES = ("TRADING", "HALT", "BREAK")
"""What the API takes for `symbolStatus`. No market here is ever in a break."""


async def ping(caller: Caller | None, params: Params) -> object:
    """Answer that the server is there."""
    return {}


async def time(caller: Caller | None, params: Params) -> object:
    """Tell the server's time, ms."""
    return {"serverTime": now_ms()}


async def exchange_info(caller: Caller | None, params: Params) -> object:
    """Tell limits, and the rules of all markets or of those asked for."""
    hub = await get_hub()
    _check_alone(params, "symbol", "symbols", "permissions")
    _check_alone(params, "symbol", "symbols", "symbolStatus")
    markets = _listed(params, hub.catalog)
    if params.has("permissions"):
        asked = params.text("permissions")
        wanted = params.json_list("permissions") if asked.startswith("[") else [asked]
        markets = markets if "SPOT" in wanted else []
    if params.has("symbolStatus"):
        status = params.text("symbolStatus")
        if status not in _SYMBOL_STATUSES:
            raise ParameterInvalid("symbolStatus")
        markets = [market for market in markets if market.status.name == status]
    permissions = [["SPOT"]] if params.flag("showPermissionSets", default=True) else []
    return {
        "timezone": "UTC",
        "serverTime": now_ms(),
        "rateLimits": budgets.rate_limits(),
        "exchangeFilters": [],
        "symbols": [shapes.symbol_info(market, hub.catalog.asset_codes, permissions) for market in markets],
    }


async def depth(caller: Caller | None, params: Params) -> object:
    """Tell a market's book, with the number of the last change in it."""
    hub = await get_hub()
    market = hub.catalog.market(params.text("symbol"))
    limit = params.integer("limit", DEPTH_LEVELS_DEFAULT, low=1, high=DEPTH_LEVELS_MAX)
    book = hub.feeds.book(market.id)
    return {
        "lastUpdateId": book.last_update,
        "bids": shapes.levels(book.levels(Side.BUY, limit)),
        "asks": shapes.levels(book.levels(Side.SELL, limit)),
    }


async def book_ticker(caller: Caller | None, params: Params) -> object:
    """Tell best bid and ask, of one market, or of some or all in a list."""
    hub = await get_hub()

    def row(market: MarketSpec) -> shapes.Json:
        (bid, bid_quantity), (ask, ask_quantity) = (hub.feeds.book(market.id).best(side) for side in Side)
        (bid_level, ask_level) = shapes.levels([(bid, bid_quantity), (ask, ask_quantity)])
        return {
            "symbol": market.symbol,
            "bidPrice": bid_level[0],
            "bidQty": bid_level[1],
            "askPrice": ask_level[0],
            "askQty": ask_level[1],
        }

    _check_alone(params, "symbol", "symbols")
    rows = [row(market) for market in _listed(params, hub.catalog)]
    return rows[0] if params.has("symbol") else rows


async def trades(caller: Caller | None, params: Params) -> object:
    """Tell a market's newest trades, oldest of them first."""
    market = await _market(params)
    wanted = Range(limit=limit_of(params))
    rows = await in_database(selectors.trades_in, market=market.id, wanted=wanted)
    return [shapes.public_trade_row(trade) for trade in rows]


async def account(caller: Caller | None, params: Params) -> object:
    """Tell the caller's balances and fee rates."""
    assert caller is not None
    hub = await get_hub()
    omit_zero = params.flag("omitZeroBalances", default=False)
    found = {balance.asset_id: balance for balance in await in_database(selectors.balances_of, caller.account)}
    rows = [found.get(asset) or Balance(asset_id=asset, balance=0, held=0) for asset in hub.catalog.asset_codes]
    if omit_zero:
        rows = [row for row in rows if row.balance]
    market = next(iter(hub.catalog.listed()), None)
    maker, taker = await in_database(selectors.fee_rates_of, account=caller.account, market=market)
    return shapes.account(caller.account, rows, hub.catalog.asset_codes, maker=maker, taker=taker)


async def commission(caller: Caller | None, params: Params) -> object:
    """Tell the caller's fee rates in a market."""
    assert caller is not None
    market = await _market(params)
    maker, taker = await in_database(selectors.fee_rates_of, account=caller.account, market=market)
    return shapes.commission(market.symbol, maker=maker, taker=taker)


async def order_test(caller: Caller | None, params: Params) -> object:
    """Check an order as far as that goes without the market and the caller's funds; nothing is placed."""
    assert caller is not None
    market = await _market(params)
    command = order_params.read_order(caller.account, params, market)
    order_params.answer_type(params, "ACK")
    if market.status is not MarketStatus.TRADING:
        raise refusal(Reject.MARKET_CLOSED)
    empty = Book(market, Purse(Owner.FEES, market.base), Purse(Owner.FEES, market.quote))
    reject = Reject.INVALID if makes_no_sense(command) else form_refusal(command, empty)
    if reject is not None:
        raise refusal(reject)
    if not params.flag("computeCommissionRates", default=False):
        return {}
    maker, taker = await in_database(selectors.fee_rates_of, account=caller.account, market=market)
    return shapes.commission_of_order(maker=maker, taker=taker)


async def order(caller: Caller | None, params: Params) -> object:
    """Tell one order of the caller."""
    assert caller is not None
    market = await _market(params)
    order_id, client_order_id = order_params.reference(params)
    row = await in_database(
        selectors.order_of,
        account=caller.account,
        market=market.id,
        order_id=order_id or None,
        client_order_id=client_order_id or None,
    )
    return (await _order_rows([row]))[0]


async def open_orders(caller: Caller | None, params: Params) -> object:
    """Tell the caller's open orders, of one market or of all."""
    assert caller is not None
    hub = await get_hub()
    market = hub.catalog.market(params.text("symbol")).id if params.has("symbol") else None
    rows = await in_database(selectors.open_orders_of, account=caller.account, market=market)
    return await _order_rows(rows)


async def all_orders(caller: Caller | None, params: Params) -> object:
    """Tell the caller's orders in a market, open and closed."""
    assert caller is not None
    market = await _market(params)
    wanted = range_of(params, from_name="orderId")
    rows = await in_database(selectors.orders_of, account=caller.account, market=market.id, wanted=wanted)
    return await _order_rows(rows)


async def my_trades(caller: Caller | None, params: Params) -> object:
    """Tell the caller's trades in a market."""
    assert caller is not None
    hub = await get_hub()
    market = await _market(params)
    order_id = params.integer("orderId") if params.has("orderId") else None
    wanted = range_of(params, from_name="fromId")
    rows = await in_database(
        selectors.trades_of, account=caller.account, market=market.id, order_id=order_id, wanted=wanted
    )
    codes = hub.catalog.asset_codes
    orders = {order for trade in rows for order in (trade.buyer_order, trade.seller_order)}
    lists = await in_database(selectors.list_ids_of, orders)
    return [
        row
        for trade in rows
        for row in shapes.own_trade_rows(market, trade, caller.account, codes, lists)
        if order_id is None or row["orderId"] == order_id
    ]


async def my_prevented_matches(caller: Caller | None, params: Params) -> object:
    """Tell what self-trade prevention kept from trading: one match, or all of an order."""
    assert caller is not None
    market = await _market(params)
    if params.has("preventedMatchId") == params.has("orderId"):
        raise MexError(-1128, "Combination of optional parameters invalid.")
    start = params.integer("fromPreventedMatchId") if params.has("fromPreventedMatchId") else None
    rows = await in_database(
        selectors.prevented_matches_of,
        account=caller.account,
        market=market.id,
        number=params.integer("preventedMatchId") if params.has("preventedMatchId") else None,
        order_id=params.integer("orderId") if params.has("orderId") else None,
        wanted=Range(limit=limit_of(params), from_id=start),
    )
    return [shapes.prevented_match_row(market.symbol, row) for row in rows]


def _check_alone(params: Params, *names: str) -> None:
    """Raise if more than one of these parameters was sent."""
    if sum(params.has(name) for name in names) > 1:
        raise MexError(-1128, "Combination of optional parameters invalid.")


def _listed(params: Params, catalog: Catalog) -> list[MarketSpec]:
    """Return the market that `symbol` names, those that `symbols` names, or else all that are listed."""
    if params.has("symbol"):
        return [catalog.listed_market(params.text("symbol"))]
    if params.has("symbols"):
        return [catalog.listed_market(symbol) for symbol in dict.fromkeys(params.json_list("symbols"))]
    return catalog.listed()


async def _market(params: Params) -> MarketSpec:
    hub = await get_hub()
    return hub.catalog.market(params.text("symbol"))


async def _order_rows(orders: Sequence[Order]) -> list[shapes.Json]:
    hub = await get_hub()
    matches: dict[int, int] = {}
    if any(order.prevented for order in orders):
        matches = await in_database(selectors.last_prevented_matches, orders)
    symbols = hub.catalog.by_id
    return [
        order_shapes.order_row(symbols[order.market_id].symbol, order, prevented_match=matches.get(order.pk, 0))
        for order in orders
    ]
