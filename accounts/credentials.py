"""API keys that this web process has seen lately, so that a signed request need not ask the database each time.

A revoked key is forgotten at once by a notice (trading/gateway/notices.py), and after `_KEEP_S` if
the notice is lost.
"""

import time

from accounts.authentication import Credential, credential_load
from mex.database import in_database

_KEEP_S = 30.0
_SIZE_MAX = 100_000


class Credentials:
    """A bounded cache of credentials. Unknown keys are not kept: anybody can make those up."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Credential]] = {}
        self._revocations = 0

    async def find(self, key: str) -> Credential | None:
        """Return the credential of a key, or None if there is none that is valid."""
        known = self._known.get(key)
        now = time.monotonic()
        if known is not None and now - known[0] < _KEEP_S:
            return known[1]
        revocations = self._revocations
        credential = await in_database(credential_load, key)
        self._known.pop(key, None)
        # What was read may be older than a revocation that was told meanwhile.
        if credential is not None and revocations == self._revocations:
            if len(self._known) >= _SIZE_MAX:
                self._known.clear()
            self._known[key] = (now, credential)
        return credential

    def forget(self, key: str) -> None:
        """Forget a key that was revoked."""
        self._revocations += 1
        self._known.pop(key, None)


credentials = Credentials()
