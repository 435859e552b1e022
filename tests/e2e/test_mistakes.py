"""What people do wrong in the browser is told to them where they look; and a key is shown once and ends at once."""

import secrets
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.conftest import RunningServer
from tests.e2e.visitor import PASSWORD, Visitor
from trading.client.errors import ApiRefused
from trading.client.rest import RestClient

KEY_REJECTED = -2015


@pytest.fixture
def eve(new_visitor: Callable[[], Visitor]) -> Iterator[Visitor]:
    """Somebody with an account and no coins."""
    visitor = new_visitor()
    visitor.register(fresh_email("eve"))
    yield visitor
    assert visitor.console() == []


def fresh_email(name: str) -> str:
    return f"{name}-{secrets.token_hex(4)}@example.com"


def log_out(visitor: Visitor) -> None:
    visitor.click("[data-menu] summary")
    visitor.click("#logout")
    visitor.see(".site-account", "Log in")


def test_a_wrong_password_and_a_taken_e_mail_are_told(eve: Visitor) -> None:
    email = eve.see("#account-email")
    log_out(eve)

    eve.open("/login")
    eve.submit(username=email, password="not the one I chose")
    assert eve.see("main form [role=alert]", "do not belong together")
    assert eve.path == "/login"

    eve.open("/register")
    eve.submit(email=email.upper(), password=PASSWORD, password_again=PASSWORD)
    assert eve.see("#id_email_error", "There is already an account with this e-mail. Log in instead?")

    eve.open("/login")
    eve.submit(username=email, password=PASSWORD)
    assert eve.path == "/balances"


def test_an_order_without_funds_is_told_beside_the_form(eve: Visitor) -> None:
    eve.open("/trade/ETHBTC")
    eve.see("[data-live]", "Live")
    eve.click("label[for=side-buy]")
    eve.fill("#price", "0.04")

    eve.fill("#quantity", "0.0001")
    eve.click("#place")
    assert eve.see("#quantity-error", "The amount must be a multiple of 0.001.")

    eve.fill("#quantity", "1")
    eve.click("#place")
    assert eve.see("#order-error", "insufficient balance")
    assert eve.see(".note-toast", "Order refused")
    assert eve.rows("#orders tr") == []


def test_a_withdrawal_without_funds_and_a_mistyped_address_are_told_beside_the_field(eve: Visitor) -> None:
    address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
    eve.open("/withdraw/BTC")
    eve.submit(address=address.replace("w508", "w805"), amount="0.5")
    assert eve.see("#id_address_error", "This is not an address of Bitcoin on this test network.")

    eve.open("/withdraw/BTC")
    eve.submit(address="bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", amount="0.5")
    assert eve.see("#id_address_error", "This is not an address of Bitcoin on this test network.")

    eve.open("/withdraw/BTC")
    eve.fill("#id_amount", "0.5")
    assert eve.see("[data-amount-hint]", "You have 0 BTC available.")
    eve.submit(address=address, amount="0.5")
    assert eve.see("#id_amount_error", "You do not have so much BTC available.")
    assert eve.rows("[data-row^=withdrawal-]") == []


def test_a_key_is_shown_once_works_and_is_refused_as_soon_as_it_is_revoked(
    eve: Visitor, instance: RunningServer
) -> None:
    eve.open("/api-keys")
    eve.submit(label="my bot")
    key, secret = eve.see("#new-api-key"), eve.see("#new-api-secret")
    api = RestClient(instance.url, key, secret)
    assert api.signed("GET", "/api/v3/account")["canTrade"] is True
    with pytest.raises(ApiRefused) as refused:
        api.signed("POST", "/api/v3/order", symbol="ETHBTC", side="BUY", type="MARKET", quantity="1")
    assert refused.value.code == KEY_REJECTED, "this key may only read"

    eve.open("/api-keys")
    assert secret not in eve.source()
    assert "my bot" in eve.source()

    eve.click("details.confirm summary")
    eve.click("details.confirm form button")
    eve.see(".messages", "The key “my bot” is revoked.")
    with pytest.raises(ApiRefused) as refused:
        api.signed("GET", "/api/v3/account")
    assert refused.value.code == KEY_REJECTED


def test_who_is_logged_out_elsewhere_is_told_so_with_a_way_back(
    eve: Visitor, new_visitor: Callable[[], Visitor]
) -> None:
    """A new password ends the other sessions: their pages said that the format of an API key is invalid."""
    email, new, elsewhere = eve.see("#account-email"), "another long password", new_visitor()
    eve.open("/trade/ETHBTC")
    eve.see("[data-live]", "Live")
    elsewhere.open("/login")
    elsewhere.submit(username=email, password=PASSWORD)
    elsewhere.open("/password")

    elsewhere.submit(old_password=PASSWORD, new_password1=new, new_password2=new)

    assert eve.see("[data-live] a") == "You are logged out."
    eve.fill("#price", "0.04")
    eve.fill("#quantity", "1")
    eve.click("#place")
    assert eve.see("#order-error") == "You are logged out."
    eve.click("[data-live] a")
    eve.see("main h1", "Log in")
    eve.submit(username=email, password=new)
    assert eve.path == "/trade/ETHBTC"
    eve.see("[data-live]", "Live")
    assert elsewhere.console() == []
