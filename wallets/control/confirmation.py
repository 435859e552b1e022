"""Confirmation by e-mail: the mail, its link, and what happens when its owner follows it.

A worker sends what is still to be sent, again and again until the mail server takes it; a mail may come twice, with the
same effect as once. The link is signed, ends with the withdrawal's time, and confirms it once.
"""

import logging
import uuid
from datetime import datetime, timedelta
from functools import partial
from smtplib import SMTPDataError, SMTPRecipientsRefused

from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from mex.limits import CONFIRMATION_HOURS
from wallets.control.consent import next_stage
from wallets.lock_objects import withdrawal_lock
from wallets.models import Withdrawal
from wallets.news import withdrawal_news

log = logging.getLogger(__name__)
_Status = Withdrawal.Status
_SALT = "wallets.withdrawal-confirmation"
_BATCH = 50
_LEASE_S = 30
_FAILURE_S = CONFIRMATION_HOURS * 3600
"""How long it is remembered that a mail failed: as long as it makes sense to send it."""
_SILENT = "mail-server-is-silent"
RESEND_S = 60


class LinkInvalid(Exception):
    """Raised when a link confirms nothing: it is mistyped, too old, someone else's, or was used."""


def confirm_by(withdrawal: Withdrawal) -> datetime:
    """Return when a withdrawal that nobody confirms is cancelled."""
    return withdrawal.requested_at + timedelta(hours=CONFIRMATION_HOURS)


def confirmation_token(withdrawal: Withdrawal) -> str:
    """Return the signed part of a withdrawal's link."""
    return signing.dumps([withdrawal.id.hex, withdrawal.user_id], salt=_SALT)


def withdrawal_of_link(*, user_id: int, token: str) -> Withdrawal:
    """Return the user's withdrawal that a link is for and that still waits for it. Raises LinkInvalid."""
    withdrawal = (
        Withdrawal.objects.filter(pk=_read(token, user_id), user_id=user_id).select_related("asset", "user").first()
    )
    if withdrawal is None or not _is_waiting(withdrawal):
        raise LinkInvalid()
    return withdrawal


def withdrawal_confirm(*, user_id: int, token: str) -> Withdrawal:
    """Confirm the user's withdrawal that a link is for, once. Raises LinkInvalid."""
    with transaction.atomic():
        withdrawal = withdrawal_lock(withdrawal_of_link(user_id=user_id, token=token).pk)
        if not _is_waiting(withdrawal):
            raise LinkInvalid()
        withdrawal.email_confirmed_at = timezone.now()
        withdrawal.status = next_stage(withdrawal)
        withdrawal.save(update_fields=["email_confirmed_at", "status"])
        log.info("withdrawal %s is confirmed by its owner", withdrawal.pk)
        transaction.on_commit(partial(withdrawal_news, withdrawal))
    return withdrawal


def confirmation_resend(*, user_id: int, pk: uuid.UUID) -> bool:
    """Have the mail sent once more, at most once a minute. Returns whether it will be: so will one that never was."""
    rows = Withdrawal.objects.filter(pk=pk, user_id=user_id, status=_Status.EMAIL)
    earlier = timezone.now() - timedelta(seconds=RESEND_S)
    return bool(rows.filter(Q(emailed_at=None) | Q(emailed_at__lte=earlier)).update(emailed_at=None))


def confirmations_send() -> None:
    """Send the mails that are still to be sent. What the mail server does not take is tried again half a minute on.

    A server that does not answer is left alone for as long: workers have other things to do than to wait for it.
    """
    if cache.get(_SILENT):
        return
    due = _due()
    withdrawals = Withdrawal.objects.select_related("asset", "user").in_bulk(due)
    for pk in due:
        # Two workers at once send one mail. The lease may be lost: then they send two.
        if not cache.add(_lease(pk), True, timeout=_LEASE_S):
            continue
        try:
            _send(withdrawals[pk])
        except (SMTPRecipientsRefused, SMTPDataError) as error:
            cache.set(_failure(pk), True, timeout=_FAILURE_S)
            log.error("the mail about withdrawal %s is refused: %s", pk, error)
            continue
        except OSError as error:  # smtplib's own errors are such, too
            cache.set(_failure(pk), True, timeout=_FAILURE_S)
            cache.set(_SILENT, True, timeout=_LEASE_S)
            log.error("the mail server fails, the mail about withdrawal %s waits: %s", pk, error)
            return
        Withdrawal.objects.filter(pk=pk).update(emailed_at=timezone.now())


def _due() -> list[uuid.UUID]:
    """Return whose mails are to be tried now, as many as one turn takes.

    Those that failed before come after all others, so that mails which are refused again and again keep nobody waiting.
    """
    rows = Withdrawal.objects.filter(status=_Status.EMAIL, emailed_at=None)
    waiting = list(rows.order_by("requested_at", "pk").values_list("pk", flat=True))
    if not waiting:
        return []
    known = cache.get_many([key for pk in waiting for key in (_lease(pk), _failure(pk))])
    free = [pk for pk in waiting if _lease(pk) not in known]
    return sorted(free, key=lambda pk: _failure(pk) in known)[:_BATCH]


def _lease(pk: uuid.UUID) -> str:
    return f"confirmation-mail:{pk}"


def _failure(pk: uuid.UUID) -> str:
    return f"confirmation-mail-failed:{pk}"


def _send(withdrawal: Withdrawal) -> None:
    link = settings.MEX_URL.rstrip("/") + reverse("withdrawal_confirm", args=[confirmation_token(withdrawal)])
    context = {"withdrawal": withdrawal, "link": link, "confirm_by": confirm_by(withdrawal)}
    send_mail(
        subject=f"Confirm your withdrawal of {withdrawal.asset.code}",
        message=render_to_string("wallets/confirmation_mail.txt", context),
        from_email=None,
        recipient_list=[withdrawal.user.email],
    )


def _read(token: str, user_id: int) -> uuid.UUID:
    try:
        name, owner = signing.loads(token, salt=_SALT, max_age=timedelta(hours=CONFIRMATION_HOURS))
        pk = uuid.UUID(hex=name)
    except (signing.BadSignature, ValueError, TypeError):
        raise LinkInvalid() from None
    if owner != user_id:
        raise LinkInvalid()
    return pk


def _is_waiting(withdrawal: Withdrawal) -> bool:
    return (
        withdrawal.status == _Status.EMAIL
        and withdrawal.email_confirmed_at is None
        and timezone.now() < confirm_by(withdrawal)
    )
