"""Whose log-ins count together: those of one e-mail, however it is typed."""

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from accounts import views
from accounts.models import User
from accounts.throttle import Window
from tests.pages.test_accounts import PASSWORD


@pytest.fixture(autouse=True)
def _fresh_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no other test's log-ins count, and no window end in the middle of one."""
    monkeypatch.setattr(views.throttle, "_attempts", Window(86_400))


def test_an_email_typed_in_other_ways_has_no_other_budget(alice: User, settings: Settings) -> None:
    """Logging in ignores case and spaces around it, and so does the budget; from whatever address it comes."""
    settings.LOGINS_PER_MINUTE = 3
    for number, typed in enumerate((f" {alice.email}", f"{alice.email.title()}  ", f"\t{alice.email.upper()}\n")):
        client = Client(REMOTE_ADDR=f"192.0.2.{number}")
        assert client.post("/login", {"username": typed, "password": "guess"}).status_code == 200

    refused = Client(REMOTE_ADDR="192.0.2.9").post("/login", {"username": alice.email, "password": PASSWORD})

    assert refused.status_code == 429


def test_what_is_kept_of_an_email_is_bounded(client: Client, settings: Settings, db: None) -> None:
    """Whoever sends long ones fills no memory: they are nobody's, and count as one."""
    settings.LOGINS_PER_MINUTE = 3
    for number in range(3):
        tried = Client(REMOTE_ADDR=f"192.0.2.{number}").post("/login", {"username": "x" * 60_000 + str(number)})
        assert tried.status_code == 200

    refused = Client(REMOTE_ADDR="192.0.2.9").post("/login", {"username": "x" * 60_000})

    assert refused.status_code == 429
    assert max(len(str(name)) for name in views.throttle._attempts._counts) <= 260


def test_an_address_without_a_budget_uses_up_nobodys_email(alice: User, settings: Settings) -> None:
    settings.LOGINS_PER_MINUTE = 3
    attacker = Client(REMOTE_ADDR="192.0.2.1")
    for _ in range(3):
        attacker.post("/login", {"username": "somebody@example.org", "password": "guess"})
    for _ in range(9):
        assert attacker.post("/login", {"username": alice.email, "password": "guess"}).status_code == 429

    entered = Client(REMOTE_ADDR="192.0.2.2").post("/login", {"username": alice.email, "password": PASSWORD})

    assert entered.status_code == 302
    assert f"mail {alice.email}" in views.throttle._attempts._counts
