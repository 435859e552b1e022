"""A hook for a second factor: MEX_SECOND_FACTOR names a callable that looks at a code before a withdrawal is recorded.

It is called as `check(user, facts, code)`, outside of any transaction, and raises SecondFactorWrong for a code that is
missing, wrong or used. Whatever else it raises stops the withdrawal, too. It has to count the tries by itself.
It is asked in the same way, with the origin of a page and nothing else, before the page makes an API key that may
withdraw anything to anywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from accounts.models import User


class Origin(StrEnum):
    """Where somebody asked: on a page with a session, or with a key."""

    PAGE = "page"
    API = "api"


@dataclass(frozen=True, slots=True)
class WithdrawalFacts:
    """What is about to be withdrawn; amounts in units of 10^-8, `fee` being part of `amount`.

    An empty asset: nothing is, but a key is about to be made that may withdraw.
    """

    asset: str
    address: str
    amount: int
    fee: int
    origin: Origin


def is_second_factor_set() -> bool:
    """Return whether codes are asked for."""
    return bool(settings.SECOND_FACTOR)


def second_factor_check(*, user_id: int, facts: WithdrawalFacts, code: str) -> None:
    """Ask the hook, if there is one. Raises SecondFactorWrong."""
    if not is_second_factor_set():
        return
    check = cast(Callable[[User, WithdrawalFacts, str], None], import_string(settings.SECOND_FACTOR))
    check(User.objects.get(pk=user_id), facts, code)
