"""The engine's side of the database: what a batch must know before, and all that it did in one transaction after."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mex.clock import now_ms
from mex.limits import LEASE_MS
from trading.engine.commands import (
    AmendOrder,
    CancelOrder,
    Command,
    HoldFunds,
    PlaceList,
    PlaceOrder,
    ReleaseHold,
    ReplaceOrder,
    SetMarket,
    SetTerms,
    SettleHold,
    Transfer,
)
from trading.engine.core import Core
from trading.engine.enums import HoldState, Reason
from trading.runtime import schema
from trading.runtime.journal import Name, Recent
from trading.runtime.lease import LeaseLost
from trading.runtime.tables import FenceFailed, Row, Work, Written, writer


def learn(core: Core, commands: Sequence[Command], recent: Recent) -> None:
    """Tell the core what these commands name that only the database remembers, or will when `recent` is committed."""
    database = writer()
    names: list[Name] = []
    others = []
    for command in commands:
        if type(command) is PlaceOrder:
            names.append((command.account, command.client_order_id))
        else:
            others.append(command)
            names += _names_in(command)
    if names:
        core.learn_orders((account, name, order) for account, name, order in database.find(schema.ORDER_NAMES, names))
        core.learn_orders((*name, recent.orders[name]) for name in names if name in recent.orders)
    transfers = [(command.reference, int(command.reason)) for command in others if isinstance(command, Transfer)]
    if transfers:
        found = database.find(schema.DONE_TRANSFERS, transfers)
        done = [*found, *(pair for pair in transfers if pair in recent.transfers)]
        core.learn_transfers((reference, Reason(reason)) for reference, reason in done)
    changes = [(command.reference,) for command in others if isinstance(command, SetMarket | SetTerms)]
    if changes:
        core.learn_changes(reference for (reference,) in database.find(schema.KNOWN_CHANGES, changes))
        core.learn_changes(recent.changes)
    holds = {(command.reference,) for command in others if isinstance(command, HoldFunds | SettleHold | ReleaseHold)}
    if holds:
        # What is recent is newer than what the database says.
        rows: dict[str, Row] = {row[0]: row for row in database.find(schema.HOLDS, list(holds))}
        rows |= {reference: row for reference, row in recent.holds.items() if (reference,) in holds}
        core.learn_holds((*row, HoldState(state)) for *row, state in rows.values())


def _names_in(command: Any) -> Iterator[Name]:
    """Yield every client order id that a command names, of its own order or of another."""
    find = _NAMES.get(type(command))
    return (name for name in find(command) if name[1]) if find else iter(())


def _name(command: AmendOrder | CancelOrder | PlaceOrder) -> Name:
    return command.account, command.client_order_id


_NAMES: dict[type, Callable[[Any], Sequence[Name]]] = {
    CancelOrder: lambda command: (_name(command),),
    AmendOrder: lambda command: (_name(command),),
    ReplaceOrder: lambda command: (_name(command.cancel), _name(command.order)),
    PlaceList: lambda command: tuple(
        (command.account, order.client_order_id) for order in (command.above, command.below)
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where the engine stands after a batch; stored with it."""

    position: str
    batch: int
    time_ms: int
    packed: bytes
    sequence: int
    last_order: int
    last_list: int
    rank_number: int
    state_hash: str = ""
    """Hash of the state after `sequence`, when a command of the batch asked for it."""


def commit(*, shard: int, epoch: int, works: Sequence[Work], mark: Mark, written: Written | None = None) -> None:
    """Make a whole batch last, in one transaction. Raises LeaseLost, having written nothing, when the epoch is over.

    written: what `write` returned, when that was done before.
    """
    (written or write(shard=shard, epoch=epoch, works=works, mark=mark)).commit()


def write(*, shard: int, epoch: int, works: Sequence[Work], mark: Mark) -> Written:
    """Write a whole batch in a transaction that stays open. Raises LeaseLost, having written nothing."""
    columns = {
        "position": mark.position,
        "batch": mark.batch,
        "time_ms": mark.time_ms,
        "last_batch": mark.packed,
        "sequence": mark.sequence,
        "last_order": mark.last_order,
        "last_list": mark.last_list,
        "rank_number": mark.rank_number,
        "lease_until_ms": now_ms() + LEASE_MS,
    }
    if mark.state_hash:
        columns |= {"state_hash": mark.state_hash, "hash_sequence": mark.sequence}
    # First of all: on PostgreSQL this row lock makes a successor wait, and a successor's epoch makes us stop.
    changes = ", ".join(f"{column} = %s" for column in columns)
    fence = f"UPDATE trading_enginestate SET {changes} WHERE shard = %s AND epoch = %s"
    try:
        return writer().write(fence, [*columns.values(), shard, epoch], works)
    except FenceFailed:
        raise LeaseLost(f"epoch {epoch} of shard {shard} is over") from None
