"""Registering, logging in and out, passwords, API keys."""

import re

import pytest
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.core.serializers import serialize
from django.test import Client
from pytest_django import Settings

from accounts import secrets, services, views
from accounts.models import ApiKey, User
from accounts.throttle import Window
from mex import settings as defaults
from tests.pages.rows import PASSWORD

GOOD = {"email": "Carol@Example.org", "password": PASSWORD, "password_again": PASSWORD}


@pytest.mark.django_db
def test_registering_makes_an_account_and_logs_in(client: Client, settings: Settings) -> None:
    settings.PASSWORD_HASHERS = defaults.PASSWORD_HASHERS

    response = client.post("/register", GOOD)

    assert (response.status_code, response["Location"]) == (302, "/balances")
    user = User.objects.get(email="carol@example.org")
    assert client.session["_auth_user_id"] == str(user.pk)
    assert user.password.startswith("argon2$")
    assert client.get("/balances").status_code == 200


@pytest.mark.parametrize(
    ("label", "changes", "message"),
    [
        ("no e-mail", {"email": ""}, "This field is required."),
        ("not an e-mail", {"email": "carol"}, "Enter a valid email address."),
        ("taken", {"email": "alice@example.org"}, "There is already an account with this e-mail."),
        ("taken in capitals", {"email": "ALICE@example.org"}, "There is already an account with this e-mail."),
        ("different passwords", {"password_again": "something else"}, "The two passwords are not the same."),
        ("short", {"password": "k3-Zq", "password_again": "k3-Zq"}, "at least 10 characters"),
        ("common", {"password": "password123", "password_again": "password123"}, "too common"),
        ("the e-mail", {"password": "carol@example.org", "password_again": "carol@example.org"}, "too similar"),
    ],
)
def test_a_bad_registration_is_explained_and_makes_nothing(
    alice: User, client: Client, label: str, changes: dict[str, str], message: str
) -> None:
    response = client.post("/register", GOOD | changes)

    assert response.status_code == 200
    assert message in response.text
    assert "field-error" in response.text
    assert User.objects.count() == 1
    assert "_auth_user_id" not in client.session


def test_logging_in_ignores_the_case_of_the_email(alice: User, client: Client) -> None:
    response = client.post("/login?next=/trade/ETHBTC", {"username": "Alice@Example.ORG", "password": PASSWORD})

    assert (response.status_code, response["Location"]) == (302, "/trade/ETHBTC")


def test_a_login_never_leads_to_another_site(alice: User, client: Client) -> None:
    response = client.post(
        "/login", {"username": "alice@example.org", "password": PASSWORD, "next": "https://evil.example/"}
    )

    assert response["Location"] == "/balances"


@pytest.mark.parametrize("username", ["alice@example.org", "nobody@example.org"])
def test_a_wrong_login_does_not_say_which_half_is_wrong(alice: User, client: Client, username: str) -> None:
    response = client.post("/login", {"username": username, "password": "not the password"})

    assert "This e-mail and password do not belong together." in response.text
    assert "_auth_user_id" not in client.session


@pytest.fixture
def fresh_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no other test's log-ins count, and no window end in the middle of one."""
    monkeypatch.setattr(views.throttle, "_attempts", Window(86_400))


@pytest.mark.usefixtures("fresh_budget")
def test_guessing_passwords_is_slowed_down(alice: User, client: Client, settings: Settings) -> None:
    """By e-mail in any case: even the right password is not looked at once the budget is used up."""
    settings.LOGINS_PER_MINUTE = 3
    for number in range(3):
        wrong = client.post("/login", {"username": alice.email.upper(), "password": f"guess {number}"})
        assert wrong.status_code == 200

    refused = client.post("/login", {"username": alice.email, "password": PASSWORD})

    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert "Too many attempts" in refused.content.decode()
    assert "_auth_user_id" not in client.session


@pytest.mark.usefixtures("fresh_budget")
@pytest.mark.django_db
def test_registering_in_bulk_is_slowed_down(client: Client, settings: Settings) -> None:
    settings.LOGINS_PER_MINUTE = 2
    for number in range(2):
        assert client.post("/register", {**GOOD, "email": f"n{number}@example.org"}).status_code == 302
        client.post("/logout")

    refused = client.post("/register", {**GOOD, "email": "one-more@example.org"})

    assert refused.status_code == 429
    assert not User.objects.filter(email="one-more@example.org").exists()


@pytest.mark.django_db
def test_two_registrations_at_once_make_one_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that comes second passes the look at what is there, and is then told that the e-mail is taken."""
    monkeypatch.setattr(User, "full_clean", lambda user: None)
    services.account_register(email="dora@example.org", password=PASSWORD)

    with pytest.raises(ValidationError) as refused:
        services.account_register(email="Dora@example.org", password=PASSWORD)

    assert "email" in refused.value.error_dict
    assert User.objects.filter(email="dora@example.org").count() == 1


def test_a_closed_account_cannot_log_in(alice: User, client: Client) -> None:
    User.objects.update(is_active=False)

    client.post("/login", {"username": "alice@example.org", "password": PASSWORD})

    assert "_auth_user_id" not in client.session


def test_logging_out_ends_the_session(browser: Client) -> None:
    response = browser.post("/logout")

    assert (response.status_code, response["Location"]) == (302, "/")
    assert browser.get("/balances").status_code == 302


def test_changing_the_password_ends_other_sessions(alice: User, browser: Client) -> None:
    other = Client()
    other.force_login(alice)
    new = "another long password"

    response = browser.post(
        "/password", {"old_password": PASSWORD, "new_password1": new, "new_password2": new}, follow=True
    )

    assert "Your password is changed." in response.text
    assert other.get("/balances").status_code == 302
    alice.refresh_from_db()
    assert alice.check_password(new)


@pytest.mark.parametrize(
    ("old", "new", "again", "message"),
    [
        ("wrong", "another long password", "another long password", "This is not your present password."),
        (PASSWORD, "another long password", "a different password", "The two passwords are not the same."),
        (PASSWORD, "short", "short", "at least 10 characters"),
    ],
)
def test_a_bad_password_change_changes_nothing(
    alice: User, browser: Client, old: str, new: str, again: str, message: str
) -> None:
    response = browser.post("/password", {"old_password": old, "new_password1": new, "new_password2": again})

    assert message in response.text
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_a_key_is_shown_once_and_its_secret_is_stored_nowhere_in_clear(alice: User, browser: Client) -> None:
    response = browser.post("/api-keys", {"label": "my bot", "can_trade": "on"})

    key = ApiKey.objects.get(user=alice)
    shown = re.search(r'id="new-api-secret">([A-Za-z0-9]{64})<', response.text)
    assert shown is not None
    secret = shown[1]
    assert secrets.decrypt(key.secret_encrypted) == secret
    assert (key.label, key.can_trade, key.can_withdraw) == ("my bot", True, False)
    assert f'id="new-api-key">{key.key}<' in response.text
    assert "no-store" in response["Cache-Control"]
    assert secret.encode() not in bytes(key.secret_encrypted)
    assert secret not in serialize("json", [*ApiKey.objects.all(), *Session.objects.all(), alice])
    assert secret not in str(dict(browser.session))
    assert secret not in browser.get("/api-keys").text


def test_a_key_without_a_name_is_not_made(alice: User, browser: Client) -> None:
    response = browser.post("/api-keys", {"label": "", "can_trade": "on"})

    assert "This field is required." in response.text
    assert ApiKey.objects.count() == 0


def test_a_key_can_be_revoked_by_its_owner_only(alice: User, bob: User, browser: Client) -> None:
    browser.post("/api-keys", {"label": "my bot"})
    key = ApiKey.objects.get(user=alice)
    stranger = Client()
    stranger.force_login(bob)

    assert stranger.post(f"/api-keys/{key.pk}/revoke").status_code == 404
    key.refresh_from_db()
    assert key.revoked_at is None

    assert browser.post(f"/api-keys/{key.pk}/revoke").status_code == 302
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert "my bot" not in stranger.get("/api-keys").text
