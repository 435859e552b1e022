"""Solvency through the API: exact shapes, for everybody, and the proof for a signed request."""

import msgspec
import pytest
from django.test import AsyncClient
from pytest_django import Settings

from accounts.authentication import signature_of
from accounts.models import User
from accounts.services import api_key_create
from launcher.services import Process
from mex.clock import now_ms
from wallets.models import Asset, Balance, SolvencyAddress, SolvencyReport
from wallets.solvency.reports import report_take


@pytest.fixture(autouse=True)
def routes(settings: Settings, valkey: Process) -> None:
    """Serve the API only, and have no node."""
    settings.ROOT_URLCONF = "wallets.sapi_urls"
    settings.BITCOIN_RPC_URL = "http://mex:mex@127.0.0.1:9"
    settings.ETHEREUM_RPC_URL = "http://127.0.0.1:9"


@pytest.fixture
def report(alice: User, btc: Asset) -> SolvencyReport:
    """A report with two addresses that were read before."""
    Balance.objects.create(owner=alice.pk, asset=btc, balance=123_456_789, held=0)
    taken = report_take()
    row = taken.assets.get(asset=btc)
    SolvencyAddress.objects.create(of=row, address="bcrt1qhot", role="hot", units=5)
    SolvencyAddress.objects.create(of=row, address="bcrt1qcold", role="cold", units=500)
    return taken


async def ask(path: str, **headers: str) -> tuple[int, object]:
    response = await AsyncClient().get(f"/sapi/v1/{path}", headers=headers)
    return response.status_code, msgspec.json.decode(response.content)


async def test_a_fresh_instance_has_no_report_yet(ledger_db: None) -> None:
    assert await ask("solvency") == (
        404,
        {"code": -9010, "msg": "There is no report of solvency yet. Ask again in a minute."},
    )


async def test_everybody_is_told_debts_coins_and_root(report: SolvencyReport) -> None:
    status, answer = await ask("solvency")

    assert status == 200
    assert isinstance(answer, dict)
    assert (answer["report"], answer["root"], answer["sequence"]) == (report.name, report.root, 0)
    assert answer["time"] == int(report.taken_at.timestamp() * 1000)
    btc = next(one for one in answer["assets"] if one["coin"] == "BTC")
    assert btc == {
        "coin": "BTC",
        "liabilities": "1.23456789",
        "coins": None,
        "inFlight": None,
        "ratio": None,
        "unknown": "the bitcoin node does not answer",
        "blockHeight": None,
        "blockHash": "",
        "treeHash": btc["treeHash"],
        "addressCount": 2,
        "addresses": [
            {"address": "bcrt1qcold", "role": "cold", "amount": "0.00000500"},
            {"address": "bcrt1qhot", "role": "hot", "amount": "0.00000005"},
        ],
    }


async def test_addresses_come_in_pages(report: SolvencyReport) -> None:
    assert await ask("solvency/addresses?coin=btc&offset=1&limit=5") == (
        200,
        [{"address": "bcrt1qhot", "role": "hot", "amount": "0.00000005"}],
    )
    assert (await ask("solvency/addresses"))[0] == 400


async def test_the_proof_is_for_a_signed_request_only(alice: User, report: SolvencyReport) -> None:
    from asgiref.sync import sync_to_async

    key, secret = await sync_to_async(api_key_create)(user=alice, label="bot", can_trade=False, can_withdraw=False)
    query = f"timestamp={now_ms()}"
    query += "&signature=" + signature_of(secret.encode(), query)

    status, proof = await ask(f"solvency/proof?{query}", **{"X-MBX-APIKEY": key.key})

    assert (await ask("solvency/proof"))[0] in (400, 401)
    assert status == 200
    assert isinstance(proof, dict)
    assert (proof["email"], proof["root"]) == ("alice@example.com", report.root)
    btc = next(one for one in proof["assets"] if one["asset"] == "BTC")
    assert sum(piece["units"] for piece in btc["pieces"]) == 123_456_789
