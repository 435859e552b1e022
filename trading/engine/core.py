"""The exchange's core: commands in, events out, and nothing else.  [pure]

The same commands at the same times on the same state give the same events and the same state, always. The shell
(trading/runtime) reads commands, commits events and publishes them; the core holds what the next command needs: open
orders, balances, open holds and counters. What it cannot hold is the history of references. So the shell looks up which
references of a batch were used before, tells the core (`learn_*`), and calls `forget` when the batch is committed.
"""

from collections.abc import Iterable

from trading.engine.book import Book
from trading.engine.commands import CancelOrder, Command, HoldFunds, PlaceOrder, ReleaseHold, SettleHold, Transfer
from trading.engine.desk import Desk
from trading.engine.enums import HoldState, OrderStatus, OrderType, Reason, Side, TimeInForce
from trading.engine.events import Event
from trading.engine.funds import Funds, Hold, Purse
from trading.engine.markets import MarketSpec
from trading.engine.orders import OpenOrders, Order
from trading.engine.record import Record
from trading.engine.treasury import Treasury


class Core:
    """All markets and all funds. Not safe for threads; one writer owns it."""

    __slots__ = ("_books", "_desk", "_funds", "_last_restored", "_open", "_record", "_treasury")

    _record: Record
    _funds: Funds
    _open: OpenOrders
    _books: dict[int, Book]
    _desk: Desk
    _treasury: Treasury
    _last_restored: int

    def __init__(self, markets: Iterable[MarketSpec]) -> None:
        self._record = Record()
        self._funds = Funds()
        self._open = OpenOrders()
        self._books = {spec.id: Book(spec, self._funds) for spec in markets}
        self._desk = Desk(self._record, self._open, self._books)
        self._treasury = Treasury(self._record, self._funds)
        self._last_restored = 0

    # --- commands ---------------------------------------------------------------------------------

    def apply(self, command: Command, now_ms: int) -> list[Event]:
        """Carry out one command at `now_ms` (ms UTC, never less than before) and return what it did, in order.

        A refused command has changed nothing but `sequence`, and its one event is Rejected.
        """
        record = self._record
        record.begin(now_ms)
        if isinstance(command, PlaceOrder):
            self._desk.place(command)
        elif isinstance(command, CancelOrder):
            self._desk.cancel(command)
        elif isinstance(command, Transfer):
            self._treasury.transfer(command)
        elif isinstance(command, HoldFunds):
            self._treasury.hold(command)
        elif isinstance(command, SettleHold):
            self._treasury.settle(command)
        elif isinstance(command, ReleaseHold):
            self._treasury.release(command)
        else:
            raise TypeError(f"not a command: {command!r}")
        return record.finish()

    # --- what the database remembers ----------------------------------------------------------------

    def learn_orders(self, pairs: Iterable[tuple[int, str]]) -> None:
        """Take (account, client order id) pairs as used, until `forget`."""
        self._open.used.update(pairs)

    def learn_transfers(self, pairs: Iterable[tuple[str, Reason]]) -> None:
        """Take (reference, reason) pairs as applied, until `forget`."""
        self._funds.transfers.update(pairs)

    def learn_holds(self, rows: Iterable[tuple[str, int, int, int, HoldState]]) -> None:
        """Remember closed holds (reference, account, asset, amount, state) until `forget`.

        Rows of holds that the core knows itself are passed over: what it knows is newer.
        """
        self._funds.learn_holds(rows)

    def forget(self) -> None:
        """Drop what is remembered only to recognise repeats: from now on the database can tell."""
        self._open.used.clear()
        self._funds.forget()

    # --- restoring, database -> core ----------------------------------------------------------------

    def restore_counters(self, sequence: int, last_order: int, last_execution: int, time_ms: int) -> None:
        """Set the counters and the time of the last command."""
        record = self._record
        record.sequence = sequence
        record.last_order = last_order
        record.last_execution = last_execution
        record.now_ms = time_ms

    def restore_market(self, market_id: int, last_trade: int, last_update: int) -> None:
        """Set the counters of one market."""
        book = self._books[market_id]
        book.last_trade = last_trade
        book.last_update = last_update

    def restore_balance(self, owner: int, asset: int, balance: int) -> None:
        """Set what an owner has. What is held of it comes from orders and holds."""
        self._funds.purse(owner, asset).balance = balance

    def restore_hold(self, reference: str, account: int, asset: int, amount: int) -> None:
        """Put back an open hold."""
        assert reference not in self._funds.open_holds, f"hold {reference} restored twice"
        self._funds.open_holds[reference] = Hold(reference, account, asset, amount, HoldState.HELD)
        self._funds.purse(account, asset).held += amount

    def restore_order(
        self,
        *,
        id: int,
        account: int,
        market: int,
        client_order_id: str,
        side: int,
        type: int,
        time_in_force: int,
        status: int,
        price: int,
        quantity: int,
        quote_quantity: int,
        executed: int,
        executed_quote: int,
        created_ms: int,
        updated_ms: int = 0,
    ) -> None:
        """Put back an open order: the columns of its row. Call it in the order of ids, which is time priority."""
        assert OrderStatus(status).is_open, f"order {id} is not open"
        assert 0 <= executed < quantity, f"order {id} has nothing open"
        assert id > self._last_restored, f"order {id} restored after {self._last_restored}"
        self._last_restored = id
        book = self._books[market]
        order = Order()
        order.id = id
        order.key = (account, client_order_id)
        order.account = account
        order.client_order_id = client_order_id
        order.market = market
        order.trader = book.trader(account)
        order.side = Side(side)
        order.type = OrderType(type)
        order.time_in_force = TimeInForce(time_in_force)
        order.status = OrderStatus(status)
        order.quantity = quantity
        order.quote_quantity = quote_quantity
        order.price = price
        order.executed = executed
        order.executed_quote = executed_quote
        order.created_ms = created_ms
        order.level = order.previous = order.next = None
        order.pays_from.held += order.needs
        self._open.add(order)
        book.ladder(order.side).append(order)

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
    def last_execution(self) -> int:
        """The id of the last execution report."""
        return self._record.last_execution

    @property
    def time_ms(self) -> int:
        """When the last command was applied."""
        return self._record.now_ms

    def book(self, market_id: int) -> Book:
        """Return the book of a market: its levels, its spec, `last_trade` and `last_update`. Raises KeyError."""
        return self._books[market_id]

    def books(self) -> list[Book]:
        """Return all books, ordered by market."""
        return [self._books[market] for market in sorted(self._books)]

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

    def open_orders(self) -> list[Order]:
        """Return the open orders, ordered by id. They are the core's own: to be read only."""
        return [self._open.by_id[order_id] for order_id in sorted(self._open.by_id)]

    def open_orders_by_key(self) -> dict[tuple[int, str], Order]:
        """Return the index of open orders by account and client order id. It is the core's own: to be read only."""
        return self._open.by_key
