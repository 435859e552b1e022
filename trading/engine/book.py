"""One market: its rules, its two ladders, its waiting orders, its traders and its counters.  [pure]"""

from trading.engine.enums import MarketStatus, Side
from trading.engine.funds import Purse
from trading.engine.levels import Ladder, Tariff
from trading.engine.markets import MarketSpec
from trading.engine.orders import Trader
from trading.engine.triggers import Triggers


class Book:
    """The order book of one market. What every order meets is copied out of `spec`, to save a step."""

    __slots__ = (
        "asks",
        "base_fees",
        "bids",
        "has_rare_filters",
        "has_traded",
        "is_trading",
        "last_prevented",
        "last_price",
        "last_trade",
        "last_update",
        "lot",
        "quote_fees",
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
    has_traded: bool
    """Whether this batch may have changed the purses of the fees."""

    def __init__(self, spec: MarketSpec, base_fees: Purse, quote_fees: Purse) -> None:
        self.bids = Ladder(1, Tariff(lot=spec.lot))
        self.asks = Ladder(-1, self.bids.tariff)
        self.triggers = Triggers()
        self.traders = {}
        self.base_fees = base_fees
        self.quote_fees = quote_fees
        self.last_trade = 0
        self.last_update = 0
        self.last_prevented = 0
        self.last_price = 0
        self.has_traded = False
        self.take_rules(spec)

    def take_rules(self, spec: MarketSpec) -> None:
        """Take new rules over."""
        self.spec = spec
        self.is_trading = spec.status is MarketStatus.TRADING
        bands = (spec.bid_up_ppm, spec.bid_down_ppm, spec.ask_up_ppm, spec.ask_down_ppm)
        self.has_rare_filters = any(bands) or spec.position_max > 0
        self.lot = spec.lot
        takes_plain = self.is_trading and not self.has_rare_filters
        tariff = Tariff(
            lot=spec.lot,
            tick=spec.tick,
            prices=(spec.price_min, spec.price_max if takes_plain else 0),
            lots=(-(-spec.quantity_min // spec.lot), spec.quantity_max // spec.lot),
            notional=(max(spec.notional_min, 1), spec.notional_max),
        )
        self.bids.take_tariff(tariff)
        self.asks.take_tariff(tariff)
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
