"""The address book: normal spellings, a cooling period, and "only to addresses in my book"."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from mex.errors import AddressIllegal, AddressNotInBook, AddressTooNew, BookFull, MexError
from tests.wallets.books import Books
from tests.wallets.control import ADDRESS, OTHER, ask
from wallets.control import book
from wallets.control.book import book_add, book_of, book_only_set, book_remove, book_rule
from wallets.models import Asset, BookAddress, Withdrawal, WithdrawalRules

ETHER = "0x52908400098527886E0F7030069857D2E4169EE7"


@pytest.fixture
def rich(btc: Asset, books: Books, alice: User) -> User:
    """Alice, with something to withdraw."""
    books.give(alice.pk, btc.pk, 1_000_000)
    return alice


@pytest.fixture
def cooling(settings: Settings) -> None:
    """New addresses cool down for a day."""
    settings.ADDRESS_COOLING_H = 24


def test_an_address_is_kept_in_its_usual_spelling(alice: User) -> None:
    book_add(user_id=alice.pk, chain="bitcoin", address=ADDRESS.upper(), label="mine")
    book_add(user_id=alice.pk, chain="ethereum", address=ETHER.lower(), label="mine")

    assert [(row.chain, row.address, row.label) for row in book_of(alice.pk)] == [
        ("bitcoin", ADDRESS, "mine"),
        ("ethereum", ETHER, "mine"),
    ]


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        ("bitcoin", ADDRESS[:-1] + "q"),
        ("bitcoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
        ("bitcoin", ETHER),
        ("ethereum", ADDRESS),
        ("ethereum", "0x" + "0" * 40),
    ],
)
def test_an_address_of_another_network_is_refused(alice: User, chain: str, address: str) -> None:
    with pytest.raises(AddressIllegal):
        book_add(user_id=alice.pk, chain=chain, address=address, label="x")

    assert book_of(alice.pk) == []


def test_adding_it_again_does_not_begin_anew(alice: User, settings: Settings) -> None:
    first = book_add(user_id=alice.pk, chain="bitcoin", address=ADDRESS, label="mine")
    settings.ADDRESS_COOLING_H = 24

    again = book_add(user_id=alice.pk, chain="bitcoin", address=ADDRESS.upper(), label="other")

    assert (again.pk, again.label, again.usable_at) == (first.pk, "mine", first.usable_at)


def test_a_book_is_full_at_some_time(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "BOOK_ADDRESSES_MAX", 1)
    book_add(user_id=alice.pk, chain="bitcoin", address=ADDRESS, label="one")

    with pytest.raises(BookFull) as refusal:
        book_add(user_id=alice.pk, chain="bitcoin", address=OTHER, label="two")

    assert refusal.value.message == "An address book has at most 1 addresses."


def test_books_are_their_owners(alice: User, bob: User) -> None:
    entry = book_add(user_id=alice.pk, chain="bitcoin", address=ADDRESS, label="mine")
    book_add(user_id=bob.pk, chain="bitcoin", address=ADDRESS, label="his")

    assert not book_remove(user_id=bob.pk, pk=entry.pk)

    assert [row.label for row in book_of(alice.pk)] == ["mine"]
    assert book_remove(user_id=alice.pk, pk=entry.pk)
    assert [row.label for row in book_of(bob.pk)] == ["his"]


def test_only_to_the_book_refuses_other_addresses_at_once(btc: Asset, books: Books, rich: User) -> None:
    book_add(user_id=rich.pk, chain="bitcoin", address=ADDRESS, label="mine")
    ask(rich, btc, books, address=OTHER)

    book_only_set(user_id=rich.pk, only=True)

    with pytest.raises(AddressNotInBook) as refusal:
        ask(rich, btc, books, address=OTHER)
    assert refusal.value.code == -4035
    ask(rich, btc, books, address=ADDRESS.upper())
    assert Withdrawal.objects.count() == 2


def test_an_address_of_another_chain_or_person_does_not_count(btc: Asset, books: Books, rich: User, bob: User) -> None:
    BookAddress.objects.create(user=bob, chain="bitcoin", address=ADDRESS, label="his", usable_at=timezone.now())
    BookAddress.objects.create(user=rich, chain="ethereum", address=ADDRESS, label="odd", usable_at=timezone.now())
    book_only_set(user_id=rich.pk, only=True)

    with pytest.raises(AddressNotInBook):
        ask(rich, btc, books)


def test_a_new_address_cools_down_before_it_can_be_used(btc: Asset, books: Books, rich: User, cooling: None) -> None:
    entry = book_add(user_id=rich.pk, chain="bitcoin", address=ADDRESS, label="mine")
    book_only_set(user_id=rich.pk, only=True)

    with pytest.raises(AddressTooNew) as refusal:
        ask(rich, btc, books)
    assert (refusal.value.code, refusal.value.message) == (
        -4036,
        "The new address needs to be withdrawn in 24 hours.",
    )

    BookAddress.objects.filter(pk=entry.pk).update(usable_at=timezone.now() + timedelta(minutes=61))
    with pytest.raises(MexError, match="in 2 hours"):
        ask(rich, btc, books)
    BookAddress.objects.filter(pk=entry.pk).update(usable_at=timezone.now())
    ask(rich, btc, books)


def test_removing_and_adding_an_address_cools_it_down_again(
    btc: Asset, books: Books, rich: User, cooling: None
) -> None:
    entry = book_add(user_id=rich.pk, chain="bitcoin", address=ADDRESS, label="mine")
    BookAddress.objects.update(usable_at=timezone.now())
    book_only_set(user_id=rich.pk, only=True)
    book_remove(user_id=rich.pk, pk=entry.pk)

    book_add(user_id=rich.pk, chain="bitcoin", address=ADDRESS, label="mine")

    with pytest.raises(AddressTooNew):
        ask(rich, btc, books)


def test_allowing_any_address_takes_as_long_as_a_new_one(btc: Asset, books: Books, rich: User, cooling: None) -> None:
    book_only_set(user_id=rich.pk, only=True)
    assert book_rule(rich.pk).until is None

    book_only_set(user_id=rich.pk, only=False)

    first = WithdrawalRules.objects.get(user=rich).book_only_until
    assert first is not None
    assert timedelta(hours=23, minutes=59) < first - timezone.now() <= timedelta(hours=24)
    assert (book_rule(rich.pk).is_book_only, book_rule(rich.pk).until) == (True, first)
    with pytest.raises(AddressNotInBook):
        ask(rich, btc, books)
    book_only_set(user_id=rich.pk, only=False)  # again: neither sooner nor later
    assert WithdrawalRules.objects.get(user=rich).book_only_until == first
    WithdrawalRules.objects.update(book_only_until=timezone.now())
    assert not book_rule(rich.pk).is_book_only
    ask(rich, btc, books)


def test_without_a_cooling_period_any_address_is_allowed_at_once(btc: Asset, books: Books, rich: User) -> None:
    book_only_set(user_id=rich.pk, only=True)
    book_only_set(user_id=rich.pk, only=False)

    ask(rich, btc, books)


def test_changing_ones_mind_again_keeps_the_book(btc: Asset, books: Books, rich: User, cooling: None) -> None:
    book_only_set(user_id=rich.pk, only=True)
    book_only_set(user_id=rich.pk, only=False)

    book_only_set(user_id=rich.pk, only=True)

    rules = WithdrawalRules.objects.get(user=rich)
    assert (rules.book_only, rules.book_only_until) == (True, None)
