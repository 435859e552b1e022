"""One batch is committed while the next is prepared: what the first used up is known, and what fails ends all."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from django.conf import settings
from django.db import connection

from accounts.models import User
from launcher.services import Process
from trading.engine.commands import (
    Command,
    HoldFunds,
    Parcel,
    PlaceOrder,
    ReleaseHold,
    Request,
    SetTerms,
    Transfer,
)
from trading.engine.enums import HoldState, OrderType, Reason, Reject, Side, StpMode, TimeInForce
from trading.engine.events import Accepted, Batch, HoldChanged, Posted, Rejected, TermsChanged, TransferRepeated
from trading.gateway import pipes
from trading.models import EngineState, Order
from trading.runtime import loop, store
from trading.runtime.loop import Engine

pytestmark = pytest.mark.django_db(transaction=True)
WAIT_S = 20.0


class Gate:
    """Keeps commits from beginning until so many batches are prepared; then lets them go on, or fail."""

    def __init__(self, engine: Engine, batches: int, commit: Callable[..., None]) -> None:
        self._open = threading.Event()
        self._batches_left = batches
        self._commit = commit
        self._prepare = engine._prepare
        self.prepared: list[int] = []

    def prepare(self, intake: Any) -> Any:
        """Prepare a batch, and open when it was the last one."""
        prepared = self._prepare(intake)
        self.prepared.append(prepared.mark.batch)
        self._batches_left -= 1
        if self._batches_left == 0:
            self._open.set()
        return prepared

    def commit(self, **batch: Any) -> None:
        """Wait at the gate."""
        assert self._open.wait(WAIT_S)
        self._commit(**batch)


@pytest.fixture(params=["writes in the other thread", "only commits there"])
def engine(request: pytest.FixtureRequest, valkey: Process, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine with a thread that commits, for every batch."""
    pipes.connection().delete(pipes.events_key(settings.MEX_SHARD), pipes.commands_key(settings.MEX_SHARD))
    monkeypatch.setattr(loop, "_OVERLAP_COMMANDS_MIN", 1)
    monkeypatch.setattr("trading.runtime.inbox.BATCH_COMMANDS_MAX", 1)
    EngineState.objects.update(position="0-0")
    engine = Engine(settings.MEX_SHARD, pipes.connection())
    engine._writes_first = request.param == "only commits there"
    engine.start()
    yield engine
    engine.close()


def send(*portions: list[Command]) -> None:
    """Put portions on the stream, each of which becomes a batch."""
    for commands in portions:
        packed = msgspec.msgpack.encode(Parcel("test", [Request(n, command) for n, command in enumerate(commands)]))
        pipes.connection().xadd(pipes.commands_key(settings.MEX_SHARD), {pipes.FIELD: packed})


def told() -> list[Batch]:
    """Return the batches that were published."""
    entries: Any = pipes.connection().xrange(pipes.events_key(settings.MEX_SHARD))
    return [msgspec.msgpack.decode(fields[pipes.FIELD], type=Batch) for _, fields in entries]


def test_what_a_batch_used_up_is_known_to_the_next_one_before_it_is_committed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = User.objects.create(email="o@runtime.test").pk
    fund = Transfer("fund", -5, user, 2, 10**12, Reason.ADJUSTMENT)
    order = PlaceOrder(user, 1, "mine", Side.SELL, OrderType.LIMIT, TimeInForce.GTC, 1_000_000, 5_000_000)
    hold, release = HoldFunds("hold", user, 2, 1_000_000), ReleaseHold("hold")
    terms = SetTerms("terms", "ops", "", user, 0, 0, StpMode.NONE)
    gate = Gate(engine, 2, store.commit)
    monkeypatch.setattr(engine, "_prepare", gate.prepare)
    monkeypatch.setattr(store, "commit", gate.commit)
    send([fund, order, hold, release, terms], [fund, order, hold, release, terms])

    engine.run(lambda: len(gate.prepared) == 2)

    first, second = told()
    assert (first.number, second.number) == tuple(gate.prepared)
    assert [type(outcome.events[0]) for outcome in first.outcomes] == [
        Posted, Accepted, HoldChanged, HoldChanged, TermsChanged,
    ]  # fmt: skip
    assert [outcome.events for outcome in second.outcomes] == [
        [TransferRepeated("fund")],
        [Rejected(Reject.DUPLICATE_ORDER)],
        [HoldChanged("hold", user, 2, 1_000_000, HoldState.RELEASED)],
        [HoldChanged("hold", user, 2, 1_000_000, HoldState.RELEASED)],
        [Rejected(Reject.DUPLICATE_REFERENCE)],
    ]
    assert Order.objects.filter(account_id=user).count() == 1


def test_a_commit_that_fails_ends_the_engine_and_the_batch_after_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**batch: Any) -> None:
        if batch["written"]:
            batch["written"].undo()
        raise OSError("the disk is full")

    before = EngineState.objects.values_list("position", "batch", "sequence").get()
    gate = Gate(engine, 2, fail)
    monkeypatch.setattr(engine, "_prepare", gate.prepare)
    monkeypatch.setattr(store, "commit", gate.commit)
    send([ReleaseHold("none")], [ReleaseHold("none")], [ReleaseHold("none")])

    with pytest.raises(OSError, match="the disk is full"):
        engine.run(lambda: False)

    assert len(gate.prepared) == 2
    assert told() == []
    assert EngineState.objects.values_list("position", "batch", "sequence").get() == before
    assert connection.in_atomic_block is False


def test_an_engine_that_cannot_prepare_a_batch_still_tells_of_the_one_before(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = engine._prepare
    prepared: list[int] = []

    def break_at_the_second(intake: Any) -> Any:
        assert not prepared, "an invariant"
        prepared.append(1)
        return prepare(intake)

    monkeypatch.setattr(engine, "_prepare", break_at_the_second)
    send([ReleaseHold("none")], [ReleaseHold("none")])

    with pytest.raises(AssertionError, match="an invariant"):
        engine.run(lambda: False)
    engine._settle()

    [batch] = told()
    assert EngineState.objects.get().batch == batch.number
