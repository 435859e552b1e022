"""What holds for every page: it renders, is private where it should be, and obeys the content security policy."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, User
from accounts.services import api_key_create
from tests.pages.markup import Page
from tests.pages.rows import PASSWORD
from wallets.models import Asset, BookAddress, Withdrawal, WithdrawalRules

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


def test_logging_out_cannot_be_got(browser: Client) -> None:
    assert browser.get("/logout").status_code == 405
    assert browser.get("/balances").status_code == 200


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/deposit/BTC/faucet", "/deposit/BTC"),
        ("/api-keys/{key}/revoke", "/api-keys"),
        ("/address-book/only", "/address-book"),
        ("/address-book/{entry}/remove", "/address-book"),
        ("/withdrawal/{withdrawal}/cancel", "/withdraw/BTC"),
        ("/withdrawal/{withdrawal}/mail", "/withdraw/BTC"),
    ],
)
def test_what_changes_something_cannot_be_got_and_leads_to_its_page(
    alice: User, client: Client, path: str, page: str
) -> None:
    """Who had to log in after a button was pressed got there, to an empty page with status 405."""
    asset, now = Asset.objects.get(code="BTC"), timezone.now()
    entry = BookAddress.objects.create(user=alice, chain="bitcoin", address="bcrt1q", label="mine", usable_at=now)
    key, _ = api_key_create(user=alice, label="bot", can_trade=True, can_withdraw=False)
    withdrawal = Withdrawal.objects.create(
        user=alice, asset=asset, address="bcrt1q", amount=9, fee=1, status="email", emailed_at=now - timedelta(hours=1)
    )
    path = path.format(key=key.pk, entry=entry.pk, withdrawal=withdrawal.pk)

    pressed = client.post(path)
    after = client.post(pressed["Location"], {"username": alice.email, "password": PASSWORD}, follow=True)

    assert pressed["Location"] == f"/login?next={path}"
    assert after.redirect_chain == [(path, 302), (page, 302)]
    assert after.status_code == 200
    assert ApiKey.objects.get(pk=key.pk).revoked_at is None
    assert BookAddress.objects.filter(pk=entry.pk).exists()
    assert not WithdrawalRules.objects.exists()
    before = (withdrawal.status, withdrawal.emailed_at)
    withdrawal.refresh_from_db()
    assert (withdrawal.status, withdrawal.emailed_at) == before


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/trade/ETHBTC", "/solvency"])
def test_what_everybody_may_see_has_a_head_as_well(client: Client, path: str) -> None:
    """Monitors and previews of links ask for it."""
    head = client.head(path)

    assert (head.status_code, head.content) == (200, b"")
    assert head["Content-Type"] == client.get(path)["Content-Type"]


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
