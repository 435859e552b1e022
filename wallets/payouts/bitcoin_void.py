"""Bitcoin transactions that can never be mined, because the chain has spent one of their coins otherwise.

That takes a reorganisation that is deeper than the confirmations of the deposit that they spent; or they spend change
of a version of ours in whose place another one was mined. What they should have paid is signed anew, with other coins;
but only when what took their place is as deep as everything that we call final.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce

from wallets.chains.health import say_once
from wallets.chains.place import GONE, Place
from wallets.lock_objects import asset_lock, withdrawals_lock
from wallets.models import Asset, ChainTransaction, Withdrawal
from wallets.news import withdrawal_news
from wallets.payouts.bitcoin_coins import inputs_of_stored
from wallets.payouts.records import UNFINISHED, Status
from wallets.payouts.versions import versions_of, withdrawals_of

log = logging.getLogger(__name__)
Ask = Callable[[Sequence[str]], Mapping[str, Place]]


def void_release(*, coin: Asset, rows: Sequence[ChainTransaction], places: Mapping[str, Place], ask: Ask) -> None:
    """Give up transactions whose every version is void for good. Alarms at the first sight.

    `rows`: all unfinished ones, whole families; `places`: where the wallet sees each. Below zero confirmations say how
    deep what they are in conflict with is. One that the wallet does not know (it was never sent) proves nothing by
    that; but what made its coins does if it is in conflict itself, and our own rows do when it spends change of a
    replaced version. `ask` returns where the wallet sees other transactions; what it raises ends the look.
    """
    families: dict[int, list[ChainTransaction]] = {}
    for row in rows:
        families.setdefault(row.family, []).append(row)
    lost = [rows for rows in families.values() if all(places[row.txid].confirmations < 0 for row in rows)]
    replaced = _replaced(coin, [versions[0] for versions in lost])
    unknown = {txid for versions in lost if places[versions[0].txid] is GONE for txid in _makers(versions[0])}
    known = {**places, **ask(sorted(unknown))}
    for versions in lost:
        first = versions[0]
        # All versions spend what the first one does: when that is void, they are.
        is_void = not replaced.isdisjoint(_makers(first))
        depth = _depth(first, known)
        if not depth and not is_void:
            continue
        if say_once(f"void {first.txid}", "void"):
            log.error("%s %s cannot be mined: the chain has spent its coins otherwise", first.kind, first.txid)
        if is_void or depth >= coin.confirmations:
            _give_up(coin, versions)


def _makers(row: ChainTransaction) -> set[str]:
    """Return the txids of what made the coins of a transaction."""
    return {txid for txid, _ in inputs_of_stored(row.raw)}


def _depth(row: ChainTransaction, places: Mapping[str, Place]) -> int:
    """Return how deep that is which keeps a transaction out of the chain for good; 0 while nothing is known of it."""
    seen = [places[txid] for txid in (row.txid, *_makers(row)) if txid in places]
    return max((-place.confirmations for place in seen if place is not GONE), default=0)


def _replaced(coin: Asset, rows: Sequence[ChainTransaction]) -> set[str]:
    """Return the txids of replaced versions that rows spend change of, where the version that was mined is final."""
    spent = {txid for row in rows for txid in _makers(row)}
    mined = ChainTransaction.objects.filter(status=Status.CONFIRMED, fee_in_doubt=False)
    mined = mined.filter(Q(pk=OuterRef("family_id")) | Q(first_version=OuterRef("family_id")))
    made = ChainTransaction.objects.filter(fee_asset=coin, txid__in=spent, status=Status.REPLACED)
    found = made.annotate(family_id=Coalesce("first_version", "pk")).filter(Exists(mined))
    return set(found.values_list("txid", flat=True))


def _give_up(coin: Asset, versions: Sequence[ChainTransaction]) -> None:
    first = versions[0]
    with transaction.atomic():
        asset_lock(coin.pk)
        ours = versions_of(first).filter(status__in=UNFINISHED)
        if {row.pk for row in ours} != {row.pk for row in versions}:
            return  # another worker was faster, or has stored a further version: the next look sees it, too
        ours.update(status=Status.REPLACED)
        waiting = [Withdrawal.Status.SIGNED, Withdrawal.Status.BROADCAST]
        withdrawals = withdrawals_lock(withdrawals_of(first).filter(status__in=waiting).values_list("pk", flat=True))
        for withdrawal in withdrawals:
            withdrawal.transaction = None
            withdrawal.status = Withdrawal.Status.HELD
            withdrawal.save(update_fields=["transaction", "status"])
            transaction.on_commit(partial(withdrawal_news, withdrawal))
    log.error("%s %s is given up: %d withdrawals are signed anew", first.kind, first.txid, len(withdrawals))
