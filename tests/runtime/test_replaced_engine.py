"""An engine that was replaced while it stood still reads what its successor wrote, and ends without having written."""

import msgspec
import pytest
from django.conf import settings

from accounts.models import User
from launcher.services import Process
from trading.engine.commands import HoldFunds, Parcel, Request, Transfer
from trading.engine.enums import Reason
from trading.gateway import pipes
from trading.models import EngineState
from trading.runtime.lease import LeaseLost
from trading.runtime.loop import Engine
from wallets.models import Hold

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_hold_that_the_successor_made_ends_the_replaced_engine_as_one_that_lost_its_lease(valkey: Process) -> None:
    pipe = pipes.connection()
    pipe.delete(pipes.events_key(settings.MEX_SHARD), pipes.commands_key(settings.MEX_SHARD))
    user = User.objects.create(email="h@runtime.test").pk
    fund, hold = Transfer("fund", -5, user, 2, 10**12, Reason.ADJUSTMENT), HoldFunds("hold", user, 2, 1_000_000)
    packed = msgspec.msgpack.encode(Parcel("test", [Request(1, fund), Request(2, hold)]))
    EngineState.objects.update(position="0-0")
    replaced = Engine(settings.MEX_SHARD, pipe)
    replaced.start()
    EngineState.objects.update(lease_until_ms=0)
    successor = Engine(settings.MEX_SHARD, pipe)
    successor.start()
    pipe.xadd(pipes.commands_key(settings.MEX_SHARD), {pipes.FIELD: packed}, id="1-0")
    successor.run(lambda: successor.core.sequence == 2)
    # The successor has trimmed the stream; the replaced one had read it before it stood still.
    pipe.delete(pipes.commands_key(settings.MEX_SHARD))
    pipe.xadd(pipes.commands_key(settings.MEX_SHARD), {pipes.FIELD: packed}, id="1-0")

    with pytest.raises(LeaseLost):
        replaced.run(lambda: False)

    assert Hold.objects.count() == 1
    assert EngineState.objects.get().batch == 1
    successor.close()
    replaced.close()
