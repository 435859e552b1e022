"""Order lists (OCO) in the API: placing, cancelling, and asking for them. See trading/orders_api.py for the form."""

from accounts.authentication import Caller
from mex.database import in_database
from mex.errors import MexError, OrderNotFound
from mex.params import Params
from trading import order_params, selectors
from trading.engine.commands import CancelList, PlaceList, PlaceOrder
from trading.engine.enums import OrderType, Reject, Side
from trading.engine.events import ListChanged
from trading.engine.markets import MarketSpec
from trading.gateway import order_shapes
from trading.gateway.catalog import Catalog
from trading.gateway.client import Done
from trading.gateway.hub import get_hub
from trading.gateway.reports import names_in_list
from trading.gateway.shapes import Json
from trading.gateway.steps import steps_of_account
from trading.models import OrderList
from trading.order_params import Names
from trading.orders_api import Submission, canceled, raise_refusal
from trading.paging import range_of

_ABOVE = Names(
    client_id="aboveClientOrderId",
    price="abovePrice",
    stop_price="aboveStopPrice",
    trailing_delta="aboveTrailingDelta",
    iceberg_quantity="aboveIcebergQty",
    time_in_force="aboveTimeInForce",
    strategy_id="aboveStrategyId",
    strategy_type="aboveStrategyType",
    peg="abovePegPriceType",
)
_BELOW = Names(
    client_id="belowClientOrderId",
    price="belowPrice",
    stop_price="belowStopPrice",
    trailing_delta="belowTrailingDelta",
    iceberg_quantity="belowIcebergQty",
    time_in_force="belowTimeInForce",
    strategy_id="belowStrategyId",
    strategy_type="belowStrategyType",
    peg="belowPegPriceType",
)
_LIMIT = Names(
    client_id="limitClientOrderId",
    iceberg_quantity="limitIcebergQty",
    stop_price="limitStopPrice",
    trailing_delta="limitTrailingDelta",
    time_in_force="limitTimeInForce",
    strategy_id="limitStrategyId",
    strategy_type="limitStrategyType",
)
_STOP = Names(
    client_id="stopClientOrderId",
    price="stopLimitPrice",
    iceberg_quantity="stopIcebergQty",
    time_in_force="stopLimitTimeInForce",
    strategy_id="stopStrategyId",
    strategy_type="stopStrategyType",
)

_LOSSES = (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)
_PROFITS = (OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)
_MISPLACED = {
    # side, kind: of what stands on the wrong side of the market
    (Side.BUY, "limit"): (-1165, "A limit order in a buy OCO must be below."),
    (Side.SELL, "limit"): (-1166, "A limit order in a sell OCO must be above."),
    (Side.BUY, "loss"): (-1196, "A stop loss order in a buy OCO must be above."),
    (Side.SELL, "loss"): (-1197, "A stop loss order in a sell OCO must be below."),
    (Side.BUY, "profit"): (-1198, "A take profit order in a buy OCO must be below."),
    (Side.SELL, "profit"): (-1199, "A take profit order in a sell OCO must be above."),
}


def place(caller: Caller, params: Params, catalog: Catalog) -> Submission:
    """Return the submission of an OCO list, by what stands above the market and what below."""
    market = catalog.market(params.text("symbol"))
    side = order_params.side_of(params)
    above_type, below_type = _leg_type(params, "aboveType"), _leg_type(params, "belowType")
    _check_places(side, above_type, below_type)
    quantity = order_params.units(params, "quantity")
    above, below = (
        order_params.read_terms(caller.account, params, market, side, kind, quantity, names=names)
        for kind, names in ((above_type, _ABOVE), (below_type, _BELOW))
    )
    return _submission(caller, params, market, above, below, catalog)


def place_by_limit_and_stop(caller: Caller, params: Params, catalog: Catalog) -> Submission:
    """Return the submission of an OCO list in the older form: a LIMIT_MAKER order, and a stop order."""
    market = catalog.market(params.text("symbol"))
    side = order_params.side_of(params)
    quantity = order_params.units(params, "quantity")
    stop_type = OrderType.STOP_LOSS_LIMIT if params.has("stopLimitPrice") else OrderType.STOP_LOSS
    order_params.units(params, "stopPrice", Reject.PRICE_FILTER)  # mandatory here, beside a trailing delta too
    limit, stop = (
        order_params.read_terms(caller.account, params, market, side, kind, quantity, names=names)
        for kind, names in ((OrderType.LIMIT_MAKER, _LIMIT), (stop_type, _STOP))
    )
    above, below = (stop, limit) if side is Side.BUY else (limit, stop)
    return _submission(caller, params, market, above, below, catalog)


def cancel(caller: Caller, params: Params, catalog: Catalog) -> Submission:
    """Return the submission of a cancel of both orders of a list."""
    market = catalog.market(params.text("symbol"))
    list_id, name = order_params.reference(params, "orderListId", "listClientOrderId")
    cancel_id = order_params.client_id(params, "newClientOrderId")
    command = CancelList(caller.account, market.id, list_id, name, cancel_id)

    def render(done: Done) -> object:
        raise_refusal(done.events)
        return canceled(market.symbol, caller.account, done)[0]

    return Submission(command, render)


async def one(caller: Caller | None, params: Params) -> object:
    """Tell one list of the caller."""
    assert caller is not None
    list_id, name = order_params.reference(params, "orderListId", "origClientOrderId")
    group = await in_database(selectors.list_of, account=caller.account, list_id=list_id, client_list_id=name)
    if group is None:
        raise OrderNotFound()
    return (await _rows([group]))[0]


async def open_lists(caller: Caller | None, params: Params) -> object:
    """Tell the caller's lists of which both orders are open."""
    assert caller is not None
    return await _rows(await in_database(selectors.open_lists_of, account=caller.account))


async def all_lists(caller: Caller | None, params: Params) -> object:
    """Tell the caller's lists, open and done."""
    assert caller is not None
    if params.has("fromId") and (params.has("startTime") or params.has("endTime")):
        raise MexError(-1128, "Combination of optional parameters invalid.")
    wanted = range_of(params, from_name="fromId")
    return await _rows(await in_database(selectors.lists_of, account=caller.account, wanted=wanted))


def _submission(
    caller: Caller, params: Params, market: MarketSpec, above: PlaceOrder, below: PlaceOrder, catalog: Catalog
) -> Submission:
    answer_type = order_params.answer_type(params, "RESULT")
    name = order_params.client_id(params, "listClientOrderId")

    def render(done: Done) -> object:
        raise_refusal(done.events)
        changed = done.events[0]
        assert isinstance(changed, ListChanged)
        answer = order_shapes.order_list(market.symbol, changed, names_in_list(changed, done.events), done.time_ms)
        answer["orderReports"] = _reports(market, caller.account, done, answer_type, catalog)
        return answer

    return Submission(PlaceList(caller.account, market.id, name, above, below), render)


def _reports(market: MarketSpec, account: int, done: Done, answer_type: str, catalog: Catalog) -> list[Json]:
    steps = steps_of_account(done.events, account)
    if answer_type == "ACK":
        return [order_shapes.order_ack(market.symbol, step, done.time_ms) for step in steps]
    if answer_type == "RESULT":
        return [order_shapes.order_result(market.symbol, step, done.time_ms) for step in steps]
    return [order_shapes.order_full(market, [step], (), done.time_ms, catalog.asset_codes) for step in steps]


def _leg_type(params: Params, name: str) -> OrderType:
    kind = order_params.choice(params, name, OrderType, MexError(-1116, "Invalid orderType."))
    if kind in (OrderType.LIMIT, OrderType.MARKET):
        raise MexError(-1158, "Order type not supported in OCO.")
    return kind


def _check_places(side: Side, above: OrderType, below: OrderType) -> None:
    """Raise unless one order takes profit and the other stops a loss, each on its side of the market."""
    if above is OrderType.LIMIT_MAKER and below is OrderType.LIMIT_MAKER:
        raise MexError(-1168, "At least one OCO order must be contingent.")
    wrong = (above, below) if side is Side.BUY else (below, above)  # a loss is stopped where the first one stands
    if wrong[0] not in _LOSSES:
        raise _misplaced(side, wrong[0])
    if wrong[1] in _LOSSES:
        raise _misplaced(side, wrong[1])


def _misplaced(side: Side, kind: OrderType) -> MexError:
    name = "limit" if kind is OrderType.LIMIT_MAKER else "profit" if kind in _PROFITS else "loss"
    code, message = _MISPLACED[side, name]
    return MexError(code, message)


async def _rows(groups: list[OrderList]) -> list[Json]:
    hub = await get_hub()
    names = await in_database(selectors.names_in, groups)
    return [order_shapes.order_list_row(hub.catalog.by_id[group.market_id].symbol, group, names) for group in groups]
