"""What is no parcel is skipped: one entry that cannot be read must not stop the exchange."""

from typing import cast

import msgspec
import pytest
from django.conf import settings

from launcher.services import Process
from trading.engine.commands import Parcel, ReleaseHold, Request
from trading.gateway import pipes
from trading.runtime.inbox import Inbox

GOOD = msgspec.msgpack.encode(Parcel("web", [Request(1, ReleaseHold("good"))]))


@pytest.mark.parametrize("junk", [b"", b"\xc1", GOOD[:-3], GOOD.replace(b"good", b"\xff\xfe\xfd\xfc")])
def test_an_entry_that_is_no_parcel_is_skipped(valkey: Process, junk: bytes) -> None:
    pipe, key = pipes.connection(), pipes.commands_key(settings.MEX_SHARD)
    pipe.delete(key)
    for packed in (junk, GOOD):
        last = cast(bytes, pipe.xadd(key, {pipes.FIELD: packed}))

    intake = Inbox(pipe, settings.MEX_SHARD, "0-0").take(wait_ms=100)

    assert intake is not None
    assert [request.command for parcel in intake.parcels for request in parcel.requests] == [ReleaseHold("good")]
    assert intake.position == last.decode()
    pipe.delete(key)
