"""Workers and signers are killed hundreds of times: each deposit is credited once, each withdrawal is paid once."""

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.stack import Stack
from tests.wallets.nodes import Anvil, Bitcoind
from trading.engine.enums import Reason
from wallets.chains.tokens import TRANSFER_TOPIC, payments_of_logs

LIVES = int(os.environ.get("MEX_TEST_WORKER_KILLS", "200"))
SEED = int(os.environ.get("MEX_TEST_SEED", "20261123"))
CHAIN_LIVES = LIVES // 2
SIGNER_LIVES = LIVES - CHAIN_LIVES
BTC, ETH, USDT = "BTC", "ETH", "USDT"
WEI = 10**10
MICRO = 100
"""Units in the smallest unit of a token of six decimals."""


@pytest.fixture
def bitcoind(node_programs: Path, tmp_path: Path) -> Iterator[Bitcoind]:
    node = Bitcoind(tmp_path / "bitcoin")
    try:
        node.start()
        yield node
    finally:
        node.stop()


@pytest.fixture
def anvil(node_programs: Path, tmp_path: Path) -> Iterator[Anvil]:
    node = Anvil(tmp_path / "ethereum")
    try:
        node.start()
        yield node
    finally:
        node.stop()


@pytest.fixture
def stack(tmp_path: Path, bitcoind: Bitcoind, anvil: Anvil) -> Iterator[Stack]:
    stack = Stack(tmp_path)
    stack.environment |= {
        "BITCOIN_RPC_URL": bitcoind.url,
        "ETHEREUM_RPC_URL": anvil.url,
        "MEX_LOCAL_CHAINS": "on",
        # Fees are raised all the time, and small coins made one.
        "MEX_BUMP_AFTER_S": "0",
        "MEX_BITCOIN_SMALL_COIN": "5000000",
        "MEX_BITCOIN_SMALL_COINS_MAX": "5",
        "LOG_LEVEL": "none",
    }
    try:
        yield stack
    finally:
        stack.close()


def test_each_deposit_is_credited_once_and_each_withdrawal_is_paid_once_when_workers_are_killed(
    stack: Stack, bitcoind: Bitcoind, anvil: Anvil
) -> None:
    """Given deposits and withdrawals in flight while workers die at random, chains and books agree at the end."""
    print(f"seed {SEED}, {CHAIN_LIVES} kills of the worker, {SIGNER_LIVES} of the signer")
    stop, deaths = stack.folder / "stop", stack.folder / "deaths"
    engine = stack.python("manage.py", "run_engine")
    load = stack.python("-m", "tests.crash.chain_load", str(stop), str(SEED), stdout=subprocess.PIPE)
    assert load.stdout is not None
    assert load.stdout.readline() == "ready\n"
    workers = [
        stack.python("-m", "tests.crash.doomed_worker", queue, str(lives), str(SEED), str(deaths), stdout=-1)
        for queue, lives in (("chains", CHAIN_LIVES), ("signer", SIGNER_LIVES))
    ]

    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "last life\n", "a worker's life ended in a way that it should not"
    stop.touch()
    told = json.loads(load.stdout.readline())
    for process in (*workers, engine):
        process.send_signal(signal.SIGTERM)
    assert [process.wait(60) for process in (*workers, engine)] == [0, 0, 0]

    died = Counter(deaths.read_text().splitlines())
    [(asked,)] = stack.rows("SELECT count(*) FROM wallets_withdrawal")
    print(f"{len(told['deposits'])} deposits, {asked} withdrawals")
    print(*(f"{times:4} {step}" for step, times in died.most_common()), sep="\n")
    assert died.total() == LIVES
    assert LIVES - died["clock"] > LIVES // 3, "too few died at the steps that matter"
    check_deposits(stack, told["deposits"])
    check_withdrawals(stack, bitcoind, anvil)
    audit = stack.manage("audit", "--json", check=False)
    assert audit.returncode == 0, audit.stdout
    assert {check["status"] for check in json.loads(audit.stdout)["checks"]} == {"ok"}


def check_deposits(stack: Stack, paid: list[list[object]]) -> None:
    """Every payment has one row, one posting of its amount to its owner; and there are no others."""
    rows = stack.rows("SELECT user_id, asset_id, txid, amount FROM wallets_deposit WHERE status = 'credited'")
    assert sorted(rows) == sorted(tuple(one) for one in paid)
    posted = stack.rows(
        "SELECT d.user_id, d.asset_id, d.txid, p.amount FROM wallets_posting p"
        " JOIN wallets_deposit d ON p.reference = 'deposit:' || d.id AND p.credit = d.user_id WHERE p.reason = "
        + str(int(Reason.DEPOSIT))
    )
    assert sorted(posted) == sorted(rows)
    assert stack.rows("SELECT count(*) FROM wallets_deposit") == [(len(paid),)]


def check_withdrawals(stack: Stack, bitcoind: Bitcoind, anvil: Anvil, *, at_least: int = LIVES // 20) -> None:
    """Every withdrawal was paid with exactly one transaction, and nothing else left our wallets."""
    rows = stack.rows(
        "SELECT a.code, w.address, w.amount - w.fee, w.status FROM wallets_withdrawal w"
        " JOIN wallets_asset a ON a.id = w.asset_id"
    )
    wanted = {code: {address: net for kind, address, net, _ in rows if kind == code} for code in (BTC, ETH, USDT)}
    assert {status for *_, status in rows} == {"confirmed"}
    assert len(wanted[BTC]) >= at_least, "the load was too thin to mean anything"
    assert len(wanted[ETH]) >= at_least, "the load was too thin to mean anything"
    assert len(wanted[USDT]) >= at_least, "the load was too thin to mean anything"
    assert sorted(sent_bitcoin(bitcoind)) == sorted(wanted[BTC].items())
    assert sorted(sent_ether(anvil, set(wanted[ETH]))) == sorted(wanted[ETH].items())
    [(contract,)] = stack.rows("SELECT contract FROM wallets_asset WHERE code = 'USDT'")
    assert sorted(sent_tokens(anvil, str(contract), set(wanted[USDT]))) == sorted(wanted[USDT].items())


def sent_bitcoin(bitcoind: Bitcoind) -> list[tuple[str, int]]:
    """Return (address, satoshis) of everything that left our wallet, in a block or not.

    Versions of a transaction whose fee was raised are in conflict with the one that was mined.
    """
    entries = bitcoind.node.rpc.call("listtransactions", "*", 1_000_000)
    sent = [one for one in entries if one["category"] == "send" and one["confirmations"] >= 0]
    return [(one["address"], int(-one["amount"] * 10**8)) for one in sent]


def sent_ether(anvil: Anvil, addresses: set[str]) -> list[tuple[str, int]]:
    """Return (address, units) of every payment to these addresses in the chain."""
    blocks = anvil.node.blocks(range(anvil.node.height() + 1))
    payments = [payment for block in blocks for payment in block.payments if payment.recipient in addresses]
    assert all(payment.wei % WEI == 0 for payment in payments)
    return [(payment.recipient, payment.wei // WEI) for payment in payments]


def sent_tokens(anvil: Anvil, contract: str, addresses: set[str]) -> list[tuple[str, int]]:
    """Return (address, units) of every payment of tokens to these addresses in the chain."""
    query = {"fromBlock": "0x0", "toBlock": "latest", "address": contract, "topics": [TRANSFER_TOPIC]}
    payments = payments_of_logs(anvil.node.rpc.call("eth_getLogs", query))
    return [(one.recipient, one.value * MICRO) for one in payments if one.recipient in addresses]
