"""Every write about who someone is."""

import logging
import secrets as random_source
import string
from functools import partial

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts import secrets
from accounts.models import ApiKey, User, email_normal
from trading.gateway import notices

log = logging.getLogger(__name__)
KEY_CHARS = 64
_ALPHABET = string.ascii_letters + string.digits


def account_register(*, email: str, password: str, verified: bool = False) -> User:
    """Create a user. Raises django's ValidationError, by field, for a bad or taken e-mail or a weak password."""
    user = User(email=email_normal(email), email_verified_at=timezone.now() if verified else None)
    user.set_password(password)
    user.full_clean()
    validate_password(password, user)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:
        # Somebody registered it a moment ago, after full_clean had looked.
        raise ValidationError({"email": ValidationError("This e-mail is taken.", code="unique")}) from None
    return user


def api_key_create(*, user: User, label: str, can_trade: bool, can_withdraw: bool) -> tuple[ApiKey, str]:
    """Create a key and return it with its secret, which is not shown again."""
    secret = _random_text()
    key = ApiKey(
        user=user,
        label=label,
        key=_random_text(),
        secret_encrypted=secrets.encrypt(secret),
        can_trade=can_trade,
        can_withdraw=can_withdraw,
    )
    key.full_clean(exclude=["secret_encrypted"])
    key.save(force_insert=True)
    return key, secret


def api_key_announce(*, key: ApiKey) -> None:
    """Tell the owner of a new key that may withdraw by e-mail, once the key is committed.

    A mail server that fails is logged, and changes nothing: the key is made, and shown.
    """
    transaction.on_commit(partial(_announcement_send, key), robust=True)


def api_key_revoke(*, key: ApiKey) -> None:
    """End a key for ever, in every web process at once. A second time changes nothing."""
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        notices.key_revoked(key.key)


def sessions_ended(*, user: User) -> None:
    """Have the connections of a user's sessions closed, now that one or all of the sessions are over.

    The connections of those that are still valid come back. A closed account loses those of its keys, too.
    """
    notices.sessions_ended(user.pk)
    if not user.is_active:
        for key in ApiKey.objects.filter(user=user, revoked_at=None).values_list("key", flat=True):
            notices.key_revoked(key)


def _announcement_send(key: ApiKey) -> None:
    link = settings.MEX_URL.rstrip("/") + reverse("api_keys")
    try:
        send_mail(
            subject="A new API key of yours may withdraw",
            message=render_to_string("accounts/withdrawing_key_mail.txt", {"key": key, "link": link}),
            from_email=None,
            recipient_list=[key.user.email],
        )
    except OSError as error:  # smtplib's own errors are such, too
        log.error("the mail about API key %s of user %s is not sent: %s", key.pk, key.user_id, error)


def _random_text() -> str:
    return "".join(random_source.choice(_ALPHABET) for _ in range(KEY_CHARS))
