"""The address book: addresses that someone keeps, new ones after a cooling period, and "only to these"."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from mex.errors import AddressIllegal, AddressNotInBook, AddressTooNew, BookFull
from mex.limits import BOOK_ADDRESSES_MAX
from wallets.chains.addresses import address_normalize
from wallets.chains.segwit import AddressMalformed
from wallets.lock_objects import account_lock
from wallets.models import Asset, BookAddress, WithdrawalRules


def book_of(user_id: int) -> list[BookAddress]:
    """Return someone's addresses."""
    return list(BookAddress.objects.filter(user_id=user_id).order_by("chain", "label", "pk"))


def book_entry(user_id: int, chain: str, address: str) -> BookAddress | None:
    """Return an address of someone's book."""
    return BookAddress.objects.filter(user_id=user_id, chain=chain, address=address).first()


def book_add(*, user_id: int, chain: str, address: str, label: str) -> BookAddress:
    """Keep an address; it can be used when it has cooled down. One that is there already stays as it is.

    Raises AddressIllegal or BookFull.
    """
    try:
        normal = address_normalize(chain, address)
    except AddressMalformed:
        raise AddressIllegal() from None
    now = timezone.now()
    with transaction.atomic():
        account_lock(user_id)
        entry = book_entry(user_id, chain, normal)
        if entry is not None:
            return entry
        if BookAddress.objects.filter(user_id=user_id).count() >= BOOK_ADDRESSES_MAX:
            raise BookFull(BOOK_ADDRESSES_MAX)
        return BookAddress.objects.create(
            user_id=user_id, chain=chain, address=normal, label=label, created_at=now, usable_at=now + _cooling()
        )


def book_remove(*, user_id: int, pk: int) -> bool:
    """Forget an address. Returns whether it was there, and theirs."""
    return bool(BookAddress.objects.filter(user_id=user_id, pk=pk).delete()[0])


def book_only_set(*, user_id: int, only: bool) -> None:
    """Withdraw to addresses of the book only, at once; or to any again, after the cooling period."""
    with transaction.atomic():
        account_lock(user_id)
        rules, _ = WithdrawalRules.objects.get_or_create(user_id=user_id)
        if rules.book_only == only:
            return
        rules.book_only = only
        rules.book_only_until = None if only else timezone.now() + _cooling()
        rules.save(update_fields=["book_only", "book_only_until"])


@dataclass(frozen=True, slots=True)
class BookRule:
    """Whether an account withdraws to its book only, and until when, where it does not want to any more."""

    is_book_only: bool
    until: datetime | None = None


def book_rule(user_id: int) -> BookRule:
    """Return what holds for an account now."""
    rules = WithdrawalRules.objects.filter(user_id=user_id).first()
    if rules is None:
        return BookRule(False)
    until = rules.book_only_until
    is_ending = not rules.book_only and until is not None and until > timezone.now()
    return BookRule(rules.book_only or is_ending, until if is_ending else None)


def book_check(*, user_id: int, asset: Asset, address: str) -> None:
    """Raise AddressNotInBook or AddressTooNew where an account may not withdraw to an address (in its usual spelling).

    Whoever may withdraw to any address may also do so to one that still cools down: its label protects nothing.
    """
    if not book_rule(user_id).is_book_only:
        return
    entry = book_entry(user_id, asset.chain, address)
    if entry is None:
        raise AddressNotInBook()
    wait = entry.usable_at - timezone.now()
    if wait > timedelta(0):
        raise AddressTooNew(math.ceil(wait / timedelta(hours=1)))


def _cooling() -> timedelta:
    return timedelta(hours=settings.ADDRESS_COOLING_H)
