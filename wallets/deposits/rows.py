"""Deposit rows: how they begin, and how they are corrected by a later block.

Everything here may run twice, in any order and in two workers at once.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet, Sum

from mex.money import AMOUNT_MAX, units_from_chain
from wallets.chains.health import say_once
from wallets.chains.place import GONE, Place
from wallets.deposits.places import is_moved, place_note
from wallets.lock_objects import deposits_lock
from wallets.models import Asset, Deposit, DepositAddress
from wallets.news import deposits_news

log = logging.getLogger(__name__)
Status = Deposit.Status
_ROWS = 200
"""Rows written in one transaction, so that the engine never waits long for the database."""


class Sighting(msgspec.Struct, frozen=True):
    """An output on the chain that pays `address`; `value` is in the chain's smallest unit.

    It is not credited before it has `confirmations_least`, whatever the asset asks for.
    """

    txid: str
    output: int
    address: str
    value: int
    place: Place
    confirmations_least: int = 0


def unfinished(asset: Asset) -> QuerySet[Deposit]:
    """Return the deposits whose place on the chain still changes what we do: also credited ones that are gone."""
    is_dust = Q(amount=0, confirmations__gte=F("confirmations_needed"))
    is_lost = Q(status=Status.ORPHANED, credited_at__isnull=False)
    rows = Deposit.objects.filter(Q(status__in=[Status.SEEN, Status.CONFIRMING]) | is_lost, asset=asset)
    return rows.exclude(is_dust)


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
            added = _create(asset, owners, fresh)
            lost = _correct(asset, changed, owners)
            _confirmations_need(asset, added | {seen.txid for seen in changed.values()}, chunk)
            place_note(moved | lost)


def says(deposit: Deposit, asset: Asset, seen: Sighting) -> bool:
    """Return whether a deposit's row says what was seen: so much, to this address."""
    amounts = units_from_chain(seen.value, asset.chain_decimals)
    return (deposit.amount, deposit.dust) == amounts and deposit.address.address == seen.address


def _is_told_by(seen: Sighting, deposit: Deposit) -> bool:
    place = seen.place
    if deposit.block_hash and place.confirmations >= 0 and place.block_hash in ("", deposit.block_hash):
        # "Waiting" may be older than the block that we know of, and a scanner that was put back counts from there:
        # whoever follows the deposit asks about it by name.
        return place.confirmations > deposit.confirmations
    return is_moved(deposit, place)


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


def _create(asset: Asset, owners: Mapping[str, DepositAddress], fresh: Iterable[Sighting]) -> set[str]:
    """Begin deposits, and return the ids of the transactions of those that were not there."""
    begun = [row for seen in fresh if seen.address in owners and (row := _deposit(asset, owners[seen.address], seen))]
    if not begun:
        return set()
    txids = {row.txid for row in begun}
    rows = Deposit.objects.filter(asset=asset, txid__in=txids)
    before = set(rows.values_list("txid", "output"))
    # Another worker may add the same meanwhile: what is there stays as it is.
    Deposit.objects.bulk_create([row for row in begun if (row.txid, row.output) not in before], ignore_conflicts=True)
    now = {(row.txid, row.output): row for row in rows.order_by("pk")}
    missing = [row for row in begun if (row.txid, row.output) not in now]
    if missing:  # a database may ignore more than conflicts
        raise IntegrityError(f"{len(missing)} deposits could not be added, {missing[0]} among them")
    added = {key: row for key, row in now.items() if key not in before}
    for row in added.values():
        log.info("deposit %s: %d units of %s seen in %s", row.pk, row.amount, asset.code, row)
    transaction.on_commit(partial(_tell, [row.pk for row in added.values()]))
    return {txid for txid, _ in added}


def _deposit(asset: Asset, address: DepositAddress, seen: Sighting) -> Deposit | None:
    """Return the row of a new deposit, or None where it cannot be booked."""
    units, dust = units_from_chain(seen.value, asset.chain_decimals)
    assert address.user_id is not None
    if not _can_be_booked(asset, seen, units):
        return None
    return Deposit(
        asset=asset,
        txid=seen.txid,
        output=seen.output,
        address=address,
        user_id=address.user_id,
        amount=units,
        dust=dust,
        status=Status.CONFIRMING if seen.place.confirmations else Status.SEEN,
        confirmations=seen.place.confirmations,
        confirmations_needed=max(asset.confirmations, seen.confirmations_least),
        block_height=seen.place.block_height,
        block_hash=seen.place.block_hash,
    )


def _tell(pks: Sequence[int]) -> None:
    deposits_news(list(Deposit.objects.select_related("asset").filter(pk__in=pks).order_by("pk")))


def _can_be_booked(asset: Asset, seen: Sighting, units: int) -> bool:
    if units <= AMOUNT_MAX:
        return True
    # No real asset has so many; a chain of one's own can mint them. It must not keep others' deposits waiting.
    if say_once(f"deposit {seen.txid}", "too large"):
        log.error("%s:%d pays %d units of %s, more than can be booked", seen.txid, seen.output, units, asset.code)
    return False


def _correct(asset: Asset, changed: Mapping[int, Sighting], owners: Mapping[str, DepositAddress]) -> dict[int, Place]:
    """Write down what a block says, where it is not what was seen before: a contract may decide otherwise in another.

    Returns the deposits (by id) that it says nothing of any more. One whose credit was handed to the ledger is such:
    the account has other coins than we do.
    """
    lost = {}
    for deposit in deposits_lock(changed):
        seen = changed[deposit.pk]
        owner = owners.get(seen.address)
        units, dust = units_from_chain(seen.value, asset.chain_decimals)
        if deposit.credited_at is not None or owner is None or not _can_be_booked(asset, seen, units):
            lost[deposit.pk] = GONE
            continue
        assert owner.user_id is not None
        deposit.amount, deposit.dust = units, dust
        deposit.address, deposit.user_id = owner, owner.user_id
        deposit.save(update_fields=["amount", "dust", "address", "user"])
        transaction.on_commit(partial(_tell, [deposit.pk]))
    return lost


def _confirmations_need(asset: Asset, txids: Iterable[str], seen: Iterable[Sighting]) -> None:
    """Say how deep new and corrected deposits must be; what a transaction pays to one account counts together."""
    if asset.large_amount is None or asset.large_confirmations is None:
        return
    least = {one.txid: one.confirmations_least for one in seen}
    rows = Deposit.objects.filter(asset=asset, txid__in=list(txids))
    for txid, user_id, amount in rows.values_list("txid", "user").annotate(total=Sum("amount")):
        asked = asset.large_confirmations if amount >= asset.large_amount else asset.confirmations
        needed = max(asked, least[txid])
        rows.filter(txid=txid, user=user_id, credited_at=None).update(confirmations_needed=needed)
