"""Which contract a token is: deployed once on a chain of our own, named by the operator elsewhere."""

import logging
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from pytest_django import Settings

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from wallets.chains import health, local
from wallets.chains.tokens import transfer_call
from wallets.deposits import contracts
from wallets.deposits.contracts import contract_adopt, contract_deploy
from wallets.management.commands.run_miner import DEPLOY_S, TokenDeployer
from wallets.models import Asset, ChainTransaction, Deposit, DepositAddress

STRANGER = "0x52908400098527886E0F7030069857D2E4169EE7"


@pytest.fixture
def elsewhere(usdt: Asset, settings: Settings) -> Asset:
    """The test token on what is now somebody else's chain, not named yet."""
    settings.MEX_LOCAL_CHAINS = False
    Asset.objects.filter(pk=usdt.pk).update(contract="")
    health._said.clear()
    return usdt


def adopt(node: Anvil) -> str:
    contract_adopt(asset=Asset.objects.get(code="USDT"), node=node.node)
    return Asset.objects.get(code="USDT").contract


def test_the_token_is_deployed_once_and_remembered(anvil: Anvil, usdt: Asset) -> None:
    height = anvil.node.height()

    assert not contract_deploy(asset=Asset.objects.get(code="USDT"), node=anvil.node)

    assert Asset.objects.get(code="USDT").contract == usdt.contract
    assert anvil.node.height() == height
    assert anvil.node.token_decimals(usdt.contract) == 6


def test_it_is_deployed_again_on_a_new_chain_at_the_same_address(anvil: Anvil, usdt: Asset, tmp_path: Path) -> None:
    other = Anvil(tmp_path / "other")
    try:
        other.start()
        assert other.node.token_decimals(usdt.contract) is None

        assert contract_deploy(asset=Asset.objects.get(code="USDT"), node=other.node)
        assert not contract_deploy(asset=Asset.objects.get(code="USDT"), node=other.node)

        assert other.node.token_decimals(usdt.contract) == 6
    finally:
        other.stop()
    assert Asset.objects.get(code="USDT").contract == usdt.contract


def test_a_deployment_that_was_cut_short_is_made_anew(
    anvil: Anvil, usdt: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was not finished is not remembered: its transfers would return true."""
    Asset.objects.filter(pk=usdt.pk).update(contract="")
    usual, calls = local._token_mined, []

    def dies(*args: object) -> object:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return usual(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(local, "_token_mined", dies)
    with pytest.raises(KeyboardInterrupt):
        contract_deploy(asset=Asset.objects.get(code="USDT"), node=anvil.node)
    assert Asset.objects.get(code="USDT").contract == ""
    monkeypatch.undo()

    assert contract_deploy(asset=Asset.objects.get(code="USDT"), node=anvil.node)

    contract = Asset.objects.get(code="USDT").contract
    assert answer_to_a_transfer(anvil, contract) == "0x"


def test_its_transfers_return_nothing_as_those_of_usdt(anvil: Anvil, usdt: Asset) -> None:
    assert answer_to_a_transfer(anvil, usdt.contract) == "0x"


def answer_to_a_transfer(anvil: Anvil, contract: str) -> object:
    owner = anvil.node.rpc.call("eth_accounts")[-1]
    return anvil.call("eth_call", {"from": owner, "to": contract, "data": transfer_call(STRANGER, 1)}, "latest")


def test_the_miner_deploys_where_it_is_missing_and_looks_now_and_then(anvil: Anvil, usdt: Asset) -> None:
    Asset.objects.filter(pk=usdt.pk).update(contract="")
    deployer = TokenDeployer(anvil.node)

    ticks = [deployer.tick(now) for now in (10.0, 11.0, 10.0 + DEPLOY_S, 10.0 + 2 * DEPLOY_S)]

    assert ticks == [True, False, False, False]
    assert anvil.node.token_decimals(Asset.objects.get(code="USDT").contract) == 6


def test_a_chain_that_forgot_the_token_gets_it_again(anvil: Anvil, usdt: Asset) -> None:
    """anvil, killed, has lost its last second."""
    deployer = TokenDeployer(anvil.node)
    before = deployer.tick(0.0)
    anvil.call("anvil_reorg", 2, [])
    assert anvil.node.token_decimals(usdt.contract) is None

    assert (before, deployer.tick(DEPLOY_S)) == (False, True)

    assert Asset.objects.get(code="USDT").contract == usdt.contract
    assert anvil.node.token_decimals(usdt.contract) == 6


def test_nothing_is_deployed_on_other_peoples_chains(anvil: Anvil, elsewhere: Asset) -> None:
    with pytest.raises(local.NotLocal):
        contract_deploy(asset=Asset.objects.get(code="USDT"), node=anvil.node)


def test_elsewhere_the_contract_is_the_one_that_the_settings_name(
    anvil: Anvil, elsewhere: Asset, settings: Settings
) -> None:
    """And none again, while nobody has any of it."""
    contract = elsewhere.contract
    settings.USDT_CONTRACT = contract.lower()

    assert adopt(anvil) == contract
    assert Asset.objects.get(code="USDT").takes_deposits

    settings.USDT_CONTRACT = ""
    assert adopt(anvil) == ""
    assert not Asset.objects.get(code="USDT").takes_deposits


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        (STRANGER, "is not a token of 6 decimals: it says None"),
        (STRANGER.replace("6E0F", "6e0F"), "is not an address: wrong checksum (EIP-55)"),
    ],
)
def test_what_is_no_such_token_closes_deposits_and_is_said_once(
    anvil: Anvil,
    elsewhere: Asset,
    settings: Settings,
    named: str,
    problem: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.USDT_CONTRACT = named

    assert [adopt(anvil), adopt(anvil)] == ["", ""]

    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == [f"USDT takes no deposits: {named} {problem}"]


def use(way: str, usdt: Asset, eth: Asset, books: Books, alice: User) -> None:
    """Bring a token into use: with a balance, a payment on its way, or a deposit."""
    if way == "balance":
        books.give(alice.pk, usdt.pk, 1)
    elif way == "payment":
        ChainTransaction.objects.create(asset=usdt, fee_asset=eth, kind="withdrawal", txid="0xab", raw="0x")
    else:
        address = DepositAddress.objects.create(asset=eth, user=alice, address=STRANGER)
        Deposit.objects.create(
            asset=usdt, address=address, user=alice, txid="0xab", output=0, amount=1, confirmations_needed=3
        )


@pytest.mark.parametrize("named", ["", STRANGER])
@pytest.mark.parametrize("way", ["balance", "payment", "deposit"])
def test_a_contract_in_use_stays_whatever_the_settings_say_and_its_withdrawals_are_halted(
    anvil: Anvil,
    eth: Asset,
    usdt: Asset,
    books: Books,
    alice: User,
    settings: Settings,
    way: str,
    named: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With another contract, what was paid would be given back, and what was deposited be gone."""
    health._said.clear()
    contract, settings.USDT_CONTRACT = usdt.contract, named
    use(way, usdt, eth, books, alice)

    assert [adopt(anvil), adopt(anvil)] == [contract, contract]

    problem = f"MEX_USDT_CONTRACT is {named or 'missing'}"
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    said = f"the contract of USDT stays {contract}, which is in use, but {problem}"
    assert [text for text in errors if "stays" in text] == [said]
    usdt.refresh_from_db()
    assert (usdt.withdrawals_open, usdt.closed_because) == (False, f"{problem}, and {contract} is in use")
    assert usdt.takes_deposits


def test_withdrawals_opened_while_the_setting_is_wrong_are_halted_again_and_stay_open_once_it_is_right(
    anvil: Anvil, usdt: Asset, books: Books, alice: User, settings: Settings
) -> None:
    def opened() -> bool:
        Asset.objects.filter(pk=usdt.pk).update(withdrawals_open=True, closed_because="")
        adopt(anvil)
        return Asset.objects.get(pk=usdt.pk).withdrawals_open

    settings.USDT_CONTRACT = ""
    books.give(alice.pk, usdt.pk, 1)
    while_wrong = [opened(), opened()]
    settings.USDT_CONTRACT = usdt.contract

    assert (while_wrong, opened()) == ([False, False], True)


def test_a_contract_that_comes_into_use_while_another_one_is_looked_at_stays(
    anvil: Anvil, usdt: Asset, books: Books, alice: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.USDT_CONTRACT = STRANGER

    def slowly(asset: Asset, node: object, named: str) -> tuple[str, str]:
        books.give(alice.pk, usdt.pk, 1)
        return named, ""

    monkeypatch.setattr(contracts, "_checked", slowly)

    assert adopt(anvil) == usdt.contract
    assert not Asset.objects.get(code="USDT").withdrawals_open


def test_a_contract_that_another_worker_wrote_meanwhile_is_no_mistake(
    anvil: Anvil, usdt: Asset, books: Books, alice: User, settings: Settings
) -> None:
    """Written, and in use at once: whoever read the row before finds what he wanted to write."""
    settings.USDT_CONTRACT = usdt.contract
    books.give(alice.pk, usdt.pk, 1)
    before = Asset.objects.get(pk=usdt.pk)
    before.contract = ""

    contract_adopt(asset=before, node=anvil.node)

    assert before.contract == usdt.contract
    assert Asset.objects.get(pk=usdt.pk).withdrawals_open


def test_a_token_of_other_decimals_is_refused(anvil: Anvil, elsewhere: Asset, settings: Settings) -> None:
    settings.MEX_LOCAL_CHAINS = True
    settings.USDT_CONTRACT = local.token_deploy(anvil.node, name="Test dollar", symbol="USDT", decimals=18)
    settings.MEX_LOCAL_CHAINS = False

    assert adopt(anvil) == ""


def test_a_chain_has_one_coin_and_only_tokens_have_contracts(eth: Asset) -> None:
    columns = {"name": "x", "chain": "ethereum", "network": "ETH", "chain_decimals": 18, "confirmations": 1}
    columns |= {"withdrawal_fee": 0, "withdrawal_min": 1}

    with pytest.raises(IntegrityError, match=r"one_coin_per_chain|asset\.chain"), transaction.atomic():
        Asset.objects.create(code="ETC", **columns)
    with pytest.raises(IntegrityError, match="asset_contract_of_token"), transaction.atomic():
        Asset.objects.filter(pk=eth.pk).update(contract=STRANGER)
