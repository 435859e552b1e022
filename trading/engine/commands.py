"""What the engine can be asked to do.  [pure]

Commands are msgspec structs: immutable, cheap, and their own wire format (an array led by a number,
docs/adr/0003-messages-are-msgspec-structs.md). Tags and field order are on the wire: never reuse or reorder,
only append fields with defaults. What each does, and why it may be refused, is in docs/engine.md.
"""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from trading.engine.enums import CancelRestriction, OrderType, Reason, ReplaceMode, Side, StpMode, TimeInForce
from trading.engine.markets import MarketSpec


class PlaceOrder(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=1, gc=False):
    """Place an order. Amounts in units; 0 means "not given".

    `price` is 0 for MARKET, STOP_LOSS and TAKE_PROFIT. `trailing_delta` is in basis points.
    """

    account: int
    market: int
    client_order_id: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    quantity: int
    price: int
    quote_quantity: int = 0
    stop_price: int = 0
    trailing_delta: int = 0
    iceberg_quantity: int = 0
    stp: StpMode = StpMode.DEFAULT


class CancelOrder(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=2, gc=False):
    """Cancel an open order of the account, by engine id, by client id, or by both when both must match.

    `order_id` 0 and `client_order_id` "" mean "not given". `cancel_id` names the cancel itself.
    """

    account: int
    market: int
    order_id: int
    client_order_id: str
    cancel_id: str
    restriction: CancelRestriction = CancelRestriction.NONE


class Transfer(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=3, gc=False):
    """Move funds between two ledger accounts, once per `reference` and reason, however often it is sent.

    `recoup`, of a DEPOSIT or REVERSAL: what the deposit cost us when it was taken back before. A credit gives so much
    of it back to the losses; taking it back again costs us at least that.
    """

    reference: str
    debit: int
    credit: int
    asset: int
    amount: int
    reason: Reason
    recoup: int = 0


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


class CancelAll(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=7, gc=False):
    """Cancel every open order of an account in a market."""

    account: int
    market: int
    cancel_id: str


class ReplaceOrder(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=8, gc=False):
    """Cancel an order and place another one, in one step. The new order is of the account and market of `cancel`."""

    cancel: CancelOrder
    order: PlaceOrder
    mode: ReplaceMode


class AmendOrder(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=9, gc=False):
    """Make an open order smaller; it keeps its place. `quantity` is its new whole quantity, base units."""

    account: int
    market: int
    order_id: int
    client_order_id: str
    quantity: int


class PlaceList(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=10, gc=False):
    """Place an OCO list: two orders of which one can trade. Funds are held once. `above` and `below` the market."""

    account: int
    market: int
    client_list_id: str
    above: PlaceOrder
    below: PlaceOrder


class CancelList(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=11, gc=False):
    """Cancel both orders of a list, by its id (0: not given), its client id ("": not given), or both."""

    account: int
    market: int
    list_id: int
    client_list_id: str
    cancel_id: str


class SetMarket(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=12, gc=False):
    """Create a market (`spec.id` 0: the engine gives it one) or change its rules, once per reference.

    `actor` and `note` are for the audit trail.
    """

    reference: str
    actor: str
    note: str
    spec: MarketSpec


class SetTerms(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=13, gc=False):
    """Set an account's fee rates, in ppm (-1: those of the market), and its default self-trade prevention."""

    reference: str
    actor: str
    note: str
    account: int
    maker_fee_ppm: int
    taker_fee_ppm: int
    stp: StpMode


class Checkpoint(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=14, gc=False):
    """Have the state's hash stored with the batch that holds this command."""


Command: TypeAlias = (
    PlaceOrder
    | CancelOrder
    | Transfer
    | HoldFunds
    | SettleHold
    | ReleaseHold
    | CancelAll
    | ReplaceOrder
    | AmendOrder
    | PlaceList
    | CancelList
    | SetMarket
    | SetTerms
    | Checkpoint
)


class Request(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One command with the number by which its sender knows the answer."""

    id: int
    command: Command


class Parcel(msgspec.Struct, frozen=True, array_like=True):
    """One entry of the command stream: all that one process sends in one event-loop turn."""

    sender: str
    requests: Sequence[Request]
