"""Random sessions of a small exchange: few accounts, few prices, much that collides, and some nonsense."""

from dataclasses import dataclass

from hypothesis import strategies as st

from trading.engine.commands import CancelOrder, Command, HoldFunds, PlaceOrder, ReleaseHold, SettleHold, Transfer
from trading.engine.enums import MarketStatus, OrderType, Reason, Side, TimeInForce
from trading.engine.markets import MarketSpec

ACCOUNTS = (1, 2, 3)
FUNDS = 1_500
BITCOIN, ETHER, DOLLAR = 1, 2, 3

ETHER_BITCOIN = MarketSpec(
    id=1,
    symbol="ETHBTC",
    base=ETHER,
    quote=BITCOIN,
    tick=10_000_000,
    lot=10,  # a tick times a lot is one unit
    price_min=10_000_000,
    price_max=500_000_000,
    quantity_min=20,
    quantity_max=2_000,
    notional_min=12,
    notional_max=900,
    maker_fee_ppm=0,
    taker_fee_ppm=2_500,
    orders_max=12,
    status=MarketStatus.TRADING,
)
BITCOIN_DOLLAR = MarketSpec(
    id=2,
    symbol="BTCUSD",
    base=BITCOIN,
    quote=DOLLAR,
    tick=50_000_000,
    lot=4,  # a tick times a lot is two units
    price_min=50_000_000,
    price_max=5_000_000_000,
    quantity_min=4,
    quantity_max=400,
    notional_min=0,
    notional_max=100_000,
    maker_fee_ppm=1_000,
    taker_fee_ppm=20_000,
    orders_max=100,
    status=MarketStatus.TRADING,
)
ETHER_DOLLAR = MarketSpec(
    id=3,
    symbol="ETHUSD",
    base=ETHER,
    quote=DOLLAR,
    tick=50_000_000,
    lot=4,
    price_min=50_000_000,
    price_max=5_000_000_000,
    quantity_min=4,
    quantity_max=400,
    notional_min=0,
    notional_max=100_000,
    maker_fee_ppm=1_000,
    taker_fee_ppm=20_000,
    orders_max=100,
    status=MarketStatus.HALT,
)
MARKETS = (ETHER_BITCOIN, BITCOIN_DOLLAR, ETHER_DOLLAR)


@dataclass(frozen=True)
class CancelNth:
    """Cancel one of the orders open at that moment; who runs the session says which order that is."""

    number: int
    names: int
    cancel_id: str


class Dice:
    """Reads choices off one number, so that a session is nothing but a list of numbers. All zero is the plainest."""

    def __init__(self, number: int) -> None:
        self.number = number

    def below(self, sides: int) -> int:
        self.number, choice = divmod(self.number, sides)
        return choice

    def one_of(self, *choices: int) -> int:
        return choices[self.below(len(choices))]


def opening() -> list[Command]:
    """Deposits that give every account the same of each asset."""
    return [
        Transfer(f"deposit:{account}:{asset}", -1, account, asset, FUNDS, Reason.DEPOSIT)
        for account in ACCOUNTS
        for asset in (BITCOIN, ETHER, DOLLAR)
    ]


def command_from(number: int, step: int) -> Command | CancelNth:
    """Return the command that a number stands for, as the `step`-th of a session."""
    dice = Dice(number)
    kind = dice.below(32)
    if kind < 19:
        return _limit(dice, step)
    if kind < 22:
        return _market(dice, step)
    if kind < 26:
        return CancelNth(dice.below(64), dice.below(4), f"x{step}")
    if kind < 27:
        return _place_nonsense(dice, step)
    if kind < 28:
        return CancelOrder(
            account=dice.one_of(*ACCOUNTS),
            market=dice.one_of(1, 2, 3, 9),
            order_id=dice.below(step + 2),
            client_order_id=dice.one_of("", f"c{dice.below(step + 1)}"),
            cancel_id=f"x{step}",
        )
    return _money(dice, kind, step)


def sessions(shortest: int, longest: int) -> st.SearchStrategy[list[Command | CancelNth]]:
    """Sessions of about so many commands, after the opening."""

    def decode(data: bytes) -> list[Command | CancelNth]:
        chunks = [data[start : start + 8] for start in range(0, len(data), 8)]
        return [command_from(int.from_bytes(chunk, "little"), step) for step, chunk in enumerate(chunks)]

    return st.binary(min_size=8 * shortest, max_size=8 * longest).map(decode)


def _client_order_id(dice: Dice, step: int) -> str:
    """Mostly a new id; every sixteenth time one that may have been used."""
    return f"c{step}" if dice.below(16) else f"c{dice.below(step + 1)}"


def _quantity(dice: Dice, spec: MarketSpec) -> int:
    return spec.quantity_min + spec.lot * dice.one_of(0, 1, 2, 3, 5, 8, 13, 20)


def _limit(dice: Dice, step: int) -> PlaceOrder:
    spec = (ETHER_BITCOIN, BITCOIN_DOLLAR)[dice.below(2)]
    kind = dice.below(16)
    side = (Side.BUY, Side.SELL)[dice.below(2)]
    price = 11 + dice.below(8) if side is Side.SELL else 15 - dice.below(8)
    return PlaceOrder(
        account=dice.one_of(*ACCOUNTS),
        market=spec.id,
        client_order_id=_client_order_id(dice, step),
        side=side,
        type=OrderType.LIMIT_MAKER if kind == 13 else OrderType.LIMIT,
        time_in_force={14: TimeInForce.IOC, 15: TimeInForce.FOK}.get(kind, TimeInForce.GTC),
        quantity=_quantity(dice, spec),
        price=spec.tick * price,
    )


def _market(dice: Dice, step: int) -> PlaceOrder:
    spec = (ETHER_BITCOIN, BITCOIN_DOLLAR)[dice.below(2)]
    by_quote = dice.below(2)
    quantity = _quantity(dice, spec)
    return PlaceOrder(
        account=dice.one_of(*ACCOUNTS),
        market=spec.id,
        client_order_id=_client_order_id(dice, step),
        side=(Side.BUY, Side.SELL)[dice.below(2)],
        type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        quantity=0 if by_quote else quantity,
        price=0,
        quote_quantity=dice.below(300) + 1 if by_quote else 0,
    )


def _place_nonsense(dice: Dice, step: int) -> PlaceOrder:
    """Values that a gateway would not let through, or just beyond a filter."""
    return PlaceOrder(
        account=dice.one_of(1, 2, 3, 0, -2),
        market=dice.one_of(1, 1, 2, 2, 3, 9),
        client_order_id=dice.one_of(f"c{step}", f"c{step}", f"c{step}", "", "c" * 36, "c" * 37),
        side=(Side.BUY, Side.SELL)[dice.below(2)],
        type=OrderType(1 + dice.below(3)),
        time_in_force=TimeInForce(1 + dice.below(3)),
        quantity=dice.one_of(20, 40, 0, -20, 25, 2_010, 10**30),
        price=dice.one_of(100_000_000, 0, 100_000_001, -10_000_000, 10**30, 5_000_000_000),
        quote_quantity=dice.one_of(0, 0, 0, 50, -1, 2**63),
    )


def _money(dice: Dice, kind: int, step: int) -> Command:
    reference = dice.one_of(*[f"w{step // 40 - dice.below(2)}"] * 12, "", "w" * 81)
    asset = dice.one_of(*[BITCOIN, ETHER, DOLLAR] * 4, 0)
    amount = dice.one_of(10, 100, 200, 700, 10, 100, 200, 1_500, 1, 0, -5, 2**63, 2**63 - 1)
    if kind == 28:
        debit = dice.one_of(-1, -1, 1, 2, 3, -5, 0, -77)
        reason = Reason(dice.one_of(5, 5, 5, 8, 9, 10, 6))
        return Transfer(reference, debit, dice.one_of(1, 2, 3, 1, 2, 3, -1, -3, 0), asset, amount, reason)
    if kind == 29:
        return HoldFunds(reference, dice.one_of(1, 2, 3, 1, 2, 3, 0, -1), asset, amount)
    if kind == 30:
        return SettleHold(reference, dice.one_of(0, 1, 9, 10, -1, 300))
    return ReleaseHold(reference)
