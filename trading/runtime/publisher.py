"""The engine's end of the event stream: each committed batch once, in order, encoded once."""

from collections import deque

import redis

from mex.limits import EVENT_STREAM_BYTES_MAX, EVENT_STREAM_ENTRIES_MAX
from trading.gateway import pipes


class Publisher:
    """Puts committed batches on the event stream. Readers drop a batch whose number they have seen."""

    def __init__(self, pipe: redis.Redis, shard: int) -> None:
        # A connection of its own: to take one from the pool for each batch costs half as much as to send the batch.
        self._pipe: redis.Redis = pipe.client()  # type: ignore[no-untyped-call]  # the library has no types for it
        self._key = pipes.events_key(shard)
        self._sizes: deque[int] = deque()
        self._bytes = 0

    def publish(self, packed: bytes) -> None:
        """Publish a committed batch. Raises redis.RedisError when it may not be there: publish it again then."""
        self._pipe.xadd(self._key, {pipes.FIELD: packed}, maxlen=self._entries_with(packed), approximate=True)

    def _entries_with(self, packed: bytes) -> int:
        """Return how many entries may stay on the stream, this one included, within both limits."""
        self._sizes.append(len(packed))
        self._bytes += len(packed)
        is_full = self._bytes > EVENT_STREAM_BYTES_MAX
        while self._bytes > EVENT_STREAM_BYTES_MAX or len(self._sizes) > EVENT_STREAM_ENTRIES_MAX:
            self._bytes -= self._sizes.popleft()
        return max(len(self._sizes), 1) if is_full else EVENT_STREAM_ENTRIES_MAX
