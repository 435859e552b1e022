"""manage.py create_user and create_api_key."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from accounts import services
from accounts.authentication import credential_load
from accounts.models import ApiKey, User

PASSWORD = "correct-horse-battery"


def create_user(email: str, password: str = PASSWORD) -> str:
    """Run the command and return what it printed."""
    out = StringIO()
    call_command("create_user", email, "--password", password, stdout=out)
    return out.getvalue()


def create_api_key(*arguments: str) -> str:
    """Run the command and return what it printed."""
    out = StringIO()
    call_command("create_api_key", *arguments, stdout=out)
    return out.getvalue()


def test_a_created_user_is_verified_and_may_log_in(db: None) -> None:
    said = create_user("Ann@Example.com")

    user = User.objects.get()
    assert said == f"created user {user.pk}: ann@example.com\n"
    assert user.email_verified_at is not None
    assert user.check_password(PASSWORD)
    assert not user.is_staff


@pytest.mark.parametrize(
    ("email", "password", "reason"),
    [
        ("ann@example.com", PASSWORD, "already exists"),
        ("ANN@example.com", PASSWORD, "already exists"),
        ("not an address", PASSWORD, "valid email"),
        ("bob@example.com", "short", "too short"),
        ("bob@example.com", "password123", "too common"),
    ],
)
def test_a_user_that_cannot_be_is_refused_with_the_reason(db: None, email: str, password: str, reason: str) -> None:
    create_user("ann@example.com")

    with pytest.raises(CommandError, match=reason):
        create_user(email, password)

    assert User.objects.count() == 1


def test_the_key_is_the_last_line_and_works(db: None) -> None:
    create_user("ann@example.com")

    said = create_api_key("ann@example.com", "--permissions", "read,trade", "--label", "bot", "--json")

    made = json.loads(said.splitlines()[-1])
    assert sorted(made) == ["api_key", "secret"]
    credential = credential_load(made["api_key"])
    assert credential is not None
    assert credential.secret == made["secret"].encode()
    assert (credential.caller.can_trade, credential.caller.can_withdraw) == (True, False)
    assert ApiKey.objects.get().label == "bot"


@pytest.mark.parametrize(
    ("permissions", "trade", "withdraw"),
    [
        ("read", False, False),
        ("trade", True, False),
        ("read, withdraw", False, True),
        ("read,trade,withdraw", True, True),
    ],
)
def test_a_key_has_the_permissions_that_were_named(db: None, permissions: str, trade: bool, withdraw: bool) -> None:
    create_user("ann@example.com")

    create_api_key("ann@example.com", "--permissions", permissions)

    key = ApiKey.objects.get()
    assert (key.can_trade, key.can_withdraw) == (trade, withdraw)


@pytest.mark.parametrize(("is_local", "may_withdraw"), [(True, True), (False, False)])
def test_withdrawing_is_granted_unasked_on_local_chains_only(
    db: None, settings: Settings, is_local: bool, may_withdraw: bool
) -> None:
    settings.MEX_LOCAL_CHAINS = is_local
    create_user("ann@example.com")

    create_api_key("ann@example.com")

    key = ApiKey.objects.get()
    assert (key.can_trade, key.can_withdraw) == (True, may_withdraw)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("nobody@example.com",), "no user has the e-mail nobody@example.com"),
        (("ann@example.com", "--permissions", "read,fly"), "unknown permission 'fly'"),
        (("ann@example.com", "--label", "x" * 61), "at most 60 characters"),
    ],
)
def test_a_key_that_cannot_be_is_refused_with_the_reason(db: None, arguments: tuple[str, ...], reason: str) -> None:
    create_user("ann@example.com")

    with pytest.raises(CommandError, match=reason):
        create_api_key(*arguments)

    assert ApiKey.objects.count() == 0


@pytest.mark.parametrize("typed", ["ann@example.com", "Ann@Example.COM"])
def test_a_new_password_closes_the_connections_of_the_sessions_that_end(
    db: None, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    """Django's command ended the sessions, and left open what they had opened."""
    create_user("ann@example.com")
    ended: list[int] = []
    monkeypatch.setattr(services.notices, "sessions_ended", ended.append)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "another long password")

    out = StringIO()
    call_command("changepassword", typed, stdout=out)

    user = User.objects.get()
    assert user.check_password("another long password")
    assert ended == [user.pk]
    assert out.getvalue().splitlines()[-1] == "Password changed successfully for user 'ann@example.com'"


def test_nobodys_password_cannot_be_changed(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: "another long password")

    with pytest.raises(CommandError, match="does not exist"):
        call_command("changepassword", "nobody@example.com")


def test_a_password_that_is_refused_closes_nothing(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    create_user("ann@example.com")
    ended: list[int] = []
    monkeypatch.setattr(services.notices, "sessions_ended", ended.append)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "short")

    with pytest.raises(CommandError, match="Aborting password change"):
        call_command("changepassword", "ann@example.com", stdout=StringIO(), stderr=StringIO())

    assert ended == []
    assert User.objects.get().check_password(PASSWORD)
