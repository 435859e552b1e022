"""`python -m loadtest.verification PREFIX FILE…`: is every acknowledged order in the database, once, under its own id?

Each line of a file is an acknowledgement: order id, client order id, symbol. Runs in the environment of the instance,
only reads, and prints JSON. An order that was not acknowledged may be there: its answer may have been lost.
"""

import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import django
import msgspec

_CHUNK = 5_000
_NAMED_MAX = 20
"""So many of a kind are named; the rest is only counted."""


class Ack(NamedTuple):
    """What the exchange acknowledged."""

    order: int
    client_id: str
    symbol: str


class Verdict(msgspec.Struct):
    """What was found; good if nothing is missing and nothing is there twice."""

    acknowledged: int = 0
    in_database: int = 0
    missing_count: int = 0
    twice_count: int = 0
    missing: list[str] = []
    twice: list[str] = []

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

    @property
    def is_good(self) -> bool:
        """Whether all is as it was acknowledged."""
        return not self.missing_count and not self.twice_count


class AckFileBroken(Exception):
    """Raised when a file of acknowledgements cannot be read: a run that cannot be checked has not passed."""


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


def read_acks(path: Path) -> Iterator[Ack]:
    """Yield the acknowledgements of a file. Raises AckFileBroken for a line that is none."""
    with path.open() as lines:
        for number, line in enumerate(lines, 1):
            words = line.split()
            if len(words) != 3 or not words[0].isdecimal():
                raise AckFileBroken(f"{path}:{number}: {line.strip()!r} is no acknowledgement")
            yield Ack(int(words[0]), words[1], words[2])


def verify(paths: Sequence[Path], prefix: str) -> Verdict:
    """Compare the acknowledgements with the orders. Raises AckFileBroken."""
    verdict = Verdict()
    seen = Seen()
    for path in paths:
        acks = read_acks(path)
        while chunk := list(islice(acks, _CHUNK)):
            _compare(chunk, seen, verdict)
    _look_for_twins(prefix, verdict)
    return verdict


def _compare(chunk: Sequence[Ack], seen: Seen, verdict: Verdict) -> None:
    from trading.models import Order

    rows = Order.objects.filter(id__in=[ack.order for ack in chunk])
    found = {row[0]: row[1:] for row in rows.values_list("id", "client_order_id", "market__symbol")}
    for ack in chunk:
        verdict.acknowledged += 1
        if seen.add(ack.order):
            verdict.note_twice(f"order {ack.order} was acknowledged twice, the second time as {ack.client_id}")
        row = found.get(ack.order)
        if row is None:
            verdict.note_missing(f"order {ack.order} ({ack.client_id}, {ack.symbol}) is not there")
        elif row != (ack.client_id, ack.symbol):
            verdict.note_missing(f"order {ack.order} is {row[0]} of {row[1]}, not {ack.client_id} of {ack.symbol}")
        else:
            verdict.in_database += 1


def _look_for_twins(prefix: str, verdict: Verdict) -> None:
    """Look for client ids of this run that more than one order has: each was sent once."""
    from django.db.models import Count

    from trading.models import Order

    ours = Order.objects.filter(client_order_id__startswith=prefix)
    twins = ours.values("client_order_id").annotate(orders=Count("id")).filter(orders__gt=1)
    for client_id, orders in twins.values_list("client_order_id", "orders"):
        verdict.note_twice(f"{orders} orders are {client_id}")


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
