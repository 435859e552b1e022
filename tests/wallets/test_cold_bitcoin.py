"""Too much in the Bitcoin hot wallet: offered, signed elsewhere, watched and booked, on a real node."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from mex.errors import OfferRefused
from tests.wallets.desk import Desk
from tests.wallets.node_signing import node_signed, payment_signed
from trading.engine.enums import Reason
from wallets.chains.bitcoin import psbt_sign
from wallets.chains.holdings import coins_read
from wallets.chains.psbt import psbt_read
from wallets.cold.funding import arrival_booking, bitcoin_arrival
from wallets.cold.inputs import inputs_of_offer, offered_inputs, offers_open
from wallets.cold.sent import offer_accept
from wallets.cold.watch import bitcoin_watch
from wallets.ledger.chart import Owner
from wallets.ledger.solvency import cover_of, read_together, shortfalls_of
from wallets.models import Asset, ChainTransaction, ColdOffer, HotWallet, Posting

COIN = 100_000_000


@pytest.fixture
def bank(desk: Desk, settings: Settings) -> Desk:
    """A hot wallet of 3 BTC with a floor of 0.5, a ceiling of 1.5 and a cold address."""
    settings.BITCOIN_RPC_URL = desk.chain.url
    desk.fund(COIN, COIN, COIN, blocks=3)
    cold = desk.chain.fresh_address()
    Asset.objects.filter(pk=desk.btc.pk).update(hot_floor=COIN // 2, hot_ceiling=3 * COIN // 2, cold_address=cold)
    desk.btc.refresh_from_db()
    return desk


def watch(bank: Desk) -> ColdOffer | None:
    """Look once, as the task does, and return the open offer."""
    bank.btc.refresh_from_db()
    bank.chain.settle()
    bitcoin_watch(asset=bank.btc, node=bank.node)
    return offers_open(bank.btc).first()


def offered(bank: Desk) -> ColdOffer:
    offer = watch(bank)
    assert offer is not None
    return offer


def signed(bank: Desk, offer: ColdOffer) -> str:
    """Sign elsewhere: here, with the keys of the test."""
    return psbt_sign(psbt_read(offer.unsigned)).raw


def whole(bank: Desk) -> tuple[int, int, int]:
    """Return the surplus over what the ledger says we hold, what it says is cold, and all that users could be paid."""
    books, coins, _ = read_together(bank.btc, lambda: None)
    cover = cover_of(books, coins)
    assert [one for one in shortfalls_of("BTC", books, cover) if "we owe to users" not in one] == []
    return cover.hot - books.held_outside, books.held_cold, cover.whole


def test_down_to_the_middle_is_offered_and_its_coins_are_kept(bank: Desk) -> None:
    offer = offered(bank)

    assert (offer.amount, offer.address) == (2 * COIN, bank.btc.cold_address)
    assert offered_inputs(bank.btc) <= bank.node.inputs_locked()
    assert [output.nValue for output in psbt_read(offer.unsigned).transaction.vout if output.nValue == 2 * COIN] == [
        2 * COIN
    ]
    assert watch(bank) == offer
    assert ColdOffer.objects.count() == 1
    assert HotWallet.objects.get(asset=bank.btc).offered == 2 * COIN


def test_coins_that_are_not_final_are_not_offered(bank: Desk) -> None:
    """The trap: what is signed on a coin that a reorganisation takes away would be void when it comes back."""
    Asset.objects.filter(pk=bank.btc.pk).update(hot_ceiling=4 * COIN)
    bank.fund(3 * COIN, blocks=1)
    assert watch(bank) is None
    bank.chain.mine(2)

    assert offered(bank).amount == 6 * COIN - (4 * COIN + COIN // 2) // 2


def test_nothing_is_offered_below_the_ceiling_or_without_an_address(bank: Desk) -> None:
    Asset.objects.filter(pk=bank.btc.pk).update(hot_ceiling=3 * COIN)
    assert watch(bank) is None
    Asset.objects.filter(pk=bank.btc.pk).update(hot_ceiling=3 * COIN // 2, cold_address="")
    assert watch(bank) is None
    Asset.objects.filter(pk=bank.btc.pk).update(hot_ceiling=None, cold_address=bank.chain.fresh_address())

    assert watch(bank) is None


@pytest.mark.parametrize("address", ["bcrt1qnonsense", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", "ours"])
def test_an_address_that_cannot_be_cold_gets_no_offer(bank: Desk, address: str) -> None:
    from wallets.models import DepositAddress

    if address == "ours":
        address = bank.node.addresses_new(1)[0]
        DepositAddress.objects.create(asset=bank.btc, address=address)
    Asset.objects.filter(pk=bank.btc.pk).update(cold_address=address)

    assert watch(bank) is None


def test_what_was_signed_elsewhere_is_sent_watched_and_booked(bank: Desk) -> None:
    offer = offered(bank)
    seen = [whole(bank)]

    record = offer_accept(offer, signed(bank, offer), hot_address="", node=bank.node)
    seen.append(whole(bank))  # stored
    stored = record.status
    bank.send()
    bank.chain.mine(1)
    seen.append(whole(bank))  # in a block: cold already, and the ledger does not know
    bank.chain.mine(2)
    bank.follow(1)
    seen.append(whole(bank))  # its fee is booked
    bank.follow(1)
    seen.append(whole(bank))  # all of it
    bank.follow(1)

    record.refresh_from_db()
    assert (stored, record.status, record.kind, record.amount) == ("signed", "confirmed", "cold", 2 * COIN)
    left = 3 * COIN - (record.network_fee or 0)
    assert seen == [(3 * COIN, 0, 3 * COIN)] * 3 + [(3 * COIN, 0, left), (3 * COIN, 2 * COIN, left)]
    posting = Posting.objects.get(reason=Reason.COLD)
    assert (posting.reference, posting.debit, posting.credit, posting.amount) == (
        f"cold:{record.pk}",
        Owner.COLD,
        Owner.CHAIN,
        2 * COIN,
    )
    coins = coins_read(bank.btc, [])
    assert (coins.cold, coins.units) == (2 * COIN, COIN - (record.network_fee or 0))
    assert watch(bank) is None


def test_a_signed_psbt_is_taken_as_well(bank: Desk) -> None:
    offer = offered(bank)
    half = node_signed(bank.node, offer.unsigned, is_final=False)["psbt"]

    record = offer_accept(offer, half[:40] + "\n" + half[40:], hot_address="", node=bank.node)

    assert record.txid == bank.node.root.call("decodepsbt", offer.unsigned)["tx"]["txid"]


def test_only_what_was_offered_is_taken(bank: Desk) -> None:
    offer = offered(bank)
    raw = signed(bank, offer)
    bank.fund(COIN)
    other = payment_signed(bank.node, bank.chain.fresh_address(), 10_000, 2).raw
    refused = {}

    for label, text in (
        ("other", other),
        ("unsigned", offer.unsigned),
        ("nothing", ""),
        ("rubbish", "00"),
        ("words", "please"),
        ("broken", raw[:-2]),
        ("unsigned bytes", psbt_read(offer.unsigned).transaction.serialize().hex()),
    ):
        with pytest.raises(OfferRefused) as caught:
            offer_accept(offer, text, hot_address="", node=bank.node)
        refused[label] = caught.value.message

    assert refused["other"] == "It is another transaction than the one that was offered."
    assert refused["unsigned"] == "It is not signed in full."
    assert refused["unsigned bytes"].startswith("The node would not take it: ")
    assert ChainTransaction.objects.count() == 0
    assert offer_accept(offer, raw, hot_address="", node=bank.node).kind == "cold"
    with pytest.raises(OfferRefused, match="over"):
        offer_accept(offer, raw, hot_address="", node=bank.node)


def test_an_offer_ends_when_withdrawals_need_its_coins_and_they_get_them(bank: Desk) -> None:
    """The trap: coins that an offer keeps would make the hot wallet short."""
    offer = offered(bank)
    bank.ask(29 * COIN // 10)

    assert watch(bank) is None
    offer.refresh_from_db()
    assert offer.withdrawn_at is not None
    assert bank.node.inputs_locked() == set()
    assert len(bank.sign()) == 1
    with pytest.raises(OfferRefused, match="over"):
        offer_accept(offer, "00", hot_address="", node=bank.node)


def test_withdrawals_leave_offered_coins_alone(bank: Desk) -> None:
    offer = offered(bank)
    bank.ask(COIN // 10)
    records = bank.sign()

    from wallets.chains.bitcoin import inputs_of

    spent = {item for record in records for item in inputs_of(record.raw)}
    assert spent.isdisjoint(inputs_of_offer(offer))


def test_an_old_offer_is_made_anew(bank: Desk) -> None:
    old = offered(bank)
    ColdOffer.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=1))

    new = offered(bank)

    old.refresh_from_db()
    assert (new.pk != old.pk, old.withdrawn_at is not None, new.amount) == (True, True, 2 * COIN)


def test_a_changed_address_ends_the_offer_to_the_old_one(bank: Desk) -> None:
    old = offered(bank)
    other = bank.chain.fresh_address()
    Asset.objects.filter(pk=bank.btc.pk).update(cold_address=other)

    assert offered(bank).address == other
    old.refresh_from_db()
    assert old.withdrawn_at is not None


def test_what_an_operator_sends_himself_is_recognised_and_booked(bank: Desk) -> None:
    offer = offered(bank)
    raw = signed(bank, offer)
    bank.node.broadcast(raw)
    watch(bank)

    record = ChainTransaction.objects.get()
    offer.refresh_from_db()
    assert (record.kind, record.status, record.amount, offer.transaction_id) == (
        "cold",
        "broadcast",
        2 * COIN,
        record.pk,
    )
    assert record.network_fee == psbt_read(offer.unsigned).fee_satoshis
    watch(bank)
    bank.finish()
    assert whole(bank)[:2] == (3 * COIN, 2 * COIN)
    assert Posting.objects.filter(reason=Reason.COLD).count() == 1
    assert ChainTransaction.objects.count() == 1


def test_another_payment_to_the_cold_address_than_the_offer_is_recognised_too(bank: Desk) -> None:
    offer = offered(bank)
    bank.node.inputs_unlock(inputs_of_offer(offer))
    own = payment_signed(bank.node, bank.btc.cold_address, 5 * COIN // 2, 5)
    bank.node.broadcast(own.raw)

    watch(bank)

    record = ChainTransaction.objects.get()
    offer.refresh_from_db()
    assert (record.txid, record.amount, record.network_fee) == (own.txid, 5 * COIN // 2, own.fee_satoshis)
    assert (offer.transaction, offer.withdrawn_at is not None) == (None, True)  # its coins were spent
    bank.finish()
    assert whole(bank)[:2] == (3 * COIN, 5 * COIN // 2)


def test_coins_that_come_back_from_the_cold_address_are_booked_once(bank: Desk) -> None:
    offer = offered(bank)
    offer_accept(offer, signed(bank, offer), hot_address="", node=bank.node)
    bank.send()
    bank.finish()
    txid = bank.chain.pay(bank.node.change_address(), COIN)
    arrival = bitcoin_arrival(asset=bank.btc, node=bank.node, txid=txid)
    with pytest.raises(OfferRefused, match="0 confirmations of 3"):
        arrival_booking(bank.btc, arrival, from_cold=True)
    bank.chain.mine(3)
    arrival = bitcoin_arrival(asset=bank.btc, node=bank.node, txid=txid)
    before = whole(bank)

    bank.books.send([arrival_booking(bank.btc, arrival, from_cold=True)])

    assert (before[0], whole(bank)[:2]) == (4 * COIN, (3 * COIN, COIN))
    with pytest.raises(OfferRefused, match="booked already"):
        arrival_booking(bank.btc, arrival, from_cold=False)


def test_an_operators_own_coins_are_funding(bank: Desk) -> None:
    txid = bank.chain.pay(bank.node.change_address(), COIN)
    bank.chain.mine(3)
    arrival = bitcoin_arrival(asset=bank.btc, node=bank.node, txid=txid)
    with pytest.raises(OfferRefused, match="not so much at cold"):
        arrival_booking(bank.btc, arrival, from_cold=True)

    bank.books.send([arrival_booking(bank.btc, arrival, from_cold=False)])

    assert bank.books.balance(Owner.FUNDING, bank.btc.pk) == (COIN, 0)
    posting = Posting.objects.get(reason=Reason.FUNDING)
    assert (posting.debit, posting.credit, posting.reference) == (Owner.CHAIN, Owner.FUNDING, f"funding:{txid}")


def test_deposits_and_change_are_no_funding(bank: Desk) -> None:
    deposit = bank.chain.pay(bank.node.addresses_new(1)[0], COIN)
    own = payment_signed(bank.node, bank.chain.fresh_address(), COIN // 10, 5)
    bank.node.broadcast(own.raw)
    bank.chain.mine(3)

    arrival = bitcoin_arrival(asset=bank.btc, node=bank.node, txid=deposit)
    with pytest.raises(OfferRefused, match="nothing to the hot wallet"):
        arrival_booking(bank.btc, arrival, from_cold=False)
    with pytest.raises(OfferRefused, match="change"):
        bitcoin_arrival(asset=bank.btc, node=bank.node, txid=own.txid)
    with pytest.raises(OfferRefused, match="knows no"):
        bitcoin_arrival(asset=bank.btc, node=bank.node, txid="00" * 32)


def test_what_would_pay_the_change_to_a_stranger_is_not_offered(
    bank: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The trap: an operator signs what the admin shows him; amount and address are right, and the rest is stolen."""
    call, stranger = bank.node.rpc.call, bank.chain.fresh_address()

    def lies(method: str, *args: Any) -> Any:
        """Answer as a node that was taken over would."""
        if method == "walletcreatefundedpsbt":
            *before, options = args
            kept = {name: value for name, value in options.items() if name != "change_type"}
            args = (*before, kept | {"changeAddress": stranger})
        return call(method, *args)

    monkeypatch.setattr(bank.node.rpc, "call", lies)

    assert (watch(bank), watch(bank)) == (None, None)

    assert ColdOffer.objects.count() == 0
    assert caplog.text.count("no offer of BTC is made: what is left over does not come back to us") == 1
    assert [record.levelname for record in caplog.records if "no offer of BTC" in record.message] == ["ERROR"]
    assert bank.node.inputs_locked() == set()


@pytest.mark.parametrize("lie", ["amount", "fee"])
def test_what_pays_another_amount_or_too_high_a_fee_is_not_offered(
    bank: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, lie: str
) -> None:
    fund = bank.node.payment_fund

    def lies(payments: list[tuple[str, int]], rate: int, **options: Any) -> str:
        """Build something else."""
        if lie == "fee":
            return fund(payments, rate * 1000, **options)
        return fund([(address, satoshis + 1) for address, satoshis in payments], rate, **options)

    monkeypatch.setattr(bank.node, "payment_fund", lies)

    assert watch(bank) is None
    assert bank.node.inputs_locked() == set()
    assert caplog.text.count("no offer of BTC is made: ") == 1
    monkeypatch.setattr(bank.node, "payment_fund", fund)
    assert watch(bank) is not None


def test_of_two_workers_that_offer_at_once_one_does(bank: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    Asset.objects.filter(pk=bank.btc.pk).update(hot_floor=23 * COIN // 10, hot_ceiling=25 * COIN // 10)
    fund = bank.node.payment_fund

    def slow(*args: object, **options: object) -> str:
        """Build, and let another worker be quicker."""
        psbt = fund(*args, **options)  # type: ignore[arg-type]
        monkeypatch.setattr(bank.node, "payment_fund", fund)
        assert watch(bank) is not None
        return psbt

    monkeypatch.setattr(bank.node, "payment_fund", slow)

    offer = offered(bank)

    assert ColdOffer.objects.count() == 1
    assert bank.node.inputs_locked() == set(inputs_of_offer(offer))


def test_a_node_that_forgot_its_locks_gets_them_again(bank: Desk) -> None:
    offer = offered(bank)
    bank.node.inputs_unlock(inputs_of_offer(offer))

    watch(bank)

    assert bank.node.inputs_locked() == set(inputs_of_offer(offer))
