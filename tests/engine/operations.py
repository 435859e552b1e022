"""Recipes that are no orders: operators' commands and money."""

import msgspec

from tests.engine.dice import Dice
from tests.engine.recipes import ChangeMarket, Recipe
from tests.engine.small_markets import BITCOIN, DOLLAR, ETHER, MARKETS
from trading.engine.commands import (
    Checkpoint,
    Command,
    HoldFunds,
    ReleaseHold,
    SetMarket,
    SetTerms,
    SettleHold,
    Transfer,
)
from trading.engine.enums import MarketStatus, Reason

STEPS = (
    (10_000_000, 10),
    (20_000_000, 10),
    (10_000_000, 20),
    (5_000_000, 20),
    (20_000_000, 5),
    (50_000_000, 4),
    (50_000_000, 2),
    (10_000_000, 4),
)
"""Ticks and lots; not all of them are exact."""


def operator(dice: Dice, step: int) -> Recipe:
    """Change a market or an account's terms, resume a market, or look at the state."""
    reference = dice.name(step, "o") if dice.below(16) else dice.one_of("", "o" * 81, "o" * 80, "o\0")
    kind = dice.below(10)
    if kind == 0:
        return Checkpoint()
    if kind < 3:
        rates = [dice.one_of(-1, -1, 0, 1_000, 30_000, 999_999, 1_000_000, -2) for _ in range(2)]
        return SetTerms(reference, "tester", "", dice.one_of(1, 2, 3, 1, 2, 3, 4, 0), rates[0], rates[1], dice.stp())
    if kind < 6:
        return ChangeMarket(reference, dice.one_of(1, 2, 3), (), resumes=True)
    if kind == 6:
        spec = msgspec.structs.replace(
            MARKETS[dice.below(2)], id=0, symbol=dice.one_of("NEW", "NEWER", "ETHBTC", "new", "")
        )
        return SetMarket(reference, "tester", "a new one", spec)
    market = dice.one_of(1, 2, 3, 1, 2, 3, 4, 9)
    tick, lot = dice.one_of(*STEPS)
    status = dice.one_of(*[MarketStatus.TRADING] * 2, *[MarketStatus.HALT] * 3, MarketStatus.DELISTED)
    changes: list[tuple[tuple[str, object], ...]] = [
        (("taker_fee_ppm", dice.one_of(0, 2_500, 100_000, 1_000_000)), ("maker_fee_ppm", dice.one_of(0, 999))),
        (("tick", tick), ("lot", lot)),
        (("status", status),),
        (("status", status),),
        (("orders_max", dice.one_of(12, 12, 5, 0)), ("algo_orders_max", dice.one_of(5, 5, 2, 0))),
        (("iceberg_parts_max", dice.one_of(10, 3)), ("trailing_min", dice.one_of(10, 100, 3_000))),
        (("position_max", dice.one_of(0, 2_500, 1_500)), ("notional_min", dice.one_of(0, 12, 50))),
        (("bid_up_ppm", dice.one_of(0, 1_100_000)), ("ask_down_ppm", dice.one_of(0, 900_000))),
        (("symbol", dice.one_of("OTHER", "ETHBTC")), ("quote", dice.one_of(BITCOIN, DOLLAR))),
    ]
    return ChangeMarket(reference, market, changes[dice.below(len(changes))], resumes=dice.below(4) != 3)


def money(dice: Dice, kind: int, step: int) -> Command:
    reference = dice.one_of(*[f"w{step // 40 - dice.below(2)}"] * 12, "", "w" * 81)
    asset = dice.one_of(*[BITCOIN, ETHER, DOLLAR] * 4, 0)
    amount = dice.one_of(10, 100, 200, 700, 10, 100, 200, 1_500, 1, 0, -5, 2**63, 2**63 - 1)
    if kind < 97:
        debit = dice.one_of(*[-1] * 8, 1, 2, 3, -5, 0, -77)
        reason = Reason(dice.one_of(5, 5, 5, 8, 9, 10, 6, 13))
        if dice.below(8) == 0:
            credit = dice.one_of(-1, -1, -2)
            recoup = dice.one_of(0, 0, 7, 100)
            return Transfer(reference, dice.one_of(1, 2, 3, 0), credit, asset, amount, Reason.REVERSAL, recoup)
        recoup = dice.one_of(0, 0, 0, 0, 0, 0, 5, -1)
        return Transfer(reference, debit, dice.one_of(1, 2, 3, 1, 2, 3, -1, -3, 0, -7), asset, amount, reason, recoup)
    if kind == 97:
        return HoldFunds(reference, dice.one_of(1, 2, 3, 1, 2, 3, 0, -1), asset, amount)
    if kind == 98:
        return SettleHold(reference, dice.one_of(0, 1, 9, 10, -1, 300))
    return ReleaseHold(reference)
