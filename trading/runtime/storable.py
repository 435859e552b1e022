"""Commands that name what no database can hold. They are refused before anything is looked up: to look it up, or to
write it, would end the engine, and every engine after it.
"""

from typing import Any, Final

import msgspec

from trading.engine.commands import CancelOrder, HoldFunds, Parcel, PlaceOrder, Request

_END: Final = 2**63
"""The first number that a column of 8 bytes cannot hold. The wire has none below the smallest that it can."""
_NUL: Final = "\0"
"""PostgreSQL has no text with it in it."""
REFUSED = HoldFunds("", 0, 0, 0)
"""Stands for such a command: the core refuses it as INVALID."""


def screened(parcel: Parcel) -> Parcel:
    """Return a parcel without what cannot be held, each command still at its place."""
    if all([_is_storable(request.command) for request in parcel.requests]):
        return parcel
    return Parcel(
        parcel.sender,
        [request if _is_storable(request.command) else Request(request.id, REFUSED) for request in parcel.requests],
    )


def _is_storable(command: Any) -> bool:
    kind = type(command)
    if kind is PlaceOrder or kind is CancelOrder:
        # Only these are looked up before the core has had a look at the command; amounts have their limits there.
        return command.account < _END and _NUL not in command.client_order_id
    return _can_be_held(command)


def _can_be_held(value: Any) -> bool:
    if isinstance(value, str):
        return _NUL not in value
    if isinstance(value, int):
        return value < _END
    if isinstance(value, msgspec.Struct):
        return all(_can_be_held(getattr(value, name)) for name in value.__struct_fields__)
    return True
