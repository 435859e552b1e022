"""What operators do in the admin about withdrawals: decide, freeze, halt, limit; who did what stays."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from tests.pages.markup import Page
from tests.pages.rows import BTC_ADDRESS, ETH_ADDRESS
from tests.pages.test_admin import asset_form, url
from wallets.cold.hot import short_reason
from wallets.control.switch import halt, resume
from wallets.models import (
    Asset,
    TierLimit,
    Withdrawal,
    WithdrawalDecision,
    WithdrawalRules,
    WithdrawalSwitch,
    WithdrawalTier,
)

QUEUE = "/admin/wallets/withdrawal/approvals/"


@pytest.fixture
def large(alice: User) -> Withdrawal:
    """A withdrawal of Alice's that waits for approval."""
    return Withdrawal.objects.create(
        user=alice,
        asset=Asset.objects.get(code="BTC"),
        address=BTC_ADDRESS,
        amount=700_000_000,
        fee=2_000,
        status="approval",
        needs_approval=True,
    )


def staff(user: User, *permissions: str) -> Client:
    """Return a browser of someone who may use the admin, with these permissions."""
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    return client


def history() -> list[tuple[str, str, str]]:
    """Return who did what, why, as Django's log has it."""
    entries = LogEntry.objects.select_related("user", "content_type")
    return [(entry.user.email, entry.content_type.model, entry.get_change_message()) for entry in entries]  # type: ignore[union-attr]


# --- the queue ----------------------------------------------------------------------------------------


def test_the_queue_shows_what_waits_and_obeys_the_policy(operator: Client, large: Withdrawal) -> None:
    response = operator.get(QUEUE)

    assert response.status_code == 200
    assert Page(response.text).blocked == []
    for shown in ("7 BTC of alice@example.org", BTC_ADDRESS, "not in the book", "0 of 1", str(large.pk)):
        assert shown in response.text
    assert f'<a href="{QUEUE}">Waiting for approval: 1</a>' in operator.get(url(Withdrawal)).text


def test_an_empty_queue_says_so(operator: Client) -> None:
    assert "No withdrawal waits for approval." in operator.get(QUEUE).text


def test_an_operator_approves(operator: Client, large: Withdrawal) -> None:
    response = operator.post(f"{QUEUE}{large.pk}/", {"decision": "approve", "reason": ""}, follow=True)

    assert "is now: waiting to be sent." in response.text
    large.refresh_from_db()
    assert large.status == "held"
    assert history() == [("operator@example.org", "withdrawal", "approve")]


def test_an_operator_rejects_and_the_owner_is_told_why(operator: Client, browser: Client, large: Withdrawal) -> None:
    refused = operator.post(f"{QUEUE}{large.pk}/", {"decision": "reject", "reason": " "}, follow=True)
    assert "Say why: the owner is told." in refused.text
    assert not WithdrawalDecision.objects.exists()

    operator.post(f"{QUEUE}{large.pk}/", {"decision": "reject", "reason": "not your address"})

    large.refresh_from_db()
    assert (large.status, large.ends_as) == ("ending", "rejected")
    assert "not your address" in browser.get("/withdraw/BTC").text
    assert history() == [("operator@example.org", "withdrawal", "reject: not your address")]


def test_what_waits_for_something_else_is_rejected_on_its_own_page(
    operator: Client, large: Withdrawal, bob: User
) -> None:
    Withdrawal.objects.filter(pk=large.pk).update(status="held")
    page = url(Withdrawal, f"{large.pk}/change/")
    html = operator.get(page).text
    assert "Reject, and give the funds back" in html
    assert Page(html).blocked == []
    assert "Reject, and give" not in staff(bob, "view_withdrawal").get(page).text

    operator.post(f"{QUEUE}{large.pk}/", {"decision": "reject", "reason": "the token blocks this address"})

    large.refresh_from_db()
    assert (large.status, large.ends_as) == ("ending", "rejected")
    assert "Reject, and give" not in operator.get(page).text


@pytest.mark.parametrize("decision", ["", "approve!", "delete"])
def test_nothing_else_is_a_decision(operator: Client, large: Withdrawal, decision: str) -> None:
    response = operator.post(f"{QUEUE}{large.pk}/", {"decision": decision}, follow=True)

    assert "Approve or reject: nothing was done." in response.text
    assert not WithdrawalDecision.objects.exists()


def test_looking_decides_nothing(operator: Client, large: Withdrawal) -> None:
    assert operator.get(f"{QUEUE}{large.pk}/?decision=approve").status_code == 302

    assert not WithdrawalDecision.objects.exists()


def test_only_those_with_the_permission_see_and_decide(large: Withdrawal, bob: User, browser: Client) -> None:
    client = staff(bob, "view_withdrawal", "change_withdrawal")
    assert client.get(QUEUE).status_code == 403
    assert client.post(f"{QUEUE}{large.pk}/", {"decision": "approve"}).status_code == 403
    assert QUEUE not in client.get(url(Withdrawal)).text
    assert browser.get(QUEUE).status_code == 302  # not staff: to the admin's login
    assert not WithdrawalDecision.objects.exists()

    client = staff(bob, "approve_withdrawal")
    assert client.get(QUEUE).status_code == 200
    client.post(f"{QUEUE}{large.pk}/", {"decision": "approve"})
    assert WithdrawalDecision.objects.get().operator == bob


def test_ones_own_withdrawal_has_no_buttons(large: Withdrawal, alice: User) -> None:
    client = staff(alice, "approve_withdrawal")

    html = client.get(QUEUE).text

    assert "It is your own: another operator has to decide about it." in html
    assert 'value="approve"' not in html
    assert (
        "Nobody decides about a withdrawal of his own."
        in client.post(f"{QUEUE}{large.pk}/", {"decision": "approve"}, follow=True).text
    )


def test_a_form_from_elsewhere_decides_nothing(large: Withdrawal) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser(email="olga@example.org", password="correct horse battery"))

    assert client.post(f"{QUEUE}{large.pk}/", {"decision": "approve"}).status_code == 403


# --- the switches ---------------------------------------------------------------------------------------


def test_an_operator_halts_everything_and_resumes_it(operator: Client) -> None:
    change = url(WithdrawalSwitch, "1/change/")
    assert "Say why: it is kept." in operator.post(change, {"is_halted": "on", "because": " "}).text
    assert not WithdrawalSwitch.objects.get().is_halted

    operator.post(change, {"is_halted": "on", "because": "an attack"})
    switch = WithdrawalSwitch.objects.get()
    assert (switch.is_halted, switch.because) == (True, "an attack")
    operator.post(change, {"because": "an attack"})

    switch.refresh_from_db()
    assert (switch.is_halted, switch.because) == (False, "")
    assert [entry[2] for entry in reversed(history())] == ["Halted: an attack", "Resumed"]
    assert operator.get(url(WithdrawalSwitch, "add/")).status_code == 403
    assert operator.post(url(WithdrawalSwitch, "1/delete/"), {"post": "yes"}).status_code == 403


def test_opening_an_asset_takes_the_reason_of_the_halt_back(operator: Client) -> None:
    asset = Asset.objects.get(code="BTC")
    halt(asset, "the books differ")
    assert "the books differ" in operator.get(url(Asset, f"{asset.pk}/change/")).text

    form = asset_form(withdrawals_open="on") | {"initial-withdrawals_open": "False"}
    operator.post(url(Asset, f"{asset.pk}/change/"), form)

    asset.refresh_from_db()
    assert (asset.withdrawals_open, asset.closed_because) == (True, "")


@pytest.mark.parametrize("meanwhile", ["still halted", "resumed"])
def test_what_mex_halted_is_kept_closed_by_an_operator(operator: Client, meanwhile: str) -> None:
    """Else it would go on by itself when the hot wallet can pay again: also a moment before he says so."""
    asset, other = Asset.objects.get(code="BTC"), Asset.objects.get(code="ETH")
    because = short_reason(asset)
    halt(asset, because)
    page = operator.get(url(Asset)).text
    if meanwhile == "resumed":
        resume(asset, halted_because=because)

    answer = operator.post(url(Asset), {"action": "keep_closed", "_selected_action": [str(asset.pk)]}, follow=True)
    halt(asset, because)
    resumed = resume(asset, halted_because=because)

    asset.refresh_from_db()
    other.refresh_from_db()
    assert "Close withdrawals, and keep them closed" in page
    assert "Withdrawals of BTC stay closed until an operator opens them." in answer.text
    assert (resumed, asset.withdrawals_open, asset.closed_because, other.withdrawals_open) == (False, False, "", True)
    kept = f": was {because}" if meanwhile == "still halted" else ""
    assert history() == [("operator@example.org", "asset", f"Withdrawals closed, and kept closed{kept}")]


def test_only_those_who_may_change_assets_keep_them_closed(bob: User) -> None:
    asset = Asset.objects.get(code="BTC")

    staff(bob, "view_asset").post(url(Asset), {"action": "keep_closed", "_selected_action": [str(asset.pk)]})

    asset.refresh_from_db()
    assert asset.withdrawals_open
    assert history() == []


def test_a_form_that_was_opened_before_a_halt_does_not_take_it_back(operator: Client) -> None:
    """Whoever changes the fee while the audit halts the asset saves what he saw: the switch stays as it is now."""
    asset = Asset.objects.get(code="BTC")
    halt(asset, "the books differ")

    operator.post(url(Asset, f"{asset.pk}/change/"), asset_form(withdrawals_open="on", withdrawal_fee="0.00004"))

    asset.refresh_from_db()
    assert (asset.withdrawals_open, asset.closed_because) == (False, "the books differ")
    assert asset.withdrawal_fee == 4_000


def test_the_amounts_of_control_are_decimals(operator: Client) -> None:
    asset = Asset.objects.get(code="BTC")
    form = asset_form(
        deposit_min="0.001",
        large_amount="5",
        large_confirmations="6",
        approval_above="2",
        hot_floor="1",
        hot_ceiling="10",
        cold_address=BTC_ADDRESS.upper(),
    )

    assert operator.post(url(Asset, f"{asset.pk}/change/"), form).status_code == 302

    asset.refresh_from_db()
    assert (asset.deposit_min, asset.large_amount, asset.large_confirmations) == (100_000, 500_000_000, 6)
    assert (asset.approval_above, asset.hot_floor, asset.hot_ceiling) == (200_000_000, 100_000_000, 1_000_000_000)
    assert asset.cold_address == BTC_ADDRESS
    operator.post(url(Asset, f"{asset.pk}/change/"), asset_form())
    asset.refresh_from_db()
    assert (asset.deposit_min, asset.large_amount, asset.approval_above, asset.cold_address) == (0, None, None, "")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cold_address": ETH_ADDRESS}, "This is not an address of this network"),
        ({"cold_address": BTC_ADDRESS[:-1] + "x"}, "This is not an address of this network"),
        ({"hot_floor": "2", "hot_ceiling": "1"}, "The ceiling of the hot wallet must be above its floor."),
        ({"large_amount": "1"}, "Large deposits need an amount, and at least the usual confirmations."),
        ({"approval_above": "much"}, "Write a decimal number"),
    ],
)
def test_amounts_and_addresses_that_make_no_sense_are_refused(
    operator: Client, changes: dict[str, str], message: str
) -> None:
    asset = Asset.objects.get(code="BTC")
    before = Asset.objects.filter(pk=asset.pk).values().get()

    response = operator.post(url(Asset, f"{asset.pk}/change/"), asset_form(**changes))

    assert message in response.text
    assert Asset.objects.filter(pk=asset.pk).values().get() == before


# --- tiers and rules ------------------------------------------------------------------------------------


def test_a_tier_is_made_with_its_limits(operator: Client) -> None:
    btc = Asset.objects.get(code="BTC")
    form = {
        "name": "Big",
        "limits-TOTAL_FORMS": "1",
        "limits-INITIAL_FORMS": "0",
        "limits-0-asset": str(btc.pk),
        "limits-0-daily": "50",
    }

    assert operator.post(url(WithdrawalTier, "add/"), form).status_code == 302

    assert TierLimit.objects.get(tier__name="Big").daily == 5_000_000_000


def test_the_default_tier_cannot_be_deleted(operator: Client) -> None:
    tier = WithdrawalTier.objects.get(is_default=True)

    assert operator.post(url(WithdrawalTier, f"{tier.pk}/delete/"), {"post": "yes"}).status_code == 403


def tier_form(name: str, *, is_default: bool) -> dict[str, str]:
    """Return the form of a tier without limits as a browser sends it."""
    form = {"name": name, "limits-TOTAL_FORMS": "0", "limits-INITIAL_FORMS": "0"}
    return form | ({"default": "on"} if is_default else {})


def test_the_default_tier_cannot_be_unticked(operator: Client) -> None:
    """All accounts without a tier of their own would be without limits."""
    tier = WithdrawalTier.objects.get(is_default=True)
    change = url(WithdrawalTier, f"{tier.pk}/change/")

    refused = operator.post(change, tier_form("Small", is_default=False))

    assert "Accounts without a tier would have no limits: tick another tier instead." in refused.text
    assert Page(refused.text).blocked == []
    assert WithdrawalTier.objects.get(is_default=True).name == tier.name
    assert operator.post(change, tier_form("Small", is_default=True)).status_code == 302
    assert WithdrawalTier.objects.get(is_default=True).name == "Small"


@pytest.mark.parametrize("is_new", [True, False])
def test_another_default_tier_takes_the_place_of_the_first(operator: Client, is_new: bool) -> None:
    old = WithdrawalTier.objects.get(is_default=True)
    path = "add/" if is_new else f"{WithdrawalTier.objects.create(name='Big').pk}/change/"

    assert operator.post(url(WithdrawalTier, path), tier_form("Big", is_default=True)).status_code == 302

    assert WithdrawalTier.objects.get(is_default=True).name == "Big"
    old.refresh_from_db()
    assert not old.is_default


def test_a_tier_that_is_refused_leaves_the_default_alone(operator: Client) -> None:
    old = WithdrawalTier.objects.get(is_default=True)

    refused = operator.post(url(WithdrawalTier, "add/"), tier_form("", is_default=True))

    assert "This field is required." in refused.text
    assert WithdrawalTier.objects.get() == old


def test_nobody_is_frozen_silently(operator: Client, alice: User) -> None:
    add = {"user": str(alice.pk), "frozen": "on"}
    assert "Say why: it is kept." in operator.post(url(WithdrawalRules, "add/"), add).text
    assert not WithdrawalRules.objects.exists()

    operator.post(url(WithdrawalRules, "add/"), add | {"reason": "asked by the police"})
    rules = WithdrawalRules.objects.get(user=alice)
    assert (rules.frozen_at is not None, rules.frozen_because) == (True, "asked by the police")
    change = url(WithdrawalRules, f"{rules.pk}/change/")
    assert "Say why: it is kept." in operator.post(change, {}).text
    operator.post(change, {"reason": "they were wrong"})

    rules.refresh_from_db()
    assert (rules.frozen_at, rules.frozen_because) == (None, "")
    assert list(reversed(history())) == [
        ("operator@example.org", "withdrawalrules", "Frozen: asked by the police"),
        ("operator@example.org", "withdrawalrules", "Unfrozen: they were wrong"),
    ]
    assert operator.post(url(WithdrawalRules, f"{rules.pk}/delete/"), {"post": "yes"}).status_code == 403


def test_another_change_leaves_a_freeze_and_its_owners_choice_alone(operator: Client, alice: User) -> None:
    tier = WithdrawalTier.objects.create(name="Big")
    rules = WithdrawalRules.objects.create(user=alice, book_only=True)

    operator.post(url(WithdrawalRules, f"{rules.pk}/change/"), {"tier": str(tier.pk)})

    rules.refresh_from_db()
    assert (rules.tier, rules.book_only, rules.frozen_at) == (tier, True, None)
