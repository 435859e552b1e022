"""The operator's page: how everything stands, for staff only; offers and their way back."""

import base64
import secrets
from datetime import timedelta
from textwrap import wrap
from urllib.parse import urlencode

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from accounts.models import User
from mex.limits import HTTP_BODY_BYTES_MAX
from tests.pages.markup import Page
from wallets import operations_admin
from wallets.chains.ethereum import EthereumNode
from wallets.cold.unsigned import UnsignedCall
from wallets.control.switch import halt
from wallets.models import Asset, ChainCursor, ChainTransaction, ColdOffer, Deposit, HotWallet, Withdrawal
from wallets.operations import family_lines, figures

COLD = "0x661FB2135f1AC0d4B2869d46B91546E5526D7e9c"


@pytest.fixture
def eth(alice: User) -> Asset:
    """Ether, with a hot wallet that is low and short."""
    asset = Asset.objects.get(code="ETH")
    Asset.objects.filter(pk=asset.pk).update(hot_floor=10**9, hot_ceiling=10**10, cold_address=COLD)
    now = timezone.now()
    HotWallet.objects.create(
        asset=asset, units=700_000_000, promised=100_000_000, waiting=900_000_000, unexplained=3, low_since=now,
        short_since=now,
    )  # fmt: skip
    ChainCursor.objects.update_or_create(chain="ethereum", defaults={"height": 90, "block_hash": "x", "tip_height": 97})
    return asset


@pytest.fixture
def offer(eth: Asset) -> ColdOffer:
    """An open offer of 2 ETH."""
    call = UnsignedCall(31337, 4, 10**9, 3 * 10**9, 21_000, COLD, 2 * 10**18)
    return ColdOffer.objects.create(asset=eth, address=COLD, amount=2 * 10**8, unsigned=call.hex)


@pytest.mark.parametrize("path", ["", "offers/1/", "offers/1/file"])
def test_nobody_but_staff_sees_it(client: Client, browser: Client, path: str) -> None:
    for visitor in (client, browser):
        answer = visitor.get(f"/admin/operations/{path}")

        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/")


def test_the_page_shows_queue_wallets_chains_and_what_is_wrong(
    operator: Client, alice: User, eth: Asset, offer: ColdOffer
) -> None:
    Deposit.objects.filter(user=alice).update(lost_at_height=95, status="orphaned")
    halt(Asset.objects.get(code="BTC"), "for a test of this page")
    wallet = HotWallet.objects.get()

    page = operator.get("/admin/operations/")

    assert page.status_code == 200
    assert Page(page.text).blocked == []
    for text in (
        "7</td>",
        f"short since {wallet.short_since:%Y-%m-%d %H:%M:%S} UTC",
        f"<td>{wallet.seen_at:%Y-%m-%d %H:%M:%S} UTC</td>",
        "halted: for a test of this page",
        "2 to be signed",
        "alice@example.org",
        "97",
    ):
        assert text in page.text
    assert "/admin/operations/" in operator.get("/admin/").text


def test_what_was_settled_and_is_not_so_is_shown_with_its_withdrawal(operator: Client, alice: User, eth: Asset) -> None:
    columns = {"asset": eth, "fee_asset": eth, "raw": "0x", "status": "confirmed", "network_fee": 0}
    paid = ChainTransaction.objects.create(
        txid="contradicted", kind="withdrawal", contradicted_at=timezone.now(), **columns
    )
    ChainTransaction.objects.create(
        txid="decided", kind="sweep", contradicted_at=timezone.now(), contradiction_note="x", **columns
    )
    withdrawal = Withdrawal.objects.create(
        user=alice, asset=eth, address=COLD, amount=10, fee=1, status="confirmed", transaction=paid
    )
    before = operator.get("/admin/operations/").text
    lost = ChainTransaction.objects.create(txid="lost by its chain", kind="sweep", fee_in_doubt=True, **columns)
    after = operator.get("/admin/operations/").text
    found = {figure.name: figure.value for figure in figures()}

    assert [text in before for text in (f"withdrawal {withdrawal.pk}", "to be decided", "sweep decided")] == [
        True,
        True,
        False,
    ]
    assert (f"sweep {lost.txid}" in before, f"sweep {lost.txid}" in after) == (False, True)
    assert (found["mex_transactions_contradicted"], found["mex_transactions_in_doubt"]) == (1, 1)
    assert Page(after).blocked == []


def test_metrics_say_the_same(eth: Asset, alice: User) -> None:
    found = {(figure.name, dict(figure.labels).get("asset", "")): figure.value for figure in figures()}

    assert found["mex_hot_wallet_units", "ETH"] == 700_000_000
    assert (found["mex_hot_wallet_low", "ETH"], found["mex_hot_wallet_short", "ETH"]) == (1, 1)
    assert found["mex_withdrawals_halted", "ETH"] == 0
    assert found["mex_hot_wallet_unexplained_units", "ETH"] == 3
    assert found["mex_deposits_lost", ""] == 0
    assert (
        found["mex_transactions_unfinished", ""]
        == ChainTransaction.objects.filter(status__in=["signed", "broadcast"], first_version=None).count()
    )


def test_versions_of_a_transaction_are_one_line_as_old_as_the_first(eth: Asset) -> None:
    ChainTransaction.objects.exclude(status="x").filter(status__in=["signed", "broadcast"]).update(status="replaced")
    hour = timezone.now() - timedelta(hours=1)
    columns = {"asset": eth, "fee_asset": eth, "kind": "withdrawal", "raw": "0x", "status": "broadcast"}
    first = ChainTransaction.objects.create(txid="one", created_at=hour, **columns)
    ChainTransaction.objects.create(txid="two", first_version=first, **columns)

    (line,) = family_lines()

    assert (line.record.txid, line.versions, 3_599 < line.age_s < 3_700) == ("two", 2, True)


def test_an_offer_is_shown_and_sent_as_a_file(operator: Client, offer: ColdOffer) -> None:
    page = operator.get(f"/admin/operations/offers/{offer.pk}/")
    file = operator.get(f"/admin/operations/offers/{offer.pk}/file")

    assert Page(page.text).blocked == []
    assert [text in page.text for text in (offer.unsigned, COLD, "2000000000000000000", "Store and send")] == [True] * 4
    assert file.text == offer.unsigned
    assert file["Content-Disposition"] == f'attachment; filename="mex-cold-ETH-{offer.pk}.unsigned.txt"'


def test_what_is_refused_is_said_and_stored_nowhere(
    operator: Client, offer: ColdOffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations_admin.keys, "hot_address", lambda: COLD)
    before = ChainTransaction.objects.count()

    for text in ("", "0x00", "x" * 500_000):
        answer = operator.post(f"/admin/operations/offers/{offer.pk}/", {"signed": text}, follow=True)
        assert "errorlist" in answer.text or 'class="error"' in answer.text

    assert ChainTransaction.objects.count() == before
    assert "This has more than 50,000 characters: paste the final transaction in hex" in answer.text
    assert "At most 50,000 characters." in answer.text


def test_what_may_be_pasted_fits_into_a_request() -> None:
    """As a browser sends it, in lines of 64 characters; a larger one never reached the page that says what is wrong."""
    text = base64.b64encode(secrets.token_bytes(40_000)).decode()[: operations_admin.SIGNED_CHARS_MAX]
    lines = "\r\n".join(wrap(text, 64))

    body = urlencode({"csrfmiddlewaretoken": "x" * 64, "signed": lines})

    assert len(text) == operations_admin.SIGNED_CHARS_MAX
    assert len(body) <= HTTP_BODY_BYTES_MAX


def test_what_was_signed_is_stored_and_noted(
    operator: Client, offer: ColdOffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eth_account import Account

    account = Account.from_key(b"\x05" * 32)
    monkeypatch.setattr(operations_admin.keys, "hot_address", lambda: account.address)
    monkeypatch.setattr(EthereumNode, "base_fee", lambda self: 10**9)
    fields = {"type": 2, "chainId": 31337, "nonce": 4, "maxPriorityFeePerGas": 10**9, "maxFeePerGas": 3 * 10**9}
    fields |= {"gas": 21_000, "to": COLD, "value": 2 * 10**18}
    raw = account.sign_transaction(fields).raw_transaction.to_0x_hex()

    answer = operator.post(f"/admin/operations/offers/{offer.pk}/", {"signed": raw}, follow=True)

    record = ChainTransaction.objects.get(kind="cold")
    offer.refresh_from_db()
    assert (offer.transaction, record.raw, record.status) == (record, raw, "signed")
    assert f"{record.txid} is stored" in answer.text
    assert LogEntry.objects.get().change_message == f"signed: {record.txid}"
    assert "Store and send" not in answer.text


def test_staff_without_the_permission_may_look_only(offer: ColdOffer) -> None:
    staff = Client()
    staff.force_login(User.objects.create(email="staff@example.org", is_staff=True))

    page = staff.get(f"/admin/operations/offers/{offer.pk}/")
    answer = staff.post(f"/admin/operations/offers/{offer.pk}/", {"signed": "0x00"})

    assert "Store and send" not in page.text
    assert answer.status_code == 403


def test_a_withdrawn_offer_is_not_to_be_signed(operator: Client, offer: ColdOffer) -> None:
    ColdOffer.objects.filter(pk=offer.pk).update(withdrawn_at=timezone.now())

    page = operator.get(f"/admin/operations/offers/{offer.pk}/")

    assert "do not sign it" in page.text
    assert "Store and send" not in page.text


def test_unfinished_withdrawals_are_in_the_order_of_their_life(operator: Client, alice: User, eth: Asset) -> None:
    Withdrawal.objects.filter(user=alice).update(status="held", transaction=None)

    assert "Waiting to be sent" in operator.get("/admin/operations/").text
