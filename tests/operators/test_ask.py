"""A process without an event loop asks the engine and waits for what is committed."""

import time
from collections.abc import Iterator

import msgspec
import pytest
import redis
from django.conf import settings
from django.db import transaction
from pytest_django.fixtures import Settings

from launcher.processes import free_port
from mex.errors import EngineSilent
from tests.operators.engine import RunningEngine
from trading.engine.commands import CancelOrder, Parcel, Transfer
from trading.engine.enums import Reason, Reject
from trading.engine.events import Posted, Rejected
from trading.gateway import ask as module
from trading.gateway import pipes
from trading.gateway.ask import ask, operators_turn
from wallets.ledger.chart import Owner
from wallets.models import Posting

GIFT = Transfer("gift", Owner.ADJUSTMENT, 1, 1, 500, Reason.ADJUSTMENT)


def test_the_answer_is_what_was_committed(engine: RunningEngine) -> None:
    events = ask(GIFT)

    assert events == [Posted(Owner.ADJUSTMENT, 1, 1, 500, Reason.ADJUSTMENT, "gift")]
    assert Posting.objects.get().amount == 500


def test_a_refusal_is_an_answer(engine: RunningEngine) -> None:
    assert ask(CancelOrder(1, 1, 7, "", "c")) == [Rejected(Reject.UNKNOWN_ORDER)]


def test_answers_of_others_and_junk_are_passed_over(engine: RunningEngine) -> None:
    """The stream holds everybody's answers, and may hold what is none."""
    ask(GIFT)
    pipes.connection().xadd(pipes.events_key(settings.MEX_SHARD), {pipes.FIELD: b"junk"})

    assert ask(CancelOrder(1, 1, 7, "", "c")) == [Rejected(Reject.UNKNOWN_ORDER)]


def test_without_an_engine_the_command_waits_and_the_asker_is_told(pipe: None, db_less: None) -> None:
    with pytest.raises(EngineSilent) as silent:
        ask(GIFT, timeout_s=0.2)

    assert (silent.value.code, silent.value.status) == (-1007, 504)
    assert silent.value.message == (
        "The engine did not answer within 0.2 s. The command waits for it on the stream and takes effect "
        "when it runs: look before you repeat it."
    )
    ((_, fields),) = pipes.connection().xrange(pipes.commands_key(settings.MEX_SHARD))
    assert msgspec.msgpack.decode(fields[pipes.FIELD], type=Parcel).requests[0].command == GIFT


def test_what_was_asked_before_the_engine_ran_takes_effect(transactional_db: None, pipe: None) -> None:
    with pytest.raises(EngineSilent):
        ask(GIFT, timeout_s=0.01)

    engine = RunningEngine()
    ask(CancelOrder(1, 1, 7, "", "c"))
    engine.stop()

    assert Posting.objects.get().reference == "gift"


@pytest.fixture
def no_pipe(settings: Settings) -> Iterator[None]:
    """A pipe that is down."""
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port(taken=[])}/0"
    pipes.connection.cache_clear()
    yield
    pipes.connection.cache_clear()


@pytest.fixture
def db_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """No database: asking needs none, but looks whether there is a transaction."""
    monkeypatch.setattr(module, "connection", Outside())


class Outside:
    """A connection without a transaction."""

    in_atomic_block = False


def test_while_the_pipe_is_down_nothing_is_sent(no_pipe: None, db_less: None) -> None:
    with pytest.raises(EngineSilent, match="The pipe to the engine does not answer, nothing was sent: "):
        ask(GIFT)
    with pytest.raises(EngineSilent, match="The pipe to the engine does not answer, nothing was sent: "):
        with operators_turn():
            pytest.fail("had its turn")


def test_a_pipe_that_goes_away_leaves_it_open_what_becomes_of_the_command(
    pipe: None, db_less: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Breaking:
        """The pipe, until something is to be read."""

        xrevrange = pipes.connection().xrevrange
        xadd = pipes.connection().xadd

        def xread(self, *args: object, **options: object) -> None:
            raise redis.ConnectionError("cut")

    monkeypatch.setattr(pipes, "connection", Breaking)

    with pytest.raises(EngineSilent, match="the command may or may not take effect, look first: cut"):
        ask(GIFT)


def test_nobody_asks_inside_a_transaction(transactional_db: None, pipe: None) -> None:
    """On SQLite the engine would wait for the asker, and the asker for the engine."""
    with transaction.atomic(), pytest.raises(AssertionError, match="inside a transaction"):
        ask(GIFT)

    assert pipes.connection().xlen(pipes.commands_key(settings.MEX_SHARD)) == 0


def test_operators_take_turns(pipe: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPLY_TIMEOUT_S", 0.05)

    with operators_turn():
        with pytest.raises(EngineSilent, match="Another operator's change is still on its way, nothing was sent"):
            with operators_turn():
                pytest.fail("two at once")
    with operators_turn():
        pass


def test_a_turn_that_ended_by_itself_is_no_error(pipe: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TURN_S_MAX", 0.01)

    with operators_turn():
        end = time.monotonic() + 10
        while pipes.connection().exists(f"mex:{{{settings.MEX_SHARD}}}:operators"):
            assert time.monotonic() < end
