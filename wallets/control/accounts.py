"""Accounts whose withdrawals are frozen: by an operator, with the account, or because a credited deposit is lost."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.models import User
from wallets.control.switch import signers_wait
from wallets.deposits.lost import has_lost_deposit, lost_deposits
from wallets.models import WithdrawalRules

LOST = "a deposit that was credited is gone from its chain"
CLOSED = "the account is closed"


def frozen_because(user_id: int) -> str:
    """Return why an account can withdraw nothing, or "" when it can. For operators: people are told less."""
    rules = WithdrawalRules.objects.filter(user_id=user_id).exclude(frozen_at=None).first()
    if rules is not None:
        return rules.frozen_because or "frozen by an operator"
    if User.objects.filter(pk=user_id, is_active=False).exists():
        return CLOSED
    return LOST if has_lost_deposit(user_id) else ""


def frozen_accounts(user_ids: Iterable[int]) -> set[int]:
    """Return those of some accounts that can withdraw nothing."""
    users = list(user_ids)
    by_operators = WithdrawalRules.objects.filter(user__in=users).exclude(frozen_at=None)
    lost = lost_deposits().filter(user__in=users)
    closed = User.objects.filter(pk__in=users, is_active=False)
    found = by_operators.values_list("user_id", flat=True).union(
        lost.values_list("user_id", flat=True), closed.values_list("pk", flat=True)
    )
    return set(found)


def frozen(user: str = "user") -> Q:
    """Return the condition that a row's account is frozen; `user` is the row's column that names it."""
    lost: Any = Exists(lost_deposits().filter(user=OuterRef(user)))
    by_operator: Any = Exists(WithdrawalRules.objects.filter(user=OuterRef(user)).exclude(frozen_at=None))
    return Q(by_operator) | Q(lost) | Q(**{f"{user}__is_active": False})


def account_freeze(*, user: User, because: str) -> bool:
    """Let an account withdraw nothing until it is unfrozen. Returns whether it was not frozen by an operator before.

    When it returns, no signer is about to sign, as with `halt`. Who has locked deposits calls `signers_wait` before.
    """
    with transaction.atomic():
        signers_wait(None)
        rules, _ = WithdrawalRules.objects.get_or_create(user=user)
        rows = WithdrawalRules.objects.filter(pk=rules.pk, frozen_at=None)
        return bool(rows.update(frozen_at=timezone.now(), frozen_because=because))


def account_unfreeze(*, user: User) -> bool:
    """Take an operator's freeze back. Returns whether there was one."""
    rows = WithdrawalRules.objects.filter(user=user).exclude(frozen_at=None)
    return bool(rows.update(frozen_at=None, frozen_because=""))
