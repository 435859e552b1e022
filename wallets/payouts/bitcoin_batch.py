"""Which withdrawals the next Bitcoin transaction pays: many at once, none for longer than it should wait."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings

from wallets.models import Withdrawal


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
