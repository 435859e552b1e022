"""Database -> core: the state that the last commit left goes into a new core, before its first command.  [pure]"""

from trading.engine.enums import HoldState, OrderState, StpMode
from trading.engine.events import Accepted
from trading.engine.filters import slice_of
from trading.engine.funds import Funds, Hold
from trading.engine.operators import Operators
from trading.engine.orders import STOPS, Order, OrderList, Special
from trading.engine.record import Record
from trading.engine.traders import Traders


class Restorable:
    """The part of the core that takes rows in. What they say counts as told: a batch tells what differs from it."""

    __slots__ = ("_funds", "_halves", "_lists", "_operators", "_record", "_traders")

    _record: Record
    _funds: Funds
    _traders: Traders
    _operators: Operators
    _lists: dict[int, tuple[OrderList, int]]
    """Restored lists, with the id of their order above."""
    _halves: dict[int, Order]
    """Of lists that wait for their second order, the first."""

    def restore_counters(self, *, sequence: int, last_order: int, last_list: int, time_ms: int) -> None:
        """Set the counters and the time of the last command."""
        record = self._record
        record.sequence = sequence
        record.last_order = last_order
        record.last_list = last_list
        record.now_ms = time_ms

    def restore_market(
        self, market_id: int, *, last_trade: int, last_update: int, last_price: int, last_prevented: int
    ) -> None:
        """Set the counters of one market."""
        book = self._traders.books[market_id]
        book.last_trade = last_trade
        book.last_update = last_update
        book.last_price = last_price
        book.last_prevented = last_prevented

    def restore_terms(self, account: int, maker_fee_ppm: int, taker_fee_ppm: int, stp: StpMode) -> None:
        """Set an account's terms."""
        self._operators.take_terms(account, maker_fee_ppm, taker_fee_ppm, stp)

    def restore_balance(self, owner: int, asset: int, balance: int) -> None:
        """Set what an owner has. What is held of it comes from orders and holds."""
        purse = self._funds.purse(owner, asset)
        purse.balance = purse.told_balance = balance

    def restore_hold(self, reference: str, account: int, asset: int, amount: int) -> None:
        """Put back an open hold."""
        assert reference not in self._funds.open_holds, f"hold {reference} restored twice"
        self._funds.open_holds[reference] = Hold(reference, account, asset, amount, HoldState.HELD)
        purse = self._funds.purse(account, asset)
        purse.held += amount
        purse.told_held = purse.held

    def restore_list(
        self, id: int, account: int, market: int, client_list_id: str, created_ms: int, above: int, below: int
    ) -> None:
        """Announce an open list, whose two orders follow."""
        assert id not in self._lists, f"list {id} restored twice"
        group = OrderList(id, client_list_id, created_ms)
        self._traders.account(account).lists[client_list_id] = group
        self._lists[id] = (group, above)

    def restore_order(
        self,
        card: Accepted,
        *,
        executed: int,
        executed_quote: int,
        prevented: int,
        state: OrderState = OrderState.WORKING,
        best_price: int = 0,
    ) -> None:
        """Put back an open order. Those that rest in the book must come in the order of their queues.

        best_price: what a TRAILING order has followed so far, 0 if no trade has met it.
        """
        placed = card.order
        trader = self._traders.trader(placed.account, placed.market)
        assert card.id not in trader.orders, f"order {card.id} restored twice"
        assert 0 <= executed < placed.quantity - prevented, f"order {card.id} has nothing open"
        book = trader.book
        group, above = self._lists.get(card.list, (None, 0))
        slice = slice_of(placed)
        order = Order()
        order.card = card
        order.trader = trader
        order.rest = placed.quantity - prevented - executed
        order.executed = executed
        order.executed_quote = executed_quote
        order.level = order.previous = order.next = None
        order.special = Special(slice, group) if slice or group or placed.type in STOPS else None
        trader.orders[card.id] = order
        if group is None:
            self._restore_held(order, order.needs)
        else:
            self._restore_listed(group, order, is_above=card.id == above)
        if state is OrderState.WAITING:
            book.triggers.wait(order)
        elif state is OrderState.TRAILING:
            book.triggers.follow(order, best_price)
        else:
            ladder = book.ladder(placed.side)
            if order.special is None:
                ladder.append(order, ladder.open(placed.price * ladder.sign), order.rest)
            else:
                ladder.append_slice(order, order.special)
            ladder.end_batch()

    def _restore_listed(self, group: OrderList, order: Order, *, is_above: bool) -> None:
        """Put an order into its list; the second one completes it."""
        first = self._halves.pop(group.id, None)
        if first is None:
            self._halves[group.id] = order
            return
        group.above, group.below = (order, first) if is_above else (first, order)
        group.held = group.needs
        self._restore_held(order, group.held)

    def _restore_held(self, order: Order, held: int) -> None:
        purse = order.pays_from
        purse.held += held
        purse.told_held = purse.held
