"""The engine's end of the event stream: each committed batch once, in order, encoded once."""

import redis

from mex.limits import EVENT_STREAM_ENTRIES_MAX
from trading.gateway import pipes


class Publisher:
    """Puts committed batches on the event stream. Readers drop a batch whose number they have seen."""

    def __init__(self, pipe: redis.Redis, shard: int) -> None:
        self._pipe = pipe
        self._key = pipes.events_key(shard)

    def publish(self, packed: bytes) -> None:
        """Publish a committed batch. An error here ends the engine; the next one publishes it again."""
        self._pipe.xadd(self._key, {pipes.FIELD: packed}, maxlen=EVENT_STREAM_ENTRIES_MAX, approximate=True)
