"""The lives of orders as accounts are told of them: each event becomes the steps of the orders that it is about.

Reports (the user data stream) and answers to requests are both made of these steps, so that they cannot differ.
"""

from collections.abc import Container, Sequence

import msgspec

from trading.engine.enums import Execution, OrderStatus, OrderType
from trading.engine.events import Accepted, Amended, Closed, Event, Prevented, Traded, TrailStarted, Triggered
from trading.engine.orders import PRICELESS, STOPS

_OPEN, _PARTLY, _FILLED = OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED
_IN_MATCH = OrderStatus.EXPIRED_IN_MATCH


class Step(msgspec.Struct, gc=False):
    """One step of an order, with its state after it.

    `number` tells the steps of one command apart: twice the event's place, plus 1 for the taker.
    `is_working`: the order is in the book, or will be unless its trading ends it.
    `prevented`: what self-trade prevention took from it, as far as the events of its command tell.
    """

    card: Accepted
    execution: Execution
    status: OrderStatus
    executed: int
    executed_quote: int
    number: int
    is_working: bool
    prevented: int = 0
    cancel_id: str = ""
    trade: Traded | None = None
    match: Prevented | None = None

    @property
    def quantity(self) -> int:
        """Return its quantity; that of an order by quote quantity is what it has traded or lost so far."""
        return self.card.order.quantity or self.executed + self.prevented

    @property
    def working_ms(self) -> int:
        """Return since when it has worked; 0 while it waits for a price."""
        return self.card.working_ms if self.card.order.type in STOPS else self.card.created_ms

    @property
    def trail_ms(self) -> int:
        """Return since when it has followed the market; 0 if it has not."""
        order = self.card.order
        if order.trailing_delta and not order.stop_price:
            return self.card.created_ms
        return self.card.trail_ms

    @property
    def is_maker(self) -> bool:
        """Return whether this step was the maker's."""
        return (self.trade is not None or self.match is not None) and self.number % 2 == 0


def steps_of(events: Sequence[Event], index: int, accounts: Container[int], lost: dict[int, int]) -> Sequence[Step]:
    """Return the steps of the event at a place among a command's events, as far as they are of these accounts.

    The maker's comes first. `lost`, empty at the first event and the same dictionary up to the last: what self-trade
    prevention has taken from orders of the command by now, base units. Only the events that take it tell it.
    """
    event = events[index]
    kind = type(event)
    told: Sequence[Step] = ()
    if kind is Traded:
        told = _trade(event, index, accounts)  # type: ignore[arg-type]  # `is` on the type does not narrow
    elif kind is Accepted:
        card: Accepted = event  # type: ignore[assignment]  # as above
        if card.order.account in accounts:
            is_working = card.order.type is not OrderType.MARKET and card.order.type not in STOPS
            told = (Step(card, Execution.NEW, _OPEN, 0, 0, index * 2, is_working),)
    elif kind in _CHANGES:
        change: Closed | Amended | Triggered | TrailStarted = event  # type: ignore[assignment]  # as above
        told = _change(change, index) if change.order.order.account in accounts else ()
    elif kind is Prevented:
        told = _prevention(events, event, index, accounts)  # type: ignore[arg-type]  # as above
    if lost or kind is Prevented:
        _carry(told, lost)
    return told


_CHANGES = frozenset({Closed, Amended, Triggered, TrailStarted})


def steps_of_account(events: Sequence[Event], account: int) -> list[Step]:
    """Return all steps of one account's orders in a command."""
    accounts = (account,)
    lost: dict[int, int] = {}
    return [step for index in range(len(events)) for step in steps_of(events, index, accounts, lost)]


def _carry(steps: Sequence[Step], lost: dict[int, int]) -> None:
    """Let steps that do not tell what prevention took from their orders have it from those before them."""
    for step in steps:
        if step.prevented:
            lost[step.card.id] = step.prevented
        else:
            step.prevented = lost.get(step.card.id, 0)


def _trade(trade: Traded, index: int, accounts: Container[int]) -> Sequence[Step]:
    maker, taker = trade.maker, trade.taker
    told: list[Step] = []
    if maker.order.account in accounts:
        is_done = trade.is_maker_done
        told.append(
            Step(
                maker,
                Execution.TRADE,
                _FILLED if is_done else _PARTLY,
                trade.maker_executed,
                trade.maker_executed_quote,
                index * 2,
                not is_done,
                trade=trade,
            )
        )
    if taker.order.account in accounts:
        told.append(
            Step(
                taker,
                Execution.TRADE,
                _FILLED if trade.is_done else _PARTLY,
                trade.taker_executed,
                trade.taker_executed_quote,
                index * 2 + 1,
                not trade.is_done and taker.order.type not in PRICELESS,
                trade=trade,
            )
        )
    return told


def _prevention(events: Sequence[Event], match: Prevented, index: int, accounts: Container[int]) -> Sequence[Step]:
    """Return what a prevented match took from its orders. Its end in the match is told here, and by no other step."""
    if match.taker.order.account not in accounts:
        return ()
    told: list[Step] = []
    if match.maker_quantity:
        left = match.maker.order.quantity - match.maker_executed - match.maker_prevented
        told.append(
            Step(
                match.maker,
                Execution.TRADE_PREVENTION,
                _status(match.maker_executed, is_over=left == 0),
                match.maker_executed,
                match.maker_executed_quote,
                index * 2,
                left > 0,
                prevented=match.maker_prevented,
                match=match,
            )
        )
    is_over = _ends_in(events, index, match.taker.id)
    if match.taker_quantity or is_over:
        told.append(
            Step(
                match.taker,
                Execution.TRADE_PREVENTION,
                _status(match.taker_executed, is_over=is_over),
                match.taker_executed,
                match.taker_executed_quote,
                index * 2 + 1,
                not is_over and match.taker.order.type not in PRICELESS,
                prevented=match.taker_prevented,
                match=match,
            )
        )
    return told


def _ends_in(events: Sequence[Event], index: int, order: int) -> bool:
    """Return whether a taker's end follows a prevented match: right after it, or after the maker's end."""
    for event in events[index + 1 : index + 3]:
        if isinstance(event, Closed) and event.status is _IN_MATCH:
            if event.order.id == order:
                return True
        else:
            return False
    return False


def _status(executed: int, *, is_over: bool) -> OrderStatus:
    if is_over:
        return _IN_MATCH
    return _PARTLY if executed else _OPEN


def _change(event: Closed | Amended | Triggered | TrailStarted, index: int) -> Sequence[Step]:
    card, number = event.order, index * 2
    if isinstance(event, Closed):
        if event.status is _IN_MATCH:
            return ()
        is_canceled = event.status is OrderStatus.CANCELED
        execution = Execution.CANCELED if is_canceled else Execution.EXPIRED
        step = Step(card, execution, event.status, event.executed, event.executed_quote, number, False)
        step.cancel_id = event.cancel_id
    elif isinstance(event, Amended):
        status = _status(event.executed, is_over=False)
        step = Step(card, Execution.REPLACED, status, event.executed, event.executed_quote, number, False)
        step.is_working = step.working_ms > 0
        step.prevented = event.prevented
    elif isinstance(event, Triggered):
        step = Step(card, Execution.NEW, _OPEN, 0, 0, number, card.order.type not in PRICELESS)
    elif card.order.stop_price == 0:
        return ()  # it follows since it was accepted, which has told so
    else:
        step = Step(card, Execution.NEW, _OPEN, 0, 0, number, False)
    return (step,)
