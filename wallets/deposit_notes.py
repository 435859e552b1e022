"""What people are told about a deposit besides its status, where that alone would leave them wondering."""

from collections.abc import Iterable

from django.db.models import Sum

from mex.money import format_short
from wallets.models import Deposit

Status = Deposit.Status
LOST = "No longer in the chain. Your withdrawals wait until it is back."
BACK = "In another block now. Your withdrawals wait until it is as deep as before."
_NOTES: dict[str, str] = {
    Status.ORPHANED: "Replaced by another transaction, or dropped by the network.",
    Status.EXPIRED: "In no block for long. It counts if it gets into one after all.",
    Status.REVERSED: "The chain lost it, and its credit was taken back. Please ask the operators.",
}


def deposit_note(deposit: Deposit) -> str:
    """Return what is to be said about one deposit, or ""."""
    return deposit_notes([deposit]).get(deposit.pk, "")


def deposit_notes(deposits: Iterable[Deposit]) -> dict[int, str]:
    """Return what is to be said about deposits, by their ids; about most, nothing."""
    rows = list(deposits)
    collected = _collected([row for row in rows if row.status == Status.COLLECTING])
    notes = {}
    for row in rows:
        if row.status == Status.COLLECTING:
            total, minimum = format_short(collected[row.user_id, row.asset_id]), format_short(row.asset.deposit_min)
            notes[row.pk] = f"{total} of {minimum} {row.asset.code} that have to come together."
        elif row.lost_at_height is not None and row.status in (Status.SEEN, Status.ORPHANED):
            notes[row.pk] = LOST
        elif row.lost_at_height is not None and row.status == Status.CONFIRMING:
            notes[row.pk] = BACK
        elif row.status in _NOTES:
            notes[row.pk] = _NOTES[row.status]
    return notes


def _collected(rows: list[Deposit]) -> dict[tuple[int, int], int]:
    """Return what each account has below the minimum of each asset, in units."""
    if not rows:
        return {}
    small = Deposit.objects.filter(
        status=Status.COLLECTING,
        user__in={row.user_id for row in rows},
        asset__in={row.asset_id for row in rows},
    )
    sums = small.values_list("user", "asset").annotate(total=Sum("amount"))
    return {(user_id, asset_id): total for user_id, asset_id, total in sums}
