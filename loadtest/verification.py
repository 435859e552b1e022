"""`python -m loadtest.verification PREFIX FILE…`: is all that was acknowledged in the database, as it was, and once?

A file has the orders and cancels that were acknowledged (loadtest/acks.py). An order must be there as it was asked for,
under its own ids, and not behind what its answer said: final is final, with the same executed quantity; an open one may
have gone on. One that was refused so that it may be sent again must not be there. One that had no answer may be there.
Runs in the environment of the instance, only reads, and prints JSON.
"""

import sys
from collections.abc import Sequence, Set
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import django
import msgspec

from loadtest.acks import Ack, AckFileBroken, read_acks
from mex.money import parse_units
from trading.engine.enums import OrderStatus, Side

_CHUNK = 5_000
_NAMED_MAX = 20
"""So many of a kind are named; the rest is only counted."""


class Kept(NamedTuple):
    """An order of the database; amounts in units of 10⁻⁸."""

    client_id: str
    symbol: str
    side: int
    price: int
    quantity: int
    status: int
    executed: int


class Verdict(msgspec.Struct):
    """What was found; good if nothing is missing or there twice, and nothing that was refused is done."""

    acknowledged: int = 0
    """Orders, and `canceled` cancels."""
    canceled: int = 0
    in_database: int = 0
    """Of the orders."""
    missing_count: int = 0
    refused: int = 0
    """New orders that may be sent again."""
    twice_count: int = 0
    missing: list[str] = []
    twice: list[str] = []
    done_count: int = 0
    done: list[str] = []

    def note_missing(self, text: str) -> None:
        """Count what was acknowledged and is not there as it was acknowledged."""
        self.missing_count += 1
        if len(self.missing) < _NAMED_MAX:
            self.missing.append(text)

    def note_twice(self, text: str) -> None:
        """Count what is there more than once."""
        self.twice_count += 1
        if len(self.twice) < _NAMED_MAX:
            self.twice.append(text)

    def note_done(self, text: str) -> None:
        """Count what was refused, so that it may be sent again, and is there."""
        self.done_count += 1
        if len(self.done) < _NAMED_MAX:
            self.done.append(text)

    @property
    def is_good(self) -> bool:
        """Whether all is as it was acknowledged, or refused."""
        return not self.missing_count and not self.twice_count and not self.done_count


class Seen:
    """A set of ids that costs a bit each, since an hour has millions of them, all near each other."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, number: int) -> bool:
        """Add an id and return whether it was there before."""
        place, bit = divmod(number, 8)
        if place >= len(self._bits):
            self._bits.extend(bytes(place + 1 - len(self._bits) + (1 << 16)))
        was_there = bool(self._bits[place] >> bit & 1)
        self._bits[place] |= 1 << bit
        return was_there


def verify(paths: Sequence[Path], prefix: str) -> Verdict:
    """Compare the acknowledgements with the orders. Raises AckFileBroken."""
    verdict = Verdict()
    seen = Seen()
    refused: set[str] = set()
    for path in paths:
        acks = read_acks(path)
        while chunk := list(islice(acks, _CHUNK)):
            refused.update(ack.client_id for ack in chunk if ack.is_refused)
            _compare([ack for ack in chunk if not ack.is_refused], seen, verdict)
    _look_for_twins(prefix, verdict)
    _look_for_refused(prefix, refused, verdict)
    return verdict


def _compare(chunk: Sequence[Ack], seen: Seen, verdict: Verdict) -> None:
    from trading.models import Order

    rows = Order.objects.filter(id__in=[ack.order for ack in chunk]).values_list(
        "id", "client_order_id", "market__symbol", "side", "price", "quantity", "status", "executed"
    )
    found = {row[0]: Kept(*row[1:]) for row in rows}
    for ack in chunk:
        wrong = wrong_with(ack, found.get(ack.order))
        if wrong:
            verdict.note_missing(wrong)
        if ack.is_cancel:
            verdict.canceled += 1
            continue
        verdict.acknowledged += 1
        verdict.in_database += not wrong
        if seen.add(ack.order):
            verdict.note_twice(f"order {ack.order} was acknowledged twice, the second time as {ack.client_id}")


def wrong_with(ack: Ack, kept: Kept | None) -> str:
    """Return in what an order is not as it was acknowledged, or "".  [pure]"""
    order = f"order {ack.order} ({ack.client_id}, {ack.symbol})"
    if kept is None:
        return f"{order} is not there"
    pairs = zip(Kept._fields, kept, _told(ack, kept), strict=True)
    differences = [f"{name} {there}, not {said}" for name, there, said in pairs if there != said]
    return f"{order}: {', '.join(differences)}" if differences else ""


def _told(ack: Ack, kept: Kept) -> Kept:
    """Return the order as an acknowledgement told it; what that leaves open is as it is there."""
    status, executed = OrderStatus[ack.status], parse_units(ack.executed)
    if status.is_open and kept.executed >= executed:
        status, executed = OrderStatus(kept.status), kept.executed  # it may have gone on since
    told = kept._replace(symbol=ack.symbol, status=status, executed=executed)
    if not ack.is_cancel:
        told = told._replace(client_id=ack.client_id, side=Side[ack.side], quantity=parse_units(ack.quantity))
    if ack.price != "-":
        told = told._replace(price=parse_units(ack.price))
    return told


def _look_for_twins(prefix: str, verdict: Verdict) -> None:
    """Look for client ids of this run that more than one order has: each was sent once."""
    from django.db.models import Count

    from trading.models import Order

    ours = Order.objects.filter(client_order_id__startswith=prefix)
    twins = ours.values("client_order_id").annotate(orders=Count("id")).filter(orders__gt=1)
    for client_id, orders in twins.values_list("client_order_id", "orders"):
        verdict.note_twice(f"{orders} orders are {client_id}")


def _look_for_refused(prefix: str, refused: Set[str], verdict: Verdict) -> None:
    """Look whether something was done with what was refused."""
    from trading.models import Order

    verdict.refused = len(refused)
    if refused:
        ours = Order.objects.filter(client_order_id__startswith=prefix).values_list("client_order_id", flat=True)
        for client_id in ours.iterator():
            if client_id in refused:
                verdict.note_done(f"{client_id} was refused, and is there")


def main(arguments: Sequence[str]) -> int:
    """Print the verdict; 1 if it is bad, 2 if a file could not be read."""
    django.setup()
    try:
        verdict = verify([Path(name) for name in arguments[1:]], arguments[0])
    except (AckFileBroken, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.buffer.write(msgspec.json.encode(verdict) + b"\n")
    return 0 if verdict.is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
