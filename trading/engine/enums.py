"""Choices that reach the wire or the database.  [pure]

The numbers are stored: never renumber or reuse one. Names are those of the Binance Spot API.
"""

from enum import IntEnum


class Side(IntEnum):
    """Which side of the market an order is on."""

    BUY = 1
    SELL = 2


class OrderType(IntEnum):
    """How an order trades."""

    LIMIT = 1
    MARKET = 2
    LIMIT_MAKER = 3
    STOP_LOSS = 4
    STOP_LOSS_LIMIT = 5
    TAKE_PROFIT = 6
    TAKE_PROFIT_LIMIT = 7


class TimeInForce(IntEnum):
    """What happens to what does not trade at once."""

    GTC = 1
    IOC = 2
    FOK = 3


class OrderStatus(IntEnum):
    """Where an order is in its life."""

    NEW = 1
    PARTIALLY_FILLED = 2
    FILLED = 3
    CANCELED = 4
    EXPIRED = 5
    EXPIRED_IN_MATCH = 6

    @property
    def is_open(self) -> bool:
        """Return whether the order rests in the book or waits for its stop price."""
        return self in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


class OrderState(IntEnum):
    """What an open order is doing."""

    WORKING = 0
    """It rests in the book."""
    WAITING = 1
    """It waits for its stop price."""
    TRAILING = 2
    """It follows the market's best price at a distance."""


class StpMode(IntEnum):
    """What happens when an order would trade with another of its own account. The taker's mode decides."""

    DEFAULT = 0
    """The account's own default; only in commands."""
    NONE = 1
    EXPIRE_TAKER = 2
    EXPIRE_MAKER = 3
    EXPIRE_BOTH = 4
    DECREMENT = 5


class ReplaceMode(IntEnum):
    """Whether the new order of a cancel-replace is placed when the cancel failed."""

    STOP_ON_FAILURE = 1
    ALLOW_FAILURE = 2


class CancelRestriction(IntEnum):
    """Which orders a cancel is meant for."""

    NONE = 0
    ONLY_NEW = 1
    ONLY_PARTIALLY_FILLED = 2


class ListStatus(IntEnum):
    """Where an order list is in its life."""

    EXECUTING = 1
    ALL_DONE = 2


class Execution(IntEnum):
    """What an execution report reports."""

    NEW = 1
    TRADE = 2
    CANCELED = 3
    EXPIRED = 4
    REPLACED = 5
    TRADE_PREVENTION = 6


class MarketStatus(IntEnum):
    """Whether a market takes orders. Open orders can be cancelled in all of them."""

    TRADING = 1
    HALT = 2
    DELISTED = 3


class HoldState(IntEnum):
    """What became of funds set aside for a withdrawal."""

    HELD = 1
    SETTLED = 2
    RELEASED = 3
    REFUSED = 4


class Reason(IntEnum):
    """Why money moved. Each posting carries one."""

    TRADE_BASE = 1
    TRADE_QUOTE = 2
    FEE_BUYER = 3
    FEE_SELLER = 4
    DEPOSIT = 5
    WITHDRAWAL = 6
    WITHDRAWAL_FEE = 7
    NETWORK_FEE = 8
    ADJUSTMENT = 9
    FUNDING = 10
    REVERSAL = 11
    LOSS = 12
    COLD = 13
    RECOUP = 14


class Reject(IntEnum):
    """Why a command was refused. For orders `PRECEDENCE` says which reason is told when several hold."""

    DUPLICATE_ORDER = 1
    MARKET_UNKNOWN = 2
    MARKET_CLOSED = 3
    PRICE_FILTER = 4
    LOT_SIZE = 5
    NOTIONAL = 6
    MAX_NUM_ORDERS = 7
    WOULD_TAKE = 8
    INSUFFICIENT_FUNDS = 9
    UNKNOWN_ORDER = 20
    UNKNOWN_HOLD = 30
    HOLD_CLOSED = 31
    DUPLICATE_REFERENCE = 32
    INVALID = 33
    PERCENT_PRICE = 40
    ICEBERG_PARTS = 41
    TRAILING_DELTA = 42
    MAX_NUM_ALGO_ORDERS = 43
    MAX_POSITION = 44
    PRICE_RELATION = 45
    WOULD_TRIGGER = 46
    CANCEL_RESTRICTED = 47
    AMEND_QUANTITY = 48
    STEPS_IN_USE = 49


PRECEDENCE = (
    Reject.DUPLICATE_ORDER,
    Reject.MARKET_UNKNOWN,
    Reject.MARKET_CLOSED,
    Reject.INVALID,
    Reject.PRICE_FILTER,
    Reject.PERCENT_PRICE,
    Reject.LOT_SIZE,
    Reject.ICEBERG_PARTS,
    Reject.NOTIONAL,
    Reject.TRAILING_DELTA,
    Reject.MAX_NUM_ORDERS,
    Reject.MAX_NUM_ALGO_ORDERS,
    Reject.MAX_POSITION,
    Reject.PRICE_RELATION,
    Reject.WOULD_TRIGGER,
    Reject.WOULD_TAKE,
    Reject.INSUFFICIENT_FUNDS,
)
"""Refusals of new orders: when several hold, the first of these is told."""
