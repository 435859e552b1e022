"""Confirmation by e-mail: a signed link, once, in time, its owner's; and mails that survive a mail server's failure."""

import re
import smtplib
import uuid
from datetime import timedelta

import pytest
from django.core import mail
from django.core.cache import cache
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.control import ADDRESS, ONE, advance, ask, sign, waiting
from wallets.control import confirmation
from wallets.control.confirmation import (
    LinkInvalid,
    confirmation_resend,
    confirmation_token,
    confirmations_send,
    withdrawal_confirm,
    withdrawal_of_link,
)
from wallets.control.ending import withdrawal_cancel
from wallets.control.second_factor import Origin
from wallets.models import Asset, Withdrawal


class Refusing(EmailBackend):
    """A mail server that is down."""

    tries = 0

    def send_messages(self, messages: object) -> int:
        Refusing.tries += 1
        raise smtplib.SMTPConnectError(421, "no")


@pytest.fixture(autouse=True)
def mails(settings: Settings) -> None:
    """Confirmation is on, and workers remember in memory which mails are being sent."""
    settings.WITHDRAWAL_EMAILS = True
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    settings.MEX_URL = "https://mex.example/"


@pytest.fixture
def asked(btc: Asset, books: Books, alice: User) -> Withdrawal:
    """A withdrawal asked for on a page, which waits for its mail to be answered."""
    books.give(alice.pk, btc.pk, 100_000)
    row = ask(alice, btc, books, origin=Origin.PAGE)
    advance(books, row)
    assert (row.status, row.emailed_at) == ("email", None)
    return row


def link_in_mail() -> str:
    """Return the token of the newest mail."""
    found = re.search(r"https://mex\.example/withdrawal/confirm/(\S+)", str(mail.outbox[-1].body))
    assert found
    return found[1]


def age(row: Withdrawal, **span: float) -> None:
    """Let a withdrawal have been asked for so long ago."""
    Withdrawal.objects.filter(pk=row.pk).update(requested_at=timezone.now() - timedelta(**span))


def test_the_mail_says_what_it_confirms_and_the_link_does(
    btc: Asset, books: Books, alice: User, asked: Withdrawal
) -> None:
    confirmations_send()

    (message,) = mail.outbox
    assert message.to == ["alice@example.com"]
    assert message.subject == "Confirm your withdrawal of BTC"
    assert "0.0002 BTC" in message.body
    assert "0.00002 BTC" in message.body
    assert ADDRESS in message.body
    withdrawal_confirm(user_id=alice.pk, token=link_in_mail())
    asked.refresh_from_db()
    assert asked.status == "held"
    assert asked.email_confirmed_at is not None
    assert sign(asked.pk)


def test_nothing_is_signed_before(btc: Asset, asked: Withdrawal) -> None:
    assert waiting(btc) == []
    assert not sign(asked.pk)


def test_programs_with_the_permission_need_no_mail(btc: Asset, books: Books, alice: User) -> None:
    books.give(alice.pk, btc.pk, 100_000)
    row = ask(alice, btc, books)

    advance(books, row)

    assert (row.status, row.needs_email) == ("held", False)


def test_without_the_setting_pages_need_none_either(btc: Asset, books: Books, alice: User, settings: Settings) -> None:
    settings.WITHDRAWAL_EMAILS = False
    books.give(alice.pk, btc.pk, 100_000)
    row = ask(alice, btc, books, origin=Origin.PAGE)

    advance(books, row)

    assert row.status == "held"


def test_no_mail_is_sent_for_what_the_engine_refused(btc: Asset, books: Books, alice: User) -> None:
    books.give(alice.pk, btc.pk, 100_000)
    books.closed = True
    row = ask(alice, btc, books, origin=Origin.PAGE)
    confirmations_send()
    books.closed = False
    row.amount = 100_001
    row.save()
    advance(books, row)
    assert row.status == "rejected"

    confirmations_send()

    assert mail.outbox == []


def test_a_link_works_once(alice: User, asked: Withdrawal) -> None:
    token = confirmation_token(asked)
    withdrawal_confirm(user_id=alice.pk, token=token)

    with pytest.raises(LinkInvalid):
        withdrawal_confirm(user_id=alice.pk, token=token)
    with pytest.raises(LinkInvalid):
        withdrawal_of_link(user_id=alice.pk, token=token)


def test_a_link_works_for_its_owner_only(alice: User, bob: User, asked: Withdrawal) -> None:
    with pytest.raises(LinkInvalid):
        withdrawal_confirm(user_id=bob.pk, token=confirmation_token(asked))

    asked.user = bob  # a link of Bob's for what is not his
    with pytest.raises(LinkInvalid):
        withdrawal_confirm(user_id=bob.pk, token=confirmation_token(asked))
    asked.refresh_from_db()
    assert asked.status == "email"


@pytest.mark.parametrize(
    "change", [lambda text: text[:-1], lambda text: "x" + text, lambda text: "", lambda t: "a:b:c"]
)
def test_a_link_that_was_not_signed_confirms_nothing(alice: User, asked: Withdrawal, change: object) -> None:
    with pytest.raises(LinkInvalid):
        withdrawal_confirm(user_id=alice.pk, token=change(confirmation_token(asked)))  # type: ignore[operator]


def test_the_link_of_one_withdrawal_does_not_confirm_another(
    btc: Asset, books: Books, alice: User, asked: Withdrawal
) -> None:
    other = ask(alice, btc, books, origin=Origin.PAGE)
    advance(books, other)

    withdrawal_confirm(user_id=alice.pk, token=confirmation_token(asked))

    other.refresh_from_db()
    assert other.status == "email"


def test_a_link_ends_after_a_day_and_the_funds_come_back(
    btc: Asset, books: Books, alice: User, asked: Withdrawal
) -> None:
    age(asked, hours=23, minutes=59)
    advance(books, asked)
    assert asked.status == "email"
    age(asked, hours=24)

    with pytest.raises(LinkInvalid):
        withdrawal_confirm(user_id=alice.pk, token=confirmation_token(asked))
    advance(books, asked)

    assert (asked.status, asked.reject_reason) == ("cancelled", "not confirmed by e-mail within 24 hours")
    assert books.balance(alice.pk, btc.pk) == (100_000, 0)


def test_a_link_of_a_cancelled_one_confirms_nothing(books: Books, alice: User, asked: Withdrawal) -> None:
    withdrawal_cancel(user_id=alice.pk, pk=asked.pk)

    with pytest.raises(LinkInvalid):
        withdrawal_confirm(user_id=alice.pk, token=confirmation_token(asked))


def test_a_large_one_waits_for_an_operator_after_its_owner(
    btc: Asset, books: Books, alice: User, asked: Withdrawal
) -> None:
    Withdrawal.objects.filter(pk=asked.pk).update(needs_approval=True)

    withdrawal_confirm(user_id=alice.pk, token=confirmation_token(asked))

    asked.refresh_from_db()
    assert asked.status == "approval"
    assert waiting(btc) == []


def test_a_mail_is_sent_once(asked: Withdrawal) -> None:
    confirmations_send()
    confirmations_send()

    assert len(mail.outbox) == 1


def test_a_mail_survives_a_mail_server_that_is_down(asked: Withdrawal, settings: Settings) -> None:
    working = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"
    confirmations_send()
    asked.refresh_from_db()
    assert asked.emailed_at is None
    settings.EMAIL_BACKEND = working

    confirmations_send()
    assert mail.outbox == []  # not at once again
    cache.clear()  # half a minute later
    confirmations_send()

    assert len(mail.outbox) == 1
    asked.refresh_from_db()
    assert asked.emailed_at is not None


def fail_for_alice(monkeypatch: pytest.MonkeyPatch, error: smtplib.SMTPException) -> list[str]:
    """Let mails to Alice fail; return the first letters of all that are tried from now on, as they come."""
    send, tried = EmailBackend.send_messages, list[str]()

    def send_messages(self: EmailBackend, messages: list[mail.EmailMessage]) -> int:
        tried.append(messages[0].to[0][0])
        if "alice@example.com" in messages[0].to:
            raise error
        return send(self, messages)

    monkeypatch.setattr(EmailBackend, "send_messages", send_messages)
    return tried


def test_one_mail_that_cannot_be_sent_keeps_no_other_back(
    btc: Asset, books: Books, asked: Withdrawal, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.give(bob.pk, btc.pk, ONE)
    advance(books, ask(bob, btc, books, origin=Origin.PAGE))
    fail_for_alice(monkeypatch, smtplib.SMTPRecipientsRefused({}))

    confirmations_send()

    assert [message.to for message in mail.outbox] == [["bob@example.com"]]


def test_mails_that_are_refused_keep_no_others_waiting(
    btc: Asset, books: Books, asked: Withdrawal, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest were tried first, and again and again: as many as one turn takes kept all others waiting for a day."""
    monkeypatch.setattr(confirmation, "_BATCH", 2)
    for _ in range(3):
        advance(books, ask(alice, btc, books, origin=Origin.PAGE))
    books.give(bob.pk, btc.pk, ONE)
    advance(books, ask(bob, btc, books, origin=Origin.PAGE))
    tried = fail_for_alice(monkeypatch, smtplib.SMTPRecipientsRefused({}))
    confirmations_send()
    for row in Withdrawal.objects.filter(user=alice):  # half a minute later they could be tried again
        cache.delete(f"confirmation-mail:{row.pk}")

    for _ in range(2):
        confirmations_send()

    assert [message.to for message in mail.outbox] == [["bob@example.com"]]
    assert "".join(tried) == "aaaaba"


def test_a_mail_that_fails_lets_others_go_first_when_the_server_is_back(
    btc: Asset, books: Books, asked: Withdrawal, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be the mail at which the server gives up."""
    books.give(bob.pk, btc.pk, ONE)
    advance(books, ask(bob, btc, books, origin=Origin.PAGE))
    fail_for_alice(monkeypatch, smtplib.SMTPServerDisconnected())
    confirmations_send()
    assert mail.outbox == []
    cache.delete_many([f"confirmation-mail:{asked.pk}", "mail-server-is-silent"])  # half a minute later

    confirmations_send()

    assert [message.to for message in mail.outbox] == [["bob@example.com"]]


def test_a_mail_that_was_never_sent_can_be_asked_for_at_once(alice: User, bob: User, asked: Withdrawal) -> None:
    """There is no time of an earlier one to wait from: its owner was told to wait for ever."""
    assert not confirmation_resend(user_id=bob.pk, pk=asked.pk)

    assert confirmation_resend(user_id=alice.pk, pk=asked.pk)

    asked.refresh_from_db()
    assert asked.emailed_at is None


def test_a_mail_can_be_asked_for_again_after_a_minute(alice: User, bob: User, asked: Withdrawal) -> None:
    confirmations_send()
    assert not confirmation_resend(user_id=alice.pk, pk=asked.pk)
    Withdrawal.objects.update(emailed_at=timezone.now() - timedelta(seconds=60))
    assert not confirmation_resend(user_id=bob.pk, pk=asked.pk)
    assert not confirmation_resend(user_id=alice.pk, pk=uuid.uuid4())

    assert confirmation_resend(user_id=alice.pk, pk=asked.pk)

    cache.clear()
    confirmations_send()
    assert len(mail.outbox) == 2
    withdrawal_confirm(user_id=alice.pk, token=link_in_mail())


def test_a_mail_server_that_is_down_is_not_waited_for_by_every_mail(
    btc: Asset, books: Books, asked: Withdrawal, alice: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try may take seconds, of a worker that has deposits to look for."""
    for _ in range(3):
        advance(books, ask(alice, btc, books, origin=Origin.PAGE))
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"
    monkeypatch.setattr(Refusing, "tries", 0)

    for _ in range(5):
        confirmations_send()

    assert Refusing.tries == 1
