"""Coins on chain against the ledger, with real nodes: exact while transactions are under way."""

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from accounts.models import User
from mex.money import cost_from_chain
from tests.audit.exchange import CHAIN, NETWORK_FEES, post
from tests.wallets.key_files import as_signer
from tests.wallets.node_signing import payment_signed
from tests.wallets.nodes import Anvil, Bitcoind
from trading.engine.enums import HoldState, Reason
from wallets.chains import keys
from wallets.chains.holdings import coins_read
from wallets.ledger.solvency import Solvency, check_chains
from wallets.models import Asset, Balance, ChainTransaction, DepositAddress, Hold, Posting, Withdrawal

COIN = 10**8
GWEI10 = 10**10
"""Wei in one unit."""


@pytest.fixture(scope="module")
def bitcoind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bitcoind]:
    """A regtest bitcoind with our wallet and a funded faucet."""
    node = Bitcoind(tmp_path_factory.mktemp("bitcoin"))
    node.start()
    with as_signer():
        node.prepare()
    yield node
    node.stop()


@pytest.fixture(scope="module")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    """An anvil that mines when it is told to."""
    node = Anvil(tmp_path_factory.mktemp("ethereum"))
    node.start()
    yield node
    node.stop()


@pytest.fixture
def chains(bitcoind: Bitcoind, anvil: Anvil, settings: Settings, db: None) -> Iterator[None]:
    """Point the settings at both nodes, and have keys."""
    settings.BITCOIN_RPC_URL = bitcoind.url
    settings.ETHEREUM_RPC_URL = anvil.url
    with as_signer():
        yield


def result_of(code: str) -> Solvency:
    """Return the comparison of one asset."""
    return next(result for result in check_chains() if result.code == code)


def book(user: User, asset: Asset, units: int) -> None:
    """Write that a user deposited so much."""
    post(CHAIN, user.pk, asset, units, Reason.DEPOSIT, f"deposit of {asset.code}")
    Balance.objects.create(owner=user.pk, asset=asset, balance=units, held=0)
    Balance.objects.create(owner=CHAIN, asset=asset, balance=-units, held=0)


def bitcoin_there(bitcoind: Bitcoind, asset: Asset) -> int:
    """Return what the wallet has now: tests of this module share it."""
    bitcoind.pay(bitcoind.node.addresses_new(1)[0], COIN)
    bitcoind.mine()
    return coins_read(asset, []).units


def payment(bitcoind: Bitcoind, user: User, asset: Asset, units: int, fee: int) -> tuple[Withdrawal, int]:
    """Sign a withdrawal, store it, and return it with its network fee; nobody has seen it."""
    signed = payment_signed(bitcoind.node, bitcoind.fresh_address(), units - fee, 2)
    record = ChainTransaction.objects.create(
        asset=asset,
        fee_asset=asset,
        kind="withdrawal",
        status="signed",
        txid=signed.txid,
        raw=signed.raw,
        network_fee=signed.fee_satoshis,
    )
    withdrawal = Withdrawal.objects.create(
        user=user, asset=asset, address="outside", amount=units, fee=fee, status="signed", transaction=record
    )
    Hold.objects.create(reference=withdrawal.reference, account=user.pk, asset=asset, amount=units, state=1)
    return withdrawal, signed.fee_satoshis


def settle(withdrawal: Withdrawal, network_fee: int, *, only_network_fee: bool = False) -> None:
    """Write what the engine books at the end of a withdrawal."""
    asset, record = withdrawal.asset, withdrawal.transaction
    assert record is not None
    if not Posting.objects.filter(reference=record.fee_reference).exists():
        post(NETWORK_FEES, CHAIN, asset, network_fee, Reason.NETWORK_FEE, record.fee_reference)
        Balance.objects.create(owner=NETWORK_FEES, asset=asset, balance=-network_fee, held=0)
        move(CHAIN, asset, network_fee)
    if only_network_fee:
        return
    net = withdrawal.amount - withdrawal.fee
    post(withdrawal.user_id, CHAIN, asset, net, Reason.WITHDRAWAL, withdrawal.reference)
    move(withdrawal.user_id, asset, -withdrawal.amount)
    move(CHAIN, asset, net)
    Hold.objects.filter(reference=withdrawal.reference).update(state=int(HoldState.SETTLED))


def move(owner: int, asset: Asset, units: int) -> None:
    """Change a balance."""
    row = Balance.objects.get(owner=owner, asset=asset)
    Balance.objects.filter(pk=row.pk).update(balance=row.balance + units)


def test_bitcoin_is_covered_to_the_satoshi_at_every_step_of_a_withdrawal(chains: None, bitcoind: Bitcoind) -> None:
    asset, user = Asset.objects.get(code="BTC"), User.objects.create(email="ann@example.com")
    there = bitcoin_there(bitcoind, asset)
    book(user, asset, there)
    move(user.pk, asset, -10_000)  # the operator's own coins: network fees are paid before fees are earned
    withdrawal, network_fee = payment(bitcoind, user, asset, 10_000_000, 2_000)
    record = withdrawal.transaction
    assert record is not None

    assert result_of("BTC") == Solvency(code="BTC", coins=there)  # signed: nothing has left

    bitcoind.node.broadcast(record.raw)
    bitcoind.settle()
    gone = 10_000_000 - 2_000 + network_fee
    assert result_of("BTC") == Solvency(code="BTC", coins=there)  # in the mempool: no block has it
    bitcoind.mine()
    assert result_of("BTC") == Solvency(code="BTC", coins=there - gone)  # in a block
    settle(withdrawal, network_fee, only_network_fee=True)
    assert result_of("BTC") == Solvency(code="BTC", coins=there - gone)  # its network fee is booked
    settle(withdrawal, network_fee)
    assert result_of("BTC") == Solvency(code="BTC", coins=there - gone)  # all of it is booked
    move(CHAIN, asset, -1)
    assert result_of("BTC").shortfalls == (
        f"BTC the ledger says we hold {there - gone + 1} units, on chain are {there - gone}"
        " and in flight 0: 1 are missing",
    )


def test_bitcoin_that_left_without_a_record_is_missed_to_the_satoshi(chains: None, bitcoind: Bitcoind) -> None:
    asset, user = Asset.objects.get(code="BTC"), User.objects.create(email="ann@example.com")
    there = bitcoin_there(bitcoind, asset)
    book(user, asset, there)
    signed = payment_signed(bitcoind.node, bitcoind.fresh_address(), 5_000, 2)
    bitcoind.node.broadcast(signed.raw)
    bitcoind.mine()

    result = result_of("BTC")

    missing = 5_000 + signed.fee_satoshis
    assert result.coins == there - missing
    assert len(result.shortfalls) == 2
    assert result.shortfalls[0].endswith(f": {missing} are missing")
    assert result.shortfalls[1].startswith(f"BTC we owe to users {there} units")


def test_unconfirmed_coins_of_others_do_not_count(chains: None, bitcoind: Bitcoind) -> None:
    asset = Asset.objects.get(code="BTC")
    there = bitcoin_there(bitcoind, asset)

    bitcoind.pay(bitcoind.node.addresses_new(1)[0], COIN)

    assert coins_read(asset, []).units == there
    bitcoind.mine()
    assert coins_read(asset, []).units == there + COIN


def test_ether_counts_on_deposit_addresses_and_while_it_is_swept(chains: None, anvil: Anvil) -> None:
    asset, user = Asset.objects.get(code="ETH"), User.objects.create(email="ann@example.com")
    address = keys.deposit_address(7)
    DepositAddress.objects.create(asset=asset, user=user, address=address, derivation_index=7)
    anvil.pay(address, 3 * COIN * GWEI10)
    anvil.mine()
    book(user, asset, 3 * COIN)
    assert result_of("ETH") == Solvency(code="ETH", coins=3 * COIN)

    fee_per_gas, tip = anvil.node.fee_per_gas()
    sweep = keys.payment_sign(
        keys.deposit_key(7),
        to=keys.hot_address(),
        wei=2 * COIN * GWEI10,
        nonce=0,
        gas=21_000,
        fee_per_gas=fee_per_gas,
        tip_per_gas=tip,
    )
    ChainTransaction.objects.create(
        asset=asset, fee_asset=asset, kind="sweep", status="broadcast", txid=sweep.txid, raw=sweep.raw
    )
    anvil.node.broadcast(sweep.raw)
    assert result_of("ETH") == Solvency(code="ETH", coins=3 * COIN)  # in no block: nothing has moved
    anvil.mine()

    receipt = anvil.node.receipts([sweep.txid])[sweep.txid]
    assert receipt is not None
    cost = cost_from_chain(receipt.fee_wei, 18)
    assert result_of("ETH") == Solvency(code="ETH", coins=3 * COIN - cost)


def test_a_node_that_does_not_answer_is_unknown_and_not_fine(
    chains: None, settings: Settings, bitcoind: Bitcoind
) -> None:
    settings.ETHEREUM_RPC_URL = "http://127.0.0.1:9"

    results = {result.code: result for result in check_chains()}

    assert results["BTC"].unknown == ""
    assert results["ETH"].unknown.startswith("the ethereum node does not answer")
    assert results["ETH"].coins == 0
