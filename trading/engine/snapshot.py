"""One number for the whole state, to compare two cores.  [pure]"""

import hashlib
from collections.abc import Iterator

import msgspec

from trading.engine.book import Book
from trading.engine.core import Core
from trading.engine.enums import Side
from trading.engine.events import Accepted
from trading.engine.orders import Order

_encode = msgspec.msgpack.Encoder().encode


def state_hash(core: Core) -> str:
    """Return the SHA-256, in hex, of all that decides what the core does next.

    Empty purses count as none, and nothing depends on the order in which things were stored; the order in which orders
    stand at their prices does count.
    """
    digest = hashlib.sha256()
    for row in _rows(core):
        digest.update(_encode(row))
    return digest.hexdigest()


def _rows(core: Core) -> Iterator[tuple[object, ...]]:
    yield "counters", core.sequence, core.last_order, core.last_list, core.time_ms
    for account in core.accounts():
        terms = (account.maker_fee_ppm, account.taker_fee_ppm, int(account.stp))
        if terms != (-1, -1, 1):
            yield "terms", account.id, *terms
    for purse in core.purses():
        if purse.balance or purse.held:
            yield "purse", purse.owner, purse.asset, purse.balance, purse.held
    for hold in core.open_holds():
        yield "hold", hold.reference, hold.account, hold.asset, hold.amount
    for group in core.open_lists():
        yield "list", group.id, group.client_list_id, group.created_ms, group.held, group.above.id, group.below.id
    for order in core.open_orders():
        yield "order", _card(order), order.size, order.executed, order.executed_quote, order.held, *_waiting(order)
    for book in core.books():
        yield "market", book.spec, book.last_trade, book.last_update, book.last_prevented, book.last_price
        for side in (Side.BUY, Side.SELL):
            yield "queue", *_queue(book, side)


def _card(order: Order) -> Accepted:
    """An order's card, whatever mode its command named: the one in force is on the card."""
    card = order.card
    return msgspec.structs.replace(card, order=msgspec.structs.replace(card.order, stp=card.stp))


def _waiting(order: Order) -> tuple[int, int]:
    """What an order is doing, and the best price that it has followed."""
    special = order.special
    return int(order.state), special.bucket.price if special is not None and special.bucket is not None else 0


def _queue(book: Book, side: Side) -> Iterator[int]:
    """The orders of a side, best first, as they would trade."""
    ladder = book.ladder(side)
    for key in reversed(ladder.keys):
        order = ladder.levels[key].head
        while order is not None:
            yield order.id
            order = order.next
