"""Random commands of every kind, as hostile as traders are: prices cross, ids repeat, stops set each other off."""

import random

import msgspec

from trading.engine.commands import (
    AmendOrder,
    CancelAll,
    CancelList,
    CancelOrder,
    Command,
    HoldFunds,
    PlaceList,
    PlaceOrder,
    ReleaseHold,
    ReplaceOrder,
    SetMarket,
    SetTerms,
    Transfer,
)
from trading.engine.enums import (
    CancelRestriction,
    MarketStatus,
    OrderType,
    Reason,
    ReplaceMode,
    Side,
    StpMode,
    TimeInForce,
)
from trading.engine.markets import MarketSpec

FUNDS = 10**12
MIDDLE = 5_000
"""The price around which all happens, in ticks."""
_STOPS = (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)


class Session:
    """A source of commands; the same seed gives the same ones."""

    def __init__(self, seed: int, accounts: list[int], specs: list[MarketSpec], *, with_holds: bool = True) -> None:
        self.chance = random.Random(seed)
        self.seed = seed
        self.with_holds = with_holds
        """Holds that belong to no withdrawal, which the audit would find."""
        self.accounts = accounts
        self.specs = {spec.id: spec for spec in specs}
        self.number = 0
        self.names = 1

    def funding(self) -> list[Command]:
        """Return the transfers that make everybody rich."""
        assets = sorted({asset for spec in self.specs.values() for asset in (spec.base, spec.quote)})
        return [
            Transfer(f"fund:{self.seed}:{account}:{asset}", -5, account, asset, FUNDS, Reason.ADJUSTMENT)
            for account in self.accounts
            for asset in assets
        ]

    def commands(self, count: int) -> list[Command]:
        """Return the next commands."""
        return [self.next() for _ in range(count)]

    def next(self) -> Command:
        """Return the next command."""
        self.number += 1
        chance, kinds = self.chance, (
            (60, self._order), (6, self._list), (10, self._cancel), (4, self._amend), (5, self._replace),
            (2, self._cancel_list), (1, self._cancel_all), (2 * self.with_holds, self._hold),
            (1, self._release), (1, self._terms),
            (1, self._market), (1, self._repeat),
        )  # fmt: skip
        [kind] = chance.choices([kind for _, kind in kinds], [weight for weight, _ in kinds])
        return kind()

    # --- orders -------------------------------------------------------------------------------------

    def _order(self) -> PlaceOrder:
        return self._of_type(*self._place(), self.chance.choice(list(Side)), self._quantity())

    def _of_type(self, account: int, spec: MarketSpec, side: Side, quantity: int) -> PlaceOrder:
        chance = self.chance
        kind = chance.choices(
            [OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.MARKET, *_STOPS], [50, 8, 8, 8, 10, 8, 10]
        )[0]
        order = PlaceOrder(
            account, spec.id, self._name(), side, kind, TimeInForce.GTC, quantity, 0,
            stp=chance.choice([StpMode.DEFAULT, *StpMode]),
        )  # fmt: skip
        if kind is OrderType.MARKET:
            if chance.random() < 0.4:
                return _with(order, quantity=0, quote_quantity=chance.randint(1, 60) * 5_000_000)
            return order
        if kind in (OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT):
            order = _with(order, price=self._price(spec))
            if chance.random() < 0.25:
                order = _with(order, time_in_force=chance.choice([TimeInForce.IOC, TimeInForce.FOK]))
        if kind is OrderType.LIMIT_MAKER:
            order = _with(order, price=self._price(spec))
        if kind in _STOPS:
            order = self._waiting(order, spec)
        has_price = order.price and order.time_in_force is TimeInForce.GTC
        if has_price and chance.random() < 0.25:
            order = _with(order, iceberg_quantity=chance.randint(1, 4) * spec.lot * 5)
        return order

    def _waiting(self, order: PlaceOrder, spec: MarketSpec) -> PlaceOrder:
        draw = self.chance.random()
        if draw < 0.65:
            return _with(order, stop_price=self._price(spec))
        delta = self.chance.choice([10, 20, 50])
        return _with(order, stop_price=self._price(spec) if draw < 0.85 else 0, trailing_delta=delta)

    def _list(self) -> PlaceList:
        account, spec = self._place()
        side, quantity = self.chance.choice(list(Side)), self._quantity()
        high, low = MIDDLE + self.chance.randint(5, 25), MIDDLE - self.chance.randint(5, 25)
        losing = self.chance.choice([OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT])
        winning = self.chance.choice([OrderType.LIMIT_MAKER, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT])
        kinds = (winning, losing) if side is Side.SELL else (losing, winning)
        legs = []
        for kind, ticks in zip(kinds, (high, low), strict=True):
            price = ticks * spec.tick
            order = PlaceOrder(account, spec.id, self._name(), side, kind, TimeInForce.GTC, quantity, 0)
            if kind is not OrderType.LIMIT_MAKER:
                order = _with(order, stop_price=price)
            if kind not in (OrderType.STOP_LOSS, OrderType.TAKE_PROFIT):
                order = _with(order, price=price)
            legs.append(order)
        return PlaceList(account, spec.id, f"list{self.chance.randint(0, self.number)}", legs[0], legs[1])

    def _cancel(self) -> CancelOrder:
        account, spec = self._place()
        by_name = self.chance.random() < 0.4
        restriction = self.chance.choice([CancelRestriction.NONE, *CancelRestriction])
        return CancelOrder(
            account,
            spec.id,
            0 if by_name else self.chance.randint(1, self.number),
            self._old_name() if by_name else "",
            f"c{self.number}",
            restriction,
        )

    def _amend(self) -> AmendOrder:
        account, spec = self._place()
        if self.chance.random() < 0.5:
            return AmendOrder(account, spec.id, 0, self._old_name(), self.chance.randint(1, 20) * spec.lot)
        return AmendOrder(account, spec.id, self.chance.randint(1, self.number), "", 10 * spec.lot)

    def _replace(self) -> ReplaceOrder:
        order = self._order()
        cancel = CancelOrder(order.account, order.market, 0, self._old_name(), f"c{self.number}")
        return ReplaceOrder(cancel, order, self.chance.choice(list(ReplaceMode)))

    def _cancel_list(self) -> CancelList:
        account, spec = self._place()
        if self.chance.random() < 0.5:
            return CancelList(account, spec.id, self.chance.randint(1, 1 + self.number // 12), "", f"c{self.number}")
        return CancelList(account, spec.id, 0, f"list{self.chance.randint(0, self.number)}", f"c{self.number}")

    def _cancel_all(self) -> CancelAll:
        account, spec = self._place()
        return CancelAll(account, spec.id, f"c{self.number}")

    # --- funds and operators --------------------------------------------------------------------------

    def _hold(self) -> HoldFunds:
        account, spec = self._place()
        return HoldFunds(f"h{self.number}", account, spec.base, self.chance.choice([1_000_000, 2 * FUNDS]))

    def _release(self) -> ReleaseHold:
        return ReleaseHold(f"h{self.chance.randint(0, self.number)}")

    def _terms(self) -> SetTerms:
        fees = self.chance.choice([(-1, -1), (0, 500), (100, -1)])
        mode = self.chance.choice(list(StpMode))
        return SetTerms(f"terms:{self.seed}:{self.number}", "ops", "", self.chance.choice(self.accounts), *fees, mode)

    def _market(self) -> SetMarket:
        """Halt or resume a market, or change what it charges."""
        spec = self.chance.choice(list(self.specs.values()))
        status = self.chance.choice([MarketStatus.TRADING] * 3 + [MarketStatus.HALT])
        changed = msgspec.structs.replace(spec, status=status, taker_fee_ppm=self.chance.randint(0, 3_000))
        return SetMarket(f"market:{self.seed}:{self.number}", "ops", "drawn by lot", changed)

    def _repeat(self) -> Command:
        return self.chance.choice(self.funding())

    # --- parts ----------------------------------------------------------------------------------------

    def _place(self) -> tuple[int, MarketSpec]:
        return self.chance.choice(self.accounts), self.chance.choice(list(self.specs.values()))

    def _quantity(self) -> int:
        return self.chance.randint(1, 50) * 100_000

    def _price(self, spec: MarketSpec) -> int:
        return (MIDDLE + self.chance.randint(-20, 20)) * spec.tick

    def _name(self) -> str:
        """Return a client order id: a new one, nearly always."""
        self.names += 1
        return self._old_name() if self.chance.random() < 0.02 else f"o{self.names}"

    def _old_name(self) -> str:
        """Return a client order id that somebody may have used."""
        return f"o{self.chance.randint(1, self.names)}"


def _with(order: PlaceOrder, **changes: object) -> PlaceOrder:
    return msgspec.structs.replace(order, **changes)
