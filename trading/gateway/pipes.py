"""The names of the streams between processes, and the connections to them.

Redis or Valkey is a pipe here: whatever must survive is in the database before anyone is told of it.
"""

from functools import lru_cache
from typing import Any

import redis
import redis.asyncio
from django.conf import settings

from mex.limits import RPC_TIMEOUT_S

FIELD = b"p"
"""The one field of every stream entry: a packed message."""


def commands_key(shard: int) -> str:
    """Return the name of a shard's command stream."""
    return f"mex:{{{shard}}}:commands"


def events_key(shard: int) -> str:
    """Return the name of a shard's event stream."""
    return f"mex:{{{shard}}}:events"


NOTICES_KEY = "mex:notices"
"""The stream of small news that is not the engine's: deposits on their way, revoked keys."""


@lru_cache(maxsize=1)
def connection() -> redis.Redis:
    """Return this process's blocking connection pool."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=RPC_TIMEOUT_S, socket_connect_timeout=RPC_TIMEOUT_S)


def async_connection() -> redis.asyncio.Redis:
    """Return a new asyncio connection pool, for the running event loop."""
    return redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=RPC_TIMEOUT_S)


Entry = tuple[bytes, dict[bytes, bytes]]


def pages(answer: Any) -> list[tuple[str, list[Entry]]]:
    """Return (stream, entries) pairs of an XREAD's answer: a map of lists of pages with RESP3, pairs with RESP2."""
    if isinstance(answer, dict):
        return [(name.decode(), [entry for page in found for entry in page]) for name, found in answer.items()]
    return [(name.decode(), entries) for name, entries in answer or ()]
