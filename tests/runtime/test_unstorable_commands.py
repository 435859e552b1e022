"""A command that names what no database can hold is refused, and the next one is carried out."""

from dataclasses import dataclass

import msgspec
import pytest
from django.conf import settings

from accounts.models import User
from launcher.services import Process
from mex.money import AMOUNT_MAX
from trading.engine.commands import (
    CancelOrder,
    Command,
    HoldFunds,
    Parcel,
    PlaceOrder,
    ReleaseHold,
    ReplaceOrder,
    Request,
    SetTerms,
    Transfer,
)
from trading.engine.enums import OrderStatus, OrderType, Reason, Reject, ReplaceMode, Side, StpMode, TimeInForce
from trading.engine.events import Batch, Outcome, Posted, Rejected
from trading.gateway import pipes
from trading.models import EngineState, Market, Order
from trading.runtime.loop import Engine

pytestmark = pytest.mark.django_db(transaction=True)
TOO_LARGE = 2**63


@dataclass(frozen=True)
class Case:
    name: str
    command: Command


def order(account: int, name: str) -> PlaceOrder:
    return PlaceOrder(account, 1, name, Side.SELL, OrderType.LIMIT, TimeInForce.GTC, 1_000_000, 5_000_000)


def cancel(account: int, name: str) -> CancelOrder:
    return CancelOrder(account, 1, 0, name, "")


CASES = [
    Case("an order's name", order(1, "a\0b")),
    Case("an order's account", order(TOO_LARGE, "a")),
    Case("a cancelled order's name", cancel(1, "a\0b")),
    Case("a cancel's account", cancel(TOO_LARGE, "a")),
    Case("an order in place of another", ReplaceOrder(cancel(1, "a"), order(1, "\0"), ReplaceMode.ALLOW_FAILURE)),
    Case("a transfer's reference", Transfer("\0", -5, 1, 2, 1, Reason.ADJUSTMENT)),
    Case("a transfer's account", Transfer("t", -5, TOO_LARGE, 2, 1, Reason.ADJUSTMENT)),
    Case("a hold's reference", HoldFunds("\0", 1, 2, 1)),
    Case("a released hold's reference", ReleaseHold("\0")),
    Case("an account with terms", SetTerms("r", "ops", "", TOO_LARGE, 0, 0, StpMode.NONE)),
    Case("an operator's note", SetTerms("r", "ops", "\0", 1, 0, 0, StpMode.NONE)),
]


def carried_out(*commands: Command) -> list[Outcome]:
    """Return what became of commands that an engine took in one entry, before a last one that is sound."""
    pipe = pipes.connection()
    pipe.delete(pipes.events_key(settings.MEX_SHARD), pipes.commands_key(settings.MEX_SHARD))
    fund = Transfer("fund", -5, User.objects.create(email="u@runtime.test").pk, 2, 10**12, Reason.ADJUSTMENT)
    parcel = Parcel("test", [Request(number, each) for number, each in enumerate([*commands, fund], 1)])
    pipe.xadd(pipes.commands_key(settings.MEX_SHARD), {pipes.FIELD: msgspec.msgpack.encode(parcel)})
    EngineState.objects.update(position="0-0")
    engine = Engine(settings.MEX_SHARD, pipe)
    engine.start()

    engine.run(lambda: engine.core.sequence == len(commands) + 1)

    [(_, fields)] = pipe.xrange(pipes.events_key(settings.MEX_SHARD))  # type: ignore[misc]  # no types for it
    engine.close()
    outcomes = msgspec.msgpack.decode(fields[pipes.FIELD], type=Batch).outcomes
    assert type(outcomes[-1].events[0]) is Posted
    return outcomes


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_refused(valkey: Process, case: Case) -> None:
    refused = carried_out(case.command)[0]

    assert refused.request == 1
    assert refused.events == [Rejected(Reject.INVALID)]


def test_what_an_order_loses_to_its_own_account_can_be_stored(valkey: Process) -> None:
    # It asked for more quote than there is: at 0.05 that is more base than 64 bits can count.
    account = User.objects.create(email="own@runtime.test").pk
    market = Market.objects.get(symbol="ETHBTC")
    bid = PlaceOrder(
        account, market.pk, "bid", Side.BUY, OrderType.LIMIT, TimeInForce.GTC, quantity=10**8, price=5_000_000
    )
    sale = PlaceOrder(
        account, market.pk, "sale", Side.SELL, OrderType.MARKET, TimeInForce.GTC, quantity=0, price=0,
        quote_quantity=AMOUNT_MAX, stp=StpMode.EXPIRE_TAKER,
    )  # fmt: skip

    carried_out(Transfer("quote", -5, account, market.quote_id, 10**8, Reason.ADJUSTMENT), bid, sale)

    stored = Order.objects.get(client_order_id="sale")
    assert (stored.status, stored.executed) == (OrderStatus.EXPIRED_IN_MATCH, 0)
    assert AMOUNT_MAX - market.lot < stored.prevented == stored.quantity <= AMOUNT_MAX
