"""What a client signs and how: HMAC-SHA256 over the whole request.  [pure]

Source: docs/api.md, "Authentication". Nothing in this package imports Django: it is what a bot would have.
"""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlencode


def sign(secret: str, text: str) -> str:
    """Return the hex signature of a text."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def signed_query(secret: str, params: Mapping[str, str]) -> str:
    """Return parameters as a query or body for REST, the signature last."""
    text = urlencode(params)
    return f"{text}&signature={sign(secret, text)}"


def signed_params(secret: str, params: Mapping[str, str]) -> dict[str, str]:
    """Return parameters for a websocket request with their signature, which is over all of them sorted by name."""
    text = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
    return {**params, "signature": sign(secret, text)}
