"""Final transactions that a deep reorganisation took out, and that were mined again with another outcome.

What they were for was settled: a withdrawal is paid in the books and has not left, or was given back and has. mex
decides nothing about that, and pays nothing: it says so, halts the asset, and shows it until operators have decided.
"""

import logging
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from mex.errors import DecisionRefused
from trading.engine.commands import Transfer
from trading.engine.enums import Reason
from wallets.control.switch import halt
from wallets.ledger.chart import Owner
from wallets.lock_objects import asset_lock
from wallets.models import ChainTransaction, Posting, Withdrawal
from wallets.pace import Send
from wallets.payouts.records import FINAL, Kind, Status
from wallets.payouts.versions import versions_of, withdrawals_of

log = logging.getLogger(__name__)
NOTE_CHARS_MAX = 200
TOUCHED = Q(contradicted_at__isnull=False) | ~Q(contradiction_note="")
"""What the chain contradicts, or operators have decided about: in the words of its index."""
_PAYS = (Kind.WITHDRAWAL, Kind.COLD)
"""What is in the ledger besides its fee. Everything else moves our own coins between our own addresses."""


def settled_by(row: ChainTransaction) -> ChainTransaction | None:
    """Return the version, of the same kind, whose outcome was settled; None where something else took its nonce."""
    if row.status in FINAL:
        return row
    return versions_of(row).filter(status__in=FINAL, kind=row.kind).order_by("pk").first()


def is_contradicted(row: ChainTransaction, succeeded: bool) -> bool:
    """Return whether the outcome of a version that is final again is not the one that was settled."""
    settled = settled_by(row)
    if settled is None:
        return True
    if row.kind not in _PAYS and settled.status == Status.FAILED:
        return False  # our own coins moved after all: nothing hangs on it
    return (settled.status == Status.CONFIRMED) != succeeded


def contradictions_open() -> QuerySet[ChainTransaction]:
    """Return what operators have to decide about."""
    rows = ChainTransaction.objects.filter(TOUCHED)
    return rows.exclude(Q(contradicted_at__isnull=False) & ~Q(contradiction_note=""))


def subject(row: ChainTransaction) -> str:
    """Return what a transaction is for, in words: the withdrawal that it pays, if that is one."""
    paid = [str(pk) for pk in withdrawals_of(row).values_list("pk", flat=True)[:2]]
    return f"withdrawal {paid[0]}" if len(paid) == 1 else f"{row.kind} {row.txid}"


def contradiction_halt(row: ChainTransaction, succeeded: bool) -> None:
    """Halt the asset of a version that is final again, if operators have to decide about its outcome.

    To be called before that is stored, without a lock: whoever dies in between halts it at the next look.
    """
    outcomes = [(settled_by(row) or row, is_contradicted(row, succeeded))]
    outcomes += [(other, _is_undone(other)) for other in _beside(row)]
    for one, contradicted in outcomes:
        if _is_open(one, contradicted):
            halt(one.asset, f"{subject(one)} was settled, and the chain says otherwise")


def outcome_set(row: ChainTransaction, succeeded: bool) -> None:
    """Take over what the chain says about a version that is final again; the caller has the lock, and saves it.

    Where it is another version than the final one, for the same, it takes its place, with what was decided about it.
    What was decided about a version for something else stays with that: a filler settles nothing.
    """
    settled, contradicted = settled_by(row), is_contradicted(row, succeeded)
    others = versions_of(row).exclude(pk=row.pk)
    if settled is not None:
        if settled.pk != row.pk:
            row.status, row.confirmed_at = settled.status, settled.confirmed_at
            row.contradiction_note = settled.contradiction_note
        # With it a filler ends: sent again after another reorganisation, it would take the nonce of what is settled.
        ended = others.filter(Q(kind=row.kind) | Q(kind=Kind.FILLER), status__in=FINAL)
        ended.update(status=Status.REPLACED)
    others.filter(kind=row.kind).update(contradicted_at=None, contradiction_note="")
    row.contradicted_at = (row.contradicted_at or timezone.now()) if contradicted else None
    if row.status == Status.FAILED and succeeded and not contradicted:
        row.status = Status.CONFIRMED
    _say(row, contradicted, "was mined again with its effect" if succeeded else "was mined again without effect")
    for other in _beside(row):
        undone = _is_undone(other)
        other.contradicted_at = (other.contradicted_at or timezone.now()) if undone else None
        other.save(update_fields=["contradicted_at"])
        _say(other, undone, f"has lost its nonce to {row.kind} {row.txid}")


def _beside(row: ChainTransaction) -> Sequence[ChainTransaction]:
    """Return the versions for something else about which the chain or operators have said something."""
    return list(versions_of(row).filter(TOUCHED).exclude(kind=row.kind).select_related("asset").order_by("pk"))


def _is_undone(other: ChainTransaction) -> bool:
    """Return whether a version was settled as done, which has no effect where something else has its nonce."""
    return other.status == Status.CONFIRMED


def _say(row: ChainTransaction, contradicted: bool, what: str) -> None:
    if _is_open(row, contradicted):
        log.error(
            "%s was settled as %s, and its transaction %s %s: an operator has to decide, nothing is paid by itself",
            subject(row),
            "done" if row.status == Status.CONFIRMED else "failed",
            row.txid,
            what,
        )


def _is_open(row: ChainTransaction, contradicted: bool) -> bool:
    """Return whether operators have to decide: nothing was decided yet, or about an outcome that is not any more."""
    return contradicted != bool(row.contradiction_note)


def contradiction_decide(
    row: ChainTransaction, *, note: str, bookings: Sequence[Transfer] = (), send: Send
) -> ChainTransaction:
    """Note what operators decided about a contradiction; then the audit is content. Raises DecisionRefused.

    What only moved our own coins takes the outcome that it has: a sweep without effect failed, and is made again.
    `bookings` are sent before anything is noted: whoever dies in between decides once more, and they are booked once.
    """
    if not note.strip() or len(note.strip()) > NOTE_CHARS_MAX:
        raise DecisionRefused(f"Say what was decided, in at most {NOTE_CHARS_MAX} characters: it is kept.")
    send(bookings)
    with transaction.atomic():
        asset_lock(row.fee_asset_id)
        row = ChainTransaction.objects.get(pk=row.pk)
        contradicted = row.contradicted_at is not None
        if row.fee_in_doubt:
            raise DecisionRefused("The chain has lost it again: wait until it is deep enough.")
        if not _is_open(row, contradicted):
            raise DecisionRefused("There is nothing to decide: the chain says what was settled or decided.")
        if row.kind not in _PAYS and row.status in FINAL:
            row.status = Status.FAILED if row.status == Status.CONFIRMED else Status.CONFIRMED
            row.contradicted_at = None
        else:
            row.contradiction_note = note.strip() if contradicted else ""
        row.save(update_fields=["status", "contradicted_at", "contradiction_note"])
    log.warning("%s: operators have decided: %s", subject(row), note.strip())
    return row


def given_back_reference(withdrawal: Withdrawal) -> str:
    """Return the ledger's name for what operators gave back of a settled withdrawal."""
    return f"outcome:{withdrawal.reference}:user"


def contradiction_bookings(row: ChainTransaction) -> Sequence[Transfer]:
    """Return what puts the ledger right about an open contradiction; sent twice it is booked once.

    A payment without effect is given back to whom it was for: a user, without the fee, or the hot wallet. One that was
    given back and has gone is our loss. Raises DecisionRefused where that is not all that there is to it.
    """
    if row.contradicted_at is None or row.contradiction_note or row.fee_in_doubt or row.status not in FINAL:
        raise DecisionRefused("What is to be booked for it cannot be told.")
    found: list[Transfer] = []
    for one in withdrawals_of(row) if row.kind == Kind.WITHDRAWAL else ():
        name, paid = f"outcome:{one.reference}", one.amount - one.fee  # the audit knows these names, too
        if row.status == Status.CONFIRMED:
            # Through the account for corrections: the ledger's own rows say then that it was one.
            found.append(Transfer(name, Owner.CHAIN, Owner.ADJUSTMENT, one.asset_id, paid, Reason.ADJUSTMENT))
            back = given_back_reference(one)
            found.append(Transfer(back, Owner.ADJUSTMENT, one.user_id, one.asset_id, paid, Reason.ADJUSTMENT))
        else:
            found.append(Transfer(name, Owner.LOSS, Owner.CHAIN, one.asset_id, paid, Reason.ADJUSTMENT))
    if row.kind == Kind.COLD and row.status == Status.CONFIRMED:
        name, units = f"cold-return:{row.txid}", row.amount or 0
        found.append(Transfer(name, Owner.CHAIN, Owner.COLD, row.asset_id, units, Reason.COLD))
    if not found:
        raise DecisionRefused("What is to be booked for it cannot be told.")
    if Posting.objects.filter(reference__in=[one.reference for one in found]).exists():
        raise DecisionRefused("It is booked already: decide without booking.")
    return found
