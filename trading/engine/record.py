"""The command in hand: its number, its time, and what it has done so far; and the counters that live on.  [pure]"""

from operator import attrgetter
from typing import TYPE_CHECKING

from trading.engine.enums import OrderStatus, Reject
from trading.engine.events import BalanceChanged, Closed, Event, HoldChanged, Rejected
from trading.engine.funds import Hold, Purse
from trading.engine.orders import Account, Order, Trader

if TYPE_CHECKING:  # books know their traders
    from trading.engine.book import Book


class Record:
    """Collects the events of one command after another, counts, and notes what a batch has touched."""

    __slots__ = ("books", "events", "last_list", "last_order", "named", "now_ms", "purses", "sequence", "traders")

    sequence: int
    last_order: int
    last_list: int
    now_ms: int
    events: list[Event]
    traders: list[Trader]
    """Those whose purses this batch may have changed."""
    books: list["Book"]
    """Those that this batch has taken fees in."""
    purses: list[Purse]
    """Further purses that it may have changed."""
    named: list[Account]
    """Accounts with client order ids that `forget` drops."""

    def __init__(self) -> None:
        self.sequence = 0
        self.last_order = 0
        self.last_list = 0
        self.now_ms = 0
        self.events = []
        self.traders = []
        self.books = []
        self.purses = []
        self.named = []

    def touch(self, trader: Trader) -> None:
        """Note that a trader's purses may have changed."""
        if not trader.is_touched:
            trader.is_touched = True
            self.traders.append(trader)

    def reject(self, reject: Reject) -> None:
        """Add a refusal."""
        self.events.append(Rejected(reject))

    def end(self, order: Order, status: OrderStatus, cancel_id: str = "") -> None:
        """Add the end of an order that is not filled."""
        self.events.append(Closed(order.card, status, order.executed, order.executed_quote, cancel_id))

    def report_hold(self, hold: Hold) -> None:
        """Add a hold's state as it is now."""
        self.events.append(HoldChanged(hold.reference, hold.account, hold.asset, hold.amount, hold.state))

    def balances(self) -> list[BalanceChanged]:
        """Return the balances that differ from what was told of them last, ordered by owner and asset."""
        purses = self.purses
        for trader in self.traders:
            trader.is_touched = False
            purses.append(trader.base)
            purses.append(trader.quote)
        for book in self.books:
            book.has_traded = False
            purses.append(book.base_fees)
            purses.append(book.quote_fees)
        changed: list[Purse] = []
        for purse in purses:
            if purse.held != purse.told_held or purse.balance != purse.told_balance:
                purse.told_balance = purse.balance
                purse.told_held = purse.held
                changed.append(purse)
        self.purses = []
        self.traders = []
        self.books = []
        changed.sort(key=_place)
        return [BalanceChanged(purse.owner, purse.asset, purse.balance, purse.held) for purse in changed]


_place = attrgetter("place")
