"""Markets, accounts, trades and market data in the API's words, field by field as in docs/api.md.

Amounts become strings with exactly eight decimals here and in order_shapes.py, and nowhere else. Times are ms.
"""

from collections.abc import Mapping, Sequence

from mex.clock import now_ms
from mex.money import AMOUNT_MAX, PPM, UNITS, format_units
from trading.engine.enums import OrderType, Side, StpMode
from trading.engine.events import Traded
from trading.engine.markets import MarketSpec
from trading.models import PreventedMatch, Trade
from wallets.models import Balance

Json = dict[str, object]

STP_MODES = [mode.name for mode in StpMode if mode is not StpMode.DEFAULT]
NO_LIST = -1
_NO_GROUP = -1
_NO_RATES = {"maker": "0.00000000", "taker": "0.00000000", "buyer": "0.00000000", "seller": "0.00000000"}
_ORDER_TYPES = (
    OrderType.LIMIT,
    OrderType.LIMIT_MAKER,
    OrderType.MARKET,
    OrderType.STOP_LOSS,
    OrderType.STOP_LOSS_LIMIT,
    OrderType.TAKE_PROFIT,
    OrderType.TAKE_PROFIT_LIMIT,
)


def rate(ppm: int) -> str:
    """Return a fee rate as a decimal string: 1000 ppm is "0.00100000"."""
    return format_units(ppm * UNITS // PPM)


# --- rows ----------------------------------------------------------------------------------------


def own_trade_rows(
    market: MarketSpec, trade: Trade, account: int, asset_codes: Mapping[int, str], lists: Mapping[int, int]
) -> list[Json]:
    """Return a trade as the account sees it: a row for each side it was on, so two when it traded with itself.

    lists: the list ids of those orders that are in one.
    """
    return [
        _own_trade_row(market, trade, is_buyer, asset_codes, lists)
        for is_buyer, owner in ((True, trade.buyer_id), (False, trade.seller_id))
        if owner == account
    ]


def _own_trade_row(
    market: MarketSpec, trade: Trade, is_buyer: bool, asset_codes: Mapping[int, str], lists: Mapping[int, int]
) -> Json:
    order = trade.buyer_order if is_buyer else trade.seller_order
    return {
        "symbol": market.symbol,
        "id": trade.number,
        "orderId": order,
        "orderListId": lists.get(order, NO_LIST),
        "price": format_units(trade.price),
        "qty": format_units(trade.quantity),
        "quoteQty": format_units(trade.quote),
        "commission": format_units(trade.buyer_fee if is_buyer else trade.seller_fee),
        "commissionAsset": asset_codes[market.base if is_buyer else market.quote],
        "time": trade.time_ms,
        "isBuyer": is_buyer,
        "isMaker": trade.buyer_is_maker == is_buyer,
        "isBestMatch": True,
    }


def public_trade_row(trade: Trade) -> Json:
    """Return a trade as everybody sees it."""
    return {
        "id": trade.number,
        "price": format_units(trade.price),
        "qty": format_units(trade.quantity),
        "quoteQty": format_units(trade.quote),
        "time": trade.time_ms,
        "isBuyerMaker": trade.buyer_is_maker,
        "isBestMatch": True,
    }


def prevented_match_row(symbol: str, match: PreventedMatch) -> Json:
    """Return a prevented match; a quantity stands only where something was lost."""
    row: Json = {
        "symbol": symbol,
        "preventedMatchId": match.number,
        "takerOrderId": match.taker_order,
        "makerSymbol": symbol,
        "makerOrderId": match.maker_order,
        "tradeGroupId": _NO_GROUP,
        "selfTradePreventionMode": StpMode(match.mode).name,
        "price": format_units(match.price),
    }
    if match.taker_quantity:
        row["takerPreventedQuantity"] = format_units(match.taker_quantity)
    if match.maker_quantity:
        row["makerPreventedQuantity"] = format_units(match.maker_quantity)
    row["transactTime"] = match.time_ms
    return row


def account(account_id: int, balances: Sequence[Balance], codes: Mapping[int, str], *, maker: int, taker: int) -> Json:
    """Return an account with its balances. `maker` and `taker` are its fee rates in ppm."""
    return {
        "makerCommission": maker // 100,
        "takerCommission": taker // 100,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": _rates(maker, taker),
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": now_ms(),
        "accountType": "SPOT",
        "balances": [
            {
                "asset": codes[balance.asset_id],
                "free": format_units(balance.balance - balance.held),
                "locked": format_units(balance.held),
            }
            for balance in balances
        ],
        "permissions": ["SPOT"],
        "uid": account_id,
    }


def commission(symbol: str, *, maker: int, taker: int) -> Json:
    """Return what an account pays in a market; rates in ppm. There are no special rates, taxes or discounts."""
    return {
        "symbol": symbol,
        "standardCommission": _rates(maker, taker),
        "specialCommission": _NO_RATES,
        "taxCommission": _NO_RATES,
        "discount": _no_discount(),
    }


def commission_of_order(*, maker: int, taker: int) -> Json:
    """Return what an order would pay; rates in ppm."""
    none = {"maker": rate(0), "taker": rate(0)}
    return {
        "standardCommissionForOrder": {"maker": rate(maker), "taker": rate(taker)},
        "specialCommissionForOrder": none,
        "taxCommissionForOrder": none,
        "discount": _no_discount(),
    }


def _rates(maker: int, taker: int) -> Json:
    return {"maker": rate(maker), "taker": rate(taker), "buyer": rate(0), "seller": rate(0)}


def _no_discount() -> Json:
    return {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "", "discount": rate(0)}


def symbol_info(market: MarketSpec, codes: Mapping[int, str], permission_sets: Sequence[Sequence[str]]) -> Json:
    """Return a market's rules."""
    return {
        "symbol": market.symbol,
        "status": market.status.name,
        "baseAsset": codes[market.base],
        "baseAssetPrecision": 8,
        "quoteAsset": codes[market.quote],
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": [kind.name for kind in _ORDER_TYPES],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(market),
        "permissions": [],
        "permissionSets": permission_sets,
        "defaultSelfTradePreventionMode": StpMode.NONE.name,
        "allowedSelfTradePreventionModes": STP_MODES,
    }


def _filters(market: MarketSpec) -> list[Json]:
    """Return a market's filters; one that does not limit is left out."""
    filters: list[Json] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": format_units(market.price_min),
            "maxPrice": format_units(market.price_max),
            "tickSize": format_units(market.tick),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": format_units(market.quantity_min),
            "maxQty": format_units(market.quantity_max),
            "stepSize": format_units(market.lot),
        },
        {"filterType": "ICEBERG_PARTS", "limit": market.iceberg_parts_max},
        {
            "filterType": "NOTIONAL",
            "minNotional": format_units(market.notional_min),
            "applyMinToMarket": True,
            "maxNotional": format_units(market.notional_max),
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": market.trailing_min,
            "maxTrailingAboveDelta": market.trailing_max,
            "minTrailingBelowDelta": market.trailing_min,
            "maxTrailingBelowDelta": market.trailing_max,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": market.orders_max},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": market.algo_orders_max},
    ]
    if market.position_max:
        filters.append({"filterType": "MAX_POSITION", "maxPosition": format_units(market.position_max)})
    if market.bid_up_ppm or market.bid_down_ppm or market.ask_up_ppm or market.ask_down_ppm:
        filters.append(
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": _most(market.bid_up_ppm),
                "bidMultiplierDown": rate(market.bid_down_ppm),
                "askMultiplierUp": _most(market.ask_up_ppm),
                "askMultiplierDown": rate(market.ask_down_ppm),
                "avgPriceMins": 0,
            }
        )
    return filters


def _most(ppm: int) -> str:
    # 0 does not limit; clients that multiply with it would take it for the opposite.
    return rate(ppm) if ppm else format_units(AMOUNT_MAX)


def levels(side: Sequence[tuple[int, int]]) -> list[list[str]]:
    """Return (price, quantity) pairs as texts."""
    return [[format_units(price), format_units(quantity)] for price, quantity in side]


# --- events --------------------------------------------------------------------------------------


def account_position(balances: Sequence[tuple[str, int, int]], time_ms: int, event_ms: int) -> Json:
    """Return what an account now has of the assets touched; `balances` are (code, balance, held)."""
    return {
        "e": "outboundAccountPosition",
        "E": event_ms,
        "u": time_ms,
        "B": [
            {"a": code, "f": format_units(balance - held), "l": format_units(held)} for code, balance, held in balances
        ],
    }


def balance_update(code: str, delta: int, time_ms: int, event_ms: int) -> Json:
    """Return a deposit or withdrawal as the user data stream tells it; `delta` is signed."""
    return {"e": "balanceUpdate", "E": event_ms, "a": code, "d": format_units(delta), "T": time_ms}


def trade_event(symbol: str, trade: Traded, time_ms: int, event_ms: int) -> Json:
    """Return a trade as the public stream tells it."""
    return {
        "e": "trade",
        "E": event_ms,
        "s": symbol,
        "t": trade.id,
        "p": format_units(trade.price),
        "q": format_units(trade.quantity),
        "T": time_ms,
        "m": trade.taker.order.side is Side.SELL,
        "M": True,
    }
