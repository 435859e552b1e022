"""The rules of one market, as the engine needs them.  [pure]"""

import msgspec

from mex.money import PPM, steps_are_exact
from trading.engine.enums import MarketStatus


class MarketSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A market. Prices in quote units per whole base, quantities in base units, fees in ppm of what is received."""

    id: int
    symbol: str
    base: int
    quote: int
    tick: int
    lot: int
    price_min: int
    price_max: int
    quantity_min: int
    quantity_max: int
    notional_min: int
    notional_max: int
    maker_fee_ppm: int
    taker_fee_ppm: int
    orders_max: int
    """Open orders that one account may have in this market."""
    status: MarketStatus

    def __post_init__(self) -> None:
        assert self.base != self.quote
        assert steps_are_exact(tick=self.tick, lot=self.lot), f"{self.symbol}: price x quantity would round"
        assert 0 < self.price_min <= self.price_max
        assert self.price_min % self.tick == 0
        assert 0 < self.quantity_min <= self.quantity_max
        assert self.quantity_min % self.lot == 0
        assert 0 <= self.notional_min <= self.notional_max
        assert 0 <= self.maker_fee_ppm < PPM
        assert 0 <= self.taker_fee_ppm < PPM
