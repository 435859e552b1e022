"""What we have of a token, counted at every address of ours, against what we owe."""

import pytest
from pytest_django import Settings

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from tests.wallets.tokens import DOLLAR, UNITS, mine_and_scan
from wallets import services
from wallets.chains import keys, local
from wallets.chains.holdings import coins_read
from wallets.chains.tokens import transfer_call
from wallets.ledger.solvency import Solvency, check_chains
from wallets.models import Asset


@pytest.fixture
def there(anvil: Anvil, settings: Settings, address: str) -> str:
    """The address, on the chain that the audit reads."""
    settings.ETHEREUM_RPC_URL = anvil.url
    return address


def result() -> Solvency:
    return next(one for one in check_chains() if one.code == "USDT")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Bitcoin is not asked twenty times for an answer that it cannot give here."""
    settings.BITCOIN_RPC_URL = "http://mex:mex@127.0.0.1:9"


def test_tokens_at_deposit_addresses_and_in_the_hot_wallet_count(
    anvil: Anvil, usdt: Asset, books: Books, alice: User, bob: User, there: str
) -> None:
    other = services.deposit_address_assign(user=bob, asset=usdt).address
    anvil.pay_token(usdt.contract, there, 3 * DOLLAR)
    anvil.pay_token(usdt.contract, other, 5 * DOLLAR + 1)
    mine_and_scan(anvil, books)
    assert result() == Solvency(code="USDT", coins=8 * UNITS + 100)

    anvil.pay_token(usdt.contract, keys.hot_address(), 2 * DOLLAR)
    anvil.mine()
    assert coins_read(usdt, []).units == 10 * UNITS + 100


def test_more_owed_than_there_is_is_missed_to_the_unit(
    anvil: Anvil, usdt: Asset, books: Books, alice: User, there: str
) -> None:
    anvil.pay_token(usdt.contract, there, 3 * DOLLAR)
    mine_and_scan(anvil, books)
    books.give(alice.pk, usdt.pk, 1)

    assert result().shortfalls == (
        f"USDT we owe to users {3 * UNITS + 1} units, on chain are {3 * UNITS} and in flight 0: 1 are missing",
    )


def test_tokens_that_left_an_address_of_ours_are_missed(
    anvil: Anvil, usdt: Asset, books: Books, alice: User, there: str
) -> None:
    anvil.pay_token(usdt.contract, there, 3 * DOLLAR)
    mine_and_scan(anvil, books)
    anvil.call("anvil_impersonateAccount", there)
    anvil.call("anvil_setBalance", there, hex(10**18))
    theft = {"from": there, "to": usdt.contract, "data": transfer_call("0x" + "11" * 20, DOLLAR), "gas": hex(100_000)}
    anvil.call("eth_sendTransaction", theft)
    anvil.mine()

    assert [shortfall.rpartition(": ")[2] for shortfall in result().shortfalls] == [f"{UNITS} are missing"] * 2


def test_tokens_of_another_contract_do_not_count(
    anvil: Anvil, usdt: Asset, books: Books, alice: User, there: str
) -> None:
    fake = local.token_deploy(anvil.node, name=usdt.name, symbol=usdt.code, decimals=6)
    anvil.pay_token(fake, there, 3 * DOLLAR)
    anvil.mine()

    assert coins_read(usdt, []).units == 0


def test_where_the_contract_is_gone_there_is_nothing(
    anvil: Anvil, usdt: Asset, books: Books, alice: User, there: str
) -> None:
    anvil.pay_token(usdt.contract, there, 3 * DOLLAR)
    mine_and_scan(anvil, books)
    Asset.objects.filter(pk=usdt.pk).update(contract="0x" + "11" * 20)
    gone = result()
    Asset.objects.filter(pk=usdt.pk).update(contract="")
    unknown = result()

    assert (gone.coins, len(gone.shortfalls)) == (0, 2)
    assert (unknown.coins, len(unknown.shortfalls)) == (0, 2)
