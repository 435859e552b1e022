"""A commit that fails, a full disk for instance, ends the engine, and nobody was told anything."""

import logging
import signal
from typing import Any

import msgspec
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection

from launcher.services import Process
from trading.engine.commands import Parcel, Request, Transfer
from trading.engine.enums import Reason
from trading.gateway import pipes
from trading.models import EngineState
from trading.runtime.inbox import Intake
from trading.runtime.loop import Engine
from wallets.ledger.chart import Owner
from wallets.models import Asset, Balance, Posting


@pytest.mark.django_db(transaction=True)
def test_nothing_is_published_or_kept_when_the_commit_fails(valkey: Process) -> None:
    """The database refuses in the middle of the batch's writes, after the position was already moved."""
    pipe: Any = pipes.connection()
    events = pipes.events_key(settings.MEX_SHARD)
    pipe.delete(events)
    engine = Engine(settings.MEX_SHARD, pipe)
    before = EngineState.objects.values_list("position", "batch", "sequence").get(shard=settings.MEX_SHARD)
    asset = Asset.objects.get(code="BTC").pk
    funding = Transfer("full-disk", Owner.ADJUSTMENT, 1, asset, 10**8, Reason.ADJUSTMENT)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE wallets_balance RENAME TO wallets_balance_away")

    try:
        with pytest.raises(Exception, match="wallets_balance") as failed:
            engine.process(Intake("9-0", [Parcel("web", [Request(1, funding)])]))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE wallets_balance_away RENAME TO wallets_balance")

    assert failed.type.__name__ in ("OperationalError", "UndefinedTable", DatabaseError.__name__)
    assert pipe.xlen(events) == 0
    assert EngineState.objects.values_list("position", "batch", "sequence").get(shard=settings.MEX_SHARD) == before
    assert not Posting.objects.filter(reference="full-disk").exists()
    assert not Balance.objects.exists()

    # The next engine starts from what is committed and does the same batch once.
    engine.close()
    successor = Engine(settings.MEX_SHARD, pipe)
    successor.process(Intake("9-0", [Parcel("web", [Request(1, funding)])]))
    assert Posting.objects.filter(reference="full-disk").count() == 1
    assert pipe.xlen(events) == 1
    successor.close()


@pytest.mark.django_db(transaction=True)
def test_an_engine_that_ends_says_at_which_entries(
    valkey: Process, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The next one takes them again: without knowing where, nobody could take out the one that ends them all."""
    pipe: Any = pipes.connection()
    pipe.delete(pipes.commands_key(settings.MEX_SHARD))
    EngineState.objects.update(position="7-0")
    pipe.xadd(
        pipes.commands_key(settings.MEX_SHARD), {pipes.FIELD: msgspec.msgpack.encode(Parcel("web", []))}, id="9-0"
    )
    monkeypatch.setattr("trading.management.commands.run_engine.gc.freeze", lambda: None)

    def broken(engine: Engine, intake: Intake) -> None:
        raise AssertionError("an invariant does not hold")

    monkeypatch.setattr(Engine, "_prepare", broken)
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        with pytest.raises(AssertionError, match="an invariant does not hold"):
            call_command("run_engine", "--no-wait")
    finally:
        for number, handler in zip((signal.SIGTERM, signal.SIGINT), handlers, strict=True):
            signal.signal(number, handler)

    [said] = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert said.startswith("the engine ends at an entry of the command stream after 7-0, 9-0 at the latest")
