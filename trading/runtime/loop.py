"""The engine process: take, apply, commit, publish; nothing leaves before its commit.

A commit that fails, an invariant that breaks or a lost lease ends the process. Memory may be ahead of the database
then, and the next start builds it anew from what is committed (recovery.py).
"""

import logging
import time
from collections.abc import Callable, Sequence

import msgspec
import redis

from mex.clock import now_ms
from mex.limits import LEASE_RENEW_MS
from trading.engine.commands import Parcel
from trading.engine.events import Batch, Outcome
from trading.gateway import pipes
from trading.runtime import lease, recovery, store
from trading.runtime.inbox import Inbox, Intake
from trading.runtime.publisher import Publisher

log = logging.getLogger(__name__)
_encoder = msgspec.msgpack.Encoder()
_PIPE_DOWN = (redis.ConnectionError, redis.TimeoutError)
_PIPE_WAIT_S = 0.2


class Engine:
    """One shard's engine, from taking the lease to giving it back."""

    def __init__(self, shard: int, pipe: redis.Redis) -> None:
        self.shard = shard
        self.epoch = lease.take(shard)
        self.core, state = recovery.load(shard)
        self._batch = state.batch
        self._inbox = Inbox(pipe, shard, state.position)
        self._publisher = Publisher(pipe, shard)
        self._last_packed = bytes(state.last_batch)
        self._renewed_at = time.monotonic()

    def start(self) -> None:
        """Get the pipes ready, and say again what the last engine may not have got to say."""
        lease.renew(self.shard, self.epoch)
        self._inbox.prepare()
        if self._last_packed:
            self._publisher.publish(self._last_packed)
        log.info("engine leads shard %d, epoch %d, from batch %d", self.shard, self.epoch, self._batch)

    def run(self, is_stopping: Callable[[], bool]) -> None:
        """Work until told to stop. Raises LeaseLost, or whatever made a commit impossible."""
        while not is_stopping():
            try:
                intake = self._inbox.take(LEASE_RENEW_MS)
            except _PIPE_DOWN as error:
                # The pipe is down, the database is not: keep the lease and wait for the pipe.
                log.warning("no command stream: %s", error)
                time.sleep(_PIPE_WAIT_S)
                intake = None
            if intake is not None:
                self.process(intake, is_stopping)
            self._renew_lease(is_idle=intake is None)

    def process(self, intake: Intake, is_stopping: Callable[[], bool] = lambda: False) -> None:
        """Apply one batch, commit it, publish it; while the pipe is down, wait with what is committed."""
        time_ms = max(now_ms(), self.core.time_ms)
        store.learn(self.core, [request.command for parcel in intake.parcels for request in parcel.requests])
        changes = store.Changes()
        outcomes = self._apply(intake.parcels, time_ms, changes)
        self._batch += 1
        packed = _encoder.encode(Batch(self._batch, time_ms, outcomes))
        mark = store.Mark(position=intake.position, batch=self._batch, time_ms=time_ms, packed=packed)
        store.commit(shard=self.shard, epoch=self.epoch, core=self.core, changes=changes, mark=mark)
        # Only now may anyone be told: what is acknowledged must survive a power cut.
        self._publish(packed, is_stopping)
        self.core.forget()
        try:
            self._inbox.trim(intake.position)
        except _PIPE_DOWN as error:
            log.warning("the command stream is trimmed with the next batch: %s", error)
        self._renewed_at = time.monotonic()

    def close(self) -> None:
        """Give the lease back."""
        lease.release(self.shard, self.epoch)

    def _publish(self, packed: bytes, is_stopping: Callable[[], bool]) -> None:
        """Publish a committed batch, however often it takes: readers drop a number that they have seen.

        Told to stop before, it leaves the batch to the next engine, which publishes the stored one.
        """
        while True:
            try:
                self._publisher.publish(packed)
                return
            except _PIPE_DOWN as error:
                log.warning("a committed batch waits for the event stream: %s", error)
            if is_stopping():
                return
            time.sleep(_PIPE_WAIT_S)
            self._renew_lease(is_idle=True)

    def _apply(self, parcels: Sequence[Parcel], time_ms: int, changes: store.Changes) -> list[Outcome]:
        apply = self.core.apply
        outcomes = []
        for parcel in parcels:
            for request in parcel.requests:
                events = apply(request.command, time_ms)
                changes.add(events)
                outcomes.append(Outcome(parcel.sender, request.id, events))
        return outcomes

    def _renew_lease(self, *, is_idle: bool) -> None:
        if is_idle or time.monotonic() - self._renewed_at > LEASE_RENEW_MS / 1000:
            lease.renew(self.shard, self.epoch)
            self._renewed_at = time.monotonic()


def open_pipe() -> redis.Redis:
    """Return the engine's connection to the streams."""
    return pipes.connection()
