"""Too much ether or too many tokens in the hot wallet: offered, signed elsewhere, watched and booked."""

import pytest
from eth_account import Account
from pytest_django import Settings

from accounts.models import User
from mex.errors import OfferRefused
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from tests.wallets.payouts import ETHER, finish, follow, fresh_address, request, send_stored, sign, status
from tests.wallets.tokens import DOLLAR, UNITS
from trading.engine.enums import Reason
from wallets.chains import keys
from wallets.chains.holdings import coins_read
from wallets.cold.funding import arrival_booking, ethereum_arrival
from wallets.cold.inputs import offers_open
from wallets.cold.offers import offer_nonce
from wallets.cold.sent import offer_accept
from wallets.cold.unsigned import NotATransaction, UnsignedCall, signed_read, unsigned_read
from wallets.cold.watch import ethereum_watch
from wallets.ledger.chart import Owner
from wallets.ledger.solvency import cover_of, read_together
from wallets.models import Asset, ChainTransaction, ColdOffer, Posting

COLD = Account.from_key(b"\x07" * 32)


@pytest.fixture
def hot(anvil: Anvil, usdt: Asset, settings: Settings) -> Anvil:
    """A hot wallet of 10 ETH and 500 dollars; ether has a ceiling of 4, dollars one of 200; floors are 2 and 100."""
    settings.ETHEREUM_RPC_URL = anvil.url
    Asset.objects.filter(pk=usdt.pk).update(withdrawals_open=True, approval_above=None)
    anvil.pay(keys.hot_address(), 10 * ETHER)
    anvil.pay_token(usdt.contract, keys.hot_address(), 500 * DOLLAR)
    anvil.mine()
    limit("ETH", 2, 4)
    limit("USDT", 100, 200)
    usdt.refresh_from_db()
    return anvil


def limit(code: str, floor: int, ceiling: int, address: str = COLD.address.lower()) -> None:
    Asset.objects.filter(code=code).update(
        hot_floor=floor * UNITS, hot_ceiling=ceiling * UNITS, cold_address=address, approval_above=None
    )


def watch(node: Anvil) -> dict[str, ColdOffer]:
    """Look once, as the task does, and return the open offers by asset."""
    coin, token = Asset.objects.get(code="ETH"), Asset.objects.get(code="USDT")
    ethereum_watch(coin=coin, tokens=[token], node=node.node, hot_address=keys.hot_address())
    return {asset.code: offer for asset in (coin, token) for offer in offers_open(asset)}


def signed(offer: ColdOffer, key: bytes | None = None) -> str:
    """Sign elsewhere, with a program that knows nothing of ours."""
    call = unsigned_read(offer.unsigned)
    fields = {
        "type": 2,
        "chainId": call.chain_id,
        "nonce": call.nonce,
        "maxPriorityFeePerGas": call.tip_per_gas,
        "maxFeePerGas": call.fee_per_gas,
        "gas": call.gas,
        "to": call.to,
        "value": call.wei,
        "data": call.data,
    }
    return str(Account.sign_transaction(fields, key or keys.hot_key()).raw_transaction.to_0x_hex())


def accept(node: Anvil, offer: ColdOffer, text: str) -> ChainTransaction:
    return offer_accept(offer, text, hot_address=keys.hot_address(), node=node.node)


def cover(code: str) -> tuple[int, int]:
    """Return the surplus over what the ledger says we hold, and what it says is cold."""
    books, coins, _ = read_together(Asset.objects.get(code=code), lambda: None)
    found = cover_of(books, coins)
    assert books.held_cold <= found.cold - found.cold_in_flight
    return found.hot - books.held_outside, books.held_cold


def test_the_bytes_to_sign_are_read_back_and_rubbish_is_refused() -> None:
    call = UnsignedCall(31337, 0, 1, 2, 21_000, COLD.address, 10**18, "0xabcdef")

    assert unsigned_read(call.hex) == call
    for text in ("0x", "0x02", "zz", "0x02c0", call.hex):
        with pytest.raises(NotATransaction):
            signed_read(text)
    with pytest.raises(NotATransaction):
        unsigned_read("0x02c0")


def test_ether_and_tokens_are_offered_down_to_the_middle_with_the_next_nonce(hot: Anvil) -> None:
    offers = watch(hot)

    ether, dollars = unsigned_read(offers["ETH"].unsigned), unsigned_read(offers["USDT"].unsigned)
    assert (offers["ETH"].amount, offers["USDT"].amount) == (7 * UNITS, 350 * UNITS)
    assert (ether.to, ether.wei, ether.nonce) == (COLD.address, 7 * ETHER, 0)
    assert (dollars.to, dollars.wei) == (Asset.objects.get(code="USDT").contract, 0)
    assert {offer_nonce(offer) for offer in offers.values()} == {0}
    assert watch(hot) == offers


@pytest.mark.parametrize(("code", "amount"), [("ETH", 7 * UNITS), ("USDT", 350 * UNITS)])
def test_what_was_signed_elsewhere_is_sent_watched_and_booked(hot: Anvil, books: Books, code: str, amount: int) -> None:
    offer = watch(hot)[code]
    seen = [cover(code)]

    record = accept(hot, offer, signed(offer))
    seen.append(cover(code))
    send_stored(hot)
    hot.mine()
    seen.append(cover(code))  # in a block: cold already, and the ledger does not know
    hot.mine(2)
    for _ in range(3):
        follow(hot, books)
    seen.append(cover(code))

    record.refresh_from_db()
    there = 10 * UNITS if code == "ETH" else 500 * UNITS
    assert [surplus - there in (0, 1) for surplus, _ in seen] == [True] * 4
    assert [cold for _, cold in seen] == [0, 0, 0, amount]
    assert (record.status, record.kind, record.amount, record.fee_asset.code) == ("confirmed", "cold", amount, "ETH")
    posting = Posting.objects.get(reason=Reason.COLD)
    assert (posting.reference, posting.debit, posting.credit) == (f"cold:{record.pk}", Owner.COLD, Owner.CHAIN)
    assert coins_read(Asset.objects.get(code=code), []).cold == amount
    assert code not in watch(hot)


def test_only_what_was_offered_and_signed_by_the_hot_wallet_is_taken(hot: Anvil) -> None:
    offer = watch(hot)["ETH"]
    raw = signed(offer)
    call = unsigned_read(offer.unsigned)
    fields = {name: getattr(call, name) for name in call.__struct_fields__}
    other = ColdOffer(unsigned=UnsignedCall(**(fields | {"wei": 8 * ETHER})).hex)

    for text, why in (
        (signed(offer, b"\x09" * 32), "not by the hot wallet"),
        (signed(other), "another transaction"),
        (offer.unsigned, "not a signed transaction"),
        ("", "not a signed transaction"),
        (raw[:-4], "is"),
    ):
        with pytest.raises(OfferRefused, match=why):
            accept(hot, offer, text)

    assert ChainTransaction.objects.count() == 0
    assert accept(hot, offer, f" {raw[:50]}\n{raw[50:]} ").nonce == 0


def test_a_used_nonce_ends_an_offer_and_a_new_one_is_made(hot: Anvil, eth: Asset, books: Books, alice: User) -> None:
    """The trap: what is signed for a nonce that a withdrawal took would never be mined, or replace the withdrawal."""
    books.give(alice.pk, eth.pk, 10 * UNITS)
    old = watch(hot)["ETH"]
    late = signed(old)
    request(alice, eth, books, fresh_address(), UNITS)
    sign(hot, eth)

    with pytest.raises(OfferRefused, match="nonce was used"):
        accept(hot, old, late)
    new = watch(hot)["ETH"]

    old.refresh_from_db()
    assert (old.withdrawn_at is not None, offer_nonce(new), new.amount) == (True, 1, 6 * UNITS - _gas())
    accept(hot, new, signed(new))
    finish(hot, books)
    assert sorted(ChainTransaction.objects.values_list("kind", "nonce", "status")) == [
        ("cold", 1, "confirmed"),
        ("withdrawal", 0, "confirmed"),
    ]


def _gas() -> int:
    """Return the withdrawal's highest gas, less its fee, in units: so much less is offered."""
    record = ChainTransaction.objects.get(kind="withdrawal")
    assert record.network_fee is not None
    return record.network_fee - 50_000


@pytest.mark.parametrize(("code", "amount"), [("ETH", 7 * UNITS), ("USDT", 350 * UNITS)])
def test_what_an_operator_sends_himself_is_recognised_and_booked(
    hot: Anvil, books: Books, code: str, amount: int
) -> None:
    offer = watch(hot)[code]
    hot.node.broadcast(signed(offer))
    watch(hot)
    waiting = ChainTransaction.objects.count()
    hot.mine()
    watch(hot)
    watch(hot)

    record = ChainTransaction.objects.get()
    offer.refresh_from_db()
    assert (waiting, record.kind, record.amount, record.nonce, offer.transaction_id) == (
        0,
        "cold",
        amount,
        0,
        record.pk,
    )
    finish(hot, books)
    assert cover(code)[1] == amount
    assert Posting.objects.filter(reason=Reason.COLD).count() == 1


@pytest.mark.parametrize(("code", "amount"), [("ETH", 7 * UNITS), ("USDT", 350 * UNITS)])
def test_what_an_operator_sends_himself_is_booked_when_its_nonce_was_given_meanwhile(
    hot: Anvil, eth: Asset, books: Books, alice: User, code: str, amount: int
) -> None:
    """The withdrawal that had the nonce is paid with another one, and what took it is a version of what it overtook."""
    books.give(alice.pk, eth.pk, 5 * UNITS)
    raw = signed(watch(hot)[code])
    withdrawal = request(alice, eth, books, fresh_address(), UNITS // 10)
    sign(hot, eth)
    hot.node.broadcast(raw)
    hot.mine()
    watch(hot)
    undecided = ChainTransaction.objects.count()  # a reorganisation may still let the withdrawal have it
    hot.mine(2)
    for _ in range(2):
        follow(hot, books)
        watch(hot)
        sign(hot, eth)
    finish(hot, books)
    watch(hot)

    assert (undecided, status(withdrawal)) == (1, "confirmed")
    assert sorted(ChainTransaction.objects.values_list("kind", "nonce", "status")) == [
        ("cold", 0, "confirmed"),
        ("withdrawal", 0, "replaced"),
        ("withdrawal", 1, "confirmed"),
    ]
    record = ChainTransaction.objects.get(kind="cold")
    posting = Posting.objects.get(reason=Reason.COLD)
    assert (posting.reference, posting.amount, cover(code)[1]) == (f"cold:{record.pk}", amount, amount)


def test_another_payment_to_the_cold_address_is_recognised_and_one_elsewhere_is_an_alarm(
    hot: Anvil, books: Books, caplog: pytest.LogCaptureFixture
) -> None:
    watch(hot)
    for nonce, to in ((0, COLD.address), (1, fresh_address())):
        raw = keys.payment_sign(
            keys.hot_key(), to=to, wei=ETHER, nonce=nonce, gas=21_000, fee_per_gas=10**11, tip_per_gas=10**9
        ).raw
        hot.node.broadcast(raw)
        hot.mine()

    watch(hot)

    assert list(ChainTransaction.objects.values_list("kind", "nonce", "amount")) == [("cold", 0, UNITS)]
    assert "nonce 1 of the hot wallet was used by somebody" in caplog.text


def test_a_failed_transfer_is_not_booked(hot: Anvil, books: Books, usdt: Asset) -> None:
    offer = watch(hot)["USDT"]
    accept(hot, offer, signed(offer))
    hot.call("anvil_setCode", usdt.contract, "0xfe")
    finish(hot, books)

    assert ChainTransaction.objects.get().status == "failed"
    assert Posting.objects.filter(reason=Reason.COLD).count() == 0


@pytest.mark.parametrize("code", ["ETH", "USDT"])
def test_coins_that_come_back_from_the_cold_address_are_booked_once(hot: Anvil, books: Books, code: str) -> None:
    offer = watch(hot)[code]
    accept(hot, offer, signed(offer))
    finish(hot, books)
    asset = Asset.objects.get(code=code)
    hot.call("anvil_impersonateAccount", COLD.address)
    hot.call("anvil_setBalance", COLD.address, hex(10 * ETHER))
    back = {"from": COLD.address, "to": keys.hot_address(), "value": hex(ETHER)}
    if code == "USDT":
        from wallets.chains.tokens import transfer_call

        back = {"from": COLD.address, "to": asset.contract, "data": transfer_call(keys.hot_address(), DOLLAR)}
    txid = str(hot.call("eth_sendTransaction", back | {"gas": hex(100_000)}))
    hot.mine(3)
    arrival = ethereum_arrival(asset=asset, node=hot.node, txid=txid, hot_address=keys.hot_address())

    with pytest.raises(OfferRefused, match="comes from a cold address"):
        arrival_booking(asset, arrival, from_cold=False)
    books.send([arrival_booking(asset, arrival, from_cold=True)])

    assert cover(code)[1] == offer.amount - UNITS
    with pytest.raises(OfferRefused, match="booked already"):
        arrival_booking(asset, arrival, from_cold=True)


def test_an_operators_own_ether_is_funding(hot: Anvil, eth: Asset, books: Books) -> None:
    txid = hot.pay(keys.hot_address(), ETHER)
    hot.mine(3)
    arrival = ethereum_arrival(asset=eth, node=hot.node, txid=txid, hot_address=keys.hot_address())

    with pytest.raises(OfferRefused, match="No cold address"):
        arrival_booking(eth, arrival, from_cold=True)
    books.send([arrival_booking(eth, arrival, from_cold=False)])

    assert books.balance(Owner.FUNDING, eth.pk) == (UNITS, 0)


def test_ether_is_booked_once_however_the_id_is_typed(hot: Anvil, eth: Asset, books: Books) -> None:
    txid = hot.pay(keys.hot_address(), ETHER)
    hot.mine(3)
    for typed in (txid, "0x" + txid[2:].upper()):
        arrival = ethereum_arrival(asset=eth, node=hot.node, txid=typed, hot_address=keys.hot_address())
        assert arrival.txid == txid
        if typed == txid:
            books.send([arrival_booking(eth, arrival, from_cold=False)])

    with pytest.raises(OfferRefused, match="booked already"):
        arrival_booking(eth, arrival, from_cold=False)
    assert books.balance(Owner.FUNDING, eth.pk) == (UNITS, 0)


def test_a_withdrawal_that_needs_the_coins_ends_the_offer(hot: Anvil, eth: Asset, books: Books, alice: User) -> None:
    books.give(alice.pk, eth.pk, 20 * UNITS)
    offer = watch(hot)["ETH"]
    withdrawal = request(alice, eth, books, fresh_address(), 9 * UNITS)

    assert "ETH" not in watch(hot)
    offer.refresh_from_db()
    assert offer.withdrawn_at is not None
    sign(hot, eth)
    assert status(withdrawal) == "signed"
