"""One number for the whole state, to compare two cores.  [pure]"""

import hashlib

from trading.engine.core import Core


def state_hash(core: Core) -> str:
    """Return the SHA-256, in hex, of all that decides what the core does next.

    Empty purses count as none, and nothing depends on the order in which things were stored.
    """
    digest = hashlib.sha256()

    def add(*fields: int | str) -> None:
        digest.update(repr(tuple(field if isinstance(field, str) else int(field) for field in fields)).encode())

    add("counters", core.sequence, core.last_order, core.last_execution, core.time_ms)
    for book in core.books():
        add("market", book.spec.id, book.last_trade, book.last_update)
    for purse in core.purses():
        if purse.balance or purse.held:
            add("purse", purse.owner, purse.asset, purse.balance, purse.held)
    for hold in core.open_holds():
        add("hold", hold.reference, hold.account, hold.asset, hold.amount)
    for order in core.open_orders():
        add("order", order.id, order.account, order.market, order.client_order_id)
        add(order.side, order.type, order.time_in_force, order.status, order.price, order.quantity)
        add(order.quote_quantity, order.executed, order.executed_quote, order.created_ms)
    return digest.hexdigest()
