"""Deposits that nobody mines: after a while they are shown as expired, and no longer asked about."""

import logging
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from wallets.lock_objects import deposits_lock
from wallets.models import Asset, Deposit
from wallets.news import deposit_news

log = logging.getLogger(__name__)
Status = Deposit.Status


def deposits_expire(*, asset: Asset) -> None:
    """Give up deposits that were seen long ago (MEX_DEPOSIT_EXPIRES_H) and are in no block.

    One that is mined after all comes back to life: its block names it. What was credited is never given up.
    """
    before = timezone.now() - timedelta(hours=settings.DEPOSIT_EXPIRES_H)
    waiting = Deposit.objects.filter(asset=asset, status=Status.SEEN, seen_at__lt=before, credited_at=None)
    pks = list(waiting.values_list("pk", flat=True))
    if not pks:
        return
    with transaction.atomic():
        for deposit in deposits_lock(pks):
            if deposit.status != Status.SEEN or deposit.credited_at is not None:
                continue
            deposit.status = Status.EXPIRED
            deposit.save(update_fields=["status"])
            log.info("deposit %s (%s) has expired: nobody mines it", deposit.pk, deposit)
            transaction.on_commit(partial(deposit_news, deposit))
