"""What holds for every page: it renders, is private where it should be, and obeys the content security policy."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client

from accounts.models import User
from tests.pages.markup import Page

PUBLIC = ["/", "/register", "/login", "/trade/ETHBTC", "/solvency"]
PRIVATE = [
    "/balances",
    "/deposit/BTC",
    "/deposit/ETH",
    "/withdraw/BTC",
    "/withdraw/ETH",
    "/history",
    "/history?show=withdrawals",
    "/history?show=orders",
    "/history?show=trades",
    "/api-keys",
    "/address-book",
    "/password",
]
LOGGED_IN = ["/", "/trade/ETHBTC", *PRIVATE]
POLICY_PARTS = ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"]


def check(html: str) -> None:
    """Fail for anything that the policy would block, a missing file, a doubled id, or a field without a name."""
    page = Page(html)
    assert page.blocked == []
    assert page.assets != []
    assert [path for path in page.assets if finders.find(path.removeprefix("/static/")) is None] == []
    assert sorted(set(page.ids)) == sorted(page.ids)
    assert page.nameless_fields == []
    assert 'lang="en"' in html
    assert "<title>" in html


@pytest.mark.django_db
@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_page_renders_for_anybody(client: Client, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 200
    check(response.text)
    policy = response["Content-Security-Policy"]
    assert [part for part in POLICY_PARTS if part not in policy] == []
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", LOGGED_IN)
def test_a_page_renders_for_its_owner(browser: Client, path: str) -> None:
    response = browser.get(path)

    assert response.status_code == 200
    check(response.text)
    assert "alice@example.org" in response.text
    assert "Content-Security-Policy" in response


@pytest.mark.django_db
@pytest.mark.parametrize("path", PRIVATE)
def test_a_private_page_leads_to_the_login_and_back(client: Client, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 302
    assert response["Location"].startswith("/login?next=/")


@pytest.mark.parametrize("path", PRIVATE)
def test_a_private_page_is_not_kept_by_caches(browser: Client, path: str) -> None:
    assert "no-store" in browser.get(path)["Cache-Control"]


@pytest.mark.parametrize("path", [path for path in LOGGED_IN if path not in ("/", "/password")])
def test_nobody_sees_what_is_someone_elses(alice: User, bob: User, path: str) -> None:
    client = Client()
    client.force_login(bob)

    html = client.get(path).text

    for private in (f"-of-{alice.pk}", "web-open", 'data-order="1"', "1.50000000", "bcrt1qs758", "0x529084"):
        assert private not in html


@pytest.mark.parametrize("path", ["/nowhere", "/deposit/DOGE", "/withdraw/DOGE", "/trade/DOGEBTC", "/deposit/BTC/"])
def test_an_unknown_address_is_a_page_of_its_own(browser: Client, path: str) -> None:
    response = browser.get(path)

    assert response.status_code == 404
    assert "There is nothing here" in response.text
    check(response.text)


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "500"])
def test_error_pages_need_nothing_from_the_database(name: str) -> None:
    from django.template.loader import render_to_string

    check(render_to_string(f"{name}.html"))


def test_an_error_of_ours_shows_the_error_page(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(request: object) -> None:
        raise RuntimeError("as a bug would")

    monkeypatch.setattr("wallets.views.holdings_of", fail)
    browser.raise_request_exception = False

    response = browser.get("/balances")

    assert response.status_code == 500
    assert "Something went wrong on our side" in response.text


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    [
        "/register",
        "/login",
        "/logout",
        "/password",
        "/api-keys",
        "/deposit/BTC/faucet",
        "/withdraw/BTC",
        "/address-book",
    ],
)
def test_a_form_from_elsewhere_is_refused(alice: User, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)

    response = client.post(path, {"amount": "1"})

    assert response.status_code == 403
    assert "This form is out of date" in response.text


@pytest.mark.parametrize(
    "path", ["/logout", "/deposit/BTC/faucet", "/api-keys/1/revoke", "/address-book/only", "/address-book/1/remove"]
)
def test_what_changes_something_cannot_be_got(browser: Client, path: str) -> None:
    assert browser.get(path).status_code == 405


def test_modules_and_styles_import_only_what_exists() -> None:
    static = Path(settings.BASE_DIR) / "static"
    for module in (static / "js").glob("*.js"):
        for name in re.findall(r'from "\./([a-z_]+\.js)"', module.read_text()):
            assert (static / "js" / name).is_file(), f"{module.name} imports {name}"
    for style in (static / "css").glob("*.css"):
        for name in re.findall(r'url\("([^"]+)"\)', style.read_text()):
            assert (style.parent / name).resolve().is_file(), f"{style.name} loads {name}"


def test_what_is_vendored_says_its_version_and_licence() -> None:
    vendor = Path(settings.BASE_DIR) / "static" / "vendor"
    for folder in vendor.iterdir():
        assert (folder / "VERSION").read_text().strip()
        assert (folder / "LICENSE").read_text().strip()
