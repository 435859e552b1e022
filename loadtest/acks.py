"""Files of acknowledgements: what the exchange said it has or has not done, a line each, then how many.  [pure]

A file without its end was not written to the end: what it lacks, nobody could compare.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

from loadtest import wire
from loadtest.mix import Pairs

_NOT_TOLD = "-"
_REFUSED = "REFUSED"
_END = "end"


class Ack(NamedTuple):
    """An order as it was asked for, and the status and executed quantity with which it was acknowledged.

    Of a cancel there are order id, symbol, status and executed quantity; the rest is "-". A new order that was refused
    has the order id 0. Amounts are decimals.
    """

    order: int
    client_id: str
    symbol: str
    side: str
    price: str
    quantity: str
    status: str
    executed: str

    @property
    def is_cancel(self) -> bool:
        """Whether a cancel was acknowledged, and no new order."""
        return self.client_id == _NOT_TOLD

    @property
    def is_refused(self) -> bool:
        """Whether the order was refused so that it may be sent again: nothing was done then."""
        return self.status == _REFUSED


class AckFileBroken(Exception):
    """Raised when a file of acknowledgements cannot be read: a run that cannot be checked has not passed."""


class AckFile:
    """Writes a file."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._count = 0

    def placed(self, placed: wire.Placed, params: Pairs) -> None:
        """Write down a new order that was asked for with `params`."""
        self._asked(placed.orderId, params, placed.status, placed.executedQty)

    def refused(self, params: Pairs) -> None:
        """Write down that a new order that was asked for with `params` was refused, and may be sent again."""
        self._asked(0, params, _REFUSED, _NOT_TOLD)

    def canceled(self, order: int, symbol: str, canceled: wire.Placed) -> None:
        """Write down that an order was cancelled, as it was asked for by its id."""
        told = (_NOT_TOLD,) * 3
        self._write(Ack(order, _NOT_TOLD, symbol, *told, canceled.status, canceled.executedQty))

    def flush(self) -> None:
        """Put what was written so far where others can read it."""
        self._file.flush()

    def end(self) -> None:
        """Write the last line: nothing follows."""
        self._file.write(f"{_END} {self._count}\n")
        self._file.flush()

    def _asked(self, order: int, params: Pairs, status: str, executed: str) -> None:
        asked = dict(params)
        words = (asked["newClientOrderId"], asked["symbol"], asked["side"], asked.get("price", _NOT_TOLD))
        self._write(Ack(order, *words, asked["quantity"], status, executed))

    def _write(self, ack: Ack) -> None:
        self._file.write(" ".join(map(str, ack)) + "\n")
        self._count += 1


def read_acks(path: Path) -> Iterator[Ack]:
    """Yield the acknowledgements of a file. Raises AckFileBroken for a line that is none, or if its end is missing."""
    count = 0
    with path.open() as lines:
        for number, line in enumerate(lines, 1):
            words = line.split()
            if words == [_END, str(count)]:
                if next(lines, ""):
                    raise AckFileBroken(f"{path}:{number + 1}: something follows after the end")
                return
            if len(words) != len(Ack._fields) or not words[0].isdecimal():
                raise AckFileBroken(f"{path}:{number}: {line.strip()!r} is no acknowledgement")
            count += 1
            yield Ack(int(words[0]), *words[1:])
    raise AckFileBroken(f"{path} ends after {count} acknowledgements without having been ended")
