"""Pages with which people control their withdrawals: limits, address book, confirmation by e-mail, cancelling."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from mex.errors import SecondFactorWrong
from tests.pages.rows import BTC_ADDRESS, ETH_ADDRESS
from tests.pages.test_every_page import check
from wallets.control.accounts import account_freeze
from wallets.control.confirmation import confirmation_token, confirmations_send
from wallets.control.switch import halt
from wallets.models import Asset, BookAddress, TierLimit, Withdrawal, WithdrawalRules

CLIENT_ID = "page-00112233445566778899aabbccddeeff"
OUTSIDE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
FORM = {"address": OUTSIDE, "amount": "0.5", "client_id": CLIENT_ID}


def withdrawal_of(user: User, status: str, **columns: object) -> Withdrawal:
    return Withdrawal.objects.create(
        user=user, asset=Asset.objects.get(code="BTC"), address=OUTSIDE, amount=70_000_000, fee=2_000, status=status,
        **columns,
    )  # fmt: skip


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def asked(alice: User) -> Withdrawal:
    """A withdrawal that waits for its owner's confirmation."""
    return withdrawal_of(alice, "email", needs_email=True)


# --- limits, halts, freezes -------------------------------------------------------------------------


def test_the_limit_and_what_is_left_of_it_are_shown(browser: Client) -> None:
    TierLimit.objects.filter(asset__code="BTC").update(daily=100_000_000)

    html = browser.get("/withdraw/BTC").text

    assert "<dt>In 24 hours at most</dt><dd>1 BTC</dd>" in html
    assert "<dt>Of that still</dt><dd>0.75 BTC</dd>" in html


def test_more_than_the_limit_is_explained(browser: Client) -> None:
    TierLimit.objects.filter(asset__code="BTC").update(daily=50_000_000)

    response = browser.post("/withdraw/BTC", FORM)

    assert "This is more than you may withdraw in 24 hours." in response.text
    assert not Withdrawal.objects.filter(client_id=CLIENT_ID).exists()


def test_a_halt_shows_no_form_and_not_why(browser: Client) -> None:
    halt(None, "a secret reason")

    html = browser.get("/withdraw/BTC").text

    assert "Withdrawals of BTC are closed at the moment." in html
    assert "withdraw-form" not in html
    assert "a secret reason" not in html
    assert "Withdrawals of BTC are closed at the moment." in browser.post("/withdraw/BTC", FORM).text


def test_a_frozen_account_is_told_whom_to_ask(browser: Client, alice: User) -> None:
    account_freeze(user=alice, because="a secret reason")

    html = browser.get("/withdraw/BTC").text

    assert "Withdrawals of your account are stopped. Please ask the operators." in html
    assert "a secret reason" not in html
    assert "withdraw-form" not in html
    browser.post("/withdraw/BTC", FORM)
    assert not Withdrawal.objects.filter(client_id=CLIENT_ID).exists()


# --- the address book ---------------------------------------------------------------------------------


def test_an_address_is_added_and_removed(browser: Client, alice: User) -> None:
    added = browser.post("/address-book", {"chain": "bitcoin", "address": OUTSIDE.upper(), "label": "cold <b>"})

    assert (added.status_code, added["Location"]) == (302, "/address-book")
    entry = BookAddress.objects.get()
    assert (entry.user, entry.chain, entry.address, entry.label) == (alice, "bitcoin", OUTSIDE, "cold <b>")
    html = browser.get("/address-book").text
    assert "cold &lt;b&gt;" in html
    assert OUTSIDE in html
    check(html)
    assert browser.post(f"/address-book/{entry.pk}/remove").status_code == 302
    assert not BookAddress.objects.exists()


def test_an_address_that_is_there_under_another_name_keeps_it_and_says_so(browser: Client, alice: User) -> None:
    entry = {"chain": "bitcoin", "address": OUTSIDE, "label": "cold"}
    browser.post("/address-book", entry)

    again = browser.post("/address-book", entry, follow=True)
    renamed = browser.post("/address-book", entry | {"label": "warm one"}, follow=True)

    assert "“cold” is in your address book." in again.text
    assert "This address is in your book already, as “cold”." in renamed.text
    assert "warm one" not in renamed.text
    assert BookAddress.objects.get(user=alice).label == "cold"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"address": ETH_ADDRESS}, "This is not an address of this network."),
        ({"address": ""}, "This field is required."),
        ({"label": ""}, "This field is required."),
        ({"label": "x" * 61}, "at most 60 characters"),
        ({"chain": "dogecoin"}, "Select a valid choice."),
    ],
)
def test_a_bad_entry_is_explained(browser: Client, changes: dict[str, str], message: str) -> None:
    response = browser.post("/address-book", {"chain": "bitcoin", "address": OUTSIDE, "label": "mine"} | changes)

    assert message in response.text
    assert not BookAddress.objects.exists()


def test_nobody_removes_the_address_of_somebody_else(alice: User, bob: User) -> None:
    entry = BookAddress.objects.create(
        user=alice, chain="bitcoin", address=OUTSIDE, label="hers alone", usable_at=timezone.now()
    )

    assert logged_in(bob).post(f"/address-book/{entry.pk}/remove").status_code == 404
    assert "hers alone" not in logged_in(bob).get("/address-book").text
    assert BookAddress.objects.exists()


@pytest.mark.parametrize("hours", [0, 24])
def test_only_to_the_book_and_back(browser: Client, alice: User, settings: Settings, hours: int) -> None:
    settings.ADDRESS_COOLING_H = hours

    browser.post("/address-book/only", {"only": "yes"})
    assert WithdrawalRules.objects.get(user=alice).book_only
    assert "You withdraw to your book only." in browser.get("/address-book").text
    html = browser.get("/withdraw/BTC").text
    assert 'name="address"' not in html
    check(html)
    refused = browser.post("/withdraw/BTC", FORM)
    assert "This field is required." in refused.text
    assert not Withdrawal.objects.filter(client_id=CLIENT_ID).exists()

    browser.post("/address-book/only", {"only": "no"})
    is_free = 'name="address"' in browser.get("/withdraw/BTC").text
    assert is_free is (hours == 0)
    check(browser.get("/address-book").text)


def test_an_address_is_chosen_from_the_book(browser: Client, alice: User) -> None:
    entry = BookAddress.objects.create(
        user=alice, chain="bitcoin", address=OUTSIDE, label="cold", usable_at=timezone.now()
    )
    BookAddress.objects.create(user=alice, chain="ethereum", address=ETH_ADDRESS, label="e", usable_at=timezone.now())
    html = browser.get("/withdraw/BTC").text
    assert f'<option value="{entry.pk}">cold: {OUTSIDE}</option>' in html
    assert ETH_ADDRESS not in html
    check(html)

    browser.post("/withdraw/BTC", {"book": str(entry.pk), "address": "", "amount": "0.5", "client_id": CLIENT_ID})

    assert Withdrawal.objects.get(client_id=CLIENT_ID).address == OUTSIDE


def test_two_different_addresses_are_one_too_many(browser: Client, alice: User) -> None:
    entry = BookAddress.objects.create(
        user=alice, chain="bitcoin", address=BTC_ADDRESS, label="cold", usable_at=timezone.now()
    )

    response = browser.post("/withdraw/BTC", FORM | {"book": str(entry.pk)})

    assert "Choose an address of your book or write one here, not both." in response.text


def test_the_address_of_somebody_elses_book_cannot_be_chosen(browser: Client, alice: User, bob: User) -> None:
    mine = BookAddress.objects.create(
        user=alice, chain="bitcoin", address=OUTSIDE, label="mine", usable_at=timezone.now()
    )
    his = BookAddress.objects.create(user=bob, chain="bitcoin", address=OUTSIDE, label="b", usable_at=timezone.now())

    response = browser.post("/withdraw/BTC", FORM | {"book": str(his.pk), "address": ""})

    assert mine.pk != his.pk
    assert "Select a valid choice." in response.text


def test_an_address_that_cools_down_is_explained(browser: Client, alice: User) -> None:
    WithdrawalRules.objects.create(user=alice, book_only=True)
    entry = BookAddress.objects.create(
        user=alice, chain="bitcoin", address=OUTSIDE, label="new", usable_at=timezone.now() + timedelta(hours=3)
    )

    response = browser.post("/withdraw/BTC", {"book": str(entry.pk), "amount": "0.5", "client_id": CLIENT_ID})

    assert "This address is too new." in response.text
    assert not Withdrawal.objects.filter(client_id=CLIENT_ID).exists()


# --- the second factor --------------------------------------------------------------------------------


def only_123456(_user: User, _facts: object, code: str) -> None:
    """Stand in for an operator's second factor."""
    if code != "123456":
        raise SecondFactorWrong()


def test_the_field_of_a_second_factor_is_there_only_when_there_is_one(browser: Client, settings: Settings) -> None:
    assert 'name="code"' not in browser.get("/withdraw/BTC").text
    settings.SECOND_FACTOR = "tests.pages.test_control.only_123456"

    html = browser.get("/withdraw/BTC").text
    assert 'name="code"' in html
    check(html)
    assert "This code is not right, or was used before." in browser.post("/withdraw/BTC", FORM).text
    assert browser.post("/withdraw/BTC", FORM | {"code": "123456"}).status_code == 302
    assert Withdrawal.objects.filter(client_id=CLIENT_ID).exists()


# --- confirmation by e-mail ---------------------------------------------------------------------------


def test_a_page_asks_for_a_confirmation_where_that_is_on(browser: Client, settings: Settings) -> None:
    settings.WITHDRAWAL_EMAILS = True

    response = browser.post("/withdraw/BTC", FORM, follow=True)

    assert "Confirm it with the link in the mail to alice@example.org." in response.text
    assert Withdrawal.objects.get(client_id=CLIENT_ID).needs_email


def test_link_scanners_confirm_nothing_and_its_owner_does(
    browser: Client, asked: Withdrawal, settings: Settings
) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    confirmations_send()
    found = re.search(r"http://127\.0\.0\.1:8000(/withdrawal/confirm/\S+)", str(mail.outbox[0].body))
    assert found
    link = found[1]

    for client in (browser, Client()):  # a program that looks into mails, with a session and without
        for ask in (client.get, client.head, client.options):
            ask(link)
    asked.refresh_from_db()
    assert asked.email_confirmed_at is None
    page = browser.get(link)
    assert OUTSIDE in page.text
    assert "0.7 BTC" in page.text
    assert "no-store" in page["Cache-Control"]
    check(page.text)

    confirmed = browser.post(link)

    assert (confirmed.status_code, confirmed["Location"]) == (302, "/withdraw/BTC")
    asked.refresh_from_db()
    assert (asked.status, asked.email_confirmed_at is not None) == ("held", True)
    assert browser.post(link).status_code == 404
    assert "This link confirms nothing." in browser.get(link).text


def test_a_link_needs_its_owners_session_and_a_form_of_ours(alice: User, bob: User, asked: Withdrawal) -> None:
    link = f"/withdrawal/confirm/{confirmation_token(asked)}"
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)

    assert Client().post(link).status_code == 302
    assert logged_in(bob).get(link).status_code == 404
    assert logged_in(bob).post(link).status_code == 404
    assert strict.post(link).status_code == 403
    asked.refresh_from_db()
    assert asked.status == "email"


def test_a_mail_is_sent_again_on_request(browser: Client, bob: User, asked: Withdrawal) -> None:
    again = f"/withdrawal/{asked.pk}/mail"
    assert f'formaction="{again}"' in browser.get("/withdraw/BTC").text
    Withdrawal.objects.update(emailed_at=timezone.now() - timedelta(minutes=2))

    assert logged_in(bob).post(again).status_code == 404
    assert "is sent again" in browser.post(again, follow=True).text
    asked.refresh_from_db()
    assert asked.emailed_at is None
    Withdrawal.objects.update(emailed_at=timezone.now())
    assert "Nothing was sent" in browser.post(again, follow=True).text


def test_a_mail_that_was_never_sent_is_not_waited_for(browser: Client, asked: Withdrawal) -> None:
    assert (
        "is sent again, as soon as the mail server takes it"
        in browser.post(f"/withdrawal/{asked.pk}/mail", follow=True).text
    )


# --- cancelling ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["requested", "email", "approval", "held"])
@pytest.mark.parametrize("page", ["/withdraw/BTC", "/history?show=withdrawals"])
def test_what_is_not_signed_has_a_button_to_cancel_it(browser: Client, alice: User, status: str, page: str) -> None:
    row = withdrawal_of(alice, status)
    html = browser.get(page).text
    assert html.count("formaction=") == (2 if status == "email" else 1)
    assert f'formaction="/withdrawal/{row.pk}/cancel"' in html
    check(html)

    response = browser.post(f"/withdrawal/{row.pk}/cancel", follow=True)

    assert "Your withdrawal is cancelled." in response.text
    row.refresh_from_db()
    assert (row.status, row.ends_as) == ("ending", "cancelled")
    html = browser.get(page).text
    assert "Being given back" in html
    assert "cancelled by you" in html
    assert "formaction=" not in html


def test_what_is_signed_is_too_late(browser: Client, alice: User) -> None:
    row = Withdrawal.objects.filter(user=alice, asset__code="BTC").get()

    response = browser.post(f"/withdrawal/{row.pk}/cancel", follow=True)

    assert "It is too late: this withdrawal can no longer be cancelled." in response.text
    assert "formaction=" not in response.text


def test_opencex_nobody_cancels_what_is_somebody_elses(alice: User, bob: User) -> None:
    """OpenCEX let unauthenticated callers cancel unconfirmed withdrawals by id."""
    row = withdrawal_of(alice, "held")
    link = f"/withdrawal/{row.pk}/cancel"
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)

    assert Client().post(link)["Location"].startswith("/login")
    assert logged_in(bob).post(link).status_code == 404
    assert logged_in(bob).get(link).status_code == 404
    assert logged_in(alice).get(link)["Location"] == "/withdraw/BTC"
    assert strict.post(link).status_code == 403
    row.refresh_from_db()
    assert row.status == "held"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("email", "Follow the link in the mail to alice@example.org."),
        ("approval", "An operator looks at it."),
        ("cancelled", "Cancelled"),
    ],
)
def test_people_are_told_what_it_waits_for(browser: Client, alice: User, status: str, words: str) -> None:
    withdrawal_of(alice, status)

    assert words in browser.get("/withdraw/BTC").text
