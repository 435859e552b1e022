"""One Ethereum transaction may bring several assets to the hot wallet: each of them is booked, and booked once."""

import pytest
from pytest_django import Settings

from mex.errors import OfferRefused
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from tests.wallets.programs import program
from tests.wallets.tokens import DOLLAR, UNITS
from trading.engine.commands import Transfer
from trading.engine.enums import Reason
from trading.engine.treasury import REFERENCE_CHARS_MAX
from wallets.chains import keys
from wallets.chains.tokens import transfer_call
from wallets.cold.funding import arrival_booking, ethereum_arrival
from wallets.deposits.contracts import contract_deploy
from wallets.ledger.chart import Owner
from wallets.ledger.solvency import cover_of, read_together, shortfalls_of
from wallets.models import ArrivalClaim, Asset, Posting

SAFE = "0x00000000000000000000000000000000C01dC01d"
ETHER = 10**18


@pytest.fixture
def usdc(anvil: Anvil, eth: Asset, usdt: Asset) -> Asset:
    """A second token on the same chain."""
    columns = {"name": "Other dollar", "chain": "ethereum", "network": "ETH", "chain_decimals": 6, "confirmations": 3}
    asset = Asset.objects.create(code="USDC", is_token=True, withdrawal_fee=0, withdrawal_min=1, **columns)
    contract_deploy(asset=asset, node=anvil.node)
    return asset


@pytest.fixture
def safe(anvil: Anvil, eth: Asset, usdt: Asset, usdc: Asset, settings: Settings) -> Anvil:
    """A contract with 7 of each token and some ether, which gives all tokens and one ether to the hot wallet."""
    settings.ETHEREUM_RPC_URL = anvil.url
    hot = keys.hot_address()
    for token in (usdt, usdc):
        anvil.pay_token(token.contract, SAFE, 7 * DOLLAR)
    gives = [(token.contract, transfer_call(hot, 7 * DOLLAR)) for token in (usdt, usdc)]
    anvil.call("anvil_setCode", SAFE, program([*gives, (hot, "0x")], pays={hot: ETHER}))
    anvil.call("anvil_setBalance", SAFE, hex(5 * ETHER))
    anvil.mine()
    return anvil


def give_all(node: Anvil) -> str:
    sender = node.node.rpc.call("eth_accounts")[0]
    txid = str(node.call("eth_sendTransaction", {"from": sender, "to": SAFE, "gas": hex(500_000)}))
    node.mine(3)
    return txid


def book(node: Anvil, asset: Asset, txid: str, *, from_cold: bool = False) -> Transfer:
    arrival = ethereum_arrival(asset=asset, node=node.node, txid=txid, hot_address=keys.hot_address())
    return arrival_booking(asset, arrival, from_cold=from_cold)


def shortfalls(asset: Asset) -> tuple[str, ...]:
    """Return what the audit says of the coins of an asset."""
    books, coins, _ = read_together(asset, lambda: None)
    return shortfalls_of(asset.code, books, cover_of(books, coins))


def funded(asset: Asset) -> list[int]:
    rows = Posting.objects.filter(asset=asset, reason=Reason.FUNDING, debit=Owner.CHAIN, credit=Owner.FUNDING)
    return list(rows.values_list("amount", flat=True))


def test_two_tokens_of_one_transaction_are_both_funding(safe: Anvil, books: Books, usdt: Asset, usdc: Asset) -> None:
    """The trap: the ledger tells bookings apart by reference and reason, and not by asset."""
    txid = give_all(safe)
    bookings = [book(safe, token, txid) for token in (usdt, usdc)]
    repeated = [book(safe, token, txid) for token in (usdc, usdt)]  # before the ledger has any, as after a lost answer
    books.send([*bookings, *repeated])

    assert [funded(token) for token in (usdt, usdc)] == [[7 * UNITS], [7 * UNITS]]
    assert Posting.objects.get(asset=usdt).reference == f"funding:{txid}", "the first one is named as ever"
    for token in (usdt, usdc):
        with pytest.raises(OfferRefused, match="booked already"):
            book(safe, token, txid)


def test_two_tokens_that_come_back_from_a_cold_address_are_both_hot_again(
    safe: Anvil, books: Books, usdt: Asset, usdc: Asset
) -> None:
    """Without the second one the audit misses it at the cold address for ever."""
    Asset.objects.filter(pk__in=[usdt.pk, usdc.pk]).update(cold_address=SAFE)
    for number, token in enumerate((usdt, usdc)):
        books.send([Transfer(f"cold:{number}", Owner.COLD, Owner.CHAIN, token.pk, 7 * UNITS, Reason.COLD)])
        token.refresh_from_db()
    txid = give_all(safe)
    gone = [shortfalls(token) for token in (usdt, usdc)]
    bookings = [book(safe, token, txid, from_cold=True) for token in (usdt, usdc)]
    books.send([*bookings, *bookings])

    assert [len(found) for found in gone] == [1, 1]
    assert [shortfalls(token) for token in (usdt, usdc)] == [(), ()]
    assert [books.balance(Owner.COLD, token.pk) for token in (usdt, usdc)] == [(0, 0), (0, 0)]
    assert all(len(one.reference) <= REFERENCE_CHARS_MAX for one in bookings)


@pytest.mark.parametrize("is_claimed", [True, False])
def test_what_was_lost_before_is_booked_when_it_is_asked_for_again(
    safe: Anvil, books: Books, usdt: Asset, usdc: Asset, is_claimed: bool
) -> None:
    """Of two tokens one was booked by an earlier version; the ledger took the other one for a repeat of it."""
    txid = give_all(safe)
    books.send([Transfer(f"funding:{txid}", Owner.CHAIN, Owner.FUNDING, usdt.pk, 7 * UNITS, Reason.FUNDING)])
    for token in (usdc, usdt) if is_claimed else ():
        ArrivalClaim.objects.create(asset=token, txid=txid, from_cold=False)

    booking = book(safe, usdc, txid)
    books.send([booking, book(safe, usdc, txid)] if is_claimed else [booking])

    assert [funded(token) for token in (usdt, usdc)] == [[7 * UNITS], [7 * UNITS]]
    for token in (usdt, usdc):
        with pytest.raises(OfferRefused, match="booked already"):
            book(safe, token, txid)


def test_ether_and_tokens_of_one_transaction_are_all_booked(
    safe: Anvil, books: Books, eth: Asset, usdt: Asset, usdc: Asset
) -> None:
    """The ether comes from a contract: only the node's traces tell of it."""
    txid = give_all(safe)
    books.send([book(safe, asset, txid) for asset in (eth, usdt, usdc)])

    assert [funded(asset) for asset in (eth, usdt, usdc)] == [[UNITS], [7 * UNITS], [7 * UNITS]]


def test_ether_of_a_contract_comes_from_the_contract(safe: Anvil, books: Books, eth: Asset, settings: Settings) -> None:
    Asset.objects.filter(pk=eth.pk).update(cold_address=SAFE)
    eth.refresh_from_db()
    txid = give_all(safe)
    with pytest.raises(OfferRefused, match="comes from a cold address"):
        book(safe, eth, txid)
    settings.ETHEREUM_TRACES = False
    with pytest.raises(OfferRefused, match="brought nothing"):
        book(safe, eth, txid, from_cold=True)
