"""Logging in to the admin and out of it: with the budget, and the ends of sessions, that the pages have."""

import pytest
from django.test import Client
from pytest_django import Settings

from accounts import services, views
from accounts.models import User
from accounts.throttle import Window
from tests.pages.rows import PASSWORD
from tests.pages.test_every_page import check

OPERATOR = {"username": "operator@example.org", "password": PASSWORD}


@pytest.fixture(autouse=True)
def _fresh_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no other test's log-ins count, and no window end in the middle of one."""
    monkeypatch.setattr(views.throttle, "_attempts", Window(86_400))


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the accounts whose connections are closed from now on."""
    accounts: list[int] = []
    monkeypatch.setattr(services.notices, "sessions_ended", accounts.append)
    return accounts


@pytest.mark.parametrize("guessed_at", ["/admin/login/", "/login"])
def test_both_log_ins_have_one_budget(operator: Client, settings: Settings, guessed_at: str) -> None:
    """The admin's own counted nothing: the most powerful passwords were those that could be guessed without end."""
    settings.LOGINS_PER_MINUTE = 3
    for number in range(3):
        visitor = Client(REMOTE_ADDR=f"192.0.2.{number}")
        guess = OPERATOR | {"username": OPERATOR["username"].title(), "password": f"guess {number}"}
        assert visitor.post(guessed_at, guess).status_code == 200

    for path in ("/admin/login/?next=/admin/", "/login"):
        visitor = Client(REMOTE_ADDR="192.0.2.9")
        refused = visitor.post(path, OPERATOR)
        assert refused.status_code == 429
        assert int(refused["Retry-After"]) > 0
        assert "Too many attempts" in refused.text
        assert "_auth_user_id" not in visitor.session


def test_an_operator_logs_in_and_gets_where_he_wanted(operator: Client, client: Client) -> None:
    asked = client.get("/admin/accounts/user/")
    page = client.get(asked["Location"])
    check(page.text)

    entered = client.post(asked["Location"], OPERATOR)

    assert asked["Location"] == "/admin/login/?next=/admin/accounts/user/"
    assert entered["Location"] == "/admin/accounts/user/"
    assert client.get("/admin/accounts/user/").status_code == 200
    assert client.get("/admin/login/")["Location"] == "/admin/"
    assert client.get("/admin/login/?next=/admin/login/")["Location"] == "/admin/"
    assert Client().post("/admin/login/", OPERATOR)["Location"] == "/admin/"


def test_who_may_not_use_the_admin_can_log_in_as_somebody_who_may(
    operator: Client, browser: Client, alice: User, ended: list[int]
) -> None:
    page = browser.get("/admin/", follow=True)
    assert (page.status_code, page.redirect_chain) == (200, [("/admin/login/?next=/admin/", 302)])
    assert "You are logged in as alice@example.org, who may not see that page." in page.text
    assert ended == []

    entered = browser.post("/admin/login/?next=/admin/", OPERATOR, follow=True)

    assert (entered.status_code, entered.redirect_chain) == (200, [("/admin/", 302)])
    assert ended == [alice.pk], "her session is over, and what it has opened must not trade for her"


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/login?next=/login", "/balances"),
        ("/login?next=/history", "/history"),
        ("/login?next=/login%3Fnext=/login", "/login?next=/login"),
        ("/admin/login/?next=/login", "/admin/login/?next=/login"),
    ],
)
def test_a_log_in_that_leads_to_itself_leads_nowhere(browser: Client, path: str, leads_to: str) -> None:
    """For who is logged in: it was an error of ours, with status 500."""
    answer = browser.get(path)

    assert answer.get("Location", path) == leads_to


def test_logging_out_of_the_admin_closes_connections(operator: Client, ended: list[int]) -> None:
    answer = operator.post("/admin/logout/")

    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert ended == [User.objects.get(email=OPERATOR["username"]).pk]
    assert operator.get("/admin/").status_code == 302
    assert operator.get("/admin/logout/").status_code == 405


def test_the_password_is_changed_on_one_page_only(operator: Client, ended: list[int]) -> None:
    """On that of everybody, which counts guesses of the present one and closes the connections of other sessions."""
    user, new = User.objects.get(email=OPERATOR["username"]), "another long password"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert 'href="/admin/password_change/"' in operator.get("/admin/").text

    for answer in (operator.get("/admin/password_change/"), operator.post("/admin/password_change/", form)):
        assert (answer.status_code, answer["Location"]) == (302, "/password")
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert ended == []

    operator.post("/password", form)
    assert ended == [user.pk]
