"""Bitcoin transactions that can never be mined, because the chain has spent one of their coins otherwise.

That takes a reorganisation that is deeper than the confirmations of the deposit that they spent. What they should have
paid is signed anew, with other coins; but only when what took their place is as deep as everything that we call final.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import partial

from django.db import transaction

from wallets.chains.health import say_once
from wallets.chains.place import GONE, Place
from wallets.lock_objects import asset_lock, withdrawals_lock
from wallets.models import Asset, ChainTransaction, Withdrawal
from wallets.news import withdrawal_news
from wallets.payouts.records import UNFINISHED, Status
from wallets.payouts.versions import versions_of, withdrawals_of

log = logging.getLogger(__name__)


def void_release(*, coin: Asset, rows: Sequence[ChainTransaction], places: Mapping[str, Place]) -> None:
    """Give up transactions whose every version is void for good. Alarms at the first sight.

    `rows`: all unfinished ones, whole families; `places`: where the wallet sees each. Below zero confirmations say how
    deep what they are in conflict with is. One that the wallet does not know (it was never sent) proves nothing.
    """
    families: dict[int, list[ChainTransaction]] = {}
    for row in rows:
        families.setdefault(row.family, []).append(row)
    for versions in families.values():
        first = versions[0]
        # All versions spend what the first one does: when that is void, they are.
        if places[first.txid] is GONE or any(places[row.txid].confirmations >= 0 for row in versions):
            continue
        if say_once(f"void {first.txid}", "void"):
            log.error("%s %s cannot be mined: the chain has spent its coins otherwise", first.kind, first.txid)
        if -places[first.txid].confirmations >= coin.confirmations:
            _give_up(coin, versions)


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
