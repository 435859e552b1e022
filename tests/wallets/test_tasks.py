"""The tasks that workers run, the faucet, and what browsers are told: on real nodes and a real pipe."""

import logging
import threading
from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from kombu import pools
from pytest_django import Settings

from accounts.models import User
from celery_app import app
from launcher.services import Process
from mex.errors import EngineBusy
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil, Bitcoind, free_port
from trading.gateway import pipes
from trading.gateway.notices import Notice, notices_of
from wallets import services, tasks
from wallets.chains import health, local
from wallets.chains.jsonrpc import ChainUnavailable
from wallets.models import Asset, ChainCursor, ChainTransaction, Deposit, DepositAddress, Posting, Withdrawal
from wallets.pace import Courier, Pacer


@pytest.fixture
def worker(
    settings: Settings, bitcoind: Bitcoind, anvil: Anvil, btc: Asset, usdt: Asset, books: Books, valkey: Process
) -> Iterator[Books]:
    """This process as a worker, on the test's nodes and books."""
    settings.BITCOIN_RPC_URL, settings.ETHEREUM_RPC_URL = bitcoind.url, anvil.url
    tasks.bitcoin_node_opened.cache_clear()
    tasks.ethereum_node.cache_clear()
    usual, tasks.courier = tasks.courier, Courier(books.send)
    patience, tasks.pacer = tasks.pacer, Pacer()
    health._said.clear()
    pipes.connection().delete(pipes.NOTICES_KEY)
    yield books
    tasks.courier, tasks.pacer = usual, patience
    tasks.bitcoin_node_opened.cache_clear()
    tasks.ethereum_node.cache_clear()


def news() -> list[Notice]:
    entries = pipes.connection().xrange(pipes.NOTICES_KEY)
    return [notice for _, fields in entries for notice in notices_of(fields)]


def tick() -> None:
    """Run once what beat asks for every second."""
    tasks.scan_bitcoin()
    tasks.scan_ethereum()
    tasks.fill_address_pools()
    tasks.sign_and_broadcast()
    tasks.sweep()
    tasks.advance_withdrawals()


def test_every_task_of_the_schedule_exists_and_expires() -> None:
    app.loader.import_default_modules()

    for entry in app.conf.beat_schedule.values():
        assert entry["task"] in app.tasks
        assert entry["options"]["queue"] in ("chains", "signer")
        assert entry["options"]["expires"] <= 15
    signing = {entry["task"] for entry in app.conf.beat_schedule.values() if entry["options"]["queue"] == "signer"}
    assert signing == {"wallets.tasks.sign_and_broadcast", "wallets.tasks.sweep"}
    assert app.conf.broker_url.endswith("/1")


def test_workers_fill_the_pools_and_browsers_hear_of_every_step(worker: Books, bitcoind: Bitcoind, alice: User) -> None:
    tick()
    for _ in range(5):
        tasks.fill_address_pools()
    waiting = {asset.code: DepositAddress.objects.filter(asset=asset).count() for asset in Asset.objects.all()}
    btc = Asset.objects.get(code="BTC")
    txid = bitcoind.pay(services.deposit_address_assign(user=alice, asset=btc).address, 123_456)
    for _ in range(3):
        tasks.scan_bitcoin()
        bitcoind.mine()
    for _ in range(2):
        tasks.scan_bitcoin()

    deposit = Deposit.objects.get()
    told = [notice.event for notice in news() if notice.account == alice.pk]
    assert waiting == {"BTC": 100, "ETH": 100, "USDT": 0}  # a token lives at the addresses of its chain's coin
    assert [(event["status"], event["confirmations"]) for event in told if event] == [
        ("seen", 0),
        ("confirming", 1),
        ("confirming", 2),
        ("confirming", 3),
        ("credited", 3),
    ]
    last = dict(told[-1] or {})
    assert isinstance(last.pop("time"), int)
    assert last == {
        "e": "depositUpdate",
        "id": str(deposit.pk),
        "coin": "BTC",
        "amount": "0.00123456",
        "txid": txid,
        "confirmations": 3,
        "confirmationsNeeded": 3,
        "status": "credited",
        "blockHeight": deposit.block_height,
        "txUrl": f"https://explorer.invalid/tx/{txid}",
    }


def test_a_node_that_is_down_is_said_once_and_the_other_chain_goes_on(
    worker: Books, anvil: Anvil, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    tick()
    settings.BITCOIN_RPC_URL, reachable = f"http://mex:x@127.0.0.1:{free_port()}", settings.BITCOIN_RPC_URL
    tasks.bitcoin_node_opened.cache_clear()
    anvil.mine(3)

    for _ in range(3):
        tick()
    down = [record for record in caplog.records if "does not answer" in record.getMessage()]
    settings.BITCOIN_RPC_URL = reachable
    tasks.bitcoin_node_opened.cache_clear()
    tick()
    tick()
    back = [record for record in caplog.records if "answers again" in record.getMessage()]

    assert [record.levelno for record in down] == [logging.ERROR]
    assert len(back) == 1
    assert ChainCursor.objects.get(chain="ethereum").height == anvil.node.height()


def test_a_withdrawal_goes_through_the_tasks_alone(worker: Books, bitcoind: Bitcoind, alice: User) -> None:
    btc = Asset.objects.get(code="BTC")
    bitcoind.pay(bitcoind.node.addresses_new(1)[0], 100_000_000)
    bitcoind.mine(3)
    worker.give(alice.pk, btc.pk, 90_000_000)
    address = bitcoind.fresh_address()
    services.withdrawal_request(user_id=alice.pk, asset=btc, address=address, amount=80_000_000, send=worker.send)

    for _ in range(2):
        tick()
    bitcoind.settle()
    bitcoind.mine(3)
    for _ in range(3):
        tick()

    assert Withdrawal.objects.get().status == "confirmed"
    assert bitcoind.received(address) == 80_000_000 - 2_000
    told = [notice.event["status"] for notice in news() if notice.event and notice.event["e"] == "withdrawalUpdate"]
    assert (told[0], told[-1]) == ("requested", "confirmed")
    assert {"held", "signed", "broadcast"} < set(told)


@pytest.mark.parametrize("code", ["BTC", "ETH", "USDT"])
def test_the_faucet_pays_and_mines_until_the_deposit_is_credited(worker: Books, alice: User, code: str) -> None:
    tick()
    tick()
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.05):
            tasks.scan_bitcoin()
            tasks.scan_ethereum()
        connection.close()

    background = threading.Thread(target=work)
    background.start()
    printed = StringIO()
    try:
        call_command("faucet", alice.email, code, "1.5", stdout=printed)
    finally:
        ended.set()
        background.join(10)

    asset = Asset.objects.get(code=code)
    lines = printed.getvalue().splitlines()
    assert worker.balance(alice.pk, asset.pk) == (150_000_000, 0)
    assert lines[0].startswith(f"1.5 {code} sent to ")
    assert lines[-1].startswith("credited ")


@pytest.mark.parametrize(
    ("email", "code", "amount", "said"),
    [
        ("nobody@example.com", "BTC", "1", "there is no user"),
        ("alice@example.com", "XYZ", "1", "We don't have this asset."),
        ("alice@example.com", "BTC", "1.000000001", "is not an amount"),
        ("alice@example.com", "BTC", "11", "at most 10"),
        ("alice@example.com", "BTC", "0", "more than 0"),
        ("alice@example.com", "USDT", "100001", "at most 100000"),
        ("alice@example.com", "USDT", "1.1234567", "USDT has 6 decimals on its chain, 1.1234567 has more"),
    ],
)
def test_the_faucet_says_what_is_wrong(btc: Asset, alice: User, email: str, code: str, amount: str, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("faucet", email, code, amount)


@pytest.mark.parametrize("code", ["BTC", "ETH"])
def test_the_faucet_waits_for_a_node_that_is_away(
    btc: Asset, eth: Asset, settings: Settings, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """Nothing is paid, and the task is to be tried again; a task that is called by hand says so with the cause."""
    settings.BITCOIN_RPC_URL = settings.ETHEREUM_RPC_URL = "http://mex:mex@127.0.0.1:9"
    tasks.ethereum_node.cache_clear()
    monkeypatch.setattr(local, "bitcoin_pay", None)
    monkeypatch.setattr(local, "ethereum_pay", None)

    with pytest.raises(ChainUnavailable):
        tasks.faucet_pay("nowhere", code, 100_000_000)

    tasks.ethereum_node.cache_clear()


def test_the_faucet_waits_for_a_token_that_is_not_deployed_yet(
    worker: Books, anvil: Anvil, usdt: Asset, monkeypatch: pytest.MonkeyPatch
) -> None:
    Asset.objects.filter(pk=usdt.pk).update(contract="")
    monkeypatch.setattr(local, "token_pay", None)

    with pytest.raises(ChainUnavailable, match="does not have the USDT contract yet"):
        tasks.faucet_pay("0x" + "11" * 20, "USDT", 100_000_000)


def test_the_button_of_the_faucet_pays_tokens_that_workers_credit(
    worker: Books, anvil: Anvil, usdt: Asset, alice: User
) -> None:
    tick()
    tick()
    address = services.deposit_address_assign(user=alice, asset=usdt).address

    tasks.faucet_pay(address, "USDT", 12_300_000_000)
    tick()
    seen = [(row.status, row.amount) for row in Deposit.objects.all()]
    anvil.mine(3)
    tick()
    tick()

    assert seen == [("seen", 12_300_000_000)]
    assert worker.balance(alice.pk, usdt.pk) == (12_300_000_000, 0)
    assert [row.amount for row in Posting.objects.filter(credit=alice.pk)] == [12_300_000_000]


def test_tokens_are_swept_and_paid_out_by_the_tasks_alone(
    worker: Books, anvil: Anvil, usdt: Asset, alice: User
) -> None:
    tick()
    tick()
    address = services.deposit_address_assign(user=alice, asset=usdt).address
    anvil.pay_token(usdt.contract, address, 50_000_000)
    destination = "0x" + "13" * 20
    for _ in range(8):
        anvil.mine()
        tick()
    services.withdrawal_request(
        user_id=alice.pk, asset=usdt, address=destination, amount=2_000_000_000, send=worker.send
    )
    for _ in range(12):
        anvil.mine()
        tick()

    assert Withdrawal.objects.get().status == "confirmed"
    assert anvil.node.token_balances(usdt.contract, [destination])[destination] == 19_000_000
    assert list(ChainTransaction.objects.order_by("pk").values_list("kind", "status")) == [
        ("gas", "confirmed"),
        ("sweep", "confirmed"),
        ("withdrawal", "confirmed"),
    ]
    assert worker.balance(alice.pk, usdt.pk) == (3_000_000_000, 0)


def test_there_is_no_faucet_on_other_peoples_chains(btc: Asset, alice: User, settings: Settings) -> None:
    settings.MEX_LOCAL_CHAINS = False

    with pytest.raises(CommandError, match="local chains only"):
        call_command("faucet", alice.email, "BTC", "1")


def test_a_faucet_request_reaches_the_queue(btc: Asset, alice: User, valkey: Process) -> None:
    DepositAddress.objects.create(asset=btc, address="an-address", user=alice)
    with app.connection_for_write() as broker:
        broker.default_channel.client.delete("chains")

        services.faucet_request(user=alice, asset=btc, amount=5)

        assert broker.default_channel.client.llen("chains") == 1
        broker.default_channel.client.delete("chains")


def test_a_faucet_that_cannot_be_reached_is_busy(btc: Asset, alice: User) -> None:
    DepositAddress.objects.create(asset=btc, address="an-address", user=alice)
    usual = app.conf.broker_url
    _broker(f"redis://127.0.0.1:{free_port()}/1")
    try:
        with pytest.raises(EngineBusy):
            services.faucet_request(user=alice, asset=btc, amount=5)
    finally:
        _broker(usual)


def _broker(url: str) -> None:
    """Let this process's Celery publish somewhere else."""
    app.conf.broker_url = app.conf.broker_write_url = url
    pools.reset()
    app._pool = None
    app.amqp._producer_pool = None
