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
