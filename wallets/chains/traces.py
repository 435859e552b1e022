"""Ether that contracts move inside a transaction, as `trace_block` tells it.  [pure]

Such a payment is in no transaction's `to`, and in no log. A frame that failed moved nothing, and neither did any frame
inside it: those do not say so themselves.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from eth_utils.address import to_checksum_address


class InternalPayment(msgspec.Struct, frozen=True):
    """Ether that a contract moved. `place` is that among all such payments of its transaction, from 0."""

    txid: str
    place: int
    sender: str
    recipient: str
    wei: int


def internal_payments(traces: Iterable[Mapping[str, Any]]) -> tuple[InternalPayment, ...]:
    """Return what contracts moved in the transactions of a block, given all their frames in order."""
    failed: dict[str, list[list[int]]] = {}
    counts: dict[str, int] = {}
    found = []
    for frame in traces:
        txid, path = frame.get("transactionHash"), list(frame["traceAddress"])
        if txid is None:
            continue  # a reward of the block itself
        above = failed.setdefault(txid, [])
        if frame.get("error") or any(path[: len(prefix)] == prefix for prefix in above):
            above.append(path)
            continue
        moved = _moved(frame) if path else None  # the outermost frame is the transaction itself
        if moved is None:
            continue
        sender, recipient, wei = moved
        place = counts.get(txid, 0)
        counts[txid] = place + 1
        found.append(
            InternalPayment(txid, place, str(to_checksum_address(sender)), str(to_checksum_address(recipient)), wei)
        )
    return tuple(found)


def _moved(frame: Mapping[str, Any]) -> tuple[str, str, int] | None:
    action = frame["action"]
    if frame["type"] == "suicide":
        moved = action["address"], action["refundAddress"], int(action["balance"], 16)
    elif frame["type"] == "call" and action["callType"] == "call":
        # The value of a delegate call is that of the call around it; a call code pays to itself.
        moved = action["from"], action["to"], int(action["value"], 16)
    else:
        return None
    return moved if moved[2] > 0 else None
