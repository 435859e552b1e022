"""The slow exchange as a whole: commands in, events out, in the structs of the core, so that == compares them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests import reference_money, reference_operators, reference_orders
from tests.reference_state import ReferenceState
from trading.engine.commands import (
    AmendOrder,
    CancelAll,
    CancelList,
    CancelOrder,
    Checkpoint,
    Command,
    HoldFunds,
    PlaceList,
    PlaceOrder,
    ReleaseHold,
    ReplaceOrder,
    SetMarket,
    SetTerms,
    SettleHold,
    Transfer,
)
from trading.engine.enums import HoldState, Side
from trading.engine.events import BalanceChanged, Event, LevelChanged
from trading.engine.markets import MarketSpec

Carry = Callable[[ReferenceState, Any], None]
CARRIED_OUT_BY: dict[type, Carry] = {
    PlaceOrder: reference_orders.place,
    CancelOrder: reference_orders.cancel,
    CancelAll: reference_orders.cancel_all,
    ReplaceOrder: reference_orders.replace_order,
    AmendOrder: reference_orders.amend,
    PlaceList: reference_orders.place_list,
    CancelList: reference_orders.cancel_list,
    Transfer: reference_money.transfer,
    HoldFunds: reference_money.hold,
    SettleHold: lambda state, command: reference_money.close_hold(
        state, command.reference, HoldState.SETTLED, command.fee
    ),
    ReleaseHold: lambda state, command: reference_money.close_hold(state, command.reference, HoldState.RELEASED, 0),
    SetMarket: reference_operators.set_market,
    SetTerms: reference_operators.set_terms,
    Checkpoint: lambda state, command: None,
}


@dataclass
class ReferenceExchange(ReferenceState):
    """All of it, with what the last batch was told."""

    told_levels: dict[int, dict[tuple[Side, int], int]] = field(default_factory=dict)
    told_funds: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)

    def apply(self, command: Command, now_ms: int) -> list[Event]:
        """Carry out one command and return what it did, in order."""
        self.now_ms = now_ms
        self.sequence += 1
        self.events = []
        CARRIED_OUT_BY[type(command)](self, command)
        return self.events

    def close_batch(self) -> tuple[list[LevelChanged], list[BalanceChanged]]:
        """Return which levels and balances differ from the end of the last batch."""
        levels: list[LevelChanged] = []
        for market in sorted(spec.id for spec in self.markets):
            before, after = self.told_levels.get(market, {}), self.levels(market)
            changed = {key for key in {**before, **after} if before.get(key, 0) != after.get(key, 0)}
            for side, price in sorted(changed, key=bids_then_asks_best_first):
                self.last_update[market] = self.last_update.get(market, 0) + 1
                quantity = after.get((side, price), 0)
                levels.append(LevelChanged(market, self.last_update[market], side, price, quantity))
            self.told_levels[market] = after
        funds = {(owner, asset): (amount, self.held(owner, asset)) for (owner, asset), amount in self.balances.items()}
        changes = [
            BalanceChanged(*key, *funds[key]) for key in sorted(funds) if funds[key] != self.told_funds.get(key, (0, 0))
        ]
        self.told_funds = funds
        return levels, changes

    def bests(self, market: int, side: Side) -> list[tuple[int, int]]:
        """The levels of a side, best first, as (price, shown quantity)."""
        levels = self.levels(market)
        keys: Iterable[tuple[Side, int]] = sorted(levels, key=bids_then_asks_best_first)
        return [(key[1], levels[key]) for key in keys if key[0] is side]


def bids_then_asks_best_first(key: tuple[Side, int]) -> tuple[Side, int]:
    side, price = key
    return (side, -price) if side is Side.BUY else (side, price)


def new_exchange(markets: Iterable[MarketSpec]) -> ReferenceExchange:
    return ReferenceExchange(list(markets))
