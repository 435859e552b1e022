"""The admin shows everything, and lets nobody touch money or orders. What operators change is in tests/operators."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import ApiKey, User
from accounts.services import api_key_create
from tests.pages.markup import Page
from tests.pages.rows import TIME_MS
from trading.models import (
    EngineState,
    Market,
    MarketState,
    OperatorChange,
    Order,
    OrderCondition,
    OrderList,
    PreventedMatch,
    Terms,
    Trade,
)
from wallets.models import (
    Asset,
    Balance,
    ChainCursor,
    ChainTransaction,
    Deposit,
    DepositAddress,
    Hold,
    Posting,
    Withdrawal,
)

READ_ONLY: list[type[Model]] = [
    Posting,
    Balance,
    Hold,
    Deposit,
    ChainTransaction,
    Withdrawal,
    Order,
    OrderCondition,
    OrderList,
    PreventedMatch,
    OperatorChange,
    Trade,
    EngineState,
    MarketState,
    DepositAddress,
    ChainCursor,
]
MODELS = [model for app in ("accounts", "wallets", "trading") for model in apps.get_app_config(app).get_models()]


@pytest.fixture(autouse=True)
def rare_rows(alice: User) -> None:
    """Give Alice an order of a list, a prevented match and terms of her own, as the engine writes them."""
    market = Market.objects.get(symbol="ETHBTC")
    shared = {"account": alice, "market": market}
    OrderCondition.objects.create(
        order_id=1, stop_price=5_310_000, iceberg_quantity=100_000_000, list_id=7, rank_after=1, rank_number=1
    )
    OrderList.objects.create(
        id=7, client_list_id="oco", status=1, above=1, below=2, created_ms=TIME_MS, updated_ms=TIME_MS, **shared
    )
    PreventedMatch.objects.create(
        number=1,
        taker_order=2,
        maker_order=1,
        mode=2,
        price=5_220_000,
        taker_quantity=40_000_000,
        maker_quantity=0,
        time_ms=TIME_MS,
        **shared,
    )
    Terms.objects.create(account=alice, maker_fee_ppm=500)
    OperatorChange.objects.create(
        reference="market:1",
        kind="market",
        subject=market.pk,
        symbol="ETHBTC",
        actor="olga@example.org",
        note="too dear",
        sequence=3,
        time_ms=TIME_MS,
        before={"tick": 1_000, "maker_fee_ppm": 1_000, "status": 1},
        after={"tick": 2_000, "maker_fee_ppm": 1_000, "status": 2},
    )
    OperatorChange.objects.create(
        reference="terms:1",
        kind="terms",
        subject=alice.pk,
        actor="olga@example.org",
        sequence=4,
        time_ms=TIME_MS,
        after={"maker_fee_ppm": 500, "taker_fee_ppm": -1, "stp": 1},
    )


def url(model: type[Model], rest: str = "") -> str:
    """Return the admin's address of a model."""
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/{rest}"


def test_the_admin_has_the_icon_of_mex(operator: Client) -> None:
    """Without one, browsers ask for /favicon.ico, which is not there."""
    assert '<link rel="icon" href="/static/img/favicon.svg"' in operator.get("/admin/").text


def test_every_model_is_in_the_admin() -> None:
    assert [model for model in MODELS if not admin.site.is_registered(model)] == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_model_is_shown_and_obeys_the_policy(operator: Client, alice: User, model: type[Model]) -> None:
    api_key_create(user=alice, label="bot", can_trade=True, can_withdraw=False)

    listing = operator.get(url(model))
    row = model.objects.first()

    assert listing.status_code == 200
    assert Page(listing.text).blocked == []
    if row is not None:
        detail = operator.get(url(model, f"{row.pk}/change/"))
        assert detail.status_code == 200
        assert Page(detail.text).blocked == []


@pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model.__name__)
def test_money_and_orders_cannot_be_touched(operator: Client, alice: User, model: type[Model]) -> None:
    row = model.objects.first()
    assert row is not None
    before = model.objects.filter(pk=row.pk).values().get()

    assert operator.get(url(model, "add/")).status_code == 403
    assert operator.post(url(model, "add/"), {}).status_code == 403
    assert operator.post(url(model, f"{row.pk}/change/"), {"amount": "1"}).status_code == 403
    assert operator.post(url(model, f"{row.pk}/delete/"), {"post": "yes"}).status_code == 403
    operator.post(url(model), {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"})

    assert model.objects.filter(pk=row.pk).values().get() == before
    assert 'name="_save"' not in operator.get(url(model, f"{row.pk}/change/")).text


@pytest.mark.parametrize("model", [Asset, Market, Terms, ApiKey], ids=lambda model: model.__name__)
def test_what_others_refer_to_cannot_be_deleted(operator: Client, alice: User, model: type[Model]) -> None:
    api_key_create(user=alice, label="bot", can_trade=True, can_withdraw=False)
    row = model.objects.first()
    assert row is not None

    assert operator.post(url(model, f"{row.pk}/delete/"), {"post": "yes"}).status_code == 403


def test_a_long_list_is_counted_no_further_than_to_a_limit(
    operator: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mex.admin.ROWS_COUNTED_MAX", 1)
    assert Posting.objects.count() > 1

    with CaptureQueriesContext(connection) as asked:
        answer = operator.get(url(Posting))

    assert answer.status_code == 200
    assert "1 posting" in answer.content.decode()
    counts = [query["sql"] for query in asked if "COUNT(*)" in query["sql"] and "posting" in query["sql"]]
    assert [sql for sql in counts if "LIMIT 1)" not in sql] == []
    assert counts != []


def test_amounts_and_people_are_readable(operator: Client, alice: User) -> None:
    postings, orders = operator.get(url(Posting)).text, operator.get(url(Order)).text

    assert "1.5" in postings
    assert "alice@example.org" in postings
    assert "chain" in postings
    assert "deposit" in postings
    assert "0.0531" in orders


def test_an_order_shows_what_it_waits_for_and_what_it_lost(operator: Client, alice: User) -> None:
    Order.objects.filter(pk=1).update(stp=2, prevented=30_000_000)

    orders = operator.get(url(Order)).text

    assert "stop 0.0531, iceberg 1, list 7" in orders
    assert "Expire taker" in orders
    assert '<td class="field-prevented_text">0.3</td>' in orders


def test_the_audit_trail_says_who_changed_what_from_what_to_what(operator: Client, alice: User) -> None:
    listing = operator.get(url(OperatorChange)).text

    assert "olga@example.org" in listing
    assert "too dear" in listing
    assert "tick: 0.00001 → 0.00002<br>status: TRADING → HALT<br>" in listing
    assert "maker_fee_ppm: 1000" not in listing
    assert "alice@example.org" in listing
    assert "maker_fee_ppm: 500<br>taker_fee_ppm: the market&#x27;s<br>stp: NONE<br>" in listing
    row = OperatorChange.objects.get(kind="market")
    assert "status: TRADING → HALT<br>" in operator.get(url(OperatorChange, f"{row.pk}/change/")).text


def test_the_secret_of_a_key_is_shown_nowhere(operator: Client, alice: User) -> None:
    key, secret = api_key_create(user=alice, label="bot", can_trade=True, can_withdraw=False)

    html = operator.get(url(ApiKey)).text + operator.get(url(ApiKey, f"{key.pk}/change/")).text

    assert secret not in html
    assert "secret_encrypted" not in html
    assert bytes(key.secret_encrypted).decode() not in html
    assert operator.get(url(ApiKey, "add/")).status_code == 403


def test_an_operator_can_revoke_a_key(operator: Client, alice: User) -> None:
    key, _ = api_key_create(user=alice, label="bot", can_trade=True, can_withdraw=False)

    operator.post(url(ApiKey), {"action": "revoke", "_selected_action": [str(key.pk)]})

    key.refresh_from_db()
    assert key.revoked_at is not None
    entry = LogEntry.objects.get()
    assert (entry.user.email, entry.object_id, entry.change_message) == ("operator@example.org", str(key.pk), "Revoked")
    operator.post(url(ApiKey), {"action": "revoke", "_selected_action": [str(key.pk)]})
    assert LogEntry.objects.count() == 1, "what was over is not ended again"


def test_who_may_only_look_at_keys_revokes_none(alice: User, bob: User) -> None:
    key, _ = api_key_create(user=alice, label="bot", can_trade=True, can_withdraw=False)
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    bob.user_permissions.set(Permission.objects.filter(codename="view_apikey"))
    client = Client()
    client.force_login(User.objects.get(pk=bob.pk))

    listing = client.get(url(ApiKey))
    client.post(url(ApiKey), {"action": "revoke", "_selected_action": [str(key.pk)]})

    assert (listing.status_code, "Revoke selected keys" in listing.text) == (200, False)
    key.refresh_from_db()
    assert key.revoked_at is None
    assert LogEntry.objects.count() == 0


def asset_form(**changes: str) -> dict[str, str]:
    """Return the asset form of BTC as a browser sends it."""
    return {
        "name": "Bitcoin",
        "confirmations": "2",
        "withdrawal_fee": "0.00003",
        "withdrawal_min": "0.001",
        "deposits_open": "on",
        "initial-withdrawals_open": "True",
        "transaction_url": "https://explorer.example/tx/{txid}",
        "address_url": "",
    } | changes


def test_an_asset_can_be_changed_in_decimals(operator: Client) -> None:
    asset = Asset.objects.get(code="BTC")

    response = operator.post(url(Asset, f"{asset.pk}/change/"), asset_form())

    assert response.status_code == 302
    asset.refresh_from_db()
    assert (asset.confirmations, asset.withdrawal_fee, asset.withdrawal_min) == (2, 3_000, 100_000)
    assert (asset.code, asset.deposits_open, asset.withdrawals_open) == ("BTC", True, False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"withdrawal_min": "0.00003"}, "The minimum must be more than the fee."),
        ({"withdrawal_fee": "-1"}, "Write a decimal number"),
        ({"withdrawal_fee": "0.000000001"}, "Write a decimal number"),
        ({"transaction_url": "https://explorer.example/"}, "The link must contain {txid}."),
        ({"confirmations": "0"}, "asset_confirmations_positive"),
    ],
)
def test_a_bad_asset_is_refused(operator: Client, changes: dict[str, str], message: str) -> None:
    asset = Asset.objects.get(code="BTC")
    before = Asset.objects.filter(pk=asset.pk).values().get()

    response = operator.post(url(Asset, f"{asset.pk}/change/"), asset_form(**changes))

    assert response.status_code == 200
    assert message in response.text
    assert Asset.objects.filter(pk=asset.pk).values().get() == before


def test_an_operator_can_make_a_user_and_set_a_password(operator: Client) -> None:
    new = {"email": "Dave@Example.org", "password1": "correct horse battery", "password2": "correct horse battery"}

    response = operator.post(url(User, "add/"), new | {"usable_password": "true"})

    assert response.status_code == 302
    dave = User.objects.get(email="dave@example.org")
    assert operator.get(url(User, f"{dave.pk}/password/")).status_code == 200
    changed = {"password1": "another long password", "password2": "another long password", "usable_password": "true"}
    operator.post(url(User, f"{dave.pk}/password/"), changed)
    dave.refresh_from_db()
    assert dave.check_password("another long password")


def test_only_staff_reach_the_admin(browser: Client) -> None:
    assert browser.get("/admin/").status_code == 302


def test_an_operator_can_close_an_account(operator: Client, alice: User) -> None:
    form = {"email": alice.email, "created_at_0": "2026-01-01", "created_at_1": "00:00:00"}

    response = operator.post(url(User, f"{alice.pk}/change/"), form)

    assert response.status_code == 302
    alice.refresh_from_db()
    assert not alice.is_active


def test_an_email_that_an_operator_changes_is_kept_as_all_are(operator: Client, alice: User) -> None:
    """In lower case: else its owner, who is found by that, could not log in."""
    form = {"email": " Alice.B@Example.ORG", "is_active": "on"}

    assert operator.post(url(User, f"{alice.pk}/change/"), form).status_code == 302

    alice.refresh_from_db()
    assert alice.email == "alice.b@example.org"
