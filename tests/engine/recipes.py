"""Commands that name what is there at that moment: the session, which knows, makes commands of them."""

from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from tests.reference_state import ReferenceOrder, ReferenceState
from trading.engine.commands import (
    AmendOrder,
    CancelList,
    CancelOrder,
    Command,
    PlaceOrder,
    ReplaceOrder,
    SetMarket,
)
from trading.engine.enums import CancelRestriction, MarketStatus, ReplaceMode


@dataclass(frozen=True)
class CancelNth:
    """Cancel one of the orders that are open, of one market or (0) of all."""

    number: int
    names: int
    """By its id (0), by its client id (1), by both (2), or by ids that disagree (3)."""
    cancel_id: str
    restriction: CancelRestriction = CancelRestriction.NONE
    market: int = 0

    def resolved(self, exchange: ReferenceState) -> CancelOrder:
        """Return the command."""
        order = nth_order(exchange, self.number, self.market)
        if order is None:
            return CancelOrder(1, self.market or 1, 1, "", self.cancel_id, self.restriction)
        order_id, client_order_id = names_of(order, self.names)
        return CancelOrder(
            order.wish.account, order.wish.market, order_id, client_order_id, self.cancel_id, self.restriction
        )


@dataclass(frozen=True)
class ReplaceNth:
    """Cancel one of the open orders and place another order of its account."""

    cancel: CancelNth
    order: PlaceOrder
    mode: ReplaceMode
    is_of_the_account: bool

    def resolved(self, exchange: ReferenceState) -> ReplaceOrder:
        """Return the command."""
        cancel = self.cancel.resolved(exchange)
        order = self.order
        if self.is_of_the_account:
            order = msgspec.structs.replace(order, account=cancel.account, market=cancel.market)
        return ReplaceOrder(cancel, order, self.mode)


@dataclass(frozen=True)
class AmendNth:
    """Make one of the open orders smaller by some lots."""

    number: int
    names: int
    lots: int

    def resolved(self, exchange: ReferenceState) -> AmendOrder:
        """Return the command."""
        order = nth_order(exchange, self.number, 0)
        if order is None:
            return AmendOrder(1, 1, 1, "", 10)
        order_id, client_order_id = names_of(order, self.names)
        quantity = order.wish.quantity - self.lots * exchange.spec_of(order).lot
        return AmendOrder(order.wish.account, order.wish.market, order_id, client_order_id, quantity)


@dataclass(frozen=True)
class CancelListNth:
    """Cancel one of the open lists."""

    number: int
    names: int
    cancel_id: str

    def resolved(self, exchange: ReferenceState) -> CancelList:
        """Return the command."""
        if not exchange.lists:
            return CancelList(1, 1, 1, "", self.cancel_id)
        group = exchange.lists[self.number % len(exchange.lists)]
        list_id = group.id if self.names != 1 else 0
        client_list_id = ("", group.client_list_id, group.client_list_id, "other")[self.names]
        return CancelList(group.account, group.market, list_id, client_list_id, self.cancel_id)


@dataclass(frozen=True)
class ChangeMarket:
    """Change a few of a market's rules. Mostly a market that does not trade is resumed by it."""

    reference: str
    market: int
    changes: tuple[tuple[str, object], ...]
    resumes: bool

    def resolved(self, exchange: ReferenceState) -> SetMarket:
        """Return the command."""
        spec = exchange.market(self.market)
        changes = dict(self.changes)
        if spec is None:
            spec = msgspec.structs.replace(exchange.markets[0], id=self.market)
        elif spec.status is not MarketStatus.TRADING and self.resumes:
            changes["status"] = MarketStatus.TRADING
        return SetMarket(self.reference, "tester", "random", msgspec.structs.replace(spec, **changes))


LateRecipe: TypeAlias = CancelNth | ReplaceNth | AmendNth | CancelListNth | ChangeMarket
Recipe: TypeAlias = Command | LateRecipe


def resolve(recipe: Recipe, exchange: ReferenceState) -> Command:
    """Return the command that a recipe stands for in an exchange."""
    if isinstance(recipe, CancelNth | ReplaceNth | AmendNth | CancelListNth | ChangeMarket):
        return recipe.resolved(exchange)
    return recipe


def nth_order(exchange: ReferenceState, number: int, market: int) -> ReferenceOrder | None:
    """Return one of the open orders, of one market or (0) of all, or None if there is none."""
    orders = [order for order in exchange.orders if market in (0, order.wish.market)]
    return orders[number % len(orders)] if orders else None


def names_of(order: ReferenceOrder, names: int) -> tuple[int, str]:
    """Return an order id and a client order id to name an order by; see CancelNth."""
    order_id = order.id if names != 1 else 0
    return order_id, ("", order.wish.client_order_id, order.wish.client_order_id, "other")[names]
