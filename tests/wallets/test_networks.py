"""Networks by configuration alone: what each profile sets, nodes of another network refused, addresses enforced."""

import os
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from launcher.instance import ROOT
from launcher.services import Process
from mex.env import Unusable
from mex.networks import NETWORKS, asset_defaults
from tests.wallets.nodes import Anvil, Bitcoind
from wallets import tasks
from wallets.chains import health
from wallets.chains.addresses import address_normalize
from wallets.chains.networks import WrongNetwork
from wallets.chains.segwit import AddressMalformed, segwit_encode
from wallets.models import Asset, ChainCursor, DepositAddress
from wallets.network_defaults import network_defaults_apply
from wallets.worker_start import worker_start

REPORT = (
    "from mex import settings as s;"
    " print(s.MEX_NETWORK, s.BITCOIN_NETWORK, s.ETHEREUM_CHAIN_ID, s.MEX_LOCAL_CHAINS, s.IS_PRODUCTION)"
)
PRODUCTION = {
    "MEX_PROFILE": "production",
    "SECRET_KEY": "k" * 50,
    "ALLOWED_HOSTS": "mex.example",
    "DATABASE_URL": "postgresql://mex@127.0.0.1/mex",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "BITCOIN_RPC_URL": "http://mex:mex@127.0.0.1:8332",
    "ETHEREUM_RPC_URL": "http://127.0.0.1:8545",
    "MEX_MAIL_URL": "smtp://mail.example",
    "MEX_URL": "https://mex.example",
}


def settings_with(tmp_path: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", REPORT],
        cwd=ROOT,
        env={**kept, "MEX_DATA": str(tmp_path), **changes},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({}, "local regtest 31337 True False"),
        ({"MEX_NETWORK": "signet"}, "signet signet 11155111 False False"),
        ({"MEX_NETWORK": "testnet4"}, "testnet4 testnet4 11155111 False False"),
        (PRODUCTION | {"MEX_NETWORK": "testnet4"}, "testnet4 testnet4 11155111 False True"),
        (PRODUCTION, "local regtest 31337 False True"),
        ({"MEX_NETWORK": "signet", "MEX_ETHEREUM_CHAIN_ID": "17000"}, "signet signet 17000 False False"),
    ],
)
def test_one_setting_chooses_the_network(tmp_path: Path, changes: dict[str, str], result: str) -> None:
    assert settings_with(tmp_path, **changes).stdout.strip() == result


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"MEX_NETWORK": "mainnet"}, "MEX_NETWORK must be one of local, testnet4, signet"),
        ({"MEX_BITCOIN_NETWORK": "main"}, "MEX_BITCOIN_NETWORK must be one of regtest, signet, testnet4"),
        ({"MEX_ETHEREUM_CHAIN_ID": "1"}, "must be that of a test network"),
        ({"MEX_NETWORK": "signet", "MEX_LOCAL_CHAINS": "on"}, "MEX_LOCAL_CHAINS must be off on signet"),
        ({"MEX_BITCOIN_NETWORK": "testnet4"}, "MEX_LOCAL_CHAINS must be off on testnet4"),
    ],
)
def test_networks_on_which_mex_must_not_run_stop_the_start(tmp_path: Path, changes: dict[str, str], line: str) -> None:
    refused = settings_with(tmp_path, **changes)

    assert refused.returncode == 1
    assert line in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


@pytest.fixture
def fresh_nodes(settings: Settings, bitcoind: Bitcoind, anvil: Anvil) -> Iterator[None]:
    """Both nodes, not looked at yet by this process."""
    settings.BITCOIN_RPC_URL, settings.ETHEREUM_RPC_URL = bitcoind.url, anvil.url
    for node in (tasks.bitcoin_node_opened, tasks.ethereum_node):
        node.cache_clear()
    health._said.clear()
    yield
    for node in (tasks.bitcoin_node_opened, tasks.ethereum_node):
        node.cache_clear()
    health._said.clear()


def test_a_worker_starts_on_the_right_networks(fresh_nodes: None, ledger_db: None) -> None:
    worker_start(queues=["chains"])


def test_a_worker_that_starts_gives_new_assets_what_their_network_needs(
    fresh_nodes: None, settings: Settings, btc: Asset
) -> None:
    Asset.objects.filter(pk=btc.pk).update(**asset_defaults("local", chain="bitcoin", code="BTC"))
    settings.MEX_NETWORK = "signet"  # its nodes are still those of the test

    worker_start(queues=["chains"])

    btc.refresh_from_db()
    assert btc.confirmations == NETWORKS["signet"].confirmations["bitcoin"]


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("BITCOIN_NETWORK", "signet", "the Bitcoin node is on regtest, and mex is set up for signet"),
        ("ETHEREUM_CHAIN_ID", 11_155_111, "the Ethereum node has chain id 31337, and mex is set up for 11155111"),
    ],
)
def test_a_worker_does_not_start_on_another_network(
    fresh_nodes: None, settings: Settings, name: str, value: object, line: str
) -> None:
    setattr(settings, name, value)

    with pytest.raises(Unusable, match=line) as refused:
        worker_start(queues=["chains"])
    assert len(str(refused.value).splitlines()) == 1


def test_a_node_that_was_away_at_the_start_is_looked_at_before_it_is_used(
    fresh_nodes: None, settings: Settings, btc: Asset, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is done on another network, and that is said once."""
    there, settings.BITCOIN_RPC_URL = settings.BITCOIN_RPC_URL, "http://mex:mex@127.0.0.1:9"
    settings.BITCOIN_NETWORK = "signet"
    worker_start(queues=["chains"])
    settings.BITCOIN_RPC_URL = there

    for _ in range(3):
        tasks.scan_bitcoin()
        tasks.fill_address_pools()

    assert not ChainCursor.objects.filter(chain="bitcoin").exists()
    assert not DepositAddress.objects.filter(asset=btc).exists()
    said = [record for record in caplog.records if "mex is set up for signet" in record.getMessage()]
    assert len(said) == 1


def test_another_ethereum_is_not_worked_on_either(
    fresh_nodes: None, settings: Settings, eth: Asset, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ETHEREUM_CHAIN_ID = 11_155_111

    for _ in range(3):
        tasks.scan_ethereum()

    assert not ChainCursor.objects.filter(chain="ethereum").exists()
    assert len([record for record in caplog.records if "chain id 31337" in record.getMessage()]) == 1
    with pytest.raises(WrongNetwork):
        tasks.ethereum_node()


def test_a_real_worker_on_the_wrong_network_ends_with_one_line(bitcoind: Bitcoind, valkey: Process) -> None:
    command = [sys.executable, "-m", "celery", "-A", "celery_app", "worker", "-Q", "chains", "-P", "solo"]
    environment = {**os.environ, "BITCOIN_RPC_URL": bitcoind.url, "MEX_NETWORK": "signet", "PYTHONPATH": str(ROOT)}

    refused = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)

    lines = refused.stderr.splitlines()
    assert refused.returncode == 1
    assert lines[-1] == (
        "mex cannot start: the Bitcoin node is on regtest, and mex is set up for signet (MEX_BITCOIN_NETWORK)"
    )
    assert "Traceback" not in refused.stderr


MAIN = [
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
    "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
]


@pytest.mark.parametrize("network", ["regtest", "signet", "testnet4"])
@pytest.mark.parametrize("address", MAIN)
def test_addresses_of_the_main_network_are_refused_everywhere(settings: Settings, network: str, address: str) -> None:
    settings.BITCOIN_NETWORK = network

    with pytest.raises(AddressMalformed):
        address_normalize("bitcoin", address)


@pytest.mark.parametrize(
    ("network", "prefix", "is_taken"),
    [
        ("regtest", "bcrt", True),
        ("regtest", "tb", False),
        ("signet", "tb", True),
        ("signet", "bcrt", False),
        ("testnet4", "tb", True),
        ("testnet4", "bcrt", False),
        ("testnet4", "ltc", False),
    ],
)
@pytest.mark.parametrize("version", [0, 1])
def test_an_address_belongs_to_the_configured_network(
    settings: Settings, network: str, prefix: str, is_taken: bool, version: int
) -> None:
    settings.BITCOIN_NETWORK = network
    address = segwit_encode(prefix, version, bytes(range(32)))

    if is_taken:
        assert address_normalize("bitcoin", address) == address
    else:
        with pytest.raises(AddressMalformed):
            address_normalize("bitcoin", address)


def test_assets_of_a_new_database_get_what_their_network_needs(
    db: None, settings: Settings, btc: Asset, eth: Asset
) -> None:
    for asset in (btc, eth):
        Asset.objects.filter(pk=asset.pk).update(
            **asset_defaults("local", chain=asset.chain, code=asset.code), large_amount=5, large_confirmations=20
        )
    settings.MEX_NETWORK = "testnet4"

    network_defaults_apply()

    btc.refresh_from_db()
    eth.refresh_from_db()
    assert (btc.confirmations, btc.large_confirmations) == (6, 20)
    assert btc.transaction_url == "https://mempool.space/testnet4/tx/{txid}"
    assert eth.address_url == "https://sepolia.etherscan.io/address/{address}"


def test_what_an_operator_has_set_is_left_alone(db: None, settings: Settings, btc: Asset) -> None:
    Asset.objects.filter(pk=btc.pk).update(
        **asset_defaults("local", chain="bitcoin", code="BTC") | {"confirmations": 9}
    )
    settings.MEX_NETWORK = "signet"

    network_defaults_apply()

    btc.refresh_from_db()
    assert btc.confirmations == 9


def test_local_chains_are_seeded_as_their_profile_says() -> None:
    from importlib import import_module

    seeds = import_module("wallets.migrations.0002_seed_and_guard").ASSETS
    for code, columns in seeds.items():
        profile = asset_defaults("local", chain=columns["chain"], code=code)
        assert {name: columns.get(name, "") for name in profile} == profile


def test_the_command_shows_and_applies_the_profile(fresh_nodes: None, settings: Settings, btc: Asset) -> None:
    settings.MEX_NETWORK = "signet"  # its nodes are still those of the test
    printed = StringIO()

    call_command("network", stdout=printed)
    call_command("network", "--apply", stdout=printed)

    lines = printed.getvalue().splitlines()
    assert "bitcoin node: on this network" in lines
    assert "BTC transaction_url is https://explorer.invalid/tx/{txid}, the profile has" in printed.getvalue()
    assert "BTC changed" in lines
    btc.refresh_from_db()
    assert btc.transaction_url == "https://mempool.space/signet/tx/{txid}"
    assert btc.confirmations == NETWORKS["signet"].confirmations["bitcoin"]


def test_the_command_refuses_nodes_of_another_network(fresh_nodes: None, settings: Settings, btc: Asset) -> None:
    settings.BITCOIN_NETWORK = "testnet4"

    with pytest.raises(CommandError, match="the Bitcoin node is on regtest"):
        call_command("network", "--apply")
    btc.refresh_from_db()
    assert btc.confirmations == 3
