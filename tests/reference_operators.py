"""How the reference changes the rules of markets and the terms of accounts."""

import msgspec

from tests.reference_orders import end_all
from tests.reference_state import PPM, ReferenceState
from trading.engine.commands import SetMarket, SetTerms
from trading.engine.enums import MarketStatus, OrderStatus, Reject
from trading.engine.events import MarketChanged, TermsChanged
from trading.engine.markets import MarketSpec


def set_market(exchange: ReferenceState, command: SetMarket) -> None:
    if command.reference in exchange.changes:
        exchange.refuse(Reject.DUPLICATE_REFERENCE)
        return
    if not can_be_kept(command):
        exchange.refuse(Reject.INVALID)
        return
    spec = command.spec
    old = exchange.market(spec.id)
    if spec.id == 0:
        old = next((known for known in exchange.markets if known.symbol == spec.symbol), None)
    reject = refusal_of_market(exchange, spec, old)
    if reject is not None:
        exchange.refuse(reject)
        return
    exchange.changes.add(command.reference)
    highest = max((known.id for known in exchange.markets), default=0)
    spec = msgspec.structs.replace(spec, id=old.id if old is not None else highest + 1)
    exchange.markets = [*(known for known in exchange.markets if known is not old), spec]
    if spec.status is MarketStatus.DELISTED:
        end_all(exchange, [order for order in exchange.orders if order.wish.market == spec.id], OrderStatus.EXPIRED)
    exchange.tell(MarketChanged(command.reference, command.actor, command.note, spec, old is None))


def can_be_kept(command: SetMarket | SetTerms) -> bool:
    """Whether the texts of a change fit an audit trail."""
    texts = (command.reference, command.actor, command.note)
    return 1 <= len(command.reference) <= 80 and not any("\0" in text for text in texts)


def refusal_of_market(exchange: ReferenceState, spec: MarketSpec, old: MarketSpec | None) -> Reject | None:
    """Why rules cannot be those of a market: they make no sense, it is unknown or another, orders are off its steps."""
    if not spec.is_sound:
        return Reject.INVALID
    if old is None:
        return Reject.MARKET_UNKNOWN if spec.id != 0 else None
    if (old.symbol, old.base, old.quote) != (spec.symbol, spec.base, spec.quote):
        return Reject.INVALID
    return None if all_are_on_the_steps(exchange, spec, old) else Reject.STEPS_IN_USE


def all_are_on_the_steps(exchange: ReferenceState, spec: MarketSpec, old: MarketSpec) -> bool:
    """Whether all prices and quantities of the open orders would be on the new tick and lot."""
    for order in exchange.orders:
        wish = order.wish
        if wish.market == old.id:
            if wish.price % spec.tick != 0 or wish.stop_price % spec.tick != 0:
                return False
            quantities = (wish.quantity, order.executed, order.prevented, wish.iceberg_quantity)
            if any(quantity % spec.lot != 0 for quantity in quantities):
                return False
    return True


def set_terms(exchange: ReferenceState, command: SetTerms) -> None:
    rates = (command.maker_fee_ppm, command.taker_fee_ppm)
    if command.reference in exchange.changes:
        exchange.refuse(Reject.DUPLICATE_REFERENCE)
        return
    if not can_be_kept(command) or command.account <= 0 or not all(-1 <= rate < PPM for rate in rates):
        exchange.refuse(Reject.INVALID)
        return
    exchange.changes.add(command.reference)
    changed = TermsChanged(command.reference, command.actor, command.note, command.account, *rates, command.stp)
    exchange.terms = {**exchange.terms, command.account: changed}
    exchange.tell(changed)
