"""The web process with a short patience: `tests.api.impatient:application`."""

from mex.asgi import application  # first, because it loads Django
from trading.gateway import client

client.REPLY_TIMEOUT_S = 4.5  # type: ignore[attr-defined]  # a test need not wait as long as people would

__all__ = ["application"]
