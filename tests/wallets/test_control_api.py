"""Control over withdrawals as clients of the API meet it: statuses, limits, halts, cancelling, the second factor."""

import asyncio

import pytest
from channels.db import database_sync_to_async
from django.test import AsyncClient
from pytest_django import Settings

from accounts.models import User
from launcher.services import Process
from mex.errors import SecondFactorWrong
from tests.wallets.books import Books
from tests.wallets.control import ADDRESS, advance, ask, limit, operator
from tests.wallets.test_api import Bot, eventually
from trading.gateway import pipes
from trading.gateway.notices import notices_of
from wallets.api import WITHDRAWAL_STATUS
from wallets.control.accounts import account_freeze
from wallets.control.approvals import withdrawal_approve, withdrawal_reject
from wallets.control.confirmation import confirmation_token, withdrawal_confirm
from wallets.control.ending import withdrawal_cancel
from wallets.control.second_factor import Origin
from wallets.control.switch import halt, resume
from wallets.models import Asset, ChainTransaction, Withdrawal
from wallets.payouts.progress import hold_command


@pytest.fixture(autouse=True)
def routes(settings: Settings, valkey: Process) -> None:
    """Serve the wallet API alone."""
    settings.ROOT_URLCONF = "wallets.sapi_urls"


@pytest.fixture
def bot(alice: User) -> Bot:
    """Return Alice's program."""
    return Bot(alice)


@pytest.fixture
def withdrawal(btc: Asset, alice: User) -> Withdrawal:
    """Return a withdrawal of Alice's that was sent."""
    record = ChainTransaction.objects.create(asset=btc, fee_asset=btc, kind="withdrawal", txid="cd" * 32, raw="00")
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


@pytest.mark.parametrize(
    ("columns", "number"),
    [
        ({"status": "requested"}, 4),
        ({"status": "email"}, 0),
        ({"status": "approval"}, 2),
        ({"status": "held"}, 4),
        ({"status": "signed"}, 4),
        ({"status": "broadcast"}, 4),
        ({"status": "ending", "ends_as": "cancelled"}, 4),
        ({"status": "cancelled", "reject_reason": "cancelled by you"}, 1),
        ({"status": "rejected", "transaction": None, "reject_reason": "not your address"}, 3),
        ({"status": "rejected", "reject_reason": "the receiving contract refused the payment"}, 5),
        ({"status": "confirmed"}, 6),
    ],
)
async def test_each_status_has_the_number_that_clients_know(
    bot: Bot, withdrawal: Withdrawal, columns: dict[str, object], number: int
) -> None:
    await database_sync_to_async(Withdrawal.objects.filter(pk=withdrawal.pk).update)(**columns)

    for status in range(7):
        _, rows = await bot.ask("GET", "capital/withdraw/history", status=status)
        assert isinstance(rows, list)
        shown = [(row["id"], row["status"], row["info"]) for row in rows]
        assert shown == ([(withdrawal.id.hex, number, columns.get("reject_reason", ""))] if status == number else [])


def test_no_status_is_without_a_number() -> None:
    assert set(WITHDRAWAL_STATUS) == set(Withdrawal.Status)


async def test_a_withdrawal_is_cancelled_by_its_id_or_by_its_name(
    bot: Bot, btc: Asset, books: Books, alice: User
) -> None:
    await database_sync_to_async(books.give)(alice.pk, btc.pk, 100_000)
    first, second = [
        await database_sync_to_async(ask)(alice, btc, books, client_id=name) for name in ("first", "second")
    ]

    by_id = await bot.ask("POST", "capital/withdraw/cancel", id=first.id.hex)
    by_name = await bot.ask("POST", "capital/withdraw/cancel", withdrawOrderId="second")

    assert by_id == (200, {"id": first.id.hex, "status": 4})
    assert by_name == (200, {"id": second.id.hex, "status": 4})
    await database_sync_to_async(advance)(books)
    _, rows = await bot.ask("GET", "capital/withdraw/history", status=1)
    assert isinstance(rows, list)
    assert {row["withdrawOrderId"] for row in rows} == {"first", "second"}
    again = await bot.ask("POST", "capital/withdraw/cancel", id=first.id.hex)
    assert again == (200, {"id": first.id.hex, "status": 1})


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"id": "0" * 32}, -4029),
        ({"id": "x"}, -1130),
        ({"withdrawOrderId": "unheard of"}, -4029),
        ({}, -1102),
        ({"withdrawOrderId": "w1"}, -4031),
    ],
)
async def test_what_cannot_be_cancelled_is_said(
    bot: Bot, withdrawal: Withdrawal, params: dict[str, str], code: int
) -> None:
    status, error = await bot.ask("POST", "capital/withdraw/cancel", **params)

    assert isinstance(error, dict)
    assert (status, error["code"]) == (400, code)


async def test_opencex_strangers_cannot_cancel_by_id(
    btc: Asset, books: Books, alice: User, bob: User, withdrawal: Withdrawal
) -> None:
    """OpenCEX let unauthenticated callers cancel unconfirmed withdrawals by id."""
    await database_sync_to_async(books.give)(alice.pk, btc.pk, 100_000)
    row = await database_sync_to_async(ask)(alice, btc, books, client_id="mine")
    other, reader = [
        await database_sync_to_async(Bot)(user, can_withdraw=may) for user, may in ((bob, True), (alice, False))
    ]

    anybody = await AsyncClient().post(f"/sapi/v1/capital/withdraw/cancel?id={row.id.hex}")
    assert anybody.status_code == 401
    for params in ({"id": row.id.hex}, {"withdrawOrderId": "mine"}):
        status, error = await other.ask("POST", "capital/withdraw/cancel", **params)
        assert (status, error["code"]) == (400, -4029)  # type: ignore[index]
    assert (await reader.ask("POST", "capital/withdraw/cancel", id=row.id.hex))[0] == 401
    assert (await database_sync_to_async(Withdrawal.objects.get)(pk=row.pk)).status == "requested"


async def test_a_limit_is_shown_and_enforced(bot: Bot, btc: Asset, books: Books, alice: User) -> None:
    await database_sync_to_async(books.give)(alice.pk, btc.pk, 100_000)
    await database_sync_to_async(limit)(btc, 30_000)
    await database_sync_to_async(ask)(alice, btc, books)

    _, coins = await bot.ask("GET", "capital/config/getall")
    network = coins[0]["networkList"][0]  # type: ignore[index]
    assert [network[name] for name in ("withdrawMax", "withdrawQuota", "withdrawQuotaUsed")] == [
        "0.0003",
        "0.0003",
        "0.0002",
    ]
    answer = await bot.ask("POST", "capital/withdraw/apply", coin="BTC", address=ADDRESS, amount="0.00010001")
    assert answer == (400, {"code": -4023, "msg": "Within 24 hours, the withdrawal exceeds the maximum amount."})


async def test_a_halt_and_a_freeze_are_shown(bot: Bot, btc: Asset, eth: Asset, alice: User) -> None:
    async def network() -> dict[str, object]:
        _, coins = await bot.ask("GET", "capital/config/getall")
        assert isinstance(coins, list)
        assert coins[0]["withdrawAllEnable"] == coins[0]["networkList"][0]["withdrawEnable"]
        return dict(coins[0]["networkList"][0])

    await database_sync_to_async(halt)(None, "a secret reason")
    shown = await network()
    assert (shown["withdrawEnable"], shown["withdrawDesc"]) == (False, "Withdrawals of BTC are closed at the moment.")
    await database_sync_to_async(resume)(None)
    assert (await network())["withdrawEnable"] is True
    await database_sync_to_async(account_freeze)(user=alice, because="a secret reason")
    shown = await network()
    assert (shown["withdrawEnable"], shown["withdrawDesc"]) == (
        False,
        "Withdrawals of your account are stopped. Please ask the operators.",
    )


async def test_a_program_gives_the_second_factor_as_a_parameter(
    bot: Bot, btc: Asset, books: Books, alice: User, settings: Settings
) -> None:
    settings.SECOND_FACTOR = "tests.wallets.test_control_api.only_123456"
    await database_sync_to_async(books.give)(alice.pk, btc.pk, 100_000)
    wanted = {"coin": "BTC", "address": ADDRESS, "amount": "0.0002", "withdrawOrderId": "w9"}

    refused = await bot.ask("POST", "capital/withdraw/apply", **wanted)
    assert refused == (400, {"code": -4032, "msg": "Withdraw verification exception."})
    asking = asyncio.create_task(bot.ask("POST", "capital/withdraw/apply", **wanted, secondFactor="123456"))
    row = await eventually(Withdrawal.objects.first)
    assert isinstance(row, Withdrawal)
    await database_sync_to_async(books.send)([hold_command(row)])
    assert await asking == (200, {"id": row.id.hex})


def only_123456(_user: User, _facts: object, code: str) -> None:
    """Stand in for an operator's second factor."""
    if code != "123456":
        raise SecondFactorWrong()


def test_browsers_are_told_each_status(btc: Asset, books: Books, alice: User, settings: Settings) -> None:
    settings.WITHDRAWAL_EMAILS = True
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    Asset.objects.filter(pk=btc.pk).update(approval_above=10_000)
    btc.refresh_from_db()
    books.give(alice.pk, btc.pk, 1_000_000)
    pipes.connection().delete(pipes.NOTICES_KEY)

    def asked() -> Withdrawal:
        row = ask(alice, btc, books, origin=Origin.PAGE)
        advance(books)
        withdrawal_confirm(user_id=alice.pk, token=confirmation_token(row))
        return row

    paid, rejected, cancelled = asked(), asked(), asked()
    olga = operator("olga")
    withdrawal_approve(operator=olga, pk=paid.pk)
    withdrawal_reject(operator=olga, pk=rejected.pk, reason="no")
    withdrawal_cancel(user_id=alice.pk, pk=cancelled.pk)
    advance(books)

    told: dict[str, list[tuple[object, object]]] = {row.id.hex: [] for row in (paid, rejected, cancelled)}
    for _, fields in pipes.connection().xrange(pipes.NOTICES_KEY):
        for notice in notices_of(fields):
            assert notice.event is not None
            told[str(notice.event["id"])].append((notice.event["status"], notice.event["reason"]))
    begun = [("requested", ""), ("email", ""), ("approval", "")]
    assert told[paid.id.hex] == [*begun, ("held", "")]
    assert told[rejected.id.hex] == [*begun, ("ending", "no"), ("rejected", "no")]
    assert told[cancelled.id.hex] == [*begun, ("ending", "cancelled by you"), ("cancelled", "cancelled by you")]
