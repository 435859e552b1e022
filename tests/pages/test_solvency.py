"""The page about solvency is for everybody, the proof for its owner only, and both say what the report says."""

import json

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from tests.pages.markup import Page
from wallets.models import Asset, Balance, SolvencyAddress, SolvencyReport
from wallets.solvency.reports import report_take


@pytest.fixture
def report(alice: User, settings: Settings) -> SolvencyReport:
    """A report while no node answers, but for an address of BTC that was read before."""
    settings.BITCOIN_RPC_URL = "http://mex:mex@127.0.0.1:9"
    settings.ETHEREUM_RPC_URL = "http://127.0.0.1:9"
    Balance.objects.update_or_create(
        owner=alice.pk, asset=Asset.objects.get(code="BTC"), defaults={"balance": 123_456_789, "held": 0}
    )
    taken = report_take()
    row = taken.assets.get(asset__code="BTC")
    SolvencyAddress.objects.create(of=row, address="bcrt1qhot", role="hot", units=5)
    SolvencyAddress.objects.create(of=row, address="bcrt1qcold", role="cold", units=500)
    return taken


@pytest.mark.django_db
def test_a_fresh_instance_has_no_report_yet(client: Client) -> None:
    assert "The first report is taken in a minute" in client.get("/solvency").text


def test_everybody_sees_debts_root_and_addresses(client: Client, report: SolvencyReport) -> None:
    page = client.get("/solvency")

    assert page.status_code == 200
    assert Page(page.text).blocked == []
    for text in (report.root, "1.23456789", "bcrt1qcold", "not known: the bitcoin node does not answer", "Log in"):
        assert text in page.text
    assert page.text.index("bcrt1qcold") < page.text.index("bcrt1qhot")
    assert "alice@" not in page.text


def test_a_proof_is_for_its_owner(client: Client, browser: Client, bob: User, report: SolvencyReport) -> None:
    mine = browser.get("/solvency/proof.json")
    stranger = client.get("/solvency/proof.json")
    client.force_login(bob)
    other = json.loads(client.get("/solvency/proof.json").text)

    assert mine["Content-Disposition"] == f'attachment; filename="mex-proof-{report.pk}.json"'
    assert "no-store" in mine["Cache-Control"]
    proof = json.loads(mine.text)
    btc = next(one for one in proof["assets"] if one["asset"] == "BTC")
    assert sum(piece["units"] for piece in btc["pieces"]) == 123_456_789
    assert (proof["email"], proof["root"]) == ("alice@example.org", report.root)
    assert stranger.status_code == 302
    assert other["email"] == "bob@example.org"
    assert [one["pieces"] for one in other["assets"]] == [[], [], []]


def test_the_page_leads_its_reader_to_the_proof(browser: Client, report: SolvencyReport) -> None:
    assert 'href="/solvency/proof.json"' in browser.get("/solvency").text
