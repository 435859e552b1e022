"""Private events: what each account is told of a batch, in the user data stream's words."""

from collections.abc import Container, Mapping, Sequence

import msgspec

from mex.clock import now_ms
from trading.engine.enums import Side
from trading.engine.events import Accepted, Batch, Closed, Event, ListChanged, Posted, Prevented, Traded, Triggered
from trading.gateway import order_shapes, shapes
from trading.gateway.catalog import Catalog
from trading.gateway.steps import Step, steps_of

_Told = dict[int, list[bytes]]


class AccountReports:
    """Turns batches into JSON for the accounts that somebody listens to."""

    def __init__(self, catalog: Catalog) -> None:
        self._codes = catalog.asset_codes
        self._symbols = {spec.id: spec.symbol for spec in catalog.by_id.values()}
        self._received: dict[tuple[int, Side], str] = {}
        """What orders of a market and side receive, by its code: fees are paid in it."""
        for spec in catalog.by_id.values():
            self._received[spec.id, Side.BUY] = catalog.asset_codes[spec.base]
            self._received[spec.id, Side.SELL] = catalog.asset_codes[spec.quote]
        self._encode = msgspec.json.Encoder().encode

    def of(self, batch: Batch, accounts: Container[int]) -> Mapping[int, Sequence[bytes]]:
        """Return each account's events as JSON: those of each command in turn, and its position at the end.

        One command's are: reports and list statuses as they happened, then balance updates.
        """
        told: _Told = {}
        event_ms = now_ms()
        for number, outcome in enumerate(batch.outcomes, batch.first_sequence):
            self._tell(told, outcome.events, number, accounts, batch.time_ms, event_ms)
        positions: dict[int, list[tuple[str, int, int]]] = {}
        for change in batch.balances:
            if change.account in accounts:
                row = (self._codes[change.asset], change.balance, change.held)
                positions.setdefault(change.account, []).append(row)
        for account, rows in positions.items():
            position = shapes.account_position(rows, batch.time_ms, event_ms)
            told.setdefault(account, []).append(self._encode(position))
        return told

    def _tell(
        self,
        told: _Told,
        events: Sequence[Event],
        sequence: int,
        accounts: Container[int],
        time_ms: int,
        event_ms: int,
    ) -> None:
        deltas: dict[tuple[int, int], int] | None = None
        lost: dict[int, int] = {}
        for index, event in enumerate(events):
            kind = type(event)
            if kind is ListChanged:
                self._tell_list(told, event, events, accounts, time_ms, event_ms)  # type: ignore[arg-type]  # `is`
            elif kind is Posted:
                deltas = _with_posting(deltas or {}, event, accounts)  # type: ignore[arg-type]  # as above
            else:
                for step in steps_of(events, index, accounts, lost):
                    report = self._report(step, sequence, time_ms, event_ms)
                    told.setdefault(step.card.order.account, []).append(report)
        for (account, asset), delta in (deltas or {}).items():
            update = shapes.balance_update(self._codes[asset], delta, time_ms, event_ms)
            told.setdefault(account, []).append(self._encode(update))

    def _report(self, step: Step, sequence: int, time_ms: int, event_ms: int) -> bytes:
        order = step.card.order
        return self._encode(
            order_shapes.execution_report(
                self._symbols[order.market],
                self._received[order.market, order.side],
                step,
                sequence=sequence,
                time_ms=time_ms,
                event_ms=event_ms,
            )
        )

    def _tell_list(
        self,
        told: _Told,
        changed: ListChanged,
        events: Sequence[Event],
        accounts: Container[int],
        time_ms: int,
        event_ms: int,
    ) -> None:
        if changed.account in accounts:
            status = order_shapes.list_status_event(
                self._symbols[changed.market], changed, names_in_list(changed, events), time_ms, event_ms
            )
            told.setdefault(changed.account, []).append(self._encode(status))


def names_in_list(changed: ListChanged, events: Sequence[Event]) -> dict[int, str]:
    """Return the client order ids of a list's orders: a command that places or ends a list tells both of them."""
    names: dict[int, str] = {}
    for event in events:
        for card in _cards(event):
            if card.list == changed.id:
                names[card.id] = card.order.client_order_id
                if len(names) == len((changed.above, changed.below)):
                    return names
    return names


def _cards(event: Event) -> tuple[Accepted, ...]:
    if isinstance(event, Accepted):
        return (event,)
    if isinstance(event, Closed | Triggered):
        return (event.order,)
    if isinstance(event, Traded | Prevented):
        return (event.maker, event.taker)
    return ()


def _with_posting(
    deltas: dict[tuple[int, int], int], posted: Posted, accounts: Container[int]
) -> dict[tuple[int, int], int]:
    """Add a posting to what a command moves. Trades are told in reports and are no postings here."""
    for account, delta in ((posted.debit, -posted.amount), (posted.credit, posted.amount)):
        if account in accounts:
            deltas[account, posted.asset] = deltas.get((account, posted.asset), 0) + delta
    return deltas
