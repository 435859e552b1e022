"""What the engine's shell does around the core, with a list for a database."""

from collections.abc import Iterable

from tests.reference_book import ReferenceExchange
from tests.strategies import CancelNth
from trading.engine import invariants
from trading.engine.commands import CancelOrder, Command, HoldFunds, PlaceOrder, ReleaseHold, SettleHold, Transfer
from trading.engine.core import Core
from trading.engine.enums import HoldState
from trading.engine.events import Event, Executed, HoldChanged, Posted
from trading.engine.markets import MarketSpec


class History:
    """The references that earlier batches used: what the shell finds in the database."""

    def __init__(self) -> None:
        self.orders: set[tuple[int, str]] = set()
        self.transfers: set[tuple[str, int]] = set()
        self.holds: dict[str, HoldChanged] = {}

    def store(self, events: Iterable[Event]) -> None:
        """Keep what a committed batch did."""
        for event in events:
            if isinstance(event, Executed):
                self.orders.add((event.account, event.client_order_id))
            elif isinstance(event, Posted):
                self.transfers.add((event.reference, int(event.reason)))
            elif isinstance(event, HoldChanged):
                self.holds[event.reference] = event

    def prefetch(self, core: Core, batch: Iterable[Command]) -> None:
        """Tell the core which references of a batch were used before it."""
        orders, transfers, references = set(), set(), set()
        for command in batch:
            if isinstance(command, PlaceOrder):
                orders.add((command.account, command.client_order_id))
            elif isinstance(command, Transfer):
                transfers.add((command.reference, int(command.reason)))
            elif isinstance(command, HoldFunds | SettleHold | ReleaseHold):
                references.add(command.reference)
        core.learn_orders(orders & self.orders)
        core.learn_transfers(transfers & self.transfers)
        known = [self.holds[reference] for reference in sorted(references & set(self.holds))]
        core.learn_holds([(hold.reference, hold.account, hold.asset, hold.amount, hold.state) for hold in known])


class Session:
    """The core and the reference side by side: every command goes to both, and both must say the same."""

    def __init__(self, markets: Iterable[MarketSpec]) -> None:
        self.markets = list(markets)
        self.core = Core(self.markets)
        self.reference = ReferenceExchange(self.markets)
        self.history = History()
        self.now_ms = 1_790_000_000_000
        self.log: list[tuple[Command, int, list[Event]]] = []

    def run(self, recipes: Iterable[Command | CancelNth], batch_size: int = 7) -> None:
        """Run a session in batches; after every command compare events and check the invariants."""
        recipes = list(recipes)
        for start in range(0, len(recipes), batch_size):
            batch = recipes[start : start + batch_size]
            self.history.prefetch(self.core, [recipe for recipe in batch if not isinstance(recipe, CancelNth)])
            done: list[Event] = []
            for recipe in batch:
                done += self.step(recipe)
            self.history.store(done)
            self.core.forget()

    def step(self, recipe: Command | CancelNth) -> list[Event]:
        """Apply one command to both."""
        command = self.resolve(recipe) if isinstance(recipe, CancelNth) else recipe
        self.now_ms += len(self.log) % 3
        events = self.core.apply(command, self.now_ms)
        assert events == self.reference.apply(command, self.now_ms), command
        invariants.check(self.core)
        self.log.append((command, self.now_ms, events))
        return events

    def resolve(self, recipe: CancelNth) -> CancelOrder:
        """Name one of the open orders by its id, by its client id, by both, or by ids that disagree."""
        resting = self.reference.open_orders()
        if not resting:
            return CancelOrder(1, 1, 1, "", recipe.cancel_id)
        order = resting[recipe.number % len(resting)]
        order_id = order.id if recipe.names != 1 else 0
        client_order_id = ("", order.command.client_order_id, order.command.client_order_id, "other")[recipe.names]
        return CancelOrder(order.command.account, order.command.market, order_id, client_order_id, recipe.cancel_id)


def replay(markets: Iterable[MarketSpec], log: Iterable[tuple[Command, int, list[Event]]]) -> Core:
    """Apply logged commands to a new core, without batches, and require the logged events."""
    core = Core(markets)
    for command, now_ms, events in log:
        assert core.apply(command, now_ms) == events
    return core


def restore(session: Session) -> Core:
    """Build a new core from what the events of a session would have left in a database."""
    events = [event for _, _, events in session.log for event in events]
    core, old = Core(session.markets), session.core
    core.restore_counters(old.sequence, old.last_order, old.last_execution, old.time_ms)
    for book in old.books():
        core.restore_market(book.spec.id, book.last_trade, book.last_update)
    for (owner, asset), balance in _balances(events).items():
        core.restore_balance(owner, asset, balance)
    for hold in {event.reference: event for event in events if isinstance(event, HoldChanged)}.values():
        if hold.state is HoldState.HELD:
            core.restore_hold(hold.reference, hold.account, hold.asset, hold.amount)
    rows = {event.order: event for event in events if isinstance(event, Executed)}
    for order_id in sorted(rows):
        if rows[order_id].status.is_open:
            core.restore_order(**_columns(rows[order_id]))
    return core


def _balances(events: Iterable[Event]) -> dict[tuple[int, int], int]:
    """The sums of all postings, by owner and asset."""
    balances: dict[tuple[int, int], int] = {}
    for event in events:
        if isinstance(event, Posted):
            balances[event.debit, event.asset] = balances.get((event.debit, event.asset), 0) - event.amount
            balances[event.credit, event.asset] = balances.get((event.credit, event.asset), 0) + event.amount
    return balances


def _columns(row: Executed) -> dict[str, int | str]:
    """The columns of an order's row after its last execution, as plain integers, as a database gives them."""
    return {
        "id": row.order,
        "account": row.account,
        "market": row.market,
        "client_order_id": row.client_order_id,
        "side": int(row.side),
        "type": int(row.type),
        "time_in_force": int(row.time_in_force),
        "status": int(row.status),
        "price": row.price,
        "quantity": row.quantity,
        "quote_quantity": row.quote_quantity,
        "executed": row.executed,
        "executed_quote": row.executed_quote,
        "created_ms": row.created_ms,
        "updated_ms": row.time_ms,
    }
