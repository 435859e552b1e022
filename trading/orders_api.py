"""Orders in the API: from parameters to a command, and from the engine's events to the answer.

Source: docs/api.md, "Trading rules". Shapes and codes are the Binance Spot API's.
"""

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

from accounts.authentication import Caller
from mex.errors import (
    MexError,
    ParameterIllegal,
    ParameterInvalid,
    ParameterNotRequired,
)
from mex.limits import CLIENT_ORDER_ID_CHARS_MAX
from mex.params import Params
from trading.engine.commands import CancelOrder, Command, PlaceOrder
from trading.engine.enums import Execution, OrderType, Reject, Side, TimeInForce
from trading.engine.events import Event, Executed, Rejected
from trading.engine.markets import MarketSpec
from trading.gateway import shapes
from trading.gateway.catalog import Catalog

_CLIENT_ID = re.compile(rf"[a-zA-Z0-9\-_]{{1,{CLIENT_ORDER_ID_CHARS_MAX}}}")
_CLIENT_ID_RANGE = rf"^[a-zA-Z0-9-_]{{1,{CLIENT_ORDER_ID_CHARS_MAX}}}$"

_REFUSALS: dict[Reject, tuple[int, str]] = {
    Reject.DUPLICATE_ORDER: (-2010, "Duplicate order sent."),
    Reject.MARKET_UNKNOWN: (-1121, "Invalid symbol."),
    Reject.MARKET_CLOSED: (-2010, "Market is closed."),
    Reject.PRICE_FILTER: (-1013, "Filter failure: PRICE_FILTER"),
    Reject.LOT_SIZE: (-1013, "Filter failure: LOT_SIZE"),
    Reject.NOTIONAL: (-1013, "Filter failure: NOTIONAL"),
    Reject.MAX_NUM_ORDERS: (-1013, "Filter failure: MAX_NUM_ORDERS"),
    Reject.WOULD_TAKE: (-2010, "Order would immediately match and take."),
    Reject.INSUFFICIENT_FUNDS: (-2010, "Account has insufficient balance for requested action."),
    Reject.UNKNOWN_ORDER: (-2011, "Unknown order sent."),
    Reject.INVALID: (-1014, "Unsupported order combination."),
}


Choice = TypeVar("Choice", bound=IntEnum)


@dataclass(frozen=True, slots=True)
class Submission:
    """A command to send, and how its events become the answer. `render` raises MexError for a refusal."""

    command: Command
    render: Callable[[Sequence[Event]], object]


def place(caller: Caller, params: Params, catalog: Catalog) -> Submission:
    """Return the submission of a new order. Raises MexError for parameters that do not make an order."""
    market = catalog.market(params.text("symbol"))
    command = _order(caller, params, market)
    answer_type = _answer_type(params, command.type)

    def render(events: Sequence[Event]) -> object:
        order = _order_after(events)
        if answer_type == "ACK":
            return shapes.order_ack(market.symbol, order)
        if answer_type == "RESULT":
            return shapes.order_result(market.symbol, order)
        return shapes.order_full(market.symbol, order, events, catalog.asset_codes)

    return Submission(command, render)


def cancel(caller: Caller, params: Params, catalog: Catalog) -> Submission:
    """Return the submission of a cancel, by orderId, origClientOrderId, or both when both must match."""
    market = catalog.market(params.text("symbol"))
    order_id, client_order_id = order_reference(params)
    if params.has("cancelRestrictions"):
        # Cancelling all the same would be what the client wanted to rule out.
        raise ParameterInvalid("cancelRestrictions")
    command = CancelOrder(
        account=caller.account,
        market=market.id,
        order_id=order_id or 0,
        client_order_id=client_order_id or "",
        cancel_id=_client_id(params),
    )

    def render(events: Sequence[Event]) -> object:
        return shapes.order_canceled(market.symbol, _order_after(events))

    return Submission(command, render)


def order_reference(params: Params) -> tuple[int | None, str | None]:
    """Return (orderId, origClientOrderId); at least one must be there."""
    if not params.has("orderId") and not params.has("origClientOrderId"):
        raise MexError(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
    order_id = params.integer("orderId") if params.has("orderId") else None
    client_order_id = params.text("origClientOrderId") if params.has("origClientOrderId") else None
    if client_order_id is not None and _CLIENT_ID.fullmatch(client_order_id) is None:
        raise ParameterIllegal("origClientOrderId", _CLIENT_ID_RANGE)
    return order_id, client_order_id


def refusal(reject: Reject) -> MexError:
    """Return what a client is told for an engine's refusal."""
    code, message = _REFUSALS[reject]
    return MexError(code, message)


def _order_after(events: Sequence[Event]) -> Executed:
    """Return the state in which the command left its order: the first report's order, in its last report."""
    first = events[0]
    if isinstance(first, Rejected):
        raise refusal(first.reject)
    assert isinstance(first, Executed)
    assert first.kind in (Execution.NEW, Execution.CANCELED)
    last = first
    for event in events:
        if isinstance(event, Executed) and event.order == first.order:
            last = event
    return last


def _order(caller: Caller, params: Params, market: MarketSpec) -> PlaceOrder:
    side = _choice(params, "side", Side, MexError(-1117, "Invalid side."))
    kind = _choice(params, "type", OrderType, MexError(-1116, "Invalid orderType."))
    if params.has("stopPrice") or params.has("icebergQty") or params.has("trailingDelta"):
        raise MexError(-1014, "Unsupported order combination.")
    if params.text("selfTradePreventionMode", shapes.STP_MODE) != shapes.STP_MODE:
        raise ParameterInvalid("selfTradePreventionMode")
    if kind is OrderType.MARKET:
        return _market_order(caller, params, market, side)
    price, quantity = _units(params, "price"), _units(params, "quantity")
    _forbid(params, "quoteOrderQty")
    if kind is OrderType.LIMIT_MAKER:
        _forbid(params, "timeInForce")
        force = TimeInForce.GTC
    else:
        force = _choice(params, "timeInForce", TimeInForce, MexError(-1115, "Invalid timeInForce."))
    return PlaceOrder(
        account=caller.account,
        market=market.id,
        client_order_id=_client_id(params),
        side=side,
        type=kind,
        time_in_force=force,
        quantity=quantity,
        price=price,
    )


def _market_order(caller: Caller, params: Params, market: MarketSpec, side: Side) -> PlaceOrder:
    _forbid(params, "price")
    _forbid(params, "timeInForce")
    by_quote = params.has("quoteOrderQty")
    if by_quote:
        _forbid(params, "quantity")
    amount = _units(params, "quoteOrderQty" if by_quote else "quantity")
    return PlaceOrder(
        account=caller.account,
        market=market.id,
        client_order_id=_client_id(params),
        side=side,
        type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        quantity=0 if by_quote else amount,
        price=0,
        quote_quantity=amount if by_quote else 0,
    )


_FILTER_OF_ZERO = {"price": Reject.PRICE_FILTER, "quantity": Reject.LOT_SIZE, "quoteOrderQty": Reject.NOTIONAL}


def _units(params: Params, name: str) -> int:
    units = params.units(name)
    if units == 0:
        raise refusal(_FILTER_OF_ZERO[name])
    return units


def _choice(params: Params, name: str, choices: type[Choice], error: MexError) -> Choice:
    text = params.text(name)
    try:
        return choices[text]
    except KeyError:
        raise error from None


def _forbid(params: Params, name: str) -> None:
    if params.has(name):
        raise ParameterNotRequired(name)


def _client_id(params: Params) -> str:
    text = params.text("newClientOrderId", "")
    if text == "":
        return secrets.token_urlsafe(16)
    if _CLIENT_ID.fullmatch(text) is None:
        raise ParameterIllegal("newClientOrderId", _CLIENT_ID_RANGE)
    return text


def _answer_type(params: Params, kind: OrderType) -> str:
    default = "ACK" if kind is OrderType.LIMIT_MAKER else "FULL"
    text = params.text("newOrderRespType", default)
    if text not in ("ACK", "RESULT", "FULL"):
        raise ParameterInvalid("newOrderRespType")
    return text
