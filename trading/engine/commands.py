"""What the engine can be asked to do.  [pure]

Commands are msgspec structs: immutable, cheap, and their own wire format (an array led by a number,
docs/adr/0003-messages-are-msgspec-structs.md). Tags and field order are on the wire: never reuse or reorder,
only append fields with defaults.
"""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from trading.engine.enums import OrderType, Reason, Side, TimeInForce


class PlaceOrder(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=1, gc=False):
    """Place an order. Amounts in units; `price` is 0 for MARKET; exactly one of the two quantities is not 0."""

    account: int
    market: int
    client_order_id: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    quantity: int
    price: int
    quote_quantity: int = 0


class CancelOrder(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=2, gc=False):
    """Cancel an open order of the account, by engine id, by client id, or by both when both must match.

    `order_id` 0 and `client_order_id` "" mean "not given". `cancel_id` names the cancel itself.
    """

    account: int
    market: int
    order_id: int
    client_order_id: str
    cancel_id: str


class Transfer(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=3, gc=False):
    """Move funds between two ledger accounts, once per `reference` and reason, however often it is sent."""

    reference: str
    debit: int
    credit: int
    asset: int
    amount: int
    reason: Reason


class HoldFunds(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=4, gc=False):
    """Set funds of an account aside for a withdrawal. A repeat of `reference` reports what the first one did."""

    reference: str
    account: int
    asset: int
    amount: int


class SettleHold(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=5, gc=False):
    """Pay a hold out: amount - fee to the chain, fee to the fees account. A repeat changes nothing."""

    reference: str
    fee: int


class ReleaseHold(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=6, gc=False):
    """Give held funds back to their account. A repeat changes nothing."""

    reference: str


Command: TypeAlias = PlaceOrder | CancelOrder | Transfer | HoldFunds | SettleHold | ReleaseHold


class Request(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One command with the number by which its sender knows the answer."""

    id: int
    command: Command


class Parcel(msgspec.Struct, frozen=True, array_like=True):
    """One entry of the command stream: all that one process sends in one event-loop turn."""

    sender: str
    requests: Sequence[Request]
