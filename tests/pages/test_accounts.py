"""Registering, logging in and out, passwords, API keys."""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.serializers import serialize
from django.test import Client
from pytest_django import Settings

from accounts import secrets, services, views
from accounts.models import ApiKey, User
from accounts.throttle import Window
from mex import settings as defaults
from mex.errors import SecondFactorWrong
from tests.pages.markup import Page
from tests.pages.rows import PASSWORD
from wallets.control.second_factor import Origin, WithdrawalFacts

WITHDRAWER = {"label": "payer", "can_withdraw": "on"}
Commits = Callable[..., AbstractContextManager[object]]
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


# --- keys that may withdraw ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ({}, "A key that may withdraw needs your password."),
        ({"password": ""}, "A key that may withdraw needs your password."),
        ({"password": "a guess of a thief"}, "This is not your password."),
        ({"password": PASSWORD + " "}, "This is not your password."),
    ],
)
def test_a_session_alone_makes_no_key_that_may_withdraw(
    alice: User,
    browser: Client,
    django_capture_on_commit_callbacks: Commits,
    password: dict[str, str],
    message: str,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        response = browser.post("/api-keys", WITHDRAWER | password)

    assert response.status_code == 200
    assert message in response.text
    assert 'id="id_password_error"' in response.text
    assert "new-api-secret" not in response.text
    assert "a guess of a thief" not in response.text
    assert ApiKey.objects.count() == 0
    assert mail.outbox == []


def test_the_password_makes_a_key_that_may_withdraw_and_its_owner_is_told(
    alice: User, browser: Client, django_capture_on_commit_callbacks: Commits
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        response = browser.post("/api-keys", WITHDRAWER | {"label": "<payer>", "password": PASSWORD})

    key = ApiKey.objects.get(user=alice)
    assert (key.label, key.can_trade, key.can_withdraw) == ("<payer>", False, True)
    assert f'id="new-api-key">{key.key}<' in response.text
    (told,) = mail.outbox
    assert (told.to, told.subject) == (["alice@example.org"], "A new API key of yours may withdraw")
    body = str(told.body)
    assert "<payer>" in body
    assert key.key[:8] in body
    assert key.key not in body
    assert "http://127.0.0.1:8000/api-keys" in body
    assert secrets.decrypt(key.secret_encrypted) not in body
    assert browser.get("/balances").status_code == 200, "the session is still good"


def test_other_keys_need_no_password_and_no_mail(
    alice: User, browser: Client, django_capture_on_commit_callbacks: Commits
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        browser.post("/api-keys", {"label": "trader", "can_trade": "on"})
        browser.post("/api-keys", {"label": "reader", "password": "whatever a browser filled in"})

    assert set(ApiKey.objects.values_list("label", "can_withdraw")) == {("trader", False), ("reader", False)}
    assert mail.outbox == []


@pytest.mark.usefixtures("fresh_budget")
def test_guessing_the_password_for_a_key_is_slowed_down_as_logging_in_is(
    alice: User, browser: Client, settings: Settings
) -> None:
    """They share one budget; even the right password is not looked at once it is used up."""
    settings.LOGINS_PER_MINUTE = 3
    Client(REMOTE_ADDR="192.0.2.1").post("/login", {"username": alice.email, "password": "guess 0"})
    for number in range(2):
        assert browser.post("/api-keys", WITHDRAWER | {"password": f"guess {number}"}).status_code == 200

    refused = browser.post("/api-keys", WITHDRAWER | {"password": PASSWORD})

    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert "Too many attempts" in refused.text
    assert ApiKey.objects.count() == 0
    assert browser.post("/api-keys", {"label": "reader"}).status_code == 200
    assert ApiKey.objects.count() == 1, "a key that may not withdraw costs no attempt"


@pytest.mark.usefixtures("fresh_budget")
def test_the_page_that_changes_the_password_is_no_way_around_that(
    alice: User, browser: Client, settings: Settings
) -> None:
    settings.LOGINS_PER_MINUTE = 2
    new = "another long password"
    for number in range(2):
        guess = {"old_password": f"guess {number}", "new_password1": new, "new_password2": new}
        assert browser.post("/password", guess).status_code == 200

    refused = browser.post("/password", {"old_password": PASSWORD, "new_password1": new, "new_password2": new})

    assert (refused.status_code, int(refused["Retry-After"]) > 0) == (429, True)
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


_codes_asked: list[tuple[User, WithdrawalFacts, str]] = []


def only_123456(user: User, facts: WithdrawalFacts, code: str) -> None:
    """Stand in for an operator's second factor."""
    _codes_asked.append((user, facts, code))
    if code != "123456":
        raise SecondFactorWrong()


def test_a_second_factor_is_asked_for_as_well(alice: User, browser: Client, settings: Settings) -> None:
    assert 'name="code"' not in browser.get("/api-keys").text
    settings.SECOND_FACTOR = "tests.pages.test_accounts.only_123456"
    _codes_asked.clear()
    form = WITHDRAWER | {"password": PASSWORD}

    assert 'name="code"' in browser.get("/api-keys").text
    assert "This is not your password." in browser.post("/api-keys", form | {"password": "x", "code": "123456"}).text
    assert _codes_asked == [], "no code is used up, or tried, before the password is right"
    for wrong in ({}, {"code": "654321"}):
        assert "This code is not right, or was used before." in browser.post("/api-keys", form | wrong).text
    assert ApiKey.objects.count() == 0

    assert "new-api-secret" in browser.post("/api-keys", form | {"code": "123456"}).text
    assert _codes_asked[-1] == (alice, WithdrawalFacts("", "", 0, 0, Origin.PAGE), "123456")
    assert ApiKey.objects.get().can_withdraw
    browser.post("/api-keys", {"label": "reader"})
    assert len(_codes_asked) == 3, "other keys need no code"


class DeadServer(BaseEmailBackend):
    """A mail server that does not answer."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Fail."""
        raise ConnectionRefusedError("nobody listens")


def test_a_mail_server_that_fails_keeps_nobody_from_his_key(
    alice: User,
    browser: Client,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: Commits,
) -> None:
    settings.EMAIL_BACKEND = "tests.pages.test_accounts.DeadServer"

    with django_capture_on_commit_callbacks(execute=True):
        response = browser.post("/api-keys", WITHDRAWER | {"password": PASSWORD})

    key = ApiKey.objects.get(user=alice)
    assert f'id="new-api-key">{key.key}<' in response.text
    assert f"the mail about API key {key.pk} of user {alice.pk} is not sent: nobody listens" in caplog.text


@pytest.mark.parametrize("second_factor", ["", "tests.pages.test_accounts.only_123456"])
def test_the_form_for_keys_is_for_everybody(browser: Client, settings: Settings, second_factor: str) -> None:
    """Every field has a name, nothing needs a script, and a password is never written back."""
    settings.SECOND_FACTOR = second_factor

    response = browser.post("/api-keys", WITHDRAWER | {"password": "a guess of a thief", "code": "1"})

    page = Page(response.text)
    assert (page.blocked, page.nameless_fields) == ([], [])
    (password,) = [field for field in page.fields if field.get("name") == "password"]
    assert (password["type"], password["autocomplete"]) == ("password", "current-password")
    assert "hidden" not in password
    assert "required" not in password
    assert "value" not in password


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
