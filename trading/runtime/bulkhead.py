"""A command whose effects the database does not take: it alone is refused, and everybody else goes on trading.

The core lets nothing through that it knows the tables not to hold. Should it be wrong about one command, that command
would end this engine, and every engine after it that reads it again. Only commands of traders are refused so: what
moves coins in and out, and what operators ask for, ends the engine until a person has looked (docs/operations.md).
"""

import sqlite3
from collections.abc import Callable
from typing import Final

import psycopg

from trading.engine.commands import (
    AmendOrder,
    CancelAll,
    CancelList,
    CancelOrder,
    Parcel,
    PlaceList,
    PlaceOrder,
    ReplaceOrder,
    Request,
)
from trading.runtime.storable import REFUSED

REFUSALS: Final = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    psycopg.IntegrityError,
    psycopg.DataError,
    OverflowError,
)
"""What drivers and our encoder raise about values; not what they raise when a database is away, full or broken."""
_OF_TRADERS: Final = frozenset(
    {PlaceOrder, CancelOrder, CancelAll, ReplaceOrder, AmendOrder, PlaceList, CancelList}
)  # fmt: skip


def find_fault(count: int, is_taken: Callable[[int], bool]) -> int | None:
    """Return which of so many commands the database does not take: without it, what comes before is taken.

    is_taken: whether it takes the effects of the first so many. None if it takes all, or not even those of none.
    """
    if is_taken(count) or not is_taken(0):
        return None
    taken, refused = 0, count
    while refused - taken > 1:
        middle = (taken + refused) // 2
        if is_taken(middle):
            taken = middle
        else:
            refused = middle
    return taken


def may_be_refused(request: Request) -> bool:
    """Return whether a command is a trader's, who learns of it."""
    return type(request.command) in _OF_TRADERS


def without(parcel: Parcel, place: int) -> Parcel:
    """Return a parcel in which the core refuses the command at a place."""
    requests = list(parcel.requests)
    requests[place] = Request(requests[place].id, REFUSED)
    return Parcel(parcel.sender, requests)
