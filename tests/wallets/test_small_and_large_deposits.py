"""Deposits below the minimum collect; large ones wait longer; what nobody mines expires. On real nodes."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.deposits import audit_deposits, postings_of, scan_bitcoin, scan_ethereum, statuses, two_spends
from tests.wallets.nodes import Anvil, Bitcoind
from trading.engine.enums import Reason
from wallets import services
from wallets.chains.place import Place
from wallets.deposit_notes import deposit_note
from wallets.deposits import credits
from wallets.deposits.pool import bitcoin_pool_fill, ethereum_pool_fill
from wallets.deposits.rows import Sighting, deposits_see
from wallets.models import Asset, Deposit
from wallets.news import deposit_event

ETHER = 10**18


@pytest.fixture(autouse=True)
def fresh_process() -> None:
    credits._minimums.clear()


@pytest.fixture
def address(bitcoind: Bitcoind, btc: Asset, alice: User) -> str:
    bitcoin_pool_fill(asset=btc, node=bitcoind.node, size=3)
    return services.deposit_address_assign(user=alice, asset=btc).address


@pytest.fixture
def ether_address(anvil: Anvil, eth: Asset, books: Books, alice: User) -> str:
    anvil.mine(8)
    scan_ethereum(anvil, eth, books, 1)
    ethereum_pool_fill(asset=eth, size=3)
    return services.deposit_address_assign(user=alice, asset=eth).address


def rules(asset: Asset, **columns: int | None) -> None:
    Asset.objects.filter(pk=asset.pk).update(**columns)


def test_deposits_below_the_minimum_are_credited_together_when_they_add_up(
    bitcoind: Bitcoind, btc: Asset, books: Books, alice: User, bob: User, address: str
) -> None:
    rules(btc, deposit_min=100_000)
    other = services.deposit_address_assign(user=bob, asset=btc).address
    bitcoind.pay(address, 40_000)
    bitcoind.pay(other, 90_000)
    bitcoind.mine(3)
    scan_bitcoin(bitcoind, btc, books)
    first = Deposit.objects.get(user=alice)
    kept = statuses(), deposit_note(first), deposit_event(first).get("note"), list(books.sent)

    bitcoind.pay(address, 60_000)
    bitcoind.mine(3)
    scan_bitcoin(bitcoind, btc, books)

    note = "0.0004 of 0.001 BTC that have to come together."
    assert kept == (["collecting", "collecting"], note, note, [])
    assert first.get_status_display() == "Below the minimum"
    rows = sorted(Deposit.objects.values_list("amount", "status"))
    assert rows == [(40_000, "credited"), (60_000, "credited"), (90_000, "collecting")]
    assert sorted(amount for _, amount in postings_of(alice, Reason.DEPOSIT)) == [40_000, 60_000]
    assert books.balance(alice.pk, btc.pk) == (100_000, 0)
    assert books.balance(bob.pk, btc.pk) == (0, 0)
    assert audit_deposits() == []


def test_a_deposit_of_the_minimum_is_credited_by_itself_and_leaves_smaller_ones_where_they_are(
    bitcoind: Bitcoind, btc: Asset, books: Books, address: str
) -> None:
    rules(btc, deposit_min=100_000)
    bitcoind.pay(address, 99_999)
    bitcoind.pay(address, 100_000)
    bitcoind.mine(3)

    scan_bitcoin(bitcoind, btc, books)

    assert sorted(Deposit.objects.values_list("amount", "status")) == [(99_999, "collecting"), (100_000, "credited")]


def test_a_worker_that_dies_between_two_of_them_leaves_none_behind(
    bitcoind: Bitcoind, btc: Asset, books: Books, alice: User, address: str
) -> None:
    """The second one alone would be below the minimum: it was decided together, and that is written down."""
    rules(btc, deposit_min=100_000)
    bitcoind.pay(address, 50_000)
    bitcoind.pay(address, 50_000)
    bitcoind.mine(3)
    books.closed = True
    scan_bitcoin(bitcoind, btc, books, 1)
    first = Deposit.objects.order_by("pk").first()
    assert first is not None
    books.closed = False
    books.send([credits.credit_of(first, 0)])

    scan_bitcoin(bitcoind, btc, books, 3)

    assert statuses() == ["credited", "credited"]
    assert books.balance(alice.pk, btc.pk) == (100_000, 0)


def test_a_minimum_that_an_operator_changes_counts_at_the_next_look(
    bitcoind: Bitcoind, btc: Asset, books: Books, address: str
) -> None:
    rules(btc, deposit_min=100_000)
    bitcoind.pay(address, 30_000)
    bitcoind.pay(address, 20_000)
    bitcoind.mine(3)
    scan_bitcoin(bitcoind, btc, books)
    collecting = statuses()

    rules(btc, deposit_min=200_000)
    scan_bitcoin(bitcoind, btc, books)
    still = statuses()
    rules(btc, deposit_min=50_000)
    scan_bitcoin(bitcoind, btc, books)
    together = statuses()
    bitcoind.pay(address, 10_000)
    bitcoind.mine(3)
    scan_bitcoin(bitcoind, btc, books)
    rules(btc, deposit_min=0)
    scan_bitcoin(bitcoind, btc, books)

    assert (collecting, still) == (["collecting"] * 2, ["collecting"] * 2)
    assert together == ["credited"] * 2
    assert statuses() == ["credited"] * 3


def test_a_collecting_deposit_that_is_reorganised_away_counts_no_more(
    anvil: Anvil, eth: Asset, books: Books, alice: User, ether_address: str
) -> None:
    rules(eth, deposit_min=100_000_000)
    anvil.pay(ether_address, ETHER * 6 // 10)
    anvil.mine(3)
    scan_ethereum(anvil, eth, books)
    collecting = statuses()
    anvil.call("anvil_reorg", 4, [])
    anvil.pay(ether_address, ETHER * 5 // 10)
    anvil.mine(3)
    scan_ethereum(anvil, eth, books)
    gone = statuses(), list(books.sent)
    anvil.pay(ether_address, ETHER * 5 // 10)
    anvil.mine(3)
    scan_ethereum(anvil, eth, books)

    assert collecting == ["collecting"]
    assert gone == (["orphaned", "collecting"], [])
    assert statuses() == ["orphaned", "credited", "credited"]
    assert audit_deposits() == []


def test_a_large_deposit_waits_for_more_confirmations(
    bitcoind: Bitcoind, btc: Asset, books: Books, alice: User, address: str
) -> None:
    rules(btc, large_amount=100_000_000, large_confirmations=5)
    bitcoind.pay(address, 100_000_000)
    bitcoind.pay(address, 99_999_999)
    scan_bitcoin(bitcoind, btc, books)
    rules(btc, large_amount=None, large_confirmations=None)  # what was seen before keeps what it was told
    bitcoind.mine(3)
    scan_bitcoin(bitcoind, btc, books)
    at_three = {row.amount: (row.status, row.confirmations_needed) for row in Deposit.objects.all()}
    bitcoind.mine(2)
    scan_bitcoin(bitcoind, btc, books)

    assert at_three == {100_000_000: ("confirming", 5), 99_999_999: ("credited", 3)}
    assert statuses() == ["credited", "credited"]


def seen(address: str, output: int, value: int, *, txid: str = "ab" * 32, depth: int = 1) -> Sighting:
    return Sighting(txid, output, address, value, Place(depth, 5, "cd" * 32))


def test_a_large_deposit_cannot_be_split_into_outputs_of_one_transaction(
    btc: Asset, bob: User, address: str, bitcoind: Bitcoind
) -> None:
    rules(btc, large_amount=100_000, large_confirmations=9)
    btc.refresh_from_db()
    other = services.deposit_address_assign(user=bob, asset=btc).address

    deposits_see(asset=btc, sightings=[seen(address, 0, 60_000), seen(other, 1, 60_000), seen(address, 2, 30_000)])
    before = list(Deposit.objects.order_by("output").values_list("confirmations_needed", flat=True))
    deposits_see(asset=btc, sightings=[seen(address, 3, 10_000), seen(address, 0, 60_000, txid="ef" * 32)])

    needed = Deposit.objects.order_by("txid", "output").values_list("user", "confirmations_needed")
    assert before == [3, 3, 3]
    mine = Deposit.objects.exclude(user=bob).values_list("txid", "confirmations_needed")
    assert set(mine) == {("ab" * 32, 9), ("ef" * 32, 3)}
    assert (bob.pk, 3) in set(needed)


def test_an_amount_that_another_block_corrects_is_measured_anew(btc: Asset, address: str) -> None:
    rules(btc, large_amount=100_000, large_confirmations=9)
    btc.refresh_from_db()
    deposits_see(asset=btc, sightings=[seen(address, 0, 99_999)])
    small = Deposit.objects.get().confirmations_needed

    deposits_see(asset=btc, sightings=[seen(address, 0, 100_000)])
    large = Deposit.objects.get().confirmations_needed
    deposits_see(asset=btc, sightings=[seen(address, 0, 50_000)])

    assert (small, large, Deposit.objects.get().confirmations_needed) == (3, 9, 3)


def test_what_nobody_mines_expires_and_comes_back_to_life_when_it_is_mined_after_all(
    bitcoind: Bitcoind, btc: Asset, books: Books, alice: User, address: str
) -> None:
    to_us, _ = two_spends(bitcoind, address, amount=Decimal("0.5"))
    txid = bitcoind.node.root.call("sendrawtransaction", to_us)
    bitcoind.settle()
    scan_bitcoin(bitcoind, btc, books)
    Deposit.objects.update(seen_at=timezone.now() - timedelta(hours=71))
    scan_bitcoin(bitcoind, btc, books)
    not_yet = statuses(txid)
    Deposit.objects.update(seen_at=timezone.now() - timedelta(hours=73))
    scan_bitcoin(bitcoind, btc, books)
    expired = statuses(txid), deposit_note(Deposit.objects.get())

    bitcoind.mine(3)
    scan_bitcoin(bitcoind, btc, books)

    assert not_yet == ["seen"]
    assert expired == (["expired"], "In no block for long. It counts if it gets into one after all.")
    assert statuses(txid) == ["credited"]
    assert books.balance(alice.pk, btc.pk) == (50_000_000, 0)


def test_what_expired_on_ethereum_comes_back_to_life_too(
    anvil: Anvil, eth: Asset, books: Books, ether_address: str
) -> None:
    anvil.pay(ether_address, ETHER)
    scan_ethereum(anvil, eth, books)
    Deposit.objects.update(seen_at=timezone.now() - timedelta(hours=73))
    scan_ethereum(anvil, eth, books)
    expired = statuses()

    anvil.mine(3)
    scan_ethereum(anvil, eth, books)

    assert (expired, statuses()) == (["expired"], ["credited"])


def test_what_is_credited_never_expires(anvil: Anvil, eth: Asset, books: Books, ether_address: str) -> None:
    anvil.pay(ether_address, ETHER)
    anvil.mine(3)
    scan_ethereum(anvil, eth, books)
    anvil.call("anvil_reorg", 4, [])
    Deposit.objects.update(seen_at=timezone.now() - timedelta(hours=73))

    scan_ethereum(anvil, eth, books)

    assert statuses() == ["orphaned"]
    assert audit_deposits() == []


def test_what_arrives_while_deposits_are_closed_is_credited_all_the_same(
    bitcoind: Bitcoind, btc: Asset, books: Books, alice: User, address: str
) -> None:
    """Closed means that no address is given out: coins that came to one that was are their owner's."""
    rules(btc, deposits_open=False)
    bitcoind.pay(address, 123_000)
    bitcoind.mine(3)

    scan_bitcoin(bitcoind, btc, books)

    assert statuses() == ["credited"]
    assert books.balance(alice.pk, btc.pk) == (123_000, 0)
