"""Which withdrawals the next Bitcoin transaction pays: many at once, none for longer than it should wait."""

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings

from wallets.models import Withdrawal

_FIRST_S = 2.0
_LONGEST_S = 60.0
_KEYS_MAX = 100_000


class Aside:
    """What could not be paid: tried again after 2 s, 4 s, 8 s, up to a minute, and in nobody's way until then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[uuid.UUID, tuple[float, float]] = {}

    def put(self, key: uuid.UUID) -> None:
        """Set something aside, for longer each time."""
        if len(self._until) >= _KEYS_MAX:
            self._until.clear()
        wait = min(self._until[key][1] * 2, _LONGEST_S) if key in self._until else _FIRST_S
        self._until[key] = (self._clock() + wait, wait)

    def take(self, keys: Iterable[uuid.UUID]) -> None:
        """Forget what was paid."""
        for key in keys:
            self._until.pop(key, None)

    def __contains__(self, key: object) -> bool:
        """Return whether something is to be left alone for now."""
        return isinstance(key, uuid.UUID) and key in self._until and self._clock() < self._until[key][0]


def batch_next(waiting: Sequence[Withdrawal], now: datetime) -> list[Withdrawal]:
    """Return what one transaction is to pay now, oldest first, or nothing while there is time for more to come.

    No address comes twice: the wallet would refuse, and the other withdrawal is paid with the next batch.
    """
    batch: dict[str, Withdrawal] = {}
    for withdrawal in waiting:
        if len(batch) == settings.BITCOIN_BATCH_MAX:
            break
        batch.setdefault(withdrawal.address.lower(), withdrawal)
    if not batch:
        return []
    is_full = len(batch) == settings.BITCOIN_BATCH_MAX
    oldest = min(withdrawal.requested_at for withdrawal in batch.values())
    if is_full or now - oldest >= timedelta(seconds=settings.BITCOIN_BATCH_S):
        return list(batch.values())
    return []
