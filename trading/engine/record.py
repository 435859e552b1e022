"""The command in hand: its number, its time, and what it has done so far; and the counters that live on.  [pure]"""

from trading.engine.enums import Execution
from trading.engine.events import BalanceChanged, Event, Executed, HoldChanged
from trading.engine.funds import Hold, Purse
from trading.engine.orders import Order


class Record:
    """Collects the events of one command after another, and counts commands, orders and executions."""

    __slots__ = ("events", "last_execution", "last_order", "now_ms", "sequence", "touched")

    sequence: int
    last_order: int
    last_execution: int
    now_ms: int
    events: list[Event]
    touched: list[Purse]

    def __init__(self) -> None:
        self.sequence = 0
        self.last_order = 0
        self.last_execution = 0
        self.now_ms = 0
        self.events = []
        self.touched = []

    def begin(self, now_ms: int) -> None:
        """Start the next command at `now_ms`; time must not go back."""
        assert now_ms >= self.now_ms, f"time went back from {self.now_ms} to {now_ms}"
        self.now_ms = now_ms
        self.sequence += 1
        self.events = []
        self.touched = []

    def finish(self) -> list[Event]:
        """Return the events of the command, the balances that it touched last."""
        events = self.events
        if self.touched:
            events += [BalanceChanged(purse.owner, purse.asset, purse.balance, purse.held) for purse in self.touched]
        return events

    def touch(self, purse: Purse) -> None:
        """Note that the command changed what a purse has or holds."""
        if purse.touched_in != self.sequence:
            purse.touched_in = self.sequence
            self.touched.append(purse)

    def report(self, order: Order, kind: Execution, cancel_id: str = "") -> None:
        """Add an execution report, other than of a trade, with the order's state as it is now."""
        self.last_execution += 1
        self.events.append(
            Executed(
                self.last_execution,
                kind,
                order.account,
                order.market,
                order.id,
                order.client_order_id,
                order.side,
                order.type,
                order.time_in_force,
                order.status,
                order.quantity,
                order.quote_quantity,
                order.price,
                order.executed,
                order.executed_quote,
                order.created_ms,
                self.now_ms,
                -1,
                0,
                0,
                0,
                0,
                0,
                False,
                cancel_id,
            )
        )

    def report_hold(self, hold: Hold) -> None:
        """Add a hold's state as it is now."""
        self.events.append(HoldChanged(hold.reference, hold.account, hold.asset, hold.amount, hold.state))
