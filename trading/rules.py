"""A market's rules as people read and write them, and what is wrong with rules that cannot be kept.  [pure]"""

from collections.abc import Callable, Mapping

import msgspec

from mex.money import AMOUNT_MAX, PPM, UNITS, format_short, steps_are_exact
from trading.engine.enums import MarketStatus, StpMode
from trading.engine.markets import BIPS, SYMBOL_CHARS_MAX, MarketSpec

AMOUNTS = (
    "tick",
    "lot",
    "price_min",
    "price_max",
    "quantity_min",
    "quantity_max",
    "notional_min",
    "notional_max",
    "position_max",
)
"""Rules in units, which people write as decimals."""

COUNTS = (
    "maker_fee_ppm",
    "taker_fee_ppm",
    "orders_max",
    "algo_orders_max",
    "iceberg_parts_max",
    "bid_up_ppm",
    "bid_down_ppm",
    "ask_up_ppm",
    "ask_down_ppm",
    "trailing_min",
    "trailing_max",
)
"""Rules that are plain whole numbers."""

RULES = (*AMOUNTS, *COUNTS)
"""All that an operator may change of a market, but for its status."""

OF_THE_MARKET = -1
"""A fee rate of an account that has none of its own."""

QUANTITY_MAX = 10_000_000 * UNITS
"""A price level of nine thousand such orders still fits the 64 bits of a column."""


def new_market(symbol: str, base: int, quote: int, tick: int, lot: int) -> MarketSpec:
    """Return a market with rules that suit most; it trades as soon as the engine has it.

    base, quote: ids of assets. tick, lot: units, more than 0.
    """
    return MarketSpec(
        id=0,
        symbol=symbol,
        base=base,
        quote=quote,
        tick=tick,
        lot=lot,
        price_min=tick,
        price_max=QUANTITY_MAX // tick * tick if tick else 0,
        quantity_min=lot,
        quantity_max=QUANTITY_MAX,
        notional_min=UNITS // 10_000,
        notional_max=9 * QUANTITY_MAX,
        maker_fee_ppm=1_000,
        taker_fee_ppm=2_000,
        orders_max=200,
        status=MarketStatus.TRADING,
    )


# --- what is wrong -------------------------------------------------------------------------------

Check = Callable[[MarketSpec], bool]

TWO_ASSETS = "A market is of two assets."
_MORE = "This must be more than zero."
_CHECKS: tuple[tuple[str, Check, str], ...] = (
    (
        "symbol",
        lambda spec: 0 < len(spec.symbol) <= SYMBOL_CHARS_MAX and _is_capital(spec.symbol),
        f"A symbol has 1 to {SYMBOL_CHARS_MAX} capital letters and digits.",
    ),
    ("base", lambda spec: spec.base > 0, "There is no such asset."),
    ("quote", lambda spec: spec.quote > 0, "There is no such asset."),
    ("quote", lambda spec: spec.base != spec.quote, TWO_ASSETS),
    ("tick", lambda spec: spec.tick > 0, _MORE),
    ("lot", lambda spec: spec.lot > 0, _MORE),
    (
        "lot",
        lambda spec: steps_are_exact(tick=spec.tick, lot=spec.lot),
        "Price x quantity would round: tick x lot must be a multiple of 0.00000001.",
    ),
    ("price_min", lambda spec: spec.price_min > 0, _MORE),
    ("price_min", lambda spec: _divides(spec.tick, spec.price_min), "This must be a multiple of the tick."),
    ("price_max", lambda spec: spec.price_min <= spec.price_max, "The maximum must not be below the minimum."),
    ("quantity_min", lambda spec: spec.quantity_min > 0, _MORE),
    ("quantity_min", lambda spec: _divides(spec.lot, spec.quantity_min), "This must be a multiple of the lot."),
    ("quantity_max", lambda spec: spec.quantity_min <= spec.quantity_max, "The maximum must not be below the minimum."),
    (
        "quantity_max",
        lambda spec: spec.quantity_max <= QUANTITY_MAX,
        f"The sum of a price level would not fit: at most {format_short(QUANTITY_MAX)}.",
    ),
    ("notional_max", lambda spec: spec.notional_max > 0, _MORE),
    ("notional_max", lambda spec: spec.notional_min <= spec.notional_max, "The maximum must not be below the minimum."),
    ("maker_fee_ppm", lambda spec: spec.maker_fee_ppm < PPM, f"A fee must be less than {PPM} ppm."),
    ("taker_fee_ppm", lambda spec: spec.taker_fee_ppm < PPM, f"A fee must be less than {PPM} ppm."),
    ("orders_max", lambda spec: spec.orders_max > 0, _MORE),
    ("iceberg_parts_max", lambda spec: spec.iceberg_parts_max > 0, _MORE),
    (
        "bid_up_ppm",
        lambda spec: spec.bid_up_ppm == 0 or spec.bid_down_ppm <= spec.bid_up_ppm,
        "No price would be between the two: the upper bound must not be below the lower one.",
    ),
    (
        "ask_up_ppm",
        lambda spec: spec.ask_up_ppm == 0 or spec.ask_down_ppm <= spec.ask_up_ppm,
        "No price would be between the two: the upper bound must not be below the lower one.",
    ),
    ("trailing_min", lambda spec: spec.trailing_min > 0, _MORE),
    ("trailing_max", lambda spec: spec.trailing_min <= spec.trailing_max, "The maximum must not be below the minimum."),
    ("trailing_max", lambda spec: spec.trailing_max < BIPS, f"This must be less than {BIPS} basis points."),
)


def problems_of(spec: MarketSpec) -> dict[str, str]:
    """Return what is wrong with a market, a sentence for each rule that cannot be kept; empty if it is sound."""
    found = {
        name: f"This must be between 0 and {_text(name, AMOUNT_MAX)}."
        for name in RULES
        if not 0 <= getattr(spec, name) <= AMOUNT_MAX
    }
    for name, is_kept, sentence in _CHECKS:
        if name not in found and not is_kept(spec):
            found[name] = sentence
    return found


def _is_capital(symbol: str) -> bool:
    return symbol.isascii() and symbol.isalnum() and symbol == symbol.upper()


def _divides(step: int, amount: int) -> bool:
    return step <= 0 or amount % step == 0


# --- as people read them -------------------------------------------------------------------------

Shown = Mapping[str, object]
"""Rules or terms as the audit trail keeps them: whole numbers by name."""


def texts_of(spec: MarketSpec) -> dict[str, str]:
    """Return all rules of a market as people read them, amounts as decimals."""
    return {name: _text(name, value) for name, value in msgspec.structs.asdict(spec).items()}


def terms_texts(maker_fee_ppm: int, taker_fee_ppm: int, stp: StpMode) -> dict[str, str]:
    """Return an account's terms as people read them."""
    terms = {"maker_fee_ppm": maker_fee_ppm, "taker_fee_ppm": taker_fee_ppm, "stp": stp}
    return {name: _text(name, value) for name, value in terms.items()}


def differences(before: Shown | None, after: Shown) -> list[tuple[str, str, str]]:
    """Return (rule, text before, text after) of all that a change changed; "" before for what is new."""
    old = before or {}
    # PostgreSQL keeps an object's names in an order of its own.
    return [
        (name, _text(name, old[name]) if name in old else "", _text(name, after[name]))
        for name in (*MarketSpec.__struct_fields__, "stp")
        if name in after and (name not in old or old[name] != after[name])
    ]


def _text(name: str, value: object) -> str:
    if not isinstance(value, int):
        return str(value)
    if name in AMOUNTS:
        return format_short(value)
    if value == OF_THE_MARKET:
        return "the market's"
    if name == "status":
        return MarketStatus(value).name
    if name == "stp":
        return StpMode(value).name
    return str(value)
