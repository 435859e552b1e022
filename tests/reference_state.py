"""What the slow exchange remembers, and what can be seen in it.

The reference is the exchange again, written from docs/engine.md to be obvious and not to be fast: what the core is
compared with. It shares the messages and nothing else with the core. Orders are one list that is scanned and sorted
for every fill; what is held and what a level shows is counted anew each time it is asked.
"""

from dataclasses import dataclass, field, replace
from enum import Enum

from trading.engine.commands import PlaceOrder
from trading.engine.enums import ListStatus, OrderState, OrderStatus, OrderType, Reason, Reject, Side
from trading.engine.events import Accepted, Closed, Event, HoldChanged, ListChanged, Rejected, TermsChanged
from trading.engine.markets import MarketSpec

WHOLE = 100_000_000
PPM = 1_000_000
BIPS = 10_000
STOPS = (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)
PRICED = (OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT)


class Where(Enum):
    """Where an order is."""

    IN_HAND = "it is being carried out"
    IN_BOOK = "it rests"
    WAITING = "it waits for its stop price"
    FOLLOWING = "it follows the best price"
    TRIGGERED = "it waits for its turn to be carried out"
    GONE = "it has ended"


@dataclass(eq=False)
class ReferenceOrder:
    """An order that came into being."""

    card: Accepted
    where: Where = Where.IN_HAND
    executed: int = 0
    executed_quote: int = 0
    prevented: int = 0
    budget: int | None = None
    """Quote units that it may still spend (or, selling, receive), where that is limited."""
    best_price: int = 0
    place: int = 0
    """Rises with each order that comes to stand in a book."""

    @property
    def id(self) -> int:
        return self.card.id

    @property
    def wish(self) -> PlaceOrder:
        return self.card.order

    @property
    def open(self) -> int:
        return self.wish.quantity - self.executed - self.prevented

    @property
    def shown(self) -> int:
        slice_quantity = self.wish.iceberg_quantity
        return min(slice_quantity - self.executed % slice_quantity, self.open) if slice_quantity else self.open

    @property
    def state(self) -> OrderState:
        return {
            Where.IN_BOOK: OrderState.WORKING,
            Where.WAITING: OrderState.WAITING,
            Where.FOLLOWING: OrderState.TRAILING,
        }[self.where]


@dataclass
class ReferenceState:
    """All markets, all funds, all open orders, and every name that was ever used."""

    markets: list[MarketSpec]
    orders: list[ReferenceOrder] = field(default_factory=list)
    """The open ones, oldest first."""
    names: set[tuple[int, str]] = field(default_factory=set)
    lists: list[ListChanged] = field(default_factory=list)
    """The open ones, oldest first."""
    terms: dict[int, TermsChanged] = field(default_factory=dict)
    balances: dict[tuple[int, int], int] = field(default_factory=dict)
    holds: dict[str, HoldChanged] = field(default_factory=dict)
    """What became of every hold that was ever asked for."""
    open_holds: dict[str, HoldChanged] = field(default_factory=dict)
    transfers: set[tuple[str, Reason]] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    """References of changed markets and terms."""
    sequence: int = 0
    last_order: int = 0
    last_list: int = 0
    last_place: int = 0
    last_trade: dict[int, int] = field(default_factory=dict)
    last_price: dict[int, int] = field(default_factory=dict)
    last_prevented: dict[int, int] = field(default_factory=dict)
    last_update: dict[int, int] = field(default_factory=dict)
    now_ms: int = 0
    events: list[Event] = field(default_factory=list)

    def copy(self) -> "ReferenceState":
        """Return an exchange to try things in."""
        return replace(
            self,
            orders=[replace(order) for order in self.orders],
            lists=list(self.lists),
            balances=dict(self.balances),
            last_trade=dict(self.last_trade),
            last_price=dict(self.last_price),
            last_prevented=dict(self.last_prevented),
            events=[],
        )

    # --- looking ------------------------------------------------------------------------------------

    def market(self, market_id: int) -> MarketSpec | None:
        return next((spec for spec in self.markets if spec.id == market_id), None)

    def spec_of(self, order: ReferenceOrder) -> MarketSpec:
        spec = self.market(order.wish.market)
        assert spec is not None
        return spec

    def orders_of(self, account: int, market: int) -> list[ReferenceOrder]:
        """The account's open orders in a market, oldest first."""
        return [order for order in self.orders if (order.wish.account, order.wish.market) == (account, market)]

    def in_book(self, market: int) -> list[ReferenceOrder]:
        return [order for order in self.orders if order.where is Where.IN_BOOK and order.wish.market == market]

    def waiting(self, market: int) -> list[ReferenceOrder]:
        """The orders of a market that stand outside of its book until a trade meets their condition, oldest first."""
        where = (Where.WAITING, Where.FOLLOWING)
        return [order for order in self.orders if order.where in where and order.wish.market == market]

    def makers(self, wish: PlaceOrder) -> list[ReferenceOrder]:
        """The orders that this one may trade with, best price first, then who has stood there longest."""
        found = [order for order in self.in_book(wish.market) if order.wish.side is not wish.side]
        if wish.type in PRICED:
            found = [order for order in found if is_as_good(order.wish.price, wish.price, wish.side)]
        sign = 1 if wish.side is Side.BUY else -1
        return sorted(found, key=lambda order: (sign * order.wish.price, order.place))

    def levels(self, market: int) -> dict[tuple[Side, int], int]:
        levels: dict[tuple[Side, int], int] = {}
        for order in self.in_book(market):
            key = (order.wish.side, order.wish.price)
            levels[key] = levels.get(key, 0) + order.shown
        return levels

    def list_of(self, order: ReferenceOrder) -> ListChanged | None:
        """The open list that the order is one of two in."""
        return next((group for group in self.lists if order.id in (group.above, group.below)), None)

    def orders_in(self, group: ListChanged) -> list[ReferenceOrder]:
        return [order for order in self.orders if order.id in (group.above, group.below)]

    # --- funds --------------------------------------------------------------------------------------

    def balance(self, owner: int, asset: int) -> int:
        return self.balances.get((owner, asset), 0)

    def held(self, owner: int, asset: int) -> int:
        """What open withdrawals and open orders need. Of a list, what the dearer order needs."""
        total = sum(hold.amount for hold in self.open_holds.values() if (hold.account, hold.asset) == (owner, asset))
        in_lists: dict[int, int] = {}
        for order in self.orders:
            if order.wish.account != owner or order.where is Where.IN_HAND:
                continue
            if asset != asset_paid(order.wish, self.spec_of(order)):
                continue
            group = self.list_of(order)
            if group is None:
                total += needs(order.card, order.open)
            else:
                in_lists[group.id] = max(in_lists.get(group.id, 0), needs(order.card, order.open))
        return total + sum(in_lists.values())

    def available(self, owner: int, asset: int) -> int:
        return self.balance(owner, asset) - self.held(owner, asset)

    def move(self, debit: int, credit: int, asset: int, amount: int) -> None:
        self.balances[debit, asset] = self.balance(debit, asset) - amount
        self.balances[credit, asset] = self.balance(credit, asset) + amount

    # --- changing -----------------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        self.events.append(event)

    def refuse(self, reject: Reject) -> None:
        self.tell(Rejected(reject))

    def put_in_book(self, order: ReferenceOrder) -> None:
        """Let an order stand behind all that are there."""
        self.last_place += 1
        order.place = self.last_place
        order.where = Where.IN_BOOK

    def remove(self, order: ReferenceOrder) -> None:
        order.where = Where.GONE
        self.orders.remove(order)

    def close(self, order: ReferenceOrder, status: OrderStatus, cancel_id: str = "") -> None:
        """End an order that was not filled."""
        self.remove(order)
        self.tell(Closed(order.card, status, order.executed, order.executed_quote, cancel_id))

    def finish_list(self, group: ListChanged) -> None:
        self.lists.remove(group)
        done = ListStatus.ALL_DONE
        self.tell(
            ListChanged(
                group.id, group.account, group.market, group.client_list_id, done, group.above, group.below,
                group.created_ms,
            )
        )  # fmt: skip

    def expire_the_other(self, order: ReferenceOrder) -> None:
        """Something happens to an order: if it is one of two, the other expires and the list is done."""
        group = self.list_of(order)
        if group is not None:
            for other in self.orders_in(group):
                if other is not order:
                    self.close(other, OrderStatus.EXPIRED)
            self.finish_list(group)


def is_as_good(price: int, limit: int, side: Side) -> bool:
    """Whether one who buys or sells with this limit takes the price."""
    return price <= limit if side is Side.BUY else price >= limit


def asset_paid(wish: PlaceOrder, spec: MarketSpec) -> int:
    return spec.quote if wish.side is Side.BUY else spec.base


def needs(card: Accepted, quantity: int) -> int:
    """What an order has to hold for so much open quantity."""
    if card.order.side is Side.SELL:
        return quantity
    return -(-(card.order.price or card.hold_price) * quantity // WHOLE)


def cost(price: int, quantity: int) -> int:
    """What base units cost; always whole."""
    quote, rest = divmod(price * quantity, WHOLE)
    assert rest == 0, f"{quantity} at {price} is not whole"
    return quote
