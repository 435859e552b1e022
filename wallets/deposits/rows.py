"""Deposit rows: how they begin, and what a transaction's place on the chain makes of them.

Everything here may run twice, in any order and in two workers at once.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import msgspec
from django.db import transaction
from django.db.models import F, Q, QuerySet

from mex.money import AMOUNT_MAX, units_from_chain
from trading.engine.enums import Reason
from wallets.chains.health import say_once
from wallets.chains.place import GONE, Place
from wallets.lock_objects import deposits_lock
from wallets.models import Asset, Deposit, DepositAddress, Posting
from wallets.news import deposit_news

log = logging.getLogger(__name__)
Status = Deposit.Status
_ROWS = 200
"""Rows written in one transaction, so that the engine never waits long for the database."""


class Sighting(msgspec.Struct, frozen=True):
    """An output on the chain that pays `address`; `value` is in the chain's smallest unit."""

    txid: str
    output: int
    address: str
    value: int
    place: Place


def unfinished(asset: Asset) -> QuerySet[Deposit]:
    """Return the deposits whose place on the chain still changes what we do."""
    is_dust = Q(amount=0, confirmations__gte=F("confirmations_needed"))
    return Deposit.objects.filter(asset=asset, status__in=[Status.SEEN, Status.CONFIRMING]).exclude(is_dust)


def deposits_see(*, asset: Asset, sightings: Sequence[Sighting]) -> None:
    """Record what pays our users' addresses, and where it stands. What pays anybody else is ignored."""
    for start in range(0, len(sightings), _ROWS):
        chunk = sightings[start : start + _ROWS]
        known = _known(asset, chunk)
        fresh = [seen for seen in chunk if _key(seen) not in known and seen.place.confirmations >= 0]
        again = [(known[_key(seen)], seen) for seen in chunk if _key(seen) in known]
        moved = {row.pk: seen.place for row, seen in again if _is_told_by(seen, row)}
        changed = {row.pk: seen for row, seen in again if seen.place.confirmations > 0 and not says(row, asset, seen)}
        owners = _owners(asset, {seen.address for seen in (*fresh, *changed.values())})
        if not moved and not changed and not any(seen.address in owners for seen in fresh):
            continue
        with transaction.atomic():
            for seen in fresh:
                if seen.address in owners:
                    _create(asset, owners[seen.address], seen)
            _place(moved | _correct(asset, changed, owners))


def deposits_place(places: Mapping[int, Place]) -> None:
    """Note where the transactions of deposits (by id) stand now."""
    items = list(places.items())
    for start in range(0, len(items), _ROWS):
        with transaction.atomic():
            _place(dict(items[start : start + _ROWS]))


def is_moved(deposit: Deposit, place: Place) -> bool:
    """Return whether a place is news for a deposit."""
    now = (deposit.confirmations, deposit.block_height, deposit.block_hash)
    return now != (place.confirmations, place.block_height, place.block_hash)


def says(deposit: Deposit, asset: Asset, seen: Sighting) -> bool:
    """Return whether a deposit's row says what was seen: so much, to this address."""
    amounts = units_from_chain(seen.value, asset.chain_decimals)
    return (deposit.amount, deposit.dust) == amounts and deposit.address.address == seen.address


def _is_told_by(seen: Sighting, deposit: Deposit) -> bool:
    # "Waiting" may be older than the block that we know of: whoever follows the deposit asks about it by name.
    return is_moved(deposit, seen.place) and not (seen.place.confirmations == 0 and deposit.block_hash)


def _key(seen: Sighting) -> tuple[str, int]:
    return seen.txid, seen.output


def _known(asset: Asset, chunk: Sequence[Sighting]) -> dict[tuple[str, int], Deposit]:
    rows = Deposit.objects.filter(asset=asset, txid__in={seen.txid for seen in chunk}).select_related("address")
    return {(row.txid, row.output): row for row in rows}


def _owners(asset: Asset, addresses: Iterable[str]) -> dict[str, DepositAddress]:
    # A token arrives at the addresses of its chain's own coin.
    rows = DepositAddress.objects.filter(asset__chain=asset.chain, address__in=list(addresses))
    owners = {}
    for row in rows:
        if row.user_id is None:
            # Nobody was told this address, so nobody can have meant to pay to it.
            log.warning("coins arrived at %s, which was given to nobody", row.address)
        else:
            owners[row.address] = row
    return owners


def _create(asset: Asset, address: DepositAddress, seen: Sighting) -> None:
    units, dust = units_from_chain(seen.value, asset.chain_decimals)
    assert address.user_id is not None
    if not _can_be_booked(asset, seen, units):
        return
    deposit, is_new = Deposit.objects.get_or_create(
        asset=asset,
        txid=seen.txid,
        output=seen.output,
        defaults={
            "address": address,
            "user_id": address.user_id,
            "amount": units,
            "dust": dust,
            "status": Status.CONFIRMING if seen.place.confirmations else Status.SEEN,
            "confirmations": seen.place.confirmations,
            "confirmations_needed": asset.confirmations,
            "block_height": seen.place.block_height,
            "block_hash": seen.place.block_hash,
        },
    )
    if is_new:
        log.info("deposit %s: %d units of %s seen in %s", deposit.pk, units, asset.code, deposit)
        transaction.on_commit(partial(deposit_news, deposit))


def _can_be_booked(asset: Asset, seen: Sighting, units: int) -> bool:
    if units <= AMOUNT_MAX:
        return True
    # No real asset has so many; a chain of one's own can mint them. It must not keep others' deposits waiting.
    if say_once(f"deposit {seen.txid}", "too large"):
        log.error("%s:%d pays %d units of %s, more than can be booked", seen.txid, seen.output, units, asset.code)
    return False


def _correct(asset: Asset, changed: Mapping[int, Sighting], owners: Mapping[str, DepositAddress]) -> dict[int, Place]:
    """Write down what a block says, where it is not what was seen before: a contract may decide otherwise in another.

    Returns the deposits (by id) that it says nothing of any more. One that is in the ledger is such: the account has
    other coins than we do, and people must look at it.
    """
    lost = {}
    for deposit in deposits_lock(changed):
        seen = changed[deposit.pk]
        owner = owners.get(seen.address)
        units, dust = units_from_chain(seen.value, asset.chain_decimals)
        is_booked = deposit.credited_at is not None or _is_posted(deposit)
        if is_booked or owner is None or not _can_be_booked(asset, seen, units):
            lost[deposit.pk] = GONE
            continue
        assert owner.user_id is not None
        deposit.amount, deposit.dust = units, dust
        deposit.address, deposit.user_id = owner, owner.user_id
        deposit.save(update_fields=["amount", "dust", "address", "user"])
        transaction.on_commit(partial(deposit_news, deposit))
    return lost


def _place(places: Mapping[int, Place]) -> None:
    if not places:
        return
    for deposit in deposits_lock(places):
        place = places[deposit.pk]
        if not is_moved(deposit, place):
            continue
        status = _status(deposit, place)
        if status == Status.ORPHANED and deposit.status != Status.ORPHANED:
            _say_orphaned(deposit)
        deposit.status = status
        deposit.confirmations = place.confirmations
        deposit.block_height = place.block_height
        deposit.block_hash = place.block_hash
        deposit.save(update_fields=["status", "confirmations", "block_height", "block_hash"])
        transaction.on_commit(partial(deposit_news, deposit))


def _status(deposit: Deposit, place: Place) -> Status:
    if place.confirmations < 0:
        return Status.ORPHANED
    if place.confirmations == 0:
        return Status.SEEN
    if deposit.status == Status.CREDITED and place.confirmations >= deposit.confirmations_needed:
        return Status.CREDITED
    # Also for one that was credited before a reorganisation: it is watched again until it is as deep as before.
    return Status.CONFIRMING


def _say_orphaned(deposit: Deposit) -> None:
    if _is_posted(deposit) or deposit.credited_at is not None or deposit.confirmations >= deposit.confirmations_needed:
        log.error(
            "deposit %s (%s, %d units of %s, user %d) is gone from the chain AFTER it was credited: "
            "the account has coins that we do not",
            deposit.pk,
            deposit,
            deposit.amount,
            deposit.asset.code,
            deposit.user_id,
        )
    else:
        log.info("deposit %s (%s) is gone from the chain, it was not credited", deposit.pk, deposit)


def _is_posted(deposit: Deposit) -> bool:
    return Posting.objects.filter(reference=deposit.reference, reason=Reason.DEPOSIT).exists()
