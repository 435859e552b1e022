"""The engine's end of the event stream: each committed batch once, in order, encoded once."""

from collections import deque

import redis

from mex.limits import EVENT_STREAM_BYTES_MAX, EVENT_STREAM_ENTRIES_MAX
from trading.gateway import pipes


class Publisher:
    """Puts committed batches on the event stream. Readers drop a batch whose number they have seen."""

    def __init__(self, pipe: redis.Redis, shard: int) -> None:
        # A connection of its own: to take one from the pool for each batch costs half as much as to send the batch.
        self._client: redis.Redis = pipe.client()  # type: ignore[no-untyped-call]  # the library has no types for it
        assert self._client.connection is not None, "a client with a connection of its own"
        self._connection = self._client.connection  # which the client gives back when it is gone
        self._key = pipes.events_key(shard)
        self._sizes: deque[int] = deque()
        self._bytes = 0
        self.unconfirmed = b""
        """What was sent, and nobody knows yet whether it arrived."""

    def send(self, packed: bytes) -> None:
        """Send a committed batch, and leave the answer to `confirm`. Raises redis.RedisError as that does."""
        limit = ("MAXLEN", "~", self._entries_with(packed))
        self._connection.send_command("XADD", self._key, *limit, "*", pipes.FIELD, packed)
        self.unconfirmed = packed

    def confirm(self) -> None:
        """See that what was sent is there. Raises redis.RedisError when it may not be: publish it again then."""
        if self.unconfirmed:
            self.unconfirmed = b""
            self._connection.read_response()

    def publish(self, packed: bytes) -> None:
        """Publish a committed batch. Raises redis.RedisError when it may not be there: publish it again then."""
        self.send(packed)
        self.confirm()

    def _entries_with(self, packed: bytes) -> int:
        """Return how many entries may stay on the stream, this one included, within both limits."""
        self._sizes.append(len(packed))
        self._bytes += len(packed)
        is_full = self._bytes > EVENT_STREAM_BYTES_MAX
        while self._bytes > EVENT_STREAM_BYTES_MAX or len(self._sizes) > EVENT_STREAM_ENTRIES_MAX:
            self._bytes -= self._sizes.popleft()
        return max(len(self._sizes), 1) if is_full else EVENT_STREAM_ENTRIES_MAX
