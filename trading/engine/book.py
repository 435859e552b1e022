"""One market: its rules, its two ladders, its waiting orders, its traders and its counters.  [pure]"""

from trading.engine.enums import MarketStatus, Side
from trading.engine.funds import Purse
from trading.engine.levels import Ladder
from trading.engine.markets import MarketSpec
from trading.engine.orders import Trader
from trading.engine.triggers import Triggers

ANY_PRICE = -(2**63)
"""A key below that of every price: the limit of an order that takes any."""


class Book:
    """The order book of one market. What every order meets is copied out of `spec`, to save a step."""

    __slots__ = (
        "asks",
        "base_fees",
        "bids",
        "has_rare_filters",
        "is_trading",
        "last_prevented",
        "last_price",
        "last_trade",
        "last_update",
        "lot",
        "quote_fees",
        "rules",
        "spec",
        "traders",
        "triggers",
    )

    spec: MarketSpec
    bids: Ladder
    asks: Ladder
    triggers: Triggers
    traders: dict[int, Trader]
    """By account."""
    base_fees: Purse
    quote_fees: Purse
    last_trade: int
    last_update: int
    last_prevented: int
    last_price: int
    """Of the last trade; 0 before the first."""
    is_trading: bool
    has_rare_filters: bool
    lot: int
    rules: tuple[int, int, int, int, int, int, int, int, int]
    """What a plain order must keep to: tick, lot, price, quantity and notional from and to, orders of an account.

    In a market that takes no orders or has rare filters nothing keeps to them: such orders go the long way (desk.py).
    """

    def __init__(self, spec: MarketSpec, base_fees: Purse, quote_fees: Purse) -> None:
        self.bids = Ladder(1, spec.lot)
        self.asks = Ladder(-1, spec.lot)
        self.triggers = Triggers()
        self.traders = {}
        self.base_fees = base_fees
        self.quote_fees = quote_fees
        self.last_trade = 0
        self.last_update = 0
        self.last_prevented = 0
        self.last_price = 0
        self.take_rules(spec)

    def take_rules(self, spec: MarketSpec) -> None:
        """Take new rules over."""
        self.spec = spec
        self.is_trading = spec.status is MarketStatus.TRADING
        bands = (spec.bid_up_ppm, spec.bid_down_ppm, spec.ask_up_ppm, spec.ask_down_ppm)
        self.has_rare_filters = any(bands) or spec.position_max > 0
        self.lot = spec.lot
        self.bids.take_lot(spec.lot)
        self.asks.take_lot(spec.lot)
        self.rules = (
            spec.tick,
            spec.lot,
            spec.price_min,
            spec.price_max if self.is_trading and not self.has_rare_filters else 0,
            spec.quantity_min,
            spec.quantity_max,
            spec.notional_min,
            spec.notional_max,
            spec.orders_max,
        )
        for trader in self.traders.values():
            trader.take_terms()

    def ladder(self, side: Side) -> Ladder:
        """Return the resting orders of a side."""
        return self.bids if side is Side.BUY else self.asks

    def opposite(self, side: Side) -> Ladder:
        """Return the resting orders that an order of this side trades with."""
        return self.asks if side is Side.BUY else self.bids

    def levels(self, side: Side, limit: int) -> list[tuple[int, int]]:
        """Return at most `limit` levels of a side as (price, quantity shown), best first."""
        return self.ladder(side).best_first(limit)
