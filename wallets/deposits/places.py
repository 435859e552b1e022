"""What a transaction's place on the chain makes of its deposit.

The table of states and of what leads from one to another is in docs/ledger.md. Two columns remember what a status
cannot: `credited_at` is set before the credit is first handed to the ledger, so that it can never be forgotten, and
`lost_at_height` while a credit stands without coins that are deep enough.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import partial

from django.db import transaction

from wallets.chains.place import Place
from wallets.lock_objects import deposits_lock
from wallets.models import ChainCursor, Deposit
from wallets.news import deposits_news

log = logging.getLogger(__name__)
Status = Deposit.Status
_PLACED = ("status", "confirmations", "block_height", "block_hash", "lost_at_height")
_ROWS = 200
"""Rows written in one transaction, so that the engine never waits long for the database."""


def deposits_place(places: Mapping[int, Place]) -> None:
    """Note where the transactions of deposits (by id) stand now."""
    items = list(places.items())
    for start in range(0, len(items), _ROWS):
        with transaction.atomic():
            place_note(dict(items[start : start + _ROWS]))


def is_moved(deposit: Deposit, place: Place) -> bool:
    """Return whether a place is news for a deposit."""
    now = (deposit.confirmations, deposit.block_height, deposit.block_hash)
    return now != (place.confirmations, place.block_height, place.block_hash)


def place_note(places: Mapping[int, Place]) -> None:
    """Note where deposits (by id) stand, in the caller's transaction."""
    if not places:
        return
    moved = []
    for deposit in deposits_lock(places):
        place = places[deposit.pk]
        if not is_moved(deposit, place):
            continue
        status = _status(deposit, place)
        if deposit.credited_at is not None and status not in (Status.CREDITED, Status.REVERSED):
            _note_loss(deposit, place)
        elif status == Status.ORPHANED and deposit.status != Status.ORPHANED:
            log.info("deposit %s (%s) is gone from the chain, it was not credited", deposit.pk, deposit)
        deposit.status = status
        deposit.confirmations = place.confirmations
        deposit.block_height = place.block_height
        deposit.block_hash = place.block_hash
        moved.append(deposit)
    _write(moved)
    transaction.on_commit(partial(deposits_news, moved))


def _write(deposits: Sequence[Deposit]) -> None:
    """Write where locked deposits stand: one statement for all that stand alike, as those of one block do."""
    alike: dict[tuple[object, ...], list[int]] = {}
    for row in deposits:
        alike.setdefault(tuple(getattr(row, name) for name in _PLACED), []).append(row.pk)
    for values, pks in alike.items():
        Deposit.objects.filter(pk__in=pks).update(**dict(zip(_PLACED, values, strict=True)))


def _status(deposit: Deposit, place: Place) -> Status:
    if deposit.status == Status.REVERSED and (deposit.credited_at is not None or place.confirmations <= 0):
        return Status.REVERSED  # being taken back, whatever the chain says now; or done, until a block has it again
    if place.confirmations < 0:
        return Status.ORPHANED
    if place.confirmations == 0:
        return Status.EXPIRED if deposit.status == Status.EXPIRED else Status.SEEN
    if deposit.status in (Status.CREDITED, Status.COLLECTING) and place.confirmations >= deposit.confirmations_needed:
        return Status(deposit.status)
    # Also for one that was credited before a reorganisation: it is watched again until it is as deep as before.
    return Status.CONFIRMING


def _note_loss(deposit: Deposit, place: Place) -> None:
    """Remember since when a credit stands without coins. Deep enough in the chain again, it is marked as credited."""
    if place.confirmations >= deposit.confirmations_needed:
        return
    if deposit.lost_at_height is None:
        _say_lost(deposit, place)
    elif not place.confirmations <= 0 < deposit.confirmations:
        return  # it was lost before, and did not come back in between
    deposit.lost_at_height = _height(deposit)


def _height(deposit: Deposit) -> int:
    """Return how high the chain is, or was when the deposit was last looked at: a node that begins anew is lower."""
    heights = ChainCursor.objects.filter(chain=deposit.asset.chain).values_list("tip_height", flat=True)
    before = (deposit.block_height or 0) + max(deposit.confirmations, 1) - 1
    return max(heights.first() or 0, before)


def _say_lost(deposit: Deposit, place: Place) -> None:
    if place.confirmations > 0:
        log.warning("deposit %s (%s), which was credited, is in another block now", deposit.pk, deposit)
        return
    log.error(
        "deposit %s (%s, %d units of %s, user %d) is gone from the chain AFTER it was credited: "
        "the account has coins that we do not, its withdrawals wait",
        deposit.pk,
        deposit,
        deposit.amount,
        deposit.asset.code,
        deposit.user_id,
    )
