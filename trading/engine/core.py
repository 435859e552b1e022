"""The exchange's core: commands in, events out, and nothing else.  [pure]

The same commands at the same times on the same state give the same events and the same state, always. The shell
(trading/runtime) reads commands, commits events and publishes them; the core holds what the next command needs: open
orders, balances, open holds and counters. What it cannot hold is the history of references. So the shell looks up which
references of a batch were used before, tells the core (`learn_*`), and calls `forget` when the batch is committed.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from trading.engine.book import Book
from trading.engine.changes import ChangeDesk
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
from trading.engine.desk import Desk
from trading.engine.enums import HoldState, Reason
from trading.engine.events import BalanceChanged, Event, LevelChanged
from trading.engine.exits import Exits
from trading.engine.funds import Funds, Hold, Purse
from trading.engine.lists import ListDesk
from trading.engine.markets import MarketSpec
from trading.engine.operators import Operators
from trading.engine.orders import Account, Order, OrderList
from trading.engine.record import Record
from trading.engine.restoring import Restorable
from trading.engine.telling import level_changes
from trading.engine.traders import Traders
from trading.engine.treasury import Treasury

_PLACE: Final = PlaceOrder
_CANCEL: Final = CancelOrder


class Core(Restorable):
    """All markets and all funds. Not safe for threads; one writer owns it."""

    __slots__ = ("_changes", "_desk", "_others")

    _desk: Desk
    _changes: ChangeDesk
    _others: dict[type, Callable[[Any], None]]

    def __init__(self, markets: Iterable[MarketSpec]) -> None:
        record = self._record = Record()
        funds = self._funds = Funds()
        traders = self._traders = Traders(record, funds, markets)
        exits = Exits(record)
        desk = self._desk = Desk(record, traders, exits)
        changes = self._changes = ChangeDesk(record, traders, exits, desk)
        lists = ListDesk(record, traders, exits, desk)
        operators = self._operators = Operators(record, traders, changes)
        treasury = Treasury(record, funds)
        self._lists = {}
        self._halves = {}
        self._others = {
            CancelAll: changes.cancel_all,
            ReplaceOrder: changes.replace,
            AmendOrder: changes.amend,
            PlaceList: lists.place,
            CancelList: lists.cancel,
            Transfer: treasury.transfer,
            HoldFunds: treasury.hold,
            SettleHold: treasury.settle,
            ReleaseHold: treasury.release,
            SetMarket: operators.set_market,
            SetTerms: operators.set_terms,
            Checkpoint: _do_nothing,
        }

    # --- commands ---------------------------------------------------------------------------------

    def apply(self, command: Command, now_ms: int) -> Sequence[Event]:
        """Carry out one command at `now_ms` (ms UTC, never less than before) and return what it did, in order.

        A refused command has changed nothing but `sequence`, and its one event is Rejected.
        """
        record = self._record
        if now_ms is not record.now_ms:  # mostly the very number, and that is told faster
            assert now_ms >= record.now_ms, f"time went back from {record.now_ms} to {now_ms}"
            record.now_ms = now_ms
        record.sequence += 1
        kind = type(command)
        if kind is _PLACE:
            return self._desk.place(command)  # type: ignore[arg-type]  # `is` on the type does not narrow, but is fast
        if kind is _CANCEL:
            return self._changes.cancel(command)  # type: ignore[arg-type]  # as above
        record.events = []
        self._others[kind](command)
        return record.events

    def close_batch(self) -> tuple[list[LevelChanged], list[BalanceChanged]]:
        """Return which levels and balances differ from the end of the last batch; changes of levels are numbered."""
        return level_changes(self._traders.books), self._record.balances()

    # --- what the database remembers ----------------------------------------------------------------

    def learn_orders(self, rows: Iterable[tuple[int, str, int]]) -> None:
        """Learn which orders there have been, (account, client order id, order id), until `forget`.

        Needed for every client order id that a command of the batch names, be it of a new order or of one to be
        cancelled or amended, and whether that order is open or not: the core keeps no index of names.
        """
        self._traders.learn(rows)

    def learn_transfers(self, pairs: Iterable[tuple[str, Reason]]) -> None:
        """Take (reference, reason) pairs as applied, until `forget`."""
        self._funds.transfers.update(pairs)

    def learn_holds(self, rows: Iterable[tuple[str, int, int, int, HoldState]]) -> None:
        """Remember closed holds (reference, account, asset, amount, state) until `forget`.

        Rows of holds that the core knows itself are passed over: what it knows is newer.
        """
        self._funds.learn_holds(rows)

    def learn_changes(self, references: Iterable[str]) -> None:
        """Take references of SetMarket and SetTerms as applied, until `forget`."""
        self._operators.references.update(references)

    def forget(self) -> None:
        """Drop what is remembered only to recognise repeats: from now on the database can tell."""
        self._operators.references.clear()
        self._traders.forget()
        self._funds.forget()

    # --- looking ------------------------------------------------------------------------------------

    @property
    def sequence(self) -> int:
        """How many commands have been applied, refused ones too."""
        return self._record.sequence

    @property
    def last_order(self) -> int:
        """The id of the last accepted order."""
        return self._record.last_order

    @property
    def last_list(self) -> int:
        """The id of the last order list."""
        return self._record.last_list

    @property
    def time_ms(self) -> int:
        """When the last command was applied."""
        return self._record.now_ms

    def book(self, market_id: int) -> Book:
        """Return the book of a market: its levels, its spec and its counters. Raises KeyError."""
        return self._traders.books[market_id]

    def books(self) -> list[Book]:
        """Return all books, ordered by market."""
        return [self._traders.books[market] for market in sorted(self._traders.books)]

    def balance_of(self, owner: int, asset: int) -> int:
        """Return what an owner has, in units."""
        purse = self._funds.peek(owner, asset)
        return purse.balance if purse is not None else 0

    def held_of(self, owner: int, asset: int) -> int:
        """Return how much of an owner's balance is set aside, in units."""
        purse = self._funds.peek(owner, asset)
        return purse.held if purse is not None else 0

    def purses(self) -> list[Purse]:
        """Return all purses, ordered by owner and asset."""
        return self._funds.purses()

    def open_holds(self) -> list[Hold]:
        """Return the open holds, ordered by reference."""
        return [self._funds.open_holds[reference] for reference in sorted(self._funds.open_holds)]

    def accounts(self) -> list[Account]:
        """Return the accounts that the core has met, by number. They are the core's own: to be read only."""
        return [self._traders.accounts[number] for number in sorted(self._traders.accounts)]

    def open_orders(self) -> list[Order]:
        """Return the open orders, ordered by id. They are the core's own: to be read only."""
        orders = [
            order
            for account in self._traders.accounts.values()
            for trader in account.traders.values()
            for order in trader.orders.values()
        ]
        return sorted(orders, key=_id)

    def open_lists(self) -> list[OrderList]:
        """Return the open order lists, ordered by id."""
        lists = {group.id: group for account in self._traders.accounts.values() for group in account.lists.values()}
        return [lists[id] for id in sorted(lists)]


def _do_nothing(command: Checkpoint) -> None:
    """The shell looks at the state when the batch is done."""


def _id(order: Order) -> int:
    return order.id
