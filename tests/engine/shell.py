"""What the engine's shell does around the core, with rows in memory for a database."""

from collections.abc import Iterable, Sequence
from itertools import cycle, islice

from tests.engine.recipes import AmendNth, CancelNth, ChangeMarket, Recipe, ReplaceNth, resolve
from tests.engine.rows import Rows, balances_agree
from tests.reference_exchange import ReferenceExchange
from tests.strategies import ACCOUNTS
from trading.engine import invariants
from trading.engine.commands import (
    AmendOrder,
    CancelOrder,
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
from trading.engine.core import Core
from trading.engine.enums import Reason
from trading.engine.events import BalanceChanged, Event, LevelChanged
from trading.engine.markets import MarketSpec
from trading.engine.snapshot import state_hash

Changes = tuple[list[LevelChanged], list[BalanceChanged]]


class Difference(AssertionError):
    """Raised when the core and the reference do not say the same."""


class Session:
    """The core and the reference side by side: every command goes to both, and both must say the same."""

    def __init__(self, markets: Iterable[MarketSpec], keeps_log: bool = True) -> None:
        self.markets = list(markets)
        self.core = Core(self.markets)
        self.reference = ReferenceExchange(self.markets)
        self.rows = Rows({spec.id: spec for spec in self.markets})
        self.now_ms = 1_790_000_000_000
        self.steps = 0
        self.log: list[tuple[Command, int, list[Event]]] | None = [] if keeps_log else None
        self.batches: list[tuple[int, Changes]] = []
        """After how many steps a batch ended, and what it told."""

    def run(self, recipes: Iterable[Recipe], sizes: Sequence[int] = (7,), restart_every: int = 0) -> None:
        """Run a session in batches of these sizes, one after another and again from the first.

        After every command events are compared and the invariants checked. restart_every: after about so many commands
        the core is replaced by one that was restored (0: never).
        """
        waiting, last_restart = iter(recipes), self.steps
        for size in cycle(sizes):
            batch = list(islice(waiting, size))
            if not batch:
                return
            prefetch(self.core, self.rows, batch)
            for recipe in batch:
                self.step(recipe)
            self.close_batch()
            self.core.forget()
            if restart_every and self.steps >= last_restart + restart_every:
                self.restart()
                last_restart = self.steps

    def step(self, recipe: Recipe) -> list[Event]:
        """Apply one command to both."""
        command = resolve(recipe, self.reference)
        self.now_ms += self.steps % 3
        self.steps += 1
        expected = self.reference.apply(command, self.now_ms)
        events = list(self.core.apply(command, self.now_ms))
        require_equal(events, expected, command)
        invariants.check(self.core)
        self.rows.store(events)
        if self.log is not None:
            self.log.append((command, self.now_ms, events))
        return events

    def close_batch(self) -> Changes:
        """End a batch on both, and return what it tells."""
        expected = self.reference.close_batch()
        changes = self.core.close_batch()
        require_equal(changes[0], expected[0], "levels")
        require_equal(changes[1], expected[1], "balances")
        self.rows.store_levels(changes[0])
        assert balances_agree(self.rows, changes[1])
        if self.log is not None:
            self.batches.append((self.steps, changes))
        return changes

    def restart(self) -> None:
        """Go on with a core that was restored. A batch must just have ended."""
        restored = restore(self)
        assert state_hash(restored) == state_hash(self.core), "a restored core has another state"
        assert restored.close_batch() == ([], []), "what was restored is not what was told"
        self.core = restored


def require_equal(said: Sequence[object], expected: Sequence[object], what: object) -> None:
    """Raise Difference with the first thing that is not the same."""
    if list(said) == list(expected):
        return
    for index in range(max(len(said), len(expected))):
        core = said[index] if index < len(said) else "nothing"
        reference = expected[index] if index < len(expected) else "nothing"
        if core != reference:
            raise Difference(f"{what}\n  differs at {index}\n  core:      {core}\n  reference: {reference}")


def prefetch(core: Core, rows: Rows, batch: Iterable[Recipe]) -> None:
    """Tell the core which references of a batch were used before it."""
    orders: set[tuple[int, str]] = set()
    transfers: set[tuple[str, Reason]] = set()
    references: set[str] = set()
    changes: set[str] = set()
    for recipe in batch:
        orders |= names_in(recipe, rows)
        if isinstance(recipe, Transfer):
            transfers.add((recipe.reference, recipe.reason))
        elif isinstance(recipe, HoldFunds | SettleHold | ReleaseHold):
            references.add(recipe.reference)
        elif isinstance(recipe, SetMarket | SetTerms | ChangeMarket):
            changes.add(recipe.reference)
    core.learn_orders([(*name, rows.names[name]) for name in sorted(orders & set(rows.names))])
    core.learn_transfers(sorted(transfers & rows.transfers))
    core.learn_changes(sorted(changes & rows.changes))
    known = [rows.holds[reference] for reference in sorted(references & set(rows.holds))]
    core.learn_holds([(hold.reference, hold.account, hold.asset, hold.amount, hold.state) for hold in known])


def names_in(recipe: Recipe, rows: Rows) -> set[tuple[int, str]]:
    """Return (account, client order id) of the orders that a command places or names."""
    if isinstance(recipe, CancelNth | AmendNth | ReplaceNth):  # who knows which: any that is open
        names = {(row.card.order.account, row.card.order.client_order_id) for row in rows.orders.values()}
        if isinstance(recipe, ReplaceNth):
            names |= {(account, recipe.order.client_order_id) for account in ACCOUNTS}
        return names
    if isinstance(recipe, PlaceList):
        return names_in(recipe.above, rows) | names_in(recipe.below, rows)
    if isinstance(recipe, ReplaceOrder):
        return names_in(recipe.cancel, rows) | names_in(recipe.order, rows)
    if isinstance(recipe, PlaceOrder | CancelOrder | AmendOrder):
        return {(recipe.account, recipe.client_order_id)}
    return set()


def replay(session: Session) -> Core:
    """Apply a session's commands to a new core, in the same batches, and require the same events and changes."""
    assert session.log is not None
    core = Core(session.markets)
    batches = dict(session.batches)
    for step, (command, now_ms, events) in enumerate(session.log, 1):
        assert list(core.apply(command, now_ms)) == events
        if step in batches:
            assert core.close_batch() == batches[step]
    return core


def restore(session: Session) -> Core:
    """Build a new core from what the events of a session would have left in a database."""
    return session.rows.restored(session.core.sequence, session.core.time_ms)
