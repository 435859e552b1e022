"""What the engine did.  [pure]

Events are msgspec structs, immutable and their own wire format; tags and field order are never reused or reordered.
`Core.apply` returns the events of one command in the order in which they happened; `Core.close_batch` adds, once per
batch, which levels and balances are different now. Amounts are units, times ms UTC. An event's own time is its batch's.

`Accepted` is an order's identity card: later events of the order carry it, so that whoever reads one knows the order.
An order's state follows from its events (trading/engine/trail.py).
"""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from trading.engine.commands import PlaceOrder
from trading.engine.enums import HoldState, ListStatus, OrderStatus, Reason, Reject, Side, StpMode
from trading.engine.markets import MarketSpec


class Rejected(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=1, gc=False):
    """The command, or the new order of a cancel-replace, was refused and changed nothing."""

    reject: Reject


class Accepted(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=2, gc=False):
    """An order has come into being. `stp` is the mode in force, `list` its order list's id or 0.

    `hold_price`: what a waiting BUY without a price of its own holds per whole base (docs/engine.md, "Funds").
    `working_ms`: when a stop order was triggered; `trail_ms`: when a trailing order began to follow. 0: not (yet).
    """

    id: int
    created_ms: int
    order: PlaceOrder
    stp: StpMode
    list: int = 0
    hold_price: int = 0
    working_ms: int = 0
    trail_ms: int = 0


class Traded(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=3, gc=False):
    """A trade. `id` counts from 1 in each market. Fees are in the asset received. `*_executed*` are sums after it.

    `is_done`: the taker has all that it asked for; `is_maker_done`: nothing of the maker is left.
    """

    id: int
    price: int
    quantity: int
    quote: int
    taker: Accepted
    maker: Accepted
    taker_fee: int
    maker_fee: int
    taker_executed: int
    taker_executed_quote: int
    maker_executed: int
    maker_executed_quote: int
    is_done: bool
    is_maker_done: bool


class Closed(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=4, gc=False):
    """An order has ended without being filled: CANCELED, EXPIRED or EXPIRED_IN_MATCH. `cancel_id`: CANCELED only."""

    order: Accepted
    status: OrderStatus
    executed: int
    executed_quote: int
    cancel_id: str = ""


class Prevented(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=5, gc=False):
    """Two orders of one account did not trade. `id` counts from 1 in each market; quantities are base units.

    `*_quantity` is what this took from an order (0: nothing), `*_prevented` the sum of all that was so taken.
    """

    id: int
    price: int
    taker: Accepted
    maker: Accepted
    taker_quantity: int
    maker_quantity: int
    taker_prevented: int
    maker_prevented: int
    taker_executed: int
    taker_executed_quote: int
    maker_executed: int
    maker_executed_quote: int


class Triggered(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=6, gc=False):
    """An order's stop condition was met; it works now. `order` is its new card, which later events carry."""

    order: Accepted


class TrailStarted(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=7, gc=False):
    """A trailing order follows the prices of the market's trades from number `trade` on. `order` is its new card."""

    order: Accepted
    trade: int


class Amended(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=8, gc=False):
    """An order is smaller now; `order` is its new card, which later events carry."""

    order: Accepted
    executed: int
    executed_quote: int
    prevented: int


class CancelRejected(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=9, gc=False):
    """The cancel of a cancel-replace was refused."""

    reject: Reject


class ListChanged(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=10, gc=False):
    """An order list was placed (before its orders) or is done. Lists are numbered from 1."""

    id: int
    account: int
    market: int
    client_list_id: str
    status: ListStatus
    above: int
    below: int
    created_ms: int


class Posted(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=11, gc=False):
    """`amount` of `asset` left ledger account `debit` and reached `credit`. For trades: settlement.py."""

    debit: int
    credit: int
    asset: int
    amount: int
    reason: Reason
    reference: str


class HoldChanged(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=12, gc=False):
    """A hold was made, paid out, given back or refused; also the answer to a repeated command."""

    reference: str
    account: int
    asset: int
    amount: int
    state: HoldState


class TransferRepeated(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=13, gc=False):
    """The transfer had been applied before; nothing changed."""

    reference: str


class MarketChanged(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=14, gc=False):
    """A market has these rules now."""

    reference: str
    actor: str
    note: str
    spec: MarketSpec
    is_new: bool


class TermsChanged(msgspec.Struct, frozen=True, array_like=True, tag_field="tag", tag=15, gc=False):
    """An account has these terms now; as in SetTerms."""

    reference: str
    actor: str
    note: str
    account: int
    maker_fee_ppm: int
    taker_fee_ppm: int
    stp: StpMode


Event: TypeAlias = (
    Rejected
    | Accepted
    | Traded
    | Closed
    | Prevented
    | Triggered
    | TrailStarted
    | Amended
    | CancelRejected
    | ListChanged
    | Posted
    | HoldChanged
    | TransferRepeated
    | MarketChanged
    | TermsChanged
)


class LevelChanged(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A price level's visible quantity after the batch; 0: it is gone. `update` rises by one per change in a market."""

    market: int
    update: int
    side: Side
    price: int
    quantity: int


class BalanceChanged(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an account has of an asset after the batch, `held` included."""

    account: int
    asset: int
    balance: int
    held: int


class Outcome(msgspec.Struct, frozen=True, array_like=True):
    """The events of one request."""

    sender: str
    request: int
    events: Sequence[Event]


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """All that one commit did: one entry of the event stream. `number` rises by one per batch, for ever.

    `first_sequence` is the number of the command behind the first outcome. `levels` and `balances` hold what differs
    from the end of the batch before, each level and each balance once.
    """

    number: int
    time_ms: int
    first_sequence: int
    outcomes: Sequence[Outcome]
    levels: Sequence[LevelChanged]
    balances: Sequence[BalanceChanged]
