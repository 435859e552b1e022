"""The rules of one market, as the engine needs them.  [pure]"""

import msgspec

from mex.money import AMOUNT_MAX, PPM, steps_are_exact
from trading.engine.enums import MarketStatus

BIPS = 10_000
SYMBOL_CHARS_MAX = 20


class MarketSpec(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A market. Prices in quote units per whole base, quantities in base units, fees in ppm of what is received.

    Field order is on the wire: only append fields with defaults.
    """

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
    """Open orders that one account may have in this market (MAX_NUM_ORDERS)."""
    status: MarketStatus
    algo_orders_max: int = 200
    """Of these, orders that wait for a stop price (MAX_NUM_ALGO_ORDERS)."""
    iceberg_parts_max: int = 100
    """Slices that one iceberg order may have (ICEBERG_PARTS)."""
    position_max: int = 0
    """Base units that a buyer may have, what he has ordered included (MAX_POSITION); 0: any."""
    bid_up_ppm: int = 0
    """A limit price to buy may be at most this part of the last price (PERCENT_PRICE_BY_SIDE), and so on; 0: any."""
    bid_down_ppm: int = 0
    ask_up_ppm: int = 0
    ask_down_ppm: int = 0
    trailing_min: int = 10
    """Basis points (TRAILING_DELTA)."""
    trailing_max: int = 2_000

    @property
    def is_sound(self) -> bool:
        """Return whether the rules can be kept: price x quantity is always whole, bounds are in order and fit."""
        numbers = [value for value in msgspec.structs.astuple(self) if isinstance(value, int)]
        return (
            all(0 <= number <= AMOUNT_MAX for number in numbers)
            and 0 < len(self.symbol) <= SYMBOL_CHARS_MAX
            and self.symbol.isascii()
            and self.symbol.isalnum()
            and self.symbol == self.symbol.upper()
            and 0 < self.base != self.quote > 0
            and steps_are_exact(tick=self.tick, lot=self.lot)
            and 0 < self.price_min <= self.price_max
            and self.price_min % self.tick == 0
            and 0 < self.quantity_min <= self.quantity_max
            and self.quantity_min % self.lot == 0
            and self.notional_min <= self.notional_max > 0
            and self.orders_max > 0
            and self.maker_fee_ppm < PPM
            and self.taker_fee_ppm < PPM
            and 0 < self.trailing_min <= self.trailing_max < BIPS
            and self.iceberg_parts_max > 0
        )
