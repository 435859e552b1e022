"""Orders and order lists in the API's words, field by field as in docs/api.md: answers, rows, and reports."""

from collections.abc import Mapping, Sequence

from mex.money import format_units
from trading.engine.commands import PlaceOrder
from trading.engine.enums import Execution, ListStatus, OrderStatus, OrderType, Side, StpMode, TimeInForce
from trading.engine.events import Accepted, ListChanged, Prevented
from trading.engine.markets import MarketSpec
from trading.engine.orders import STOPS
from trading.gateway.shapes import NO_LIST, Json
from trading.gateway.steps import Step
from trading.models import Order, OrderList

SIDE = {side: side.name for side in Side}
TYPE = {kind: kind.name for kind in OrderType}
TIME_IN_FORCE = {force: force.name for force in TimeInForce}
STATUS = {status: status.name for status in OrderStatus}
EXECUTION = {kind: kind.name for kind in Execution}
STP = {mode: mode.name for mode in StpMode}
_LIST_STATUS_TYPE = {ListStatus.EXECUTING: "EXEC_STARTED", ListStatus.ALL_DONE: "ALL_DONE"}
_NO_AMOUNT = "0.00000000"
_NEVER = -1
_NO_GROUP = -1


def report_id(sequence: int, number: int) -> int:
    """Return the number of a report: of the command, and of the step in it."""
    return sequence << 20 | number


# --- answers to orders ---------------------------------------------------------------------------


def order_ack(symbol: str, step: Step, time_ms: int) -> Json:
    """Return the shortest answer to a new order."""
    return {
        "symbol": symbol,
        "orderId": step.card.id,
        "orderListId": step.card.list or NO_LIST,
        "clientOrderId": step.card.order.client_order_id,
        "transactTime": time_ms,
    }


def order_result(symbol: str, step: Step, time_ms: int) -> Json:
    """Return the answer to a new order with its state."""
    answer = order_ack(symbol, step, time_ms)
    answer.update(_state(step))
    answer["workingTime"] = step.working_ms or _NEVER
    answer["selfTradePreventionMode"] = STP[step.card.stp]
    _add_condition(answer, step.card, step.trail_ms)
    if step.prevented:
        answer["preventedQuantity"] = format_units(step.prevented)
    return answer


def order_full(
    market: MarketSpec,
    steps: Sequence[Step],
    matches: Sequence[Prevented],
    time_ms: int,
    asset_codes: Mapping[int, str],
) -> Json:
    """Return the answer to a new order, made of all its steps, with its fills and its prevented matches."""
    answer = order_result(market.symbol, steps[-1], time_ms)
    if matches:
        answer["preventedMatches"] = [_prevented(match) for match in matches]
    is_buy = steps[0].card.order.side is Side.BUY
    code = asset_codes[market.base if is_buy else market.quote]
    answer["fills"] = [
        {
            "price": format_units(step.trade.price),
            "qty": format_units(step.trade.quantity),
            "commission": format_units(step.trade.maker_fee if step.is_maker else step.trade.taker_fee),
            "commissionAsset": code,
            "tradeId": step.trade.id,
        }
        for step in steps
        if step.trade is not None
    ]
    return answer


def order_canceled(symbol: str, step: Step, time_ms: int) -> Json:
    """Return the answer to a cancel: the cancel has a client id of its own."""
    answer: Json = {
        "symbol": symbol,
        "origClientOrderId": step.card.order.client_order_id,
        "orderId": step.card.id,
        "orderListId": step.card.list or NO_LIST,
        "clientOrderId": step.cancel_id,
        "transactTime": time_ms,
        **_state(step),
        "selfTradePreventionMode": STP[step.card.stp],
    }
    _add_condition(answer, step.card, step.trail_ms)
    return answer


def order_amended(symbol: str, step: Step, time_ms: int, sequence: int) -> Json:
    """Return the answer to an amend. The order keeps its client id."""
    order = step.card.order
    amended: Json = {
        "symbol": symbol,
        "orderId": step.card.id,
        "orderListId": step.card.list or NO_LIST,
        "origClientOrderId": order.client_order_id,
        "clientOrderId": order.client_order_id,
        "price": format_units(order.price),
        "qty": format_units(order.quantity),
        "executedQty": format_units(step.executed),
        "preventedQty": format_units(step.prevented),
        "quoteOrderQty": format_units(order.quote_quantity),
        "cumulativeQuoteQty": format_units(step.executed_quote),
        "status": STATUS[step.status],
        "timeInForce": TIME_IN_FORCE[order.time_in_force],
        "type": TYPE[order.type],
        "side": SIDE[order.side],
        "selfTradePreventionMode": STP[step.card.stp],
    }
    if step.working_ms:
        amended["workingTime"] = step.working_ms
    _add_condition(amended, step.card, step.trail_ms)
    return {"transactTime": time_ms, "executionId": report_id(sequence, step.number), "amendedOrder": amended}


def _state(step: Step) -> Json:
    order = step.card.order
    return {
        "price": format_units(order.price),
        "origQty": format_units(step.quantity),
        "executedQty": format_units(step.executed),
        "origQuoteOrderQty": format_units(order.quote_quantity),
        "cummulativeQuoteQty": format_units(step.executed_quote),
        "status": STATUS[step.status],
        "timeInForce": TIME_IN_FORCE[order.time_in_force],
        "type": TYPE[order.type],
        "side": SIDE[order.side],
    }


def _add_condition(answer: Json, card: Accepted, trail_ms: int) -> None:
    """Add what only stop, trailing and iceberg orders have."""
    order = card.order
    if order.type in STOPS:
        answer["stopPrice"] = format_units(order.stop_price)
        if order.trailing_delta:
            answer["trailingDelta"] = order.trailing_delta
            answer["trailingTime"] = trail_ms or _NEVER
    if order.iceberg_quantity:
        answer["icebergQty"] = format_units(order.iceberg_quantity)


def _prevented(match: Prevented) -> Json:
    row: Json = {
        "preventedMatchId": match.id,
        "makerOrderId": match.maker.id,
        "price": format_units(match.price),
    }
    if match.taker_quantity:
        row["takerPreventedQuantity"] = format_units(match.taker_quantity)
    if match.maker_quantity:
        row["makerPreventedQuantity"] = format_units(match.maker_quantity)
    return row


# --- lists ---------------------------------------------------------------------------------------


def order_list(symbol: str, changed: ListChanged, names: Mapping[int, str], time_ms: int) -> Json:
    """Return a list as it is now. names: the client order ids of its orders."""
    return {
        "orderListId": changed.id,
        "contingencyType": "OCO",
        "listStatusType": _LIST_STATUS_TYPE[changed.status],
        "listOrderStatus": changed.status.name,
        "listClientOrderId": changed.client_list_id,
        "transactionTime": time_ms,
        "symbol": symbol,
        "orders": _list_orders(symbol, (changed.above, changed.below), names),
    }


def order_list_row(symbol: str, group: OrderList, names: Mapping[int, str]) -> Json:
    """Return a stored list."""
    status = ListStatus(group.status)
    return {
        "orderListId": group.pk,
        "contingencyType": "OCO",
        "listStatusType": _LIST_STATUS_TYPE[status],
        "listOrderStatus": status.name,
        "listClientOrderId": group.client_list_id,
        "transactionTime": group.created_ms,
        "symbol": symbol,
        "orders": _list_orders(symbol, (group.above, group.below), names),
    }


def list_status_event(symbol: str, changed: ListChanged, names: Mapping[int, str], time_ms: int, event_ms: int) -> Json:
    """Return a change of a list as the user data stream tells it."""
    return {
        "e": "listStatus",
        "E": event_ms,
        "s": symbol,
        "g": changed.id,
        "c": "OCO",
        "l": _LIST_STATUS_TYPE[changed.status],
        "L": changed.status.name,
        "r": "NONE",
        "C": changed.client_list_id,
        "T": time_ms,
        "O": [{"s": symbol, "i": order, "c": names[order]} for order in (changed.above, changed.below)],
    }


def _list_orders(symbol: str, orders: Sequence[int], names: Mapping[int, str]) -> list[Json]:
    return [{"symbol": symbol, "orderId": order, "clientOrderId": names[order]} for order in orders]


# --- rows ----------------------------------------------------------------------------------------


def order_row(symbol: str, order: Order, *, prevented_match: int = 0) -> Json:
    """Return a stored order, read with its condition. prevented_match: the last one that took something from it."""
    condition = getattr(order, "condition", None)
    working_ms = order.created_ms if condition is None else condition.working_ms
    row: Json = {
        "symbol": symbol,
        "orderId": order.pk,
        "orderListId": (condition.list_id if condition is not None else 0) or NO_LIST,
        "clientOrderId": order.client_order_id,
        "price": format_units(order.price),
        "origQty": format_units(order.quantity),
        "executedQty": format_units(order.executed),
        "cummulativeQuoteQty": format_units(order.executed_quote),
        "status": OrderStatus(order.status).name,
        "timeInForce": TimeInForce(order.time_in_force).name,
        "type": OrderType(order.type).name,
        "side": Side(order.side).name,
        "stopPrice": format_units(condition.stop_price) if condition is not None else _NO_AMOUNT,
        "icebergQty": format_units(condition.iceberg_quantity) if condition is not None else _NO_AMOUNT,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": working_ms > 0,
        "workingTime": working_ms or _NEVER,
        "origQuoteOrderQty": format_units(order.quote_quantity),
        "selfTradePreventionMode": StpMode(order.stp).name,
    }
    if condition is not None and condition.trailing_delta:
        row["trailingDelta"] = condition.trailing_delta
        row["trailingTime"] = condition.trail_ms or _NEVER
    if order.prevented:
        row["preventedMatchId"] = prevented_match
        row["preventedQuantity"] = format_units(order.prevented)
    return row


# --- reports -------------------------------------------------------------------------------------


def execution_report(symbol: str, fee_asset: str, step: Step, *, sequence: int, time_ms: int, event_ms: int) -> Json:
    """Return one step of an order as the user data stream tells it. `fee_asset` is what the order receives."""
    card, execution = step.card, step.execution
    order = card.order
    is_canceled = execution is Execution.CANCELED
    report: Json = {
        "e": "executionReport",
        "E": event_ms,
        "s": symbol,
        "c": step.cancel_id if is_canceled else order.client_order_id,
        "S": SIDE[order.side],
        "o": TYPE[order.type],
        "f": TIME_IN_FORCE[order.time_in_force],
        "q": format_units(step.quantity),
        "p": format_units(order.price),
        "P": format_units(order.stop_price) if order.stop_price else _NO_AMOUNT,
        "F": format_units(order.iceberg_quantity) if order.iceberg_quantity else _NO_AMOUNT,
        "g": card.list or NO_LIST,
        "C": order.client_order_id if is_canceled else "",
        "x": EXECUTION[execution],
        "X": STATUS[step.status],
        "r": "NONE",
        "i": card.id,
        "l": _NO_AMOUNT,
        "z": format_units(step.executed) if step.executed else _NO_AMOUNT,
        "L": _NO_AMOUNT,
        "n": "0",
        "N": None,
        "T": time_ms,
        "t": -1,
        "I": report_id(sequence, step.number),
        "w": step.is_working,
        "m": False,
        "M": False,
        "O": card.created_ms,
        "Z": format_units(step.executed_quote) if step.executed else _NO_AMOUNT,
        "Y": _NO_AMOUNT,
        "Q": format_units(order.quote_quantity) if order.quote_quantity else _NO_AMOUNT,
        "V": STP[card.stp],
    }
    if step.working_ms:
        report["W"] = step.working_ms
    if step.trade is not None:
        _add_trade(report, step, fee_asset)
    elif step.match is not None:
        _add_match(report, step, step.match)
    if order.trailing_delta:
        _add_trail(report, order, step.trail_ms)
    return report


def _add_trade(report: Json, step: Step, fee_asset: str) -> None:
    trade = step.trade
    assert trade is not None
    is_maker = step.is_maker
    report["l"] = format_units(trade.quantity)
    report["L"] = format_units(trade.price)
    report["Y"] = format_units(trade.quote)
    report["n"] = format_units(trade.maker_fee if is_maker else trade.taker_fee)
    report["N"] = fee_asset
    report["t"] = trade.id
    report["m"] = is_maker
    report["M"] = True


def _add_match(report: Json, step: Step, match: Prevented) -> None:
    is_maker = step.is_maker
    report["m"] = is_maker
    report["v"] = match.id
    report["A"] = format_units(step.prevented)
    report["B"] = format_units(match.maker_quantity if is_maker else match.taker_quantity)
    report["u"] = _NO_GROUP
    report["U"] = match.taker.id if is_maker else match.maker.id


def _add_trail(report: Json, order: PlaceOrder, trail_ms: int) -> None:
    report["d"] = order.trailing_delta
    if trail_ms:
        report["D"] = trail_ms
