"""What must hold after every command, recomputed from scratch.  [pure]

Reads the whole state, so it is for tests, recovery and rare self-checks, not for every command of a running engine.
"""

from collections import defaultdict

from trading.engine.book import Book
from trading.engine.core import Core
from trading.engine.enums import HoldState, OrderState, Side
from trading.engine.levels import NO_PRICE, Ladder, Level
from trading.engine.orders import Order
from trading.engine.triggers import Shelf, Trail


class InvariantBroken(Exception):
    """Raised when the core's state contradicts itself. Nothing of it may be committed."""


def check(core: Core) -> None:
    """Check the whole state. Raises InvariantBroken with the first contradiction."""
    _check_funds(core)
    found: list[Order] = []
    for book in core.books():
        _check_not_crossed(book)
        for side in (Side.BUY, Side.SELL):
            found += _check_ladder(book, side)
        found += _check_waiting(book)
    _check_orders(core, found)
    _check_lists(core)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise InvariantBroken(message)


def _check_funds(core: Core) -> None:
    """Each asset sums to zero, held is what orders, lists and holds need, and no user is overdrawn."""
    needed: dict[tuple[int, int], int] = defaultdict(int)
    for order in core.open_orders():
        needed[order.pays_from.owner, order.pays_from.asset] += order.held
    for group in core.open_lists():
        _require(group.held == group.needs, f"list {group.id} holds {group.held}, but needs {group.needs}")
        purse = group.above.pays_from
        needed[purse.owner, purse.asset] += group.held
    for hold in core.open_holds():
        _require(hold.state is HoldState.HELD, f"hold {hold.reference} is kept as open in state {hold.state}")
        needed[hold.account, hold.asset] += hold.amount
    totals: dict[int, int] = defaultdict(int)
    for purse in core.purses():
        where = f"owner {purse.owner}, asset {purse.asset}"
        totals[purse.asset] += purse.balance
        held = needed.pop((purse.owner, purse.asset), 0)
        _require(purse.held == held, f"{where}: held {purse.held}, but orders and holds need {held}")
        if purse.owner > 0:
            _require(purse.held <= purse.balance, f"{where}: held {purse.held} of {purse.balance}")
        else:
            _require(purse.held == 0, f"{where}: a system owner holds {purse.held}")
    _require(not any(needed.values()), f"needed without a purse: {dict(needed)}")
    for asset, total in totals.items():
        _require(total == 0, f"asset {asset} sums to {total}")


def _check_not_crossed(book: Book) -> None:
    bids, asks = book.levels(Side.BUY, 1), book.levels(Side.SELL, 1)
    if bids and asks:
        _require(bids[0][0] < asks[0][0], f"market {book.spec.id} is crossed: {bids[0]} {asks[0]}")


def _check_ladder(book: Book, side: Side) -> list[Order]:
    """Check the levels of one side and return its orders."""
    ladder: Ladder = book.ladder(side)
    where = f"market {book.spec.id} {side.name}"
    keys = sorted(key for key, level in ladder.levels.items() if level.head is not None)
    _require(ladder.keys == keys, f"{where}: keys {ladder.keys} of levels {keys}")
    _require(ladder.best == (keys[-1] if keys else NO_PRICE), f"{where}: {ladder.best} as the best of {keys}")
    found: list[Order] = []
    for key, level in ladder.levels.items():
        _require(level.key == key and level.price * ladder.sign == key, f"{where}: level {level.price} under {key}")
        found += _check_level(level, side, book)
    return found


def _check_level(level: Level, side: Side, book: Book) -> list[Order]:
    """Check the queue of one level, front to back, and return its orders."""
    where = f"market {book.spec.id} {side.name} level {level.price}"
    found: list[Order] = []
    previous: Order | None = None
    order = level.head
    while order is not None:
        _require(order.level is level and order.previous is previous, f"{where}: order {order.id} is linked wrongly")
        is_of_level = order.price == level.price and order.is_buy is (side is Side.BUY) and order.trader.book is book
        _require(is_of_level, f"{where}: order {order.id} does not belong here")
        _require(order.state is OrderState.WORKING, f"{where}: order {order.id} waits for a price")
        _require(order.shown > 0, f"{where}: order {order.id} shows nothing")
        found.append(order)
        previous, order = order, order.next
    _require(level.tail is previous, f"{where}: its tail is not its last order")
    shown = sum(order.shown for order in found)
    hidden = sum(order.rest - order.shown for order in found)
    _require(level.quantity == shown, f"{where}: quantity {level.quantity}, but its orders show {shown}")
    _require(level.hidden == hidden, f"{where}: hides {level.hidden}, but its orders hide {hidden}")
    return found


def _check_waiting(book: Book) -> list[Order]:
    """Check the waiting orders of a market and return them."""
    triggers, found = book.triggers, list[Order]()
    for shelf in (triggers.rising, triggers.falling):
        found += _check_shelf(book, shelf)
    for trail in triggers.trails.values():
        found += _check_trail(book, trail)
    _require(triggers.count == len(found), f"market {book.spec.id}: {triggers.count} wait, but {len(found)} are there")
    return found


def _check_shelf(book: Book, shelf: Shelf) -> list[Order]:
    _require(shelf.keys == sorted(shelf.orders), f"market {book.spec.id}: stop prices are out of order")
    found: list[Order] = []
    for key, orders in shelf.orders.items():
        for order in orders.values():
            is_here = order.state is OrderState.WAITING and order.card.order.stop_price * shelf.sign == key
            _require(is_here, f"order {order.id} waits in the wrong place")
            # An order with a trailing delta may wait for a price that the last trade met before it was placed.
            is_met = book.last_price != 0 and key >= book.last_price * shelf.sign
            _require(not is_met or order.card.order.trailing_delta > 0, f"order {order.id} was not triggered")
            found.append(order)
    return found


def _check_trail(book: Book, trail: Trail) -> list[Order]:
    found: list[Order] = []
    keys = [bucket.key for bucket in trail.buckets]
    _require(keys == sorted(keys, reverse=True), f"market {book.spec.id}: a trail is out of order")
    for bucket in trail.buckets:
        for order in bucket.orders.values():
            is_here = order.special is not None and order.special.bucket is bucket
            _require(is_here and order.state is OrderState.TRAILING, f"order {order.id} trails in the wrong place")
            found.append(order)
    return found


def _check_orders(core: Core, found: list[Order]) -> None:
    """What stands in the books or waits is exactly what the accounts have open."""
    by_id = {order.id: order for order in core.open_orders()}
    _require(by_id == {order.id: order for order in found}, "the open orders differ from those in the books")
    _require(len(found) == len(by_id), "an order stands in two places")
    for order in found:
        _require(order.executed >= 0 and order.rest > 0, f"open order {order.id} has nothing open")
        _require(order.id <= core.last_order, f"order {order.id} is newer than the counter {core.last_order}")
        _require(order.trader.orders.get(order.id) is order, f"order {order.id} is not known to its account")
    for account in core.accounts():
        for trader in account.traders.values():
            waiting = sum(order.state is not OrderState.WORKING for order in trader.orders.values())
            _require(trader.waiting == waiting, f"account {account.id} counts {trader.waiting} waiting, has {waiting}")


def _check_lists(core: Core) -> None:
    for group in core.open_lists():
        _require(group.id <= core.last_list, f"list {group.id} is newer than the counter {core.last_list}")
        for order in (group.above, group.below):
            is_here = order.special is not None and order.special.group is group
            _require(is_here and order.id in order.trader.orders, f"order {order.id} of list {group.id} is not open")
            _require(order.executed == 0, f"order {order.id} of list {group.id} has traded")
