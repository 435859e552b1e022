"""The wallet API as clients call it: signed requests, exact shapes, codes."""

import asyncio
import time
from collections.abc import Callable
from urllib.parse import urlencode

import msgspec
import pytest
from channels.db import database_sync_to_async
from django.test import AsyncClient
from pytest_django import Settings

from accounts.authentication import signature_of
from accounts.models import User
from accounts.services import api_key_create
from launcher.services import Process
from mex.clock import now_ms
from tests.wallets.books import Books
from trading.engine.commands import HoldFunds, Parcel
from trading.gateway import pipes
from wallets.models import Asset, ChainTransaction, Deposit, DepositAddress, Withdrawal
from wallets.payouts.progress import hold_command

ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
DEADLINE_S = 10.0


class Bot:
    """A client with a key."""

    def __init__(self, user: User, *, can_withdraw: bool = True) -> None:
        key, self.secret = api_key_create(user=user, label="bot", can_trade=False, can_withdraw=can_withdraw)
        self.key = key.key

    async def ask(self, method: str, path: str, **params: object) -> tuple[int, object]:
        query = urlencode(params | {"timestamp": now_ms()})
        query += "&signature=" + signature_of(self.secret.encode(), query)
        response = await AsyncClient().generic(method, f"/sapi/v1/{path}?{query}", headers={"X-MBX-APIKEY": self.key})
        return response.status_code, msgspec.json.decode(response.content)


@pytest.fixture(autouse=True)
def routes(settings: Settings, valkey: Process) -> None:
    settings.ROOT_URLCONF = "wallets.sapi_urls"


@pytest.fixture
def bot(alice: User) -> Bot:
    return Bot(alice)


@pytest.fixture
def deposit(btc: Asset, alice: User) -> Deposit:
    address = DepositAddress.objects.create(asset=btc, address=ADDRESS, user=alice)
    return Deposit.objects.create(
        asset=btc,
        address=address,
        user=alice,
        txid="ab" * 32,
        output=1,
        amount=150_000_000,
        status="credited",
        confirmations=5,
        confirmations_needed=3,
        block_height=7,
    )


@pytest.fixture
def withdrawal(btc: Asset, alice: User) -> Withdrawal:
    record = ChainTransaction.objects.create(
        asset=btc, fee_asset=btc, kind="withdrawal", txid="cd" * 32, raw="00", confirmations=2
    )
    return Withdrawal.objects.create(
        user=alice,
        asset=btc,
        address=ADDRESS,
        amount=50_000_000,
        fee=2_000,
        client_id="w1",
        status="broadcast",
        transaction=record,
    )


async def eventually(look: Callable[[], object]) -> object:
    """Return what a look at the database finds, as soon as it finds something."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        found = await database_sync_to_async(look, thread_sensitive=False)()
        if found:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError("nothing within the deadline")


async def test_the_system_status_is_open_to_anybody() -> None:
    response = await AsyncClient().get("/sapi/v1/system/status")

    assert (response.status_code, msgspec.json.decode(response.content)) == (200, {"status": 0, "msg": "normal"})


async def test_coins_show_networks_fees_and_balances(bot: Bot, btc: Asset, books: Books, alice: User) -> None:
    await database_sync_to_async(books.give)(alice.pk, btc.pk, 123)

    status, coins = await bot.ask("GET", "capital/config/getall")

    assert status == 200
    assert isinstance(coins, list)
    assert [coin["coin"] for coin in coins] == ["BTC", "ETH", "USDT"]
    network = coins[0].pop("networkList")
    assert coins[0] == {
        "coin": "BTC",
        "depositAllEnable": True,
        "withdrawAllEnable": True,
        "name": "Bitcoin",
        "free": "0.00000123",
        "locked": "0.00000000",
        "freeze": "0",
        "withdrawing": "0",
        "ipoing": "0",
        "ipoable": "0",
        "storage": "0",
        "isLegalMoney": False,
        "trading": True,
    }
    assert (network[0]["network"], network[0]["isDefault"], network[0]["minConfirm"]) == ("BTC", True, 3)
    assert (network[0]["withdrawFee"], network[0]["withdrawMin"]) == ("0.00002", "0.0001")
    assert network[0]["withdrawIntegerMultiple"] == "0.00000001"


async def test_a_token_shows_its_contract(bot: Bot, eth: Asset) -> None:
    contract = "0x700b6A60ce7EaaEA56F065753d8dcB9653dbAD35"

    async def usdt() -> tuple[dict[str, object], dict[str, object]]:
        _, coins = await bot.ask("GET", "capital/config/getall")
        assert isinstance(coins, list)
        return coins[2], coins[2]["networkList"][0]

    coin, network = await usdt()
    assert (coin["coin"], coin["depositAllEnable"], coin["withdrawAllEnable"]) == ("USDT", False, False)
    assert (network["depositEnable"], network["withdrawEnable"], network["contractAddress"]) == (False, False, "")
    assert network["withdrawDesc"] == "Withdrawals of USDT are closed at the moment."
    await database_sync_to_async(Asset.objects.filter(code="USDT").update)(contract=contract)
    coin, network = await usdt()
    assert (coin["depositAllEnable"], coin["withdrawAllEnable"]) == (True, True)
    assert (network["network"], network["contractAddress"], network["withdrawDesc"]) == ("ETH", contract, "")
    assert network["withdrawIntegerMultiple"] == "0.000001"


@pytest.mark.parametrize(("is_local", "answer"), [(True, (503, -4012)), (False, (400, -4013))])
async def test_a_token_without_a_contract_has_no_address(
    bot: Bot, eth: Asset, alice: User, settings: Settings, is_local: bool, answer: tuple[int, int]
) -> None:
    """Its owner has one for ether, where tokens of an unknown contract would be lost."""
    settings.MEX_LOCAL_CHAINS = is_local
    await database_sync_to_async(DepositAddress.objects.create)(asset=eth, address="0x" + "11" * 20, user=alice)

    status, error = await bot.ask("GET", "capital/deposit/address", coin="USDT")

    assert isinstance(error, dict)
    assert (status, error["code"]) == answer


async def test_a_token_without_a_contract_cannot_be_withdrawn(bot: Bot, eth: Asset, books: Books, alice: User) -> None:
    await database_sync_to_async(Asset.objects.filter(code="USDT").update)(withdrawals_open=True)
    usdt = await database_sync_to_async(Asset.objects.get)(code="USDT")
    await database_sync_to_async(books.give)(alice.pk, usdt.pk, 10**11)

    status, error = await bot.ask(
        "POST", "capital/withdraw/apply", coin="USDT", address="0x52908400098527886E0F7030069857D2E4169EE7", amount="20"
    )

    assert (status, error) == (400, {"code": -4019, "msg": "Current asset is not open for withdrawal."})
    assert not await database_sync_to_async(Withdrawal.objects.exists)()


async def test_the_deposit_address_is_the_same_every_time(bot: Bot, btc: Asset, deposit: Deposit) -> None:
    first = await bot.ask("GET", "capital/deposit/address", coin="BTC")
    second = await bot.ask("GET", "capital/deposit/address", coin="btc", network="BTC")

    assert first == second == (200, {"address": ADDRESS, "coin": "BTC", "tag": "", "url": ""})


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"coin": "DOGE"}, 400, -4018),
        ({}, 400, -1102),
        ({"coin": "BTC", "network": "ETH"}, 400, -1130),
        ({"coin": "BTC"}, 503, -4012),
    ],
)
async def test_no_address_is_a_clear_error(
    bot: Bot, btc: Asset, params: dict[str, str], status: int, code: int
) -> None:
    answer = await bot.ask("GET", "capital/deposit/address", **params)

    assert answer[0] == status
    assert isinstance(answer[1], dict)
    assert answer[1]["code"] == code


async def test_deposits_are_listed(bot: Bot, deposit: Deposit) -> None:
    status, rows = await bot.ask("GET", "capital/deposit/hisrec", coin="BTC", status=1)

    assert (status, rows) == (
        200,
        [
            {
                "id": str(deposit.pk),
                "amount": "1.50000000",
                "coin": "BTC",
                "network": "BTC",
                "status": 1,
                "address": ADDRESS,
                "addressTag": "",
                "txId": "ab" * 32,
                "insertTime": int(deposit.seen_at.timestamp() * 1000),
                "transferType": 0,
                "confirmTimes": "3/3",
                "unlockConfirm": 3,
                "walletType": 0,
            }
        ],
    )


@pytest.mark.parametrize(
    "params", [{"status": 0}, {"coin": "ETH"}, {"txId": "none"}, {"offset": 1}, {"endTime": 1_600_000_000_000}]
)
async def test_deposits_are_filtered(bot: Bot, deposit: Deposit, params: dict[str, object]) -> None:
    assert await bot.ask("GET", "capital/deposit/hisrec", **params) == (200, [])


async def test_more_than_ninety_days_are_refused(bot: Bot, deposit: Deposit) -> None:
    answer = await bot.ask("GET", "capital/deposit/hisrec", startTime=now_ms() - 91 * 86_400_000)

    assert answer == (400, {"code": -4047, "msg": "Time interval must be within 0-90 days"})


async def test_withdrawals_are_listed(bot: Bot, withdrawal: Withdrawal) -> None:
    status, rows = await bot.ask("GET", "capital/withdraw/history", withdrawOrderId="w1", idList=withdrawal.id.hex)

    assert (status, rows) == (
        200,
        [
            {
                "id": withdrawal.id.hex,
                "amount": "0.49998000",
                "transactionFee": "0.00002000",
                "coin": "BTC",
                "status": 4,
                "address": ADDRESS,
                "addressTag": "",
                "txId": "cd" * 32,
                "applyTime": withdrawal.requested_at.strftime("%Y-%m-%d %H:%M:%S"),
                "network": "BTC",
                "transferType": 0,
                "withdrawOrderId": "w1",
                "info": "",
                "confirmNo": 2,
                "walletType": 0,
                "txKey": "",
            }
        ],
    )


@pytest.mark.parametrize(
    ("columns", "number", "note"),
    [
        ({"status": "collecting"}, 0, "1.5 of 2 BTC that have to come together."),
        ({"status": "expired"}, 2, "In no block for long. It counts if it gets into one after all."),
        (
            {"status": "orphaned", "confirmations": -1, "lost_at_height": 100},
            2,
            "No longer in the chain. Your withdrawals wait until it is back.",
        ),
        (
            {"status": "confirming", "confirmations": 1, "lost_at_height": 100},
            0,
            "In another block now. Your withdrawals wait until it is as deep as before.",
        ),
        (
            {"status": "reversed", "confirmations": -1},
            2,
            "The chain lost it, and its credit was taken back. Please ask the operators.",
        ),
    ],
)
async def test_a_deposit_that_is_not_like_others_says_why(
    bot: Bot, btc: Asset, deposit: Deposit, columns: dict[str, object], number: int, note: str
) -> None:
    await Asset.objects.aupdate(deposit_min=200_000_000)
    await Deposit.objects.aupdate(**columns)

    status, rows = await bot.ask("GET", "capital/deposit/hisrec", status=number)

    assert isinstance(rows, list)
    assert (status, [(row["status"], row["note"]) for row in rows]) == (200, [(number, note)])


async def test_nobody_sees_what_is_someone_elses(bob: User, deposit: Deposit, withdrawal: Withdrawal) -> None:
    other = await database_sync_to_async(Bot)(bob)

    assert await other.ask("GET", "capital/deposit/hisrec") == (200, [])
    assert await other.ask("GET", "capital/withdraw/history", idList=withdrawal.id.hex) == (200, [])


async def test_a_withdrawal_is_accepted_when_its_funds_are_held(
    bot: Bot, btc: Asset, books: Books, alice: User
) -> None:
    await database_sync_to_async(books.give)(alice.pk, btc.pk, 100_000)
    pipes.connection().delete(pipes.commands_key(0))

    asking = asyncio.create_task(
        bot.ask("POST", "capital/withdraw/apply", coin="BTC", address=ADDRESS, amount="0.0005", withdrawOrderId="w9")
    )
    row = await eventually(Withdrawal.objects.first)
    assert isinstance(row, Withdrawal)
    await database_sync_to_async(books.send)([hold_command(row)])

    assert await asking == (200, {"id": row.id.hex})
    entries = pipes.connection().xrange(pipes.commands_key(0))
    parcel = msgspec.msgpack.decode(entries[0][1][pipes.FIELD], type=Parcel)
    assert parcel.requests[0].command == HoldFunds(row.id.hex, alice.pk, btc.pk, 50_000)


async def test_a_withdrawal_that_the_engine_refuses_is_refused_at_once(
    bot: Bot, btc: Asset, books: Books, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wallets.api._HOLD_WAIT_S", 60.0)  # the ledger of this test may be slow
    await database_sync_to_async(books.give)(alice.pk, btc.pk, 100_000)

    asking = asyncio.create_task(
        bot.ask("POST", "capital/withdraw/apply", coin="BTC", address=ADDRESS, amount="0.0005")
    )
    row = await eventually(Withdrawal.objects.first)
    assert isinstance(row, Withdrawal)
    too_much = HoldFunds(row.id.hex, alice.pk, btc.pk, 100_001)  # as if the rest had been spent meanwhile
    await database_sync_to_async(books.send)([too_much])

    assert await asking == (400, {"code": -4026, "msg": "You have insufficient balance."})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"address": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"}, -4033),
        ({"amount": "0.00001"}, -4022),
        ({"amount": "0.000000001"}, -1111),
        ({"amount": "-1"}, -1100),
        ({"amount": "0"}, -4022),
        ({"amount": "1e400"}, -1100),
        ({"amount": "100"}, -4026),
        ({"amount": ""}, -1102),
        ({"coin": "XYZ"}, -4018),
        ({"network": "ETH"}, -1130),
    ],
)
async def test_bad_withdrawals_are_refused(bot: Bot, btc: Asset, changes: dict[str, str], code: int) -> None:
    params = {"coin": "BTC", "address": ADDRESS, "amount": "0.0005"} | changes

    status, error = await bot.ask("POST", "capital/withdraw/apply", **params)

    assert status == 400
    assert isinstance(error, dict)
    assert error["code"] == code
    assert not await database_sync_to_async(Withdrawal.objects.exists)()


async def test_a_key_without_the_permission_withdraws_nothing(btc: Asset, alice: User) -> None:
    reader = await database_sync_to_async(Bot)(alice, can_withdraw=False)

    status, error = await reader.ask("POST", "capital/withdraw/apply", coin="BTC", address=ADDRESS, amount="0.0005")

    assert (status, error) == (401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."})


@pytest.mark.parametrize(
    ("method", "path", "params"),
    [
        ("GET", "capital/deposit/address", {"coin": "BTC\0"}),
        ("GET", "capital/deposit/hisrec", {"txId": "\0"}),
        (
            "POST",
            "capital/withdraw/apply",
            {"coin": "BTC", "address": ADDRESS, "amount": "1", "withdrawOrderId": "a\0"},
        ),
    ],
)
async def test_a_text_that_postgresql_cannot_hold_is_refused(
    bot: Bot, btc: Asset, method: str, path: str, params: dict[str, str]
) -> None:
    status, answer = await bot.ask(method, path, **params)

    assert (status, answer["code"]) == (400, -1100)  # type: ignore[index]
