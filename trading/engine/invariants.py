"""What must hold after every command, recomputed from scratch.  [pure]

Reads the whole state, so it is for tests, recovery and rare self-checks, not for every command of a running engine.
"""

from collections import defaultdict

from trading.engine.book import Book
from trading.engine.core import Core
from trading.engine.enums import HoldState, OrderStatus, Side
from trading.engine.levels import Ladder, Level
from trading.engine.orders import Order


class InvariantBroken(Exception):
    """Raised when the core's state contradicts itself. Nothing of it may be committed."""


def check(core: Core) -> None:
    """Check the whole state. Raises InvariantBroken with the first contradiction."""
    _check_funds(core)
    resting: list[Order] = []
    for book in core.books():
        _check_not_crossed(book)
        for side in (Side.BUY, Side.SELL):
            resting += _check_ladder(book, side)
    _check_indexes(core, resting)


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise InvariantBroken(message)


def _check_funds(core: Core) -> None:
    """Each asset sums to zero, held is what orders and holds need, and no user is overdrawn."""
    needed: dict[tuple[int, int], int] = defaultdict(int)
    for order in core.open_orders():
        purse = order.pays_from
        needed[purse.owner, purse.asset] += order.needs
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
    _require(not needed, f"needed without a purse: {dict(needed)}")
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
    _require(ladder.keys == sorted(ladder.levels), f"{where}: keys {ladder.keys} of levels {sorted(ladder.levels)}")
    found: list[Order] = []
    for key, level in ladder.levels.items():
        _require(level.key == key and level.price * ladder.sign == key, f"{where}: level {level.price} under {key}")
        found += _check_level(level, side, book.spec.id)
    return found


def _check_level(level: Level, side: Side, market: int) -> list[Order]:
    """Check the queue of one level, front to back, and return its orders."""
    where = f"market {market} {side.name} level {level.price}"
    found: list[Order] = []
    previous: Order | None = None
    order = level.head
    while order is not None:
        _require(order.level is level and order.previous is previous, f"{where}: order {order.id} is linked wrongly")
        is_of_level = order.price == level.price and order.side is side and order.market == market
        _require(is_of_level, f"{where}: order {order.id} does not belong here")
        _require(previous is None or previous.id < order.id, f"{where}: order {order.id} stands before its time")
        found.append(order)
        previous, order = order, order.next
    _require(level.tail is previous and previous is not None, f"{where}: its tail is not its last order")
    total = sum(order.quantity - order.executed for order in found)
    _require(level.quantity == total, f"{where}: quantity {level.quantity}, but its orders have {total}")
    return found


def _check_indexes(core: Core, resting: list[Order]) -> None:
    """What rests in the books is exactly what the indexes say is open."""
    by_id = {order.id: order for order in core.open_orders()}
    by_key = core.open_orders_by_key()
    _require(by_id == {order.id: order for order in resting}, "the index by id differs from the books")
    _require(by_key == {order.key: order for order in resting}, "the index by client order id differs from the books")
    counts: dict[tuple[int, int], int] = defaultdict(int)
    for order in resting:
        expected = OrderStatus.PARTIALLY_FILLED if order.executed else OrderStatus.NEW
        _require(order.status is expected, f"open order {order.id} is {order.status.name}")
        _require(0 <= order.executed < order.quantity, f"open order {order.id} has nothing open")
        _require(order.id <= core.last_order, f"order {order.id} is newer than the counter {core.last_order}")
        counts[order.market, order.account] += 1
    for book in core.books():
        for account, trader in book.traders().items():
            count = counts[book.spec.id, account]
            _require(trader.open_orders == count, f"account {account} counts {trader.open_orders} orders, has {count}")
