"""Engine events and database rows in the API's words, field by field as in docs/api.md.

Amounts become strings with exactly eight decimals here and nowhere else; times are milliseconds.
"""

from collections.abc import Mapping, Sequence

from mex.clock import now_ms
from mex.money import PPM, UNITS, format_units
from trading.engine.enums import Execution, MarketStatus, OrderStatus, OrderType, Side, TimeInForce
from trading.engine.events import Event, Executed, Traded
from trading.engine.markets import MarketSpec
from trading.models import Order, Trade
from wallets.models import Balance

Json = dict[str, object]

SIDE = {side: side.name for side in Side}
TYPE = {kind: kind.name for kind in OrderType}
TIME_IN_FORCE = {force: force.name for force in TimeInForce}
STATUS = {status: status.name for status in OrderStatus}
EXECUTION = {kind: kind.name for kind in Execution}
_MARKET_STATUS = {MarketStatus.TRADING: "TRADING", MarketStatus.HALT: "HALT"}
NO_AMOUNT = "0.00000000"
NO_LIST = -1
STP_MODE = "NONE"


def rate(ppm: int) -> str:
    """Return a fee rate as a decimal string: 1000 ppm is "0.00100000"."""
    return format_units(ppm * UNITS // PPM)


# --- answers to orders ---------------------------------------------------------------------------


def order_ack(symbol: str, order: Executed) -> Json:
    """Return the shortest answer to a new order."""
    return {
        "symbol": symbol,
        "orderId": order.order,
        "orderListId": NO_LIST,
        "clientOrderId": order.client_order_id,
        "transactTime": order.time_ms,
    }


def order_result(symbol: str, order: Executed) -> Json:
    """Return the answer to a new order with its state."""
    answer = order_ack(symbol, order)
    answer.update(_state(order))
    answer["workingTime"] = order.created_ms
    answer["selfTradePreventionMode"] = STP_MODE
    return answer


def order_full(symbol: str, order: Executed, events: Sequence[Event], asset_codes: Mapping[int, str]) -> Json:
    """Return the answer to a new order with its state and fills."""
    answer = order_result(symbol, order)
    answer["fills"] = [
        {
            "price": format_units(event.last_price),
            "qty": format_units(event.last_quantity),
            "commission": format_units(event.fee),
            "commissionAsset": asset_codes[event.fee_asset],
            "tradeId": event.trade,
        }
        for event in events
        if isinstance(event, Executed) and event.kind is Execution.TRADE and event.order == order.order
    ]
    return answer


def order_canceled(symbol: str, order: Executed) -> Json:
    """Return the answer to a cancel: the cancel has a client id of its own."""
    return {
        "symbol": symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.order,
        "orderListId": NO_LIST,
        "clientOrderId": order.cancel_id,
        "transactTime": order.time_ms,
        **_state(order),
        "selfTradePreventionMode": STP_MODE,
    }


def _state(order: Executed) -> Json:
    return {
        "price": format_units(order.price),
        "origQty": format_units(order.quantity),
        "executedQty": format_units(order.executed),
        "origQuoteOrderQty": format_units(order.quote_quantity),
        "cummulativeQuoteQty": format_units(order.executed_quote),
        "status": STATUS[order.status],
        "timeInForce": TIME_IN_FORCE[order.time_in_force],
        "type": TYPE[order.type],
        "side": SIDE[order.side],
    }


# --- rows ----------------------------------------------------------------------------------------


def order_row(symbol: str, order: Order) -> Json:
    """Return a stored order."""
    return {
        "symbol": symbol,
        "orderId": order.pk,
        "orderListId": NO_LIST,
        "clientOrderId": order.client_order_id,
        "price": format_units(order.price),
        "origQty": format_units(order.quantity),
        "executedQty": format_units(order.executed),
        "cummulativeQuoteQty": format_units(order.executed_quote),
        "status": OrderStatus(order.status).name,
        "timeInForce": TimeInForce(order.time_in_force).name,
        "type": OrderType(order.type).name,
        "side": Side(order.side).name,
        "stopPrice": NO_AMOUNT,
        "icebergQty": NO_AMOUNT,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": True,
        "workingTime": order.created_ms,
        "origQuoteOrderQty": format_units(order.quote_quantity),
        "selfTradePreventionMode": STP_MODE,
    }


def own_trade_rows(market: MarketSpec, trade: Trade, account: int, asset_codes: Mapping[int, str]) -> list[Json]:
    """Return a trade as the account sees it: a row for each side it was on, so two when it traded with itself."""
    return [
        _own_trade_row(market, trade, is_buyer, asset_codes)
        for is_buyer, owner in ((True, trade.buyer_id), (False, trade.seller_id))
        if owner == account
    ]


def _own_trade_row(market: MarketSpec, trade: Trade, is_buyer: bool, asset_codes: Mapping[int, str]) -> Json:
    return {
        "symbol": market.symbol,
        "id": trade.number,
        "orderId": trade.buyer_order if is_buyer else trade.seller_order,
        "orderListId": NO_LIST,
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


def account(account_id: int, balances: Sequence[Balance], codes: Mapping[int, str], *, maker: int, taker: int) -> Json:
    """Return an account with its balances. `maker` and `taker` are its fee rates in ppm."""
    return {
        "makerCommission": maker // 100,
        "takerCommission": taker // 100,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {"maker": rate(maker), "taker": rate(taker), "buyer": rate(0), "seller": rate(0)},
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


def symbol_info(market: MarketSpec, codes: Mapping[int, str]) -> Json:
    """Return a market's rules."""
    return {
        "symbol": market.symbol,
        "status": _MARKET_STATUS[market.status],
        "baseAsset": codes[market.base],
        "baseAssetPrecision": 8,
        "quoteAsset": codes[market.quote],
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": [kind.name for kind in (OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.MARKET)],
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(market),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": STP_MODE,
        "allowedSelfTradePreventionModes": [STP_MODE],
    }


def _filters(market: MarketSpec) -> list[Json]:
    return [
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
        {
            "filterType": "NOTIONAL",
            "minNotional": format_units(market.notional_min),
            "applyMinToMarket": True,
            "maxNotional": format_units(market.notional_max),
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": market.orders_max},
    ]


def levels(side: Sequence[tuple[int, int]]) -> list[list[str]]:
    """Return (price, quantity) pairs as texts."""
    return [[format_units(price), format_units(quantity)] for price, quantity in side]


# --- events --------------------------------------------------------------------------------------


def execution_report(symbol: str, event: Executed, asset_codes: Mapping[int, str], event_ms: int) -> Json:
    """Return one step of an order as the user data stream tells it."""
    is_trade = event.kind is Execution.TRADE
    is_canceled = event.kind is Execution.CANCELED
    return {
        "e": "executionReport",
        "E": event_ms,
        "s": symbol,
        "c": event.cancel_id if is_canceled else event.client_order_id,
        "S": SIDE[event.side],
        "o": TYPE[event.type],
        "f": TIME_IN_FORCE[event.time_in_force],
        "q": format_units(event.quantity),
        "p": format_units(event.price),
        "P": NO_AMOUNT,
        "F": NO_AMOUNT,
        "g": NO_LIST,
        "C": event.client_order_id if is_canceled else "",
        "x": EXECUTION[event.kind],
        "X": STATUS[event.status],
        "r": "NONE",
        "i": event.order,
        "l": format_units(event.last_quantity),
        "z": format_units(event.executed),
        "L": format_units(event.last_price),
        "n": format_units(event.fee) if is_trade else "0",
        "N": asset_codes[event.fee_asset] if is_trade else None,
        "T": event.time_ms,
        "t": event.trade,
        "I": event.id,
        "w": event.status.is_open and event.type is not OrderType.MARKET,
        "m": event.is_maker,
        "M": is_trade,
        "O": event.created_ms,
        "Z": format_units(event.executed_quote),
        "Y": format_units(event.last_quote),
        "Q": format_units(event.quote_quantity),
        "W": event.created_ms,
        "V": STP_MODE,
    }


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


def trade_event(symbol: str, trade: Traded, event_ms: int) -> Json:
    """Return a trade as the public stream tells it."""
    return {
        "e": "trade",
        "E": event_ms,
        "s": symbol,
        "t": trade.id,
        "p": format_units(trade.price),
        "q": format_units(trade.quantity),
        "T": trade.time_ms,
        "m": trade.buyer_is_maker,
        "M": True,
    }
