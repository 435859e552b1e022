"""Confirmed deposits reach the ledger: the engine books each once, and only what is booked counts as credited.

First it is decided, and written down (`credited_at`), that a deposit is to be credited. From then on its credit is sent
until its posting is there: a crash in between, or a block that goes away meanwhile, forgets nothing.
"""

import logging
from collections.abc import Collection, Sequence
from functools import partial

from django.db import transaction
from django.db.models import F, QuerySet, Sum
from django.utils import timezone

from trading.engine.commands import Transfer
from trading.engine.enums import Reason
from wallets.ledger.chart import Owner
from wallets.lock_objects import deposits_lock
from wallets.models import Asset, Deposit, Posting
from wallets.news import deposits_news
from wallets.pace import Send

log = logging.getLogger(__name__)
Status = Deposit.Status
_ROWS = 500
_minimums: dict[int, int] = {}
"""The minimum of each asset that this process has looked at all accounts with: a new one concerns them all."""


def deposits_credit(*, asset: Asset, send: Send) -> None:
    """Send the credit of each confirmed deposit, and mark those whose posting is there. Sent again until it is."""
    _decide_large(asset)
    if asset.deposit_min:
        _decide_small(asset)
    ready = list(
        Deposit.objects.filter(
            asset=asset,
            status=Status.CONFIRMING,
            confirmations__gte=F("confirmations_needed"),
            credited_at__isnull=False,
        ).order_by("pk")[:_ROWS]
    )
    if not ready:
        return
    posted = posted_references(ready, Reason.DEPOSIT)
    missing = [row for row in ready if row.reference not in posted]
    cost = costs_of(missing)
    send([credit_of(row, cost.get(row.pk, 0)) for row in missing])
    _mark([row.pk for row in ready if row.reference in posted], posted)


def posted_references(deposits: Sequence[Deposit], reason: Reason) -> set[str]:
    """Return those of the deposits' references that the ledger has a posting of."""
    rows = Posting.objects.filter(reference__in=[row.reference for row in deposits], reason=reason)
    return set(rows.values_list("reference", flat=True))


def costs_of(deposits: Sequence[Deposit]) -> dict[int, int]:
    """Return what deposits (by id) cost us, in units, when they were taken back last; without those of no cost.

    Credited again, they give it back first: their owner has spent it already.
    """
    before = {row.reference_before: row.pk for row in deposits if row.reversals}
    losses = Posting.objects.filter(reference__in=list(before), reason=Reason.LOSS)
    return {before[reference]: amount for reference, amount in losses.values_list("reference", "amount")}


def credit_of(deposit: Deposit, cost: int) -> Transfer:
    """Return the command that credits a deposit; `cost` is what it cost us when it was taken back before."""
    return Transfer(
        reference=deposit.reference,
        debit=Owner.CHAIN,
        credit=deposit.user_id,
        asset=deposit.asset_id,
        amount=deposit.amount,
        reason=Reason.DEPOSIT,
        recoup=cost,
    )


def collecting(asset: Asset) -> QuerySet[Deposit]:
    """Return the deposits below the minimum that are deep enough in the chain and not credited."""
    return _undecided(asset).filter(amount__lt=asset.deposit_min)


def _undecided(asset: Asset) -> QuerySet[Deposit]:
    return Deposit.objects.filter(
        asset=asset,
        status__in=[Status.CONFIRMING, Status.COLLECTING],
        confirmations__gte=F("confirmations_needed"),
        credited_at=None,
        amount__gt=0,
    )


def _decide_large(asset: Asset) -> None:
    """Let deposits of the minimum and more be credited."""
    pks = list(
        _undecided(asset).filter(amount__gte=asset.deposit_min).order_by("pk").values_list("pk", flat=True)[:_ROWS]
    )
    if pks:
        with transaction.atomic():
            deposits_lock(pks)
            _decided(_undecided(asset).filter(pk__in=pks))


def _decide_small(asset: Asset) -> None:
    """Let deposits below the minimum be credited together when those of an account add up to it; others collect."""
    rows = collecting(asset)
    if _minimums.get(asset.pk) == asset.deposit_min:
        rows = rows.filter(status=Status.CONFIRMING)  # only where something came does the sum grow
    for user_id in list(rows.order_by("user").values_list("user", flat=True).distinct()):
        with transaction.atomic():
            # Those that are confirmed meanwhile are decided next time, by whoever sees all of them.
            deposits_lock(collecting(asset).filter(user=user_id).values_list("pk", flat=True))
            mine = collecting(asset).filter(user=user_id)
            if (mine.aggregate(total=Sum("amount"))["total"] or 0) >= asset.deposit_min:
                _decided(mine)
            else:
                _collect(mine)
    _minimums[asset.pk] = asset.deposit_min


def _decided(rows: QuerySet[Deposit]) -> None:
    rows.update(status=Status.CONFIRMING, credited_at=timezone.now())


def _collect(rows: QuerySet[Deposit]) -> None:
    small = list(rows.filter(status=Status.CONFIRMING).select_related("asset"))
    Deposit.objects.filter(pk__in=[deposit.pk for deposit in small]).update(status=Status.COLLECTING)
    for deposit in small:
        deposit.status = Status.COLLECTING
        log.info("deposit %s: %d units of %s are below the minimum", deposit.pk, deposit.amount, deposit.asset.code)
    transaction.on_commit(partial(deposits_news, small))


def _mark(pks: list[int], posted: Collection[str]) -> None:
    if not pks:
        return
    now = timezone.now()
    with transaction.atomic():
        credited = []
        for deposit in deposits_lock(pks):
            is_deep = deposit.confirmations >= deposit.confirmations_needed
            # The reference is another one if it was taken back and is to be credited anew.
            if deposit.status != Status.CONFIRMING or not is_deep or deposit.reference not in posted:
                continue
            credited.append(deposit)
        rows = Deposit.objects.filter(pk__in=[deposit.pk for deposit in credited])
        rows.filter(lost_at_height=None).update(credited_at=now)
        rows.update(status=Status.CREDITED, lost_at_height=None)
        for deposit in credited:
            deposit.status, deposit.lost_at_height = Status.CREDITED, None
            log.info("deposit %s: %d units of %s credited", deposit.pk, deposit.amount, deposit.asset.code)
        transaction.on_commit(partial(deposits_news, credited))
