"""What people and operators see of a token: where to send it, that it stays, and which contract it is."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from accounts.services import account_register
from wallets.models import Asset, DepositAddress

CONTRACT = "0x700b6A60ce7EaaEA56F065753d8dcB9653dbAD35"
ADDRESS = "0x52908400098527886E0F7030069857D2E4169EE7"
PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def quick_hashes(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ann(db: None) -> User:
    """Somebody with an address for ether."""
    user = account_register(email="ann@example.com", password=PASSWORD, verified=True)
    DepositAddress.objects.create(asset=Asset.objects.get(code="ETH"), address=ADDRESS, user=user)
    return user


@pytest.fixture
def page(ann: User) -> Client:
    client = Client()
    client.force_login(ann)
    return client


@pytest.fixture
def deployed(db: None) -> None:
    Asset.objects.filter(code="USDT").update(contract=CONTRACT)


def test_the_deposit_page_shows_the_address_of_ether_and_the_contract(page: Client, deployed: None) -> None:
    html = page.get("/deposit/USDT").text

    assert f'id="deposit-address">{ADDRESS}<' in html
    assert f"Only send USDT of the contract <code>{CONTRACT}</code> to it" in html
    assert "Send me test USDT" in html


def test_until_the_token_is_deployed_the_page_looks_again_by_itself(page: Client) -> None:
    html = page.get("/deposit/USDT").text

    assert '<meta http-equiv="refresh" content="3">' in html
    assert ADDRESS not in html


def test_without_a_contract_elsewhere_deposits_are_closed(page: Client, settings: Settings) -> None:
    settings.MEX_LOCAL_CHAINS = False

    html = page.get("/deposit/USDT").text

    assert "Deposits of USDT are closed at the moment." in html
    assert ADDRESS not in html


def test_a_closed_token_shows_no_address_that_is_there_for_ether(page: Client, deployed: None) -> None:
    Asset.objects.filter(code="USDT").update(deposits_open=False)

    html = page.get("/deposit/USDT").text

    assert "Deposits of USDT are closed at the moment." in html
    assert ADDRESS not in html


def test_the_faucet_takes_no_more_decimals_than_the_token_has(page: Client, deployed: None) -> None:
    refused = page.post("/deposit/USDT/faucet", {"amount": "1.1234567"})

    assert refused.status_code == 200
    assert "The network cannot carry so many decimals." in refused.text


def test_tokens_can_be_withdrawn_once_their_contract_is_known(page: Client, deployed: None) -> None:
    html = page.get("/withdraw/USDT").text
    Asset.objects.filter(code="USDT").update(contract="")
    unknown = page.get("/withdraw/USDT").text

    assert 'id="withdraw-form"' in html
    assert 'id="withdraw-form"' not in unknown


def test_the_pages_of_balances_list_the_token(page: Client, deployed: None) -> None:
    html = page.get("/balances").text

    assert 'data-asset="USDT"' in html
    assert "Test dollar" in html


def admin_form(**changes: str) -> dict[str, str]:
    """Return the asset form of USDT as a browser sends it."""
    return {
        "name": "Test dollar",
        "confirmations": "12",
        "withdrawal_fee": "1",
        "withdrawal_min": "10",
        "deposits_open": "on",
        "transaction_url": "",
        "address_url": "",
    } | changes


def test_an_operator_opens_withdrawals_and_cannot_change_the_contract(admin_client: Client, deployed: None) -> None:
    usdt = Asset.objects.get(code="USDT")
    url = reverse("admin:wallets_asset_change", args=[usdt.pk])

    Asset.objects.filter(pk=usdt.pk).update(withdrawals_open=False)
    initially_closed = {"initial-withdrawals_open": ""}
    taken = admin_client.post(url, admin_form(contract=ADDRESS, is_token="", confirmations="6") | initially_closed)
    usdt.refresh_from_db()
    before = (usdt.contract, usdt.is_token, usdt.confirmations, usdt.withdrawals_open)
    opened = admin_client.post(url, admin_form(withdrawals_open="on") | initially_closed)
    usdt.refresh_from_db()

    assert (taken.status_code, opened.status_code) == (302, 302)
    assert before == (CONTRACT, True, 6, False)
    assert usdt.withdrawals_open is True


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"chain": "ethereum"}, "This chain has its own coin already: what is added can only be a token."),
        ({"chain": "bitcoin", "is_token": "on"}, "Only Ethereum has tokens."),
    ],
)
def test_what_cannot_be_an_asset_is_not_added(
    admin_client: Client, db: None, columns: dict[str, str], message: str
) -> None:
    named = {"code": "ETC", "network": "ETC", "chain_decimals": "18"}

    refused = admin_client.post(reverse("admin:wallets_asset_add"), admin_form() | named | columns)

    assert refused.status_code == 200
    assert message in refused.text
    assert not Asset.objects.filter(code="ETC").exists()


def test_another_token_can_be_added(admin_client: Client, db: None) -> None:
    named = {"code": "DAI", "network": "ETH", "chain_decimals": "18", "chain": "ethereum", "is_token": "on"}

    added = admin_client.post(reverse("admin:wallets_asset_add"), admin_form() | named)

    assert added.status_code == 302
    assert (Asset.objects.get(code="DAI").is_token, Asset.objects.get(code="DAI").contract) == (True, "")
