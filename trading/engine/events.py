"""What the engine did.  [pure]

Events are msgspec structs, immutable and their own wire format; tags and field order are never reused or reordered.
`Core.apply` returns the events of one command in the order in which they happened. Amounts are units, times ms UTC.
"""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from trading.engine.enums import Execution, HoldState, OrderStatus, OrderType, Reason, Reject, Side, TimeInForce


class Rejected(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=1, gc=False):
    """The command was refused and changed nothing."""

    reject: Reject


class Executed(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=2, gc=False):
    """One step in the life of an order, with the order's whole state after it.

    `last_*`, `fee*`, `trade` and `is_maker` belong to a TRADE: there `fee` is in `fee_asset`, the asset received.
    `trade` is -1 otherwise. `cancel_id` is set for CANCELED only.
    """

    id: int
    kind: Execution
    account: int
    market: int
    order: int
    client_order_id: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    status: OrderStatus
    quantity: int
    quote_quantity: int
    price: int
    executed: int
    executed_quote: int
    created_ms: int
    time_ms: int
    trade: int = -1
    last_quantity: int = 0
    last_price: int = 0
    last_quote: int = 0
    fee: int = 0
    fee_asset: int = 0
    is_maker: bool = False
    cancel_id: str = ""


class Traded(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=3, gc=False):
    """A trade, as the public and the books see it. `id` counts from 1 in each market."""

    market: int
    id: int
    price: int
    quantity: int
    quote: int
    buyer_is_maker: bool
    buyer: int
    seller: int
    buyer_order: int
    seller_order: int
    buyer_fee: int
    seller_fee: int
    time_ms: int


class Posted(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=4, gc=False):
    """`amount` of `asset` left ledger account `debit` and reached `credit`."""

    sequence: int
    debit: int
    credit: int
    asset: int
    amount: int
    reason: Reason
    reference: str


class BalanceChanged(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=5, gc=False):
    """What an account has of an asset after the command, `held` included. At most one per pair and command."""

    account: int
    asset: int
    balance: int
    held: int


class HoldChanged(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=6, gc=False):
    """A hold was made, paid out, given back or refused; also the answer to a repeated command."""

    reference: str
    account: int
    asset: int
    amount: int
    state: HoldState


class LevelChanged(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=7, gc=False):
    """A price level's quantity after the command; 0 means it is gone. `update` rises by one per change in a market."""

    market: int
    update: int
    side: Side
    price: int
    quantity: int


class TransferRepeated(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=8, gc=False):
    """The transfer had been applied before; nothing changed."""

    reference: str


Event: TypeAlias = (
    Rejected | Executed | Traded | Posted | BalanceChanged | HoldChanged | LevelChanged | TransferRepeated
)


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """The events of one request."""

    sender: str
    request: int
    events: Sequence[Event]


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """All that one commit did: one entry of the event stream. `number` rises by one per batch, for ever."""

    number: int
    time_ms: int
    outcomes: Sequence[Outcome]
