"""Random sessions of a small exchange: few accounts, few prices, much that collides, and some nonsense.

Every recipe is read off one number, so that hypothesis can shrink a session and a seed can repeat it. What names an
order, a list or a market that is there at that moment is a recipe of tests/engine/recipes.py, which the session turns
into a command.
"""

import random
from collections.abc import Iterator

import msgspec
from hypothesis import strategies as st

from tests.engine.dice import Dice
from tests.engine.operations import money, operator
from tests.engine.recipes import AmendNth, CancelListNth, CancelNth, Recipe, ReplaceNth
from tests.engine.small_markets import ACCOUNTS, BITCOIN, BY_ID, DOLLAR, ETHER, FUNDS, MARKETS, PLACES
from trading.engine.commands import (
    CancelAll,
    CancelList,
    CancelOrder,
    PlaceList,
    PlaceOrder,
    Transfer,
)
from trading.engine.enums import (
    CancelRestriction,
    OrderType,
    Reason,
    ReplaceMode,
    Side,
    TimeInForce,
)
from trading.engine.markets import MarketSpec

__all__ = ["ACCOUNTS", "FUNDS", "MARKETS", "NUMBER_BYTES", "Dice", "opening", "recipe_from", "seeded", "sessions"]

NUMBER_BYTES = 16
"""What one recipe is read off: enough for all its choices."""
STOPS = (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)


def opening() -> list[Recipe]:
    """Deposits that give every account the same of each asset."""
    return [
        Transfer(f"deposit:{account}:{asset}", -1, account, asset, FUNDS, Reason.DEPOSIT)
        for account in ACCOUNTS
        for asset in (BITCOIN, ETHER, DOLLAR)
    ]


def seeded(seed: int, length: int) -> Iterator[Recipe]:
    """Yield so many recipes, drawn evenly from all that a number can stand for."""
    dice = random.Random(seed)
    for step in range(length):
        yield recipe_from(dice.getrandbits(8 * NUMBER_BYTES), step)


def sessions(shortest: int, longest: int) -> st.SearchStrategy[list[Recipe]]:
    """Sessions of about so many recipes, after the opening."""

    def decode(data: bytes) -> list[Recipe]:
        chunks = [data[start : start + NUMBER_BYTES] for start in range(0, len(data), NUMBER_BYTES)]
        return [recipe_from(int.from_bytes(chunk, "little"), step) for step, chunk in enumerate(chunks)]

    return st.binary(min_size=NUMBER_BYTES * shortest, max_size=NUMBER_BYTES * longest).map(decode)


def recipe_from(number: int, step: int) -> Recipe:
    """Return the recipe that a number stands for, as the `step`-th of a session."""
    dice = Dice(number)
    kind = dice.below(100)
    if kind < 38:
        return _limit(dice, step)
    if kind < 48:
        return _market(dice, step)
    if kind < 63:
        return _stop(dice, step)
    if kind < 71:
        return _list(dice, step)
    if kind < 90:
        return _change_of_orders(dice, kind, step)
    if kind < 92:
        return _nonsense(dice, step)
    if kind < 94:
        return operator(dice, step)
    return money(dice, kind, step)


# --- orders -----------------------------------------------------------------------------------------


def _quantity(dice: Dice, spec: MarketSpec) -> int:
    return spec.quantity_min + spec.lot * dice.one_of(0, 1, 2, 3, 5, 8, 13, 20)


def _side(dice: Dice) -> Side:
    return dice.one_of(Side.BUY, Side.SELL)


def _slice(dice: Dice, spec: MarketSpec, one_in: int) -> int:
    """Seldom an iceberg's slice."""
    return 0 if dice.below(one_in) else spec.lot * dice.one_of(1, 2, 3, 5, 40)


def _limit(dice: Dice, step: int) -> PlaceOrder:
    spec = BY_ID[dice.one_of(*PLACES)]
    kind = dice.below(16)
    side = _side(dice)
    price = 11 + dice.below(8) if side is Side.SELL else 15 - dice.below(8)
    time_in_force = {14: TimeInForce.IOC, 15: TimeInForce.FOK}.get(kind, TimeInForce.GTC)
    return PlaceOrder(
        account=dice.one_of(*ACCOUNTS),
        market=spec.id,
        client_order_id=dice.name(step),
        side=side,
        type=OrderType.LIMIT_MAKER if kind == 13 else OrderType.LIMIT,
        time_in_force=time_in_force,
        quantity=_quantity(dice, spec),
        price=spec.tick * price,
        stp=dice.stp(),
        iceberg_quantity=_slice(dice, spec, 6) if time_in_force is TimeInForce.GTC else _slice(dice, spec, 60),
    )


def _market(dice: Dice, step: int) -> PlaceOrder:
    spec = BY_ID[dice.one_of(*PLACES)]
    by_quote = dice.below(2)
    quantity = _quantity(dice, spec)
    return PlaceOrder(
        account=dice.one_of(*ACCOUNTS),
        market=spec.id,
        client_order_id=dice.name(step),
        side=_side(dice),
        type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        quantity=0 if by_quote else quantity,
        price=0,
        quote_quantity=dice.below(300) + 1 if by_quote else 0,
        stp=dice.stp(),
    )


def _stop(dice: Dice, step: int) -> PlaceOrder:
    spec = BY_ID[dice.one_of(*PLACES)]
    side, type = _side(dice), dice.one_of(*STOPS)
    is_below = (side is Side.SELL) == (type in (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT))
    return _waiting(dice, spec, dice.one_of(*ACCOUNTS), dice.name(step), side, type, is_below != (dice.below(8) == 7))


def _waiting(
    dice: Dice, spec: MarketSpec, account: int, name: str, side: Side, type: OrderType, is_below: bool
) -> PlaceOrder:
    """A stop order that waits on one side of where the market mostly is."""
    stop_price = 13 - dice.below(6) if is_below else 13 + dice.below(6)
    condition = dice.below(4)  # with a stop price, with a trailing delta too, with a trailing delta alone
    has_price = type in (OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT)
    return PlaceOrder(
        account=account,
        market=spec.id,
        client_order_id=name,
        side=side,
        type=type,
        time_in_force=dice.one_of(*[TimeInForce.GTC] * 6, TimeInForce.IOC, TimeInForce.FOK)
        if has_price
        else TimeInForce.GTC,
        quantity=_quantity(dice, spec),
        price=spec.tick * (9 + dice.below(9)) if has_price else 0,
        stop_price=0 if condition == 3 else spec.tick * stop_price,
        trailing_delta=dice.one_of(700, 100, 1_000, 1_500, 2_000, 10, 500, 800, 1_200, 900, 9, 2_001)
        if condition >= 2
        else 0,
        iceberg_quantity=_slice(dice, spec, 8) if has_price else 0,
        stp=dice.stp(),
    )


def _list(dice: Dice, step: int) -> PlaceList:
    spec = BY_ID[dice.one_of(*PLACES)]
    account, side = dice.one_of(*ACCOUNTS), _side(dice)
    stop = dice.one_of(OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)
    goal = dice.one_of(OrderType.LIMIT_MAKER, OrderType.LIMIT_MAKER, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)
    above_type, below_type = (goal, stop) if side is Side.SELL else (stop, goal)
    names = dice.name(step, "a"), dice.name(step, "b")
    legs = []
    for type, name, is_below in ((above_type, names[0], False), (below_type, names[1], True)):
        leg = _waiting(dice, spec, account, name, side, type, is_below)
        if type is OrderType.LIMIT_MAKER:
            leg = PlaceOrder(
                account, spec.id, name, side, type, TimeInForce.GTC, leg.quantity, leg.stop_price or leg.price,
                iceberg_quantity=leg.iceberg_quantity, stp=leg.stp,
            )  # fmt: skip
        legs.append(leg)
    above, below = legs
    if dice.below(16) != 15:
        below = msgspec.structs.replace(below, quantity=above.quantity)
    if dice.below(32) == 31:
        above, below = below, above
    return PlaceList(account, spec.id, f"l{step - dice.one_of(0, 0, 0, step % 10)}", above, below)


def _change_of_orders(dice: Dice, kind: int, step: int) -> Recipe:
    """Cancel, amend or replace what is there."""
    cancel_id = f"x{step}"
    restriction = CancelRestriction(max(0, dice.below(5) - 2))
    if kind < 76:
        return CancelNth(dice.below(64), dice.below(4), cancel_id, restriction)
    if kind < 77:
        market, account = dice.one_of(1, 2, 3, 9), dice.one_of(*ACCOUNTS)
        return CancelOrder(account, market, dice.below(step + 2), dice.one_of("", dice.name(step)), cancel_id)
    if kind < 78:
        return CancelAll(dice.one_of(*ACCOUNTS), dice.one_of(1, 2, 3, 1, 2, 3, 1, 2, 3, 9), cancel_id)
    if kind < 79:
        return CancelListNth(dice.below(8), dice.below(4), cancel_id)
    if kind < 80:
        names = dice.one_of((1, ""), (0, "l1"), (0, ""), (9, "l1"))
        return CancelList(dice.one_of(*ACCOUNTS), dice.one_of(1, 2, 9), *names, cancel_id)
    if kind < 85:
        return AmendNth(dice.below(64), dice.below(4), dice.one_of(1, 1, 2, 3, 5, 8, 0, -1))
    order = (_limit, _limit, _stop, _market)[dice.below(4)](dice, step)
    cancel = CancelNth(dice.below(64), dice.one_of(0, 0, 0, 1, 2, 3), cancel_id, restriction, order.market)
    return ReplaceNth(cancel, order, ReplaceMode(1 + dice.below(2)), is_of_the_account=dice.below(16) != 15)


def _nonsense(dice: Dice, step: int) -> PlaceOrder:
    """Values that a gateway would not let through, or just beyond a filter."""
    return PlaceOrder(
        account=dice.one_of(1, 2, 3, 1, 2, 3, 0, -2),
        market=dice.one_of(1, 1, 2, 2, 3, 9),
        client_order_id=dice.one_of(f"c{step}", f"c{step}", f"c{step}", "", "c" * 36, "c" * 37),
        side=_side(dice),
        type=OrderType(1 + dice.below(7)),
        time_in_force=TimeInForce(1 + dice.below(3)),
        quantity=dice.one_of(20, 40, 0, -20, 25, 2_010, 10**30),
        price=dice.one_of(100_000_000, 0, 0, 100_000_001, -10_000_000, 10**30, 5_000_000_000),
        quote_quantity=dice.one_of(0, 0, 0, 0, 50, -1, 2**63),
        stop_price=dice.one_of(0, 0, 100_000_000, 100_000_001, -1, 2**63),
        trailing_delta=dice.one_of(0, 0, 0, 100, 5, -1, 2**63),
        iceberg_quantity=dice.one_of(0, 0, 0, 10, 5, 1, -1, 2**63),
        stp=dice.stp(),
    )
