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

    @property
    def is_open(self) -> bool:
        """Return whether the order rests in the book."""
        return self in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


class Execution(IntEnum):
    """What an execution report reports."""

    NEW = 1
    TRADE = 2
    CANCELED = 3
    EXPIRED = 4


class MarketStatus(IntEnum):
    """Whether a market takes orders."""

    TRADING = 1
    HALT = 2


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


class Reject(IntEnum):
    """Reasons for a refusal, in order of precedence: when several hold, the first one is reported."""

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
