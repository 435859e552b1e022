"""The hook for a second factor: asked before anything is recorded, and never for nothing."""

import pytest
from pytest_django import Settings

from accounts.models import User
from mex.errors import SecondFactorWrong, WithdrawalFundsMissing
from tests.wallets.books import Books
from tests.wallets.control import ADDRESS, ask
from wallets.control.accounts import account_freeze
from wallets.control.second_factor import Origin, WithdrawalFacts
from wallets.models import Asset, Withdrawal

asked: list[tuple[User, WithdrawalFacts, str]] = []


def check(user: User, facts: WithdrawalFacts, code: str) -> None:
    """Take 123456 from pages, and anything from programs: what an operator's own callable may look like."""
    asked.append((user, facts, code))
    if facts.origin == Origin.PAGE and code != "123456":
        raise SecondFactorWrong()


@pytest.fixture(autouse=True)
def hook(settings: Settings) -> None:
    """Have mex ask the callable above."""
    settings.SECOND_FACTOR = "tests.wallets.test_control_second_factor.check"
    asked.clear()


@pytest.fixture
def rich(btc: Asset, books: Books, alice: User) -> User:
    """Alice, with something to withdraw."""
    books.give(alice.pk, btc.pk, 100_000)
    return alice


def test_the_right_code_lets_it_pass_and_is_told_what_it_is_for(btc: Asset, books: Books, rich: User) -> None:
    ask(rich, btc, books, origin=Origin.PAGE, code="123456")

    assert asked == [(rich, WithdrawalFacts("BTC", ADDRESS, 20_000, 2_000, Origin.PAGE), "123456")]
    assert Withdrawal.objects.count() == 1


@pytest.mark.parametrize("code", ["", "654321"])
def test_a_wrong_or_missing_code_records_nothing(btc: Asset, books: Books, rich: User, code: str) -> None:
    with pytest.raises(SecondFactorWrong) as refusal:
        ask(rich, btc, books, origin=Origin.PAGE, code=code)

    assert refusal.value.code == -4032
    assert not Withdrawal.objects.exists()
    assert books.sent == []


def test_the_callable_may_treat_programs_otherwise(btc: Asset, books: Books, rich: User) -> None:
    ask(rich, btc, books)

    assert [(facts.origin, code) for _, facts, code in asked] == [(Origin.API, "")]


def test_a_repeat_of_the_same_request_asks_for_no_second_code(btc: Asset, books: Books, rich: User) -> None:
    first = ask(rich, btc, books, origin=Origin.PAGE, code="123456", client_id="w1")

    assert ask(rich, btc, books, origin=Origin.PAGE, code="", client_id="w1") == first
    assert len(asked) == 1


def test_no_code_is_used_up_for_what_is_refused_anyway(btc: Asset, books: Books, rich: User) -> None:
    with pytest.raises(WithdrawalFundsMissing):
        ask(rich, btc, books, 100_001, origin=Origin.PAGE, code="123456")
    account_freeze(user=rich, because="x")
    with pytest.raises(Exception, match="Withdraw is limited"):
        ask(rich, btc, books, origin=Origin.PAGE, code="123456")

    assert asked == []


def test_a_callable_that_is_not_there_lets_nothing_pass(
    btc: Asset, books: Books, rich: User, settings: Settings
) -> None:
    settings.SECOND_FACTOR = "tests.nowhere.check"

    with pytest.raises(ImportError):
        ask(rich, btc, books)

    assert not Withdrawal.objects.exists()
