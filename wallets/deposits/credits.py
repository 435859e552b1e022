"""Confirmed deposits reach the ledger: the engine books each once, and only what is booked counts as credited."""

import logging
from functools import partial

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from trading.engine.commands import Transfer
from trading.engine.enums import Reason
from wallets.ledger.chart import Owner
from wallets.lock_objects import deposits_lock
from wallets.models import Asset, Deposit, Posting
from wallets.news import deposit_news
from wallets.pace import Send

log = logging.getLogger(__name__)
_ROWS = 500


def deposits_credit(*, asset: Asset, send: Send) -> None:
    """Send the credit of each confirmed deposit, and mark those whose posting is there. Sent again until it is."""
    ready = list(
        Deposit.objects.filter(
            asset=asset,
            status=Deposit.Status.CONFIRMING,
            confirmations__gte=F("confirmations_needed"),
            amount__gt=0,
        ).order_by("pk")[:_ROWS]
    )
    if not ready:
        return
    posted = set(
        Posting.objects.filter(reference__in=[row.reference for row in ready], reason=Reason.DEPOSIT).values_list(
            "reference", flat=True
        )
    )
    missing = [row for row in ready if row.reference not in posted]
    send([_credit(row) for row in missing])
    _mark([row.pk for row in ready if row.reference in posted])


def _credit(deposit: Deposit) -> Transfer:
    return Transfer(
        reference=deposit.reference,
        debit=Owner.CHAIN,
        credit=deposit.user_id,
        asset=deposit.asset_id,
        amount=deposit.amount,
        reason=Reason.DEPOSIT,
    )


def _mark(pks: list[int]) -> None:
    if not pks:
        return
    with transaction.atomic():
        for deposit in deposits_lock(pks):
            if deposit.status != Deposit.Status.CONFIRMING:
                continue
            deposit.status = Deposit.Status.CREDITED
            deposit.credited_at = deposit.credited_at or timezone.now()
            deposit.save(update_fields=["status", "credited_at"])
            log.info("deposit %s: %d units of %s credited", deposit.pk, deposit.amount, deposit.asset.code)
            transaction.on_commit(partial(deposit_news, deposit))
