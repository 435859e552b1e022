"""What a batch did to orders, as rows: each order once, with what it is at the end of the batch."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final

from trading.engine.enums import ListStatus, OrderState, OrderStatus, Side
from trading.engine.events import (
    Accepted,
    Amended,
    Closed,
    ListChanged,
    Prevented,
    Traded,
    TrailStarted,
    Triggered,
)
from trading.engine.markets import MarketSpec
from trading.engine.settlement import postings_of
from trading.runtime import schema
from trading.runtime.tables import How, Row, Work

# Plain integers: a driver takes them three times as fast as enums.
_NEW, _PARTIALLY_FILLED, _FILLED = int(OrderStatus.NEW), int(OrderStatus.PARTIALLY_FILLED), int(OrderStatus.FILLED)
_WORKING, _WAITING, _TRAILING = int(OrderState.WORKING), int(OrderState.WAITING), int(OrderState.TRAILING)
_BUY: Final = Side.BUY

# Places in what is known of a touched order.
_STATUS, _EXECUTED, _EXECUTED_QUOTE, _QUANTITY, _PREVENTED = range(5)
# Places in the row of a condition (schema.CONDITIONS).
_STATE, _WORKING_MS, _TRAIL_FROM, _TRAIL_MS, _RANK_AFTER, _RANK_NUMBER = range(6, 12)


class OrderRows:
    """Collects events of orders, lists, trades and prevented matches; `works` empties it again.

    Ranks: an order with a condition stands behind all orders that were accepted before it came to stand where it is,
    so it is given the number of the last of them and one that rises. The events tell when an order is triggered, but
    not when its turn comes: that is, at the latest, when an order triggered after it trades, or at the command's end.
    """

    def __init__(self, specs: Mapping[int, MarketSpec], last_order: int, rank_number: int) -> None:
        self.specs = specs
        self.last_order = last_order
        self.rank_number = rank_number
        self.sequence = 0
        self.time_ms = 0
        self._queue: deque[int] = deque()
        self._clear()
        self._clear_special()

    def _clear(self) -> None:
        self._cards: dict[int, Accepted] = {}
        self._touched: dict[int, list[int]] = {}
        self._trades: list[Row] = []
        self._postings: list[Row] = []

    def _clear_special(self) -> None:
        self._is_special = False
        """Whether there is any of what follows: most batches have nothing of it."""
        self._losses: dict[int, Row] = {}
        self._conditions: dict[int, list[int]] = {}
        self._trails: dict[int, Row] = {}
        self._triggers: dict[int, Row] = {}
        self._ranks: dict[int, Row] = {}
        self._lists: dict[int, ListChanged] = {}
        self._lists_done: dict[int, Row] = {}
        self._prevented: list[Row] = []

    # --- events -------------------------------------------------------------------------------------

    def accepted(self, event: Accepted) -> None:
        """Begin an order."""
        number, order = event.id, event.order
        self._cards[number] = event
        self._touched[number] = [_NEW, 0, 0, order.quantity, 0]
        self.last_order = number
        is_waiting = order.stop_price or order.trailing_delta  # to look its type up in a set takes ten times as long
        if order.iceberg_quantity or event.list or is_waiting:
            self._is_special = True
            self._conditions[number] = [
                number,
                order.stop_price,
                order.trailing_delta,
                order.iceberg_quantity,
                event.hold_price,
                event.list,
                _WAITING if is_waiting else _WORKING,
                0 if is_waiting else self.time_ms,
                0,
                0,
                0,
                0,
            ]
            self._stand(number)

    def traded(self, event: Traded) -> None:
        """Note a trade, what it moves, and what its two orders are after it."""
        taker, maker = event.taker, event.maker
        if self._queue and taker.id in self._queue:
            self._stand_up_to(taker.id)
        state = self._touch(taker)
        state[_STATUS] = _FILLED if event.is_done else _PARTIALLY_FILLED
        state[_EXECUTED] = event.taker_executed
        state[_EXECUTED_QUOTE] = event.taker_executed_quote
        if taker.order.quote_quantity:
            # An order by quote quantity is as large as what it found.
            state[_QUANTITY] = event.taker_executed + state[_PREVENTED]
        state = self._touch(maker)
        state[_EXECUTED] = executed = event.maker_executed
        state[_EXECUTED_QUOTE] = event.maker_executed_quote
        if event.is_maker_done:
            state[_STATUS] = _FILLED
        else:
            state[_STATUS] = _PARTIALLY_FILLED
            iceberg = maker.order.iceberg_quantity
            if iceberg and executed % iceberg == 0:
                self._stand(maker.id)
        self._book(event)

    def closed(self, event: Closed) -> None:
        """End an order."""
        state = self._touch(event.order)
        state[_STATUS] = int(event.status)
        state[_EXECUTED] = event.executed
        state[_EXECUTED_QUOTE] = event.executed_quote

    def kept_apart(self, event: Prevented) -> None:
        """Note two orders of one account that did not trade, and what they lost."""
        self._is_special = True
        taker, maker = event.taker, event.maker
        if self._queue and taker.id in self._queue:
            self._stand_up_to(taker.id)
        self._lose(taker, event.taker_prevented, event.taker_executed, event.taker_executed_quote)
        self._lose(maker, event.maker_prevented, event.maker_executed, event.maker_executed_quote)
        self._prevented.append(
            (
                taker.order.market,
                event.id,
                taker.order.account,
                taker.id,
                maker.id,
                int(taker.stp),
                event.price,
                event.taker_quantity,
                event.maker_quantity,
                self.time_ms,
            )
        )

    def amended(self, event: Amended) -> None:
        """Make an order smaller."""
        state = self._touch(event.order)
        state[_QUANTITY] = event.order.order.quantity
        state[_EXECUTED] = event.executed
        state[_EXECUTED_QUOTE] = event.executed_quote
        state[_STATUS] = _PARTIALLY_FILLED if event.executed else _NEW

    def triggered(self, event: Triggered) -> None:
        """Let a waiting order work; it stands in the book when its turn has come."""
        self._is_special = True
        number = event.order.id
        self._touch(event.order)
        self._queue.append(number)
        row = self._conditions.get(number)
        if row is None:
            self._triggers[number] = (number, _WORKING, self.time_ms)
        else:
            row[_STATE], row[_WORKING_MS] = _WORKING, self.time_ms

    def trail_started(self, event: TrailStarted) -> None:
        """Let a waiting order follow the market."""
        self._is_special = True
        number = event.order.id
        row = self._conditions.get(number)
        if row is None:
            self._trails[number] = (number, _TRAILING, event.trade, self.time_ms)
        else:
            row[_STATE], row[_TRAIL_FROM], row[_TRAIL_MS] = _TRAILING, event.trade, self.time_ms

    def list_changed(self, event: ListChanged) -> None:
        """Begin or end a list."""
        self._is_special = True
        if event.status is ListStatus.EXECUTING or event.id in self._lists:
            self._lists[event.id] = event
        else:
            self._lists_done[event.id] = (event.id, int(event.status), self.time_ms)

    def end_command(self) -> None:
        """Let what was triggered stand where it stands now."""
        while self._queue:
            self._stand(self._queue.popleft())

    # --- rows ---------------------------------------------------------------------------------------

    def names(self) -> dict[tuple[int, str], int]:
        """Return the new orders' ids by account and client order id."""
        return {(card.order.account, card.order.client_order_id): number for number, card in self._cards.items()}

    def works(self) -> Iterator[Work]:
        """Yield what is to be written of a batch, orders first, and begin anew."""
        cards, touched, time_ms = self._cards, self._touched, self.time_ms
        yield Work(How.INSERT, schema.ORDERS, [_order_row(card, touched[card.id], time_ms) for card in cards.values()])
        changes = [(number, *state[:_PREVENTED], time_ms) for number, state in touched.items() if number not in cards]
        yield Work(How.UPDATE, schema.ORDER_CHANGES, changes)
        yield Work(How.INSERT, schema.TRADES, self._trades)
        yield Work(How.INSERT, schema.POSTINGS, self._postings)
        self._clear()
        if self._is_special:
            yield from self._special_works()
            self._clear_special()

    def _special_works(self) -> Iterator[Work]:
        yield Work(How.UPDATE, schema.ORDER_LOSSES, list(self._losses.values()))
        yield Work(How.INSERT, schema.CONDITIONS, list(self._conditions.values()))
        # In this order: what began to follow may have been triggered.
        yield Work(How.UPDATE, schema.TRAILS, list(self._trails.values()))
        yield Work(How.UPDATE, schema.TRIGGERS, list(self._triggers.values()))
        yield Work(How.UPDATE, schema.RANKS, list(self._ranks.values()))
        yield Work(How.INSERT, schema.LISTS, [_list_row(event, self.time_ms) for event in self._lists.values()])
        yield Work(How.UPDATE, schema.LIST_CHANGES, list(self._lists_done.values()))
        yield Work(How.INSERT, schema.PREVENTED, self._prevented)

    # --- parts --------------------------------------------------------------------------------------

    def _touch(self, card: Accepted) -> list[int]:
        """Return what is known of an order, for the event in hand to change."""
        state = self._touched.get(card.id)
        if state is None:
            state = self._touched[card.id] = [_NEW, 0, 0, card.order.quantity, 0]
        return state

    def _lose(self, card: Accepted, prevented: int, executed: int, executed_quote: int) -> None:
        state = self._touch(card)
        state[_STATUS] = _PARTIALLY_FILLED if executed else _NEW
        state[_EXECUTED] = executed
        state[_EXECUTED_QUOTE] = executed_quote
        state[_PREVENTED] = prevented
        if card.order.quote_quantity:
            state[_QUANTITY] = executed + prevented
        elif card.id not in self._cards:
            self._losses[card.id] = (card.id, prevented)

    def _book(self, event: Traded) -> None:
        """Add the rows of a trade and of its postings."""
        taker, maker, time_ms = event.taker, event.maker, self.time_ms
        spec = self.specs[taker.order.market]
        if taker.order.side is _BUY:
            buyer, seller, fees = taker, maker, (event.taker_fee, event.maker_fee)
        else:
            buyer, seller, fees = maker, taker, (event.maker_fee, event.taker_fee)
        self._trades.append(
            (
                spec.id,
                event.id,
                event.price,
                event.quantity,
                event.quote,
                buyer is maker,
                buyer.order.account,
                seller.order.account,
                buyer.id,
                seller.id,
                *fees,
                time_ms,
            )
        )
        for leg in postings_of(event, spec):
            self._postings.append(
                (self.sequence, leg.debit, leg.credit, leg.asset, leg.amount, int(leg.reason), leg.reference, time_ms)
            )

    def _stand(self, number: int) -> None:
        """Put an order behind all that have been accepted."""
        self._is_special = True
        self.rank_number += 1
        row = self._conditions.get(number)
        if row is None:
            self._ranks[number] = (number, self.last_order, self.rank_number)
        else:
            row[_RANK_AFTER], row[_RANK_NUMBER] = self.last_order, self.rank_number

    def _stand_up_to(self, number: int) -> None:
        """Let triggered orders stand, this one last: their turns have come."""
        standing = 0
        while standing != number:
            standing = self._queue.popleft()
            self._stand(standing)


def _order_row(card: Accepted, state: list[int], time_ms: int) -> Row:
    order = card.order
    status, executed, executed_quote, quantity, prevented = state
    return (
        card.id,
        order.account,
        order.market,
        order.client_order_id,
        int(order.side),
        int(order.type),
        int(order.time_in_force),
        status,
        order.price,
        quantity,
        order.quote_quantity,
        executed,
        executed_quote,
        prevented,
        int(card.stp),
        card.created_ms,
        time_ms,
    )


def _list_row(event: ListChanged, time_ms: int) -> Row:
    return (
        event.id,
        event.account,
        event.market,
        event.client_list_id,
        int(event.status),
        event.above,
        event.below,
        event.created_ms,
        time_ms,
    )
