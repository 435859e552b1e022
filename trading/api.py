"""Operations of the trading API that read: one function each, shared by REST and the websocket API.

Each is `async def operation(caller, params)`; `caller` is None for public ones. Orders are in trading/orders_api.py.
"""

from accounts.authentication import Caller
from mex.clock import now_ms
from mex.database import in_database
from mex.errors import MexError, ParameterInvalid
from mex.limits import DEPTH_LEVELS_DEFAULT, DEPTH_LEVELS_MAX, PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX
from mex.params import Params
from trading import selectors
from trading.engine.enums import Side
from trading.engine.markets import MarketSpec
from trading.gateway import budgets, shapes
from trading.gateway.hub import get_hub
from trading.orders_api import order_reference
from trading.selectors import Range
from wallets.models import Balance

_DAY_MS = 86_400_000


async def ping(caller: Caller | None, params: Params) -> object:
    """Answer that the server is there."""
    return {}


async def time(caller: Caller | None, params: Params) -> object:
    """Tell the server's time, ms."""
    return {"serverTime": now_ms()}


async def exchange_info(caller: Caller | None, params: Params) -> object:
    """Tell limits, and the rules of all markets or of those asked for."""
    hub = await get_hub()
    markets = list(hub.catalog.by_symbol.values())
    if sum(params.has(name) for name in ("symbol", "symbols", "permissions")) > 1:
        raise MexError(-1128, "Combination of optional parameters invalid.")
    if params.has("permissions"):
        asked = params.text("permissions")
        wanted = params.json_list("permissions") if asked.startswith("[") else [asked]
        markets = markets if "SPOT" in wanted else []
    elif params.has("symbol"):
        markets = [hub.catalog.market(params.text("symbol"))]
    elif params.has("symbols"):
        markets = [hub.catalog.market(symbol) for symbol in dict.fromkeys(params.json_list("symbols"))]
    return {
        "timezone": "UTC",
        "serverTime": now_ms(),
        "rateLimits": budgets.rate_limits(),
        "exchangeFilters": [],
        "symbols": [shapes.symbol_info(market, hub.catalog.asset_codes) for market in markets],
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
    """Tell best bid and ask, of one market or of all."""
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

    if params.has("symbol"):
        return row(hub.catalog.market(params.text("symbol")))
    return [row(market) for market in hub.catalog.by_symbol.values()]


async def trades(caller: Caller | None, params: Params) -> object:
    """Tell a market's newest trades, oldest of them first."""
    market = await _market(params)
    wanted = Range(limit=_limit(params))
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
    market = next(iter(hub.catalog.by_id.values()), None)
    return shapes.account(
        caller.account,
        rows,
        hub.catalog.asset_codes,
        maker=market.maker_fee_ppm if market else 0,
        taker=market.taker_fee_ppm if market else 0,
    )


async def order(caller: Caller | None, params: Params) -> object:
    """Tell one order of the caller."""
    assert caller is not None
    market = await _market(params)
    order_id, client_order_id = order_reference(params)
    row = await in_database(
        selectors.order_of,
        account=caller.account,
        market=market.id,
        order_id=order_id,
        client_order_id=client_order_id,
    )
    return shapes.order_row(market.symbol, row)


async def open_orders(caller: Caller | None, params: Params) -> object:
    """Tell the caller's open orders, of one market or of all."""
    assert caller is not None
    hub = await get_hub()
    market = hub.catalog.market(params.text("symbol")).id if params.has("symbol") else None
    rows = await in_database(selectors.open_orders_of, account=caller.account, market=market)
    return [shapes.order_row(hub.catalog.by_id[row.market_id].symbol, row) for row in rows]


async def all_orders(caller: Caller | None, params: Params) -> object:
    """Tell the caller's orders in a market, open and closed."""
    assert caller is not None
    market = await _market(params)
    wanted = _range(params, from_name="orderId")
    rows = await in_database(selectors.orders_of, account=caller.account, market=market.id, wanted=wanted)
    return [shapes.order_row(market.symbol, row) for row in rows]


async def my_trades(caller: Caller | None, params: Params) -> object:
    """Tell the caller's trades in a market."""
    assert caller is not None
    hub = await get_hub()
    market = await _market(params)
    order_id = params.integer("orderId") if params.has("orderId") else None
    wanted = _range(params, from_name="fromId")
    rows = await in_database(
        selectors.trades_of, account=caller.account, market=market.id, order_id=order_id, wanted=wanted
    )
    codes = hub.catalog.asset_codes
    return [
        row
        for trade in rows
        for row in shapes.own_trade_rows(market, trade, caller.account, codes)
        if order_id is None or row["orderId"] == order_id
    ]


async def _market(params: Params) -> MarketSpec:
    hub = await get_hub()
    return hub.catalog.market(params.text("symbol"))


def _limit(params: Params) -> int:
    return min(params.integer("limit", PAGE_ROWS_DEFAULT, low=1), PAGE_ROWS_MAX)


def _range(params: Params, *, from_name: str) -> Range:
    start = params.integer("startTime") if params.has("startTime") else None
    end = params.integer("endTime") if params.has("endTime") else None
    if start is not None and end is not None:
        if start > end:
            raise ParameterInvalid("startTime")
        if end - start > _DAY_MS:
            raise MexError(-1127, "More than 24 hours between startTime and endTime.")
    from_id = params.integer(from_name) if params.has(from_name) else None
    return Range(limit=_limit(params), from_id=from_id, start_ms=start, end_ms=end)
