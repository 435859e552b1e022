"""What a client is told for each refusal of the engine. Source: docs/errors.md."""

from mex.errors import MexError
from trading.engine.enums import Reject

_REFUSALS: dict[Reject, tuple[int, str]] = {
    Reject.DUPLICATE_ORDER: (-2010, "Duplicate order sent."),
    Reject.MARKET_UNKNOWN: (-1121, "Invalid symbol."),
    Reject.MARKET_CLOSED: (-2010, "Market is closed."),
    Reject.INVALID: (-1014, "Unsupported order combination."),
    Reject.PRICE_FILTER: (-1013, "Filter failure: PRICE_FILTER"),
    Reject.PERCENT_PRICE: (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    Reject.LOT_SIZE: (-1013, "Filter failure: LOT_SIZE"),
    Reject.ICEBERG_PARTS: (-1013, "Filter failure: ICEBERG_PARTS"),
    Reject.NOTIONAL: (-1013, "Filter failure: NOTIONAL"),
    Reject.TRAILING_DELTA: (-1013, "Filter failure: TRAILING_DELTA"),
    Reject.MAX_NUM_ORDERS: (-1013, "Filter failure: MAX_NUM_ORDERS"),
    Reject.MAX_NUM_ALGO_ORDERS: (-1013, "Filter failure: MAX_NUM_ALGO_ORDERS"),
    Reject.MAX_POSITION: (-1013, "Filter failure: MAX_POSITION"),
    Reject.PRICE_RELATION: (-2010, "The relationship of the prices for the orders is not correct."),
    Reject.WOULD_TRIGGER: (-2010, "Stop price would trigger immediately."),
    Reject.WOULD_TAKE: (-2010, "Order would immediately match and take."),
    Reject.INSUFFICIENT_FUNDS: (-2010, "Account has insufficient balance for requested action."),
    Reject.UNKNOWN_ORDER: (-2011, "Unknown order sent."),
    Reject.CANCEL_RESTRICTED: (-2011, "Order was not canceled due to cancel restrictions."),
    Reject.AMEND_QUANTITY: (
        -2038,
        "Order amend (quantity increase) is not supported: newQty must be below the order's quantity and above what of"
        " it is executed.",
    ),
}

_OF_AMENDS = {Reject.UNKNOWN_ORDER: (-2038, "Unknown order sent.")}
"""What is told in other words when an order was to be amended."""


def refusal(reject: Reject) -> MexError:
    """Return what a client is told for an engine's refusal."""
    code, message = _REFUSALS[reject]
    return MexError(code, message)


def amend_refusal(reject: Reject) -> MexError:
    """Return what a client is told when an amend was refused."""
    code, message = _OF_AMENDS.get(reject) or _REFUSALS[reject]
    return MexError(code, message)
