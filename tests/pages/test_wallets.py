"""Balances, deposits, the faucet, withdrawals."""

import re

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from mex.errors import EngineBusy, MexError
from tests.pages.rows import BTC_ADDRESS, ETH_ADDRESS
from tests.pages.test_every_page import check
from trading.models import Market
from wallets.models import Asset, Deposit, DepositAddress, Withdrawal

CLIENT_ID = "page-00112233445566778899aabbccddeeff"
# Somewhere outside, on the right network.
BTC_OUTSIDE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"


def test_balances_show_what_is_held_and_what_is_available(browser: Client) -> None:
    html = browser.get("/balances").text

    assert "data-total>1.50000000<" in html
    assert "data-free>1.25000000<" in html
    assert "data-locked>0.25000000<" in html


def test_each_asset_leads_to_a_market_of_its_own(browser: Client) -> None:
    """All led to the first market there was, also those that are not in it; a market that is delisted is nowhere."""
    eth, btc, usdt = (Asset.objects.get(code=code) for code in ("ETH", "BTC", "USDT"))

    def links() -> list[str]:
        html = browser.get("/balances").text.partition("<tbody>")[2]
        return re.findall(r'href="/trade/(\w+)"', html)

    assert Market.objects.filter(base=eth, quote=btc).get().symbol == "ETHBTC"
    symbols = dict(zip((asset.code for asset in Asset.objects.all()), links(), strict=True))
    assert symbols["ETH"].startswith("ETH")
    assert symbols["BTC"].startswith("BTC")
    assert symbols["USDT"].endswith("USDT")
    Market.objects.filter(quote=usdt).update(status=3)
    assert links() == ["ETHBTC", "ETHBTC"]


def test_a_deposit_page_shows_ones_own_address_as_text_and_drawing(browser: Client) -> None:
    html = browser.get("/deposit/BTC").text

    assert f'id="deposit-address">{BTC_ADDRESS}<' in html
    assert re.search(r'<svg[^>]*class="qr"', html)
    assert "Test coins only, worth nothing." in html
    assert "Never send real coins" in html
    assert "7/12" in html
    assert "1.2345 BTC" in html
    assert "btc-deposit-of-" in html


def test_a_transaction_links_to_the_explorer_when_there_is_one(browser: Client, alice: User) -> None:
    Asset.objects.filter(code="BTC").update(transaction_url="https://explorer.example/tx/{txid}")

    assert f'href="https://explorer.example/tx/btc-deposit-of-{alice.pk}"' in browser.get("/deposit/BTC").text


def test_without_an_explorer_a_transaction_leads_to_a_page_of_its_own(browser: Client, alice: User) -> None:
    link = f"/transaction/BTC/btc-deposit-of-{alice.pk}"

    assert f'href="{link}"' in browser.get("/deposit/BTC").text
    page = browser.get(link)
    assert page.status_code == 200
    assert f"<code>btc-deposit-of-{alice.pk}</code>" in page.text
    assert "7/12" in page.text
    assert "4711" in page.text
    check(page.text)


@pytest.mark.parametrize("is_local", [True, False])
def test_a_transaction_runs_on_this_machine_only_where_the_chain_does(
    browser: Client, alice: User, settings: Settings, is_local: bool
) -> None:
    settings.MEX_LOCAL_CHAINS = is_local

    html = browser.get(f"/transaction/BTC/btc-deposit-of-{alice.pk}").text

    assert ("This chain runs on this machine alone" in html) is is_local
    assert "is shown here is what mex knows of the transaction." in html


def test_other_peoples_transactions_are_not_shown(alice: User, bob: User) -> None:
    client = Client()
    client.force_login(bob)

    assert client.get(f"/transaction/BTC/btc-deposit-of-{alice.pk}").status_code == 404
    assert client.get(f"/transaction/ETH/btc-deposit-of-{bob.pk}").status_code == 404


def test_the_address_is_taken_from_the_pool_once(bob: User) -> None:
    btc = Asset.objects.get(code="BTC")
    DepositAddress.objects.create(asset=btc, address="bcrt1-one")
    DepositAddress.objects.create(asset=btc, address="bcrt1-two")
    client = Client()
    client.force_login(bob)

    first, second = client.get("/deposit/BTC").text, client.get("/deposit/BTC").text

    assert 'id="deposit-address">bcrt1-one<' in first
    assert 'id="deposit-address">bcrt1-one<' in second
    assert DepositAddress.objects.filter(user=bob).count() == 1


def test_a_page_without_an_address_looks_again_by_itself(bob: User) -> None:
    client = Client()
    client.force_login(bob)

    html = client.get("/deposit/BTC").text

    assert '<meta http-equiv="refresh" content="3">' in html
    assert "Your address is being made." in html


def test_a_deposit_below_the_minimum_says_how_much_is_missing(browser: Client) -> None:
    Asset.objects.filter(code="BTC").update(deposit_min=200_000_000, large_amount=500_000_000, large_confirmations=20)
    Deposit.objects.filter(asset__code="BTC").update(status="collecting", amount=30_000_000)
    count = Deposit.objects.filter(asset__code="BTC", user__email="alice@example.org").count()

    html = browser.get("/deposit/BTC").text

    assert "Below the minimum" in html
    assert f"{count * 0.3:g} of 2 BTC that have to come together." in html
    assert "Deposits of less than 2 BTC are kept" in html
    assert "one of 5 BTC or more after 20" in html


def test_closed_deposits_show_no_address(browser: Client) -> None:
    Asset.objects.update(deposits_open=False)

    html = browser.get("/deposit/BTC").text

    assert "Deposits of BTC are closed at the moment." in html
    assert BTC_ADDRESS not in html


def test_the_faucet_asks_for_what_was_typed(
    browser: Client, alice: User, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.MEX_LOCAL_CHAINS = True
    asked = []
    monkeypatch.setattr("wallets.services.faucet_request", lambda **request: asked.append(request))

    response = browser.post("/deposit/BTC/faucet", {"amount": "0.5"})

    assert (response.status_code, response["Location"]) == (302, "/deposit/BTC")
    assert asked == [{"user": alice, "asset": Asset.objects.get(code="BTC"), "amount": 50_000_000}]


def test_a_faucet_that_cannot_pay_says_why(
    browser: Client, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.MEX_LOCAL_CHAINS = True

    def refuse(**request: object) -> None:
        raise EngineBusy()

    monkeypatch.setattr("wallets.services.faucet_request", refuse)

    response = browser.post("/deposit/BTC/faucet", {"amount": "0.5"})

    assert response.status_code == 200
    assert "Server is currently overloaded" in response.text
    # The page is read again and again, and its own address is only posted to.
    assert 'data-page="/deposit/BTC"' in response.text
    assert browser.get("/deposit/BTC").text.count('data-page="/deposit/BTC"') == 1


def test_there_is_no_faucet_on_chains_of_others(browser: Client, settings: Settings) -> None:
    settings.MEX_LOCAL_CHAINS = False

    assert "faucet" not in browser.get("/deposit/BTC").text.lower()
    assert browser.post("/deposit/BTC/faucet", {"amount": "0.5"}).status_code == 404


def test_a_withdrawal_page_shows_fee_minimum_and_progress(browser: Client, alice: User) -> None:
    html = browser.get("/withdraw/BTC").text

    assert 'data-fee="0.00002000"' in html
    assert 'data-min="0.00010000"' in html
    assert "data-free>1.25000000<" in html
    assert "btc-withdrawal-of-" in html
    assert "Sent" in html


def test_a_withdrawal_is_requested_once_however_often_it_is_sent(browser: Client, alice: User) -> None:
    form = {"address": BTC_OUTSIDE, "amount": "0.5", "client_id": CLIENT_ID}

    first, second = browser.post("/withdraw/BTC", form), browser.post("/withdraw/BTC", form)

    assert (first.status_code, first["Location"]) == (302, "/withdraw/BTC")
    assert second.status_code == 302
    row = Withdrawal.objects.get(client_id=CLIENT_ID)
    assert (row.user, row.address, row.amount, row.fee) == (alice, BTC_OUTSIDE, 50_000_000, 2_000)
    assert row.status == Withdrawal.Status.REQUESTED


@pytest.mark.parametrize(
    ("label", "changes", "message"),
    [
        ("no address", {"address": ""}, "This field is required."),
        ("mistyped", {"address": BTC_OUTSIDE[:-1] + "q"}, "This is not an address of Bitcoin"),
        ("main network", {"address": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"}, "This is not an address of"),
        ("other chain", {"address": ETH_ADDRESS}, "This is not an address of Bitcoin"),
        ("no amount", {"amount": ""}, "This field is required."),
        ("not a number", {"amount": "half"}, "Write an amount such as 0.25"),
        ("comma", {"amount": "0,5"}, "Write an amount such as 0.25"),
        ("negative", {"amount": "-1"}, "Write an amount such as 0.25"),
        ("zero", {"amount": "0"}, "The amount must be more than zero."),
        ("nine decimals", {"amount": "0.123456789"}, "At most eight decimals"),
        ("too large", {"amount": "99999999999999"}, "This amount is too large."),
        ("below the minimum", {"amount": "0.00009"}, "The smallest withdrawal is 0.0001 BTC."),
        ("more than available", {"amount": "1.25000001"}, "You do not have so much BTC available."),
    ],
)
def test_a_bad_withdrawal_is_explained_and_requests_nothing(
    browser: Client, label: str, changes: dict[str, str], message: str
) -> None:
    count = Withdrawal.objects.count()

    response = browser.post(
        "/withdraw/BTC", {"address": BTC_OUTSIDE, "amount": "0.5", "client_id": CLIENT_ID} | changes
    )

    assert response.status_code == 200
    assert message in response.text
    assert Withdrawal.objects.count() == count


def test_a_form_sent_again_with_other_contents_is_not_a_second_withdrawal(browser: Client) -> None:
    browser.post("/withdraw/BTC", {"address": BTC_OUTSIDE, "amount": "0.5", "client_id": CLIENT_ID})

    response = browser.post("/withdraw/BTC", {"address": BTC_OUTSIDE, "amount": "0.6", "client_id": CLIENT_ID})

    assert "This form was sent before." in response.text
    assert Withdrawal.objects.filter(client_id=CLIENT_ID).count() == 1


def test_each_form_names_its_withdrawal_anew(browser: Client) -> None:
    ids = re.findall(r'name="client_id" value="(page-[0-9a-f]{32})"', browser.get("/withdraw/BTC").text)
    ids += re.findall(r'name="client_id" value="(page-[0-9a-f]{32})"', browser.get("/withdraw/BTC").text)

    assert len(ids) == 2
    assert ids[0] != ids[1]


def test_closed_withdrawals_show_no_form(browser: Client) -> None:
    Asset.objects.update(withdrawals_open=False)

    html = browser.get("/withdraw/BTC").text

    assert "Withdrawals of BTC are closed at the moment." in html
    assert "withdraw-form" not in html


def test_other_refusals_stand_above_the_form(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**request: object) -> None:
        raise MexError(-9, "a refusal of its own")

    monkeypatch.setattr("wallets.services.withdrawal_request", refuse)

    response = browser.post("/withdraw/BTC", {"address": BTC_OUTSIDE, "amount": "0.5", "client_id": CLIENT_ID})

    assert "a refusal of its own" in response.text
