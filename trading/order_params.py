"""From parameters to an order: which it must have, which it must not, by type. Source: docs/api.md, "Trading rules"."""

import re
import secrets
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

from mex.errors import MexError, ParameterIllegal, ParameterInvalid, ParameterNotRequired
from mex.limits import CLIENT_ORDER_ID_CHARS_MAX
from mex.params import Params
from trading.engine.commands import PlaceOrder
from trading.engine.enums import CancelRestriction, OrderType, Reject, Side, StpMode, TimeInForce
from trading.engine.markets import MarketSpec
from trading.engine.orders import PRICELESS, STOPS
from trading.refusals import refusal

_CLIENT_ID = re.compile(rf"[a-zA-Z0-9\-_]{{1,{CLIENT_ORDER_ID_CHARS_MAX}}}")
_CLIENT_ID_RANGE = rf"^[a-zA-Z0-9-_]{{1,{CLIENT_ORDER_ID_CHARS_MAX}}}$"
_STRATEGY_TYPE_MIN = 1_000_000
_HIDES = frozenset({OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})
_TIMED = frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})

Choice = TypeVar("Choice", bound=IntEnum)


@dataclass(frozen=True, slots=True)
class Names:
    """How the parameters of one order are called: in a list each of its orders has names of its own."""

    client_id: str = "newClientOrderId"
    price: str = "price"
    stop_price: str = "stopPrice"
    trailing_delta: str = "trailingDelta"
    iceberg_quantity: str = "icebergQty"
    time_in_force: str = "timeInForce"
    strategy_id: str = "strategyId"
    strategy_type: str = "strategyType"
    peg: str = "pegPriceType"


PLAIN = Names()


def side_of(params: Params) -> Side:
    """Return the side of an order or list."""
    return choice(params, "side", Side, MexError(-1117, "Invalid side."))


def order_type(params: Params) -> OrderType:
    """Return the type of an order."""
    return choice(params, "type", OrderType, MexError(-1116, "Invalid orderType."))


def read_order(account: int, params: Params, market: MarketSpec) -> PlaceOrder:
    """Return the order that the parameters describe. Raises MexError for those that describe none."""
    side, kind = side_of(params), order_type(params)
    if kind is OrderType.MARKET and params.has("quoteOrderQty"):
        forbid(params, "quantity")
        return read_terms(account, params, market, side, kind, 0, quote_quantity=units(params, "quoteOrderQty"))
    quantity = units(params, "quantity")
    forbid(params, "quoteOrderQty")
    return read_terms(account, params, market, side, kind, quantity)


def read_terms(
    account: int,
    params: Params,
    market: MarketSpec,
    side: Side,
    kind: OrderType,
    quantity: int,
    *,
    quote_quantity: int = 0,
    names: Names = PLAIN,
) -> PlaceOrder:
    """Return an order of a side, type and quantity, with all else read from the parameters of these names."""
    _check_what_is_not_kept(params, names)
    stop_price, trailing_delta = _condition(params, kind, names)
    return PlaceOrder(
        account=account,
        market=market.id,
        client_order_id=client_id(params, names.client_id),
        side=side,
        type=kind,
        time_in_force=_time_in_force(params, kind, names),
        quantity=quantity,
        price=_read_if(params, names.price, kind not in PRICELESS, Reject.PRICE_FILTER),
        quote_quantity=quote_quantity,
        stop_price=stop_price,
        trailing_delta=trailing_delta,
        iceberg_quantity=_iceberg_quantity(params, kind, names),
        stp=stp_mode(params),
    )


def stp_mode(params: Params) -> StpMode:
    """Return the self-trade prevention that is asked for, or that the account's default is."""
    if not params.has("selfTradePreventionMode"):
        return StpMode.DEFAULT
    mode = choice(params, "selfTradePreventionMode", StpMode, ParameterInvalid("selfTradePreventionMode"))
    if mode is StpMode.DEFAULT:
        raise ParameterInvalid("selfTradePreventionMode")
    return mode


def cancel_restriction(params: Params) -> CancelRestriction:
    """Return which orders a cancel is meant for."""
    if not params.has("cancelRestrictions"):
        return CancelRestriction.NONE
    invalid = MexError(-1145, "Invalid cancelRestrictions")
    restriction = choice(params, "cancelRestrictions", CancelRestriction, invalid)
    if restriction is CancelRestriction.NONE:
        raise invalid
    return restriction


def reference(params: Params, id_name: str = "orderId", name_name: str = "origClientOrderId") -> tuple[int, str]:
    """Return (id, client id) by which something is named; at least one must be there, 0 and "" stand for none."""
    if not params.has(id_name) and not params.has(name_name):
        raise MexError(-1102, f"Param '{name_name}' or '{id_name}' must be sent, but both were empty/null!")
    # An id of 0 names nothing, but for the engine it would mean that none was given.
    number = params.integer(id_name) or -1 if params.has(id_name) else 0
    name = params.text(name_name, "")
    if name:
        _check_client_id(name_name, name)
    return number, name


def client_id(params: Params, name: str) -> str:
    """Return a client's own id, or a new one."""
    text = params.text(name, "")
    if text == "":
        return secrets.token_urlsafe(16)
    _check_client_id(name, text)
    return text


def answer_type(params: Params, default: str) -> str:
    """Return how long the answer to a new order shall be."""
    text = params.text("newOrderRespType", default)
    if text not in ("ACK", "RESULT", "FULL"):
        raise ParameterInvalid("newOrderRespType")
    return text


def units(params: Params, name: str, zero: Reject | None = None) -> int:
    """Return an amount, which must be more than nothing."""
    amount = params.units(name)
    if amount == 0:
        raise refusal(zero or _FILTER_OF_ZERO[name])
    return amount


_FILTER_OF_ZERO = {"quantity": Reject.LOT_SIZE, "quoteOrderQty": Reject.NOTIONAL, "newQty": Reject.LOT_SIZE}


def choice(params: Params, name: str, choices: type[Choice], error: MexError) -> Choice:
    """Return one of several choices by its name; raises `error` for any other text."""
    try:
        return choices[params.text(name)]
    except KeyError:
        raise error from None


def forbid(params: Params, name: str) -> None:
    """Raise if a parameter was sent."""
    if params.has(name):
        raise ParameterNotRequired(name)


def _condition(params: Params, kind: OrderType, names: Names) -> tuple[int, int]:
    """Return (stop price, trailing delta): at least one of an order that waits, none of the others."""
    if kind not in STOPS:
        forbid(params, names.stop_price)
        forbid(params, names.trailing_delta)
        return 0, 0
    if not params.has(names.stop_price) and not params.has(names.trailing_delta):
        raise MexError(
            -1102, f"Param '{names.stop_price}' or '{names.trailing_delta}' must be sent, but both were empty/null!"
        )
    stop_price = _read_if(params, names.stop_price, params.has(names.stop_price), Reject.PRICE_FILTER)
    trailing_delta = 0
    if params.has(names.trailing_delta):
        trailing_delta = params.integer(names.trailing_delta)
        if trailing_delta == 0:
            raise refusal(Reject.TRAILING_DELTA)
    return stop_price, trailing_delta


def _read_if(params: Params, name: str, is_wanted: bool, zero: Reject) -> int:
    if is_wanted:
        return units(params, name, zero)
    forbid(params, name)
    return 0


def _iceberg_quantity(params: Params, kind: OrderType, names: Names) -> int:
    return _read_if(
        params, names.iceberg_quantity, kind in _HIDES and params.has(names.iceberg_quantity), Reject.LOT_SIZE
    )


def _time_in_force(params: Params, kind: OrderType, names: Names) -> TimeInForce:
    if kind in _TIMED:
        return choice(params, names.time_in_force, TimeInForce, MexError(-1115, "Invalid timeInForce."))
    forbid(params, names.time_in_force)
    return TimeInForce.GTC


def _check_what_is_not_kept(params: Params, names: Names) -> None:
    """Check labels that are taken and not stored, and refuse what would make another order of it."""
    if params.has(names.strategy_id):
        params.integer(names.strategy_id)
    if params.has(names.strategy_type) and params.integer(names.strategy_type) < _STRATEGY_TYPE_MIN:
        raise MexError(-1134, f"`{names.strategy_type}` was less than {_STRATEGY_TYPE_MIN}.")
    if params.has(names.peg):
        raise MexError(-2010, "Pegged orders are not supported for this symbol.")


def _check_client_id(name: str, text: str) -> None:
    if _CLIENT_ID.fullmatch(text) is None:
        raise ParameterIllegal(name, _CLIENT_ID_RANGE)
