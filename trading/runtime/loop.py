"""The engine process: take, apply, commit, publish; nothing leaves before its commit.

One large batch is committed while the next one is being applied: PostgreSQL works on another core, and SQLite waits for
the disk. No more than one is on its way, so that commits keep their order, and one that failed is the last one that was
tried. A batch that is published was committed, and one that is committed waits until the one before is known to be
published: only the last one is stored, for the next engine to publish again.

A commit that fails, an invariant that breaks or a lost lease ends the process. Memory may be ahead of the database
then, and the next start builds it anew from what is committed (recovery.py). Where the database refuses what a command
of a trader does, the engine does so at once, and goes on without that command (bulkhead.py).
"""

import gc
import logging
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import msgspec
import redis
from django.db import connection

from mex.clock import now_ms
from mex.limits import LEASE_LOAD_MS, LEASE_RENEW_MS
from trading.engine.commands import Checkpoint, Parcel
from trading.engine.core import Core
from trading.engine.events import Batch, Outcome
from trading.engine.snapshot import state_hash
from trading.gateway import pipes
from trading.models import EngineState
from trading.runtime import lease, recovery, store
from trading.runtime.bulkhead import REFUSALS, find_fault, may_be_refused, without
from trading.runtime.inbox import Inbox, Intake, number_of
from trading.runtime.publisher import Publisher
from trading.runtime.tables import Work, Written

log = logging.getLogger(__name__)
_encoder = msgspec.msgpack.Encoder()
_PIPE_DOWN = (redis.ConnectionError, redis.TimeoutError)
_PIPE_WAIT_S = 0.2
_OVERLAP_COMMANDS_MIN = 100
"""A smaller batch is committed at once: to hand it over costs as much as the time that this wins."""
_SWITCH_S = 0.0002
"""How long one thread may keep the other from Python. A commit has a few dozen steps, each of which would wait 5 ms."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch that is applied, and not yet committed."""

    commands: int
    """How many they were."""
    works: Sequence[Work]
    mark: store.Mark


class Engine:
    """One shard's engine, from taking the lease to giving it back."""

    def __init__(self, shard: int, pipe: redis.Redis) -> None:
        self.shard = shard
        self.epoch = lease.take(shard)
        state = self._load()
        self._inbox = Inbox(pipe, shard, state.position)
        self._publisher = Publisher(pipe, shard)
        self._last_packed = bytes(state.last_batch)
        self._renewed_at = time.monotonic()
        self._committer: ThreadPoolExecutor | None = ThreadPoolExecutor(1, "committer")
        # On SQLite two threads would take turns for every row that is written; the commit lets the other one work.
        self._writes_first = connection.vendor == "sqlite"
        self._under_way: Future[None] | None = None
        self._is_ending = False
        self._has_left = False
        """Whether a committed batch was left to the next engine to publish. Only the last one is stored."""

    def _load(self) -> EngineState:
        """Build the state anew from what is committed; return where that is."""
        loaded = recovery.load(self.shard)
        self.core: Core = loaded.core
        self._journal = loaded.journal
        self._batch = loaded.state.batch
        self._learned: Intake | None = None
        """The next batch, when what it names has been looked up."""
        return loaded.state

    def start(self) -> None:
        """Get the pipes ready, and say again what the last engine may not have got to say."""
        lease.renew(self.shard, self.epoch)
        self._inbox.prepare()
        if self._last_packed:
            self._publisher.publish(self._last_packed)
        log.info("engine leads shard %d, epoch %d, from batch %d", self.shard, self.epoch, self._batch)

    @property
    def entries(self) -> tuple[str, str]:
        """The entries of the command stream that are committed and that are read, each the last one."""
        return self._inbox.committed, self._inbox.read_to

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Work until told to stop. Raises LeaseLost, or whatever made a commit impossible."""
        if self._committer is not None:
            sys.setswitchinterval(_SWITCH_S)
        while True:
            try:
                self._run(is_stopping)
                return
            except REFUSALS as error:
                self._go_past(error, is_stopping)

    def _run(self, is_stopping: Callable[[], bool]) -> None:
        self._is_ending = False
        try:
            self._work(is_stopping)
        except REFUSALS:
            raise  # this thread goes on, and so does the other one: it may be waiting for the pipe
        except BaseException:
            # Whatever ends this thread ends the other one, too.
            self._is_ending = True
            raise
        self._is_ending = True
        self._settle()
        self._confirm(is_stopping)

    def _work(self, is_stopping: Callable[[], bool]) -> None:
        while not is_stopping():
            # While a batch is on its way there is more to do than to wait for commands: see what became of it.
            is_busy = self._under_way is not None
            if not is_busy and not self._inbox.has_waiting:
                self._confirm(is_stopping)
            intake = self._learned or self._take(1 if is_busy else LEASE_RENEW_MS)
            prepared = None if intake is None else self._prepare_as_leader(intake)
            self._settle()
            self._renew_lease(is_idle=intake is None and not is_busy)
            if prepared is not None:
                self._hand_over(prepared, is_stopping)

    def _take(self, wait_ms: int, commands_max: int | None = None) -> Intake | None:
        try:
            return self._inbox.take(wait_ms, commands_max)
        except _PIPE_DOWN as error:
            # The pipe is down, the database is not: keep the lease and wait for the pipe.
            log.warning("no command stream: %s", error)
            time.sleep(_PIPE_WAIT_S)
            return None

    def _hand_over(self, prepared: Prepared, is_stopping: Callable[[], bool]) -> None:
        """Commit a batch, in the other thread where that wins time. Nothing else is on its way."""
        self._confirm(is_stopping)
        committer = self._committer
        if self._has_left:
            return  # nobody would ever publish the one before
        if committer is None or prepared.commands < _OVERLAP_COMMANDS_MIN:
            self._finish(prepared, is_stopping)
        elif not self._writes_first:
            self._under_way = committer.submit(self._finish, prepared, is_stopping)
        elif following := self._inbox.take_waiting():
            written = store.write(shard=self.shard, epoch=self.epoch, works=prepared.works, mark=prepared.mark)
            try:
                self._learn(following)
            except BaseException:
                written.undo()
                raise
            self._under_way = committer.submit(self._finish, prepared, is_stopping, written)
        else:
            self._finish(prepared, is_stopping)

    def process(self, intake: Intake, is_stopping: Callable[[], bool] = lambda: False) -> None:
        """Apply one batch, commit it, publish it; while the pipe is down, wait with what is committed."""
        self._hand_over(self._prepare(intake), is_stopping)
        self._settle()
        self._confirm(is_stopping)

    def _learn(self, intake: Intake) -> None:
        """Look up what the core must know before it can apply a batch."""
        self.core.forget()
        store.learn(self.core, intake.commands, self._journal.recent)
        self._learned = intake

    def _prepare(self, intake: Intake) -> Prepared:
        """Apply a batch. The one before may still be on its way into the database."""
        core, journal = self.core, self._journal
        time_ms = max(now_ms(), core.time_ms)
        if intake is not self._learned:
            self._learn(intake)
        self._learned = None
        first_sequence = core.sequence + 1
        outcomes = self._apply(intake.parcels, time_ms)
        levels, balances = core.close_batch()
        self._batch += 1
        mark = store.Mark(
            position=intake.position,
            batch=self._batch,
            time_ms=core.time_ms,  # not the batch's: without a command in it the state is that of before
            packed=_encoder.encode(Batch(self._batch, time_ms, first_sequence, outcomes, levels, balances)),
            sequence=core.sequence,
            last_order=core.last_order,
            last_list=core.last_list,
            rank_number=journal.rank_number,
            state_hash=state_hash(core) if Checkpoint in map(type, intake.commands) else "",
        )
        return Prepared(len(outcomes), journal.works(core.books(), balances), mark)

    def _prepare_as_leader(self, intake: Intake) -> Prepared:
        try:
            return self._prepare(intake)
        except AssertionError:
            # Whoever was replaced reads what its successor wrote, and cannot make sense of it.
            self._settle()
            lease.renew(self.shard, self.epoch)
            raise

    def _finish(self, prepared: Prepared, is_stopping: Callable[[], bool], written: Written | None = None) -> None:
        """Commit a batch, and then tell of it."""
        mark = prepared.mark
        store.commit(shard=self.shard, epoch=self.epoch, works=prepared.works, mark=mark, written=written)
        # Only now may anyone be told: what is acknowledged must survive a power cut.
        self._publish(mark.packed, is_stopping)
        self._inbox.committed = mark.position
        self._renewed_at = time.monotonic()

    def _settle(self) -> None:
        """Wait for the batch that is on its way. Raises what made its commit fail."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def _go_past(self, error: Exception, is_stopping: Callable[[], bool]) -> None:
        """Take what was read and is not committed entry by entry, without what the database refuses.

        Raises what the database says when that is not about one command of a trader.
        """
        log.error("the database refuses a batch, and its entries are taken one by one: %s", error)
        try:
            self._settle()
        except REFUSALS as earlier:
            log.error("it refuses the batch before as well: %s", earlier)
        self._confirm(is_stopping)
        last = self._inbox.read_to
        gc.unfreeze()
        self._inbox.go_back(self._load_as_leader().position)
        while not is_stopping() and (intake := self._take(1, commands_max=1)):
            self._take_alone(intake, is_stopping)
            if number_of(intake.position) >= number_of(last):
                break
        gc.collect()  # the states before refer to themselves: frozen, they would stay for ever
        gc.freeze()

    def _take_alone(self, intake: Intake, is_stopping: Callable[[], bool]) -> None:
        """Commit one entry, without the commands that the database refuses."""
        while not is_stopping():
            try:
                self._finish_here(self._prepare_as_leader(intake), is_stopping)
                return
            except REFUSALS as error:
                intake = self._without_fault(intake, error)

    def _without_fault(self, intake: Intake, error: Exception) -> Intake:
        """Return an entry without the command that the database refuses. Raises the error if no trader sent it."""
        [parcel] = intake.parcels
        place = find_fault(len(parcel.requests), lambda count: self._is_taken(intake.position, parcel, count))
        self._load_as_leader()
        if place is None or not may_be_refused(parcel.requests[place]):
            lease.renew(self.shard, self.epoch)  # for no longer than usual: the next engine is to lead soon
            raise error
        log.error("a command is refused, for the database does not take it (%s): %r", error, parcel.requests[place])
        return Intake(intake.position, [without(parcel, place)])

    def _is_taken(self, position: str, parcel: Parcel, count: int) -> bool:
        """Return whether the database takes the first so many commands. They are taken back."""
        self._load_as_leader()
        try:
            prepared = self._prepare_as_leader(Intake(position, [Parcel(parcel.sender, parcel.requests[:count])]))
            store.write(shard=self.shard, epoch=self.epoch, works=prepared.works, mark=prepared.mark).undo()
        except REFUSALS:
            return False
        return True

    def _load_as_leader(self) -> EngineState:
        """Build the state anew. Raises LeaseLost before if another engine has taken over."""
        lease.renew(self.shard, self.epoch, LEASE_LOAD_MS)
        return self._load()

    def _finish_here(self, prepared: Prepared, is_stopping: Callable[[], bool]) -> None:
        """Commit a batch in this thread; nothing else is on its way."""
        self._confirm(is_stopping)
        if not self._has_left:
            self._finish(prepared, is_stopping)

    def close(self) -> None:
        """Give the lease back."""
        if self._committer is not None:
            self._committer.submit(lambda: connection.close()).result()  # the thread has one of its own
            self._committer.shutdown()
        lease.release(self.shard, self.epoch)

    def _publish(self, packed: bytes, is_stopping: Callable[[], bool]) -> None:
        """Send a committed batch to the event stream. `_confirm` sees whether it arrived, while others wait for it."""
        try:
            self._publisher.send(packed)
        except _PIPE_DOWN as error:
            self._publish_again(packed, error, is_stopping)

    def _confirm(self, is_stopping: Callable[[], bool]) -> None:
        """See that the last batch is on the event stream. Before that no other one may be committed."""
        packed = self._publisher.unconfirmed
        try:
            self._publisher.confirm()
        except _PIPE_DOWN as error:
            self._publish_again(packed, error, is_stopping)

    def _publish_again(self, packed: bytes, error: Exception, is_stopping: Callable[[], bool]) -> None:
        """Publish a committed batch, however often it takes: readers drop a number that they have seen.

        Told to stop before, it leaves the batch to the next engine, which publishes the stored one.
        """
        log.warning("a committed batch waits for the event stream: %s", error)
        while not (is_stopping() or self._is_ending):
            time.sleep(_PIPE_WAIT_S)
            self._renew_lease(is_idle=True)
            try:
                self._publisher.publish(packed)
                return
            except _PIPE_DOWN as again:
                log.warning("a committed batch still waits for the event stream: %s", again)
        self._has_left = True

    def _apply(self, parcels: Sequence[Parcel], time_ms: int) -> list[Outcome]:
        apply, journal = self.core.apply, self._journal
        sequence = self.core.sequence
        journal.begin(time_ms)
        outcomes = []
        for parcel in parcels:
            for request in parcel.requests:
                events = apply(request.command, time_ms)
                sequence += 1
                journal.add(sequence, events)
                outcomes.append(Outcome(parcel.sender, request.id, events))
        return outcomes

    def _renew_lease(self, *, is_idle: bool) -> None:
        if is_idle or time.monotonic() - self._renewed_at > LEASE_RENEW_MS / 1000:
            lease.renew(self.shard, self.epoch)
            self._renewed_at = time.monotonic()


def open_pipe() -> redis.Redis:
    """Return the engine's connection to the streams."""
    return pipes.connection()
