"""Payments of tokens on a real anvil: done when the token's log says so, and given back when nothing moved."""

from collections.abc import Sequence

import pytest
from pytest_django import Settings

from accounts.models import User
from mex.errors import AddressIllegal
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from tests.wallets.payouts import ETHER, UNIT, finish, fresh_address, request, rows, send_stored, sign, status
from tests.wallets.programs import behaviour
from tests.wallets.tokens import DOLLAR, UNITS, scan
from wallets import services
from wallets.chains import keys
from wallets.chains.ethereum import GWEI, EthereumNode
from wallets.chains.ethereum_raw import cost_max_of
from wallets.chains.holdings import Sighting, coins_read
from wallets.deposits.contracts import contract_adopt
from wallets.deposits.pool import ethereum_pool_fill
from wallets.ledger.chart import Owner
from wallets.models import Asset, ChainTransaction, Deposit
from wallets.pace import Aside
from wallets.payouts import ethereum, ethereum_records
from wallets.payouts.ethereum import ethereum_sign
from wallets.payouts.progress import PAYMENT_REFUSED

GIFT = 1_000 * UNITS
AMOUNT = 100 * UNITS
FEE = 1 * UNITS


@pytest.fixture
def hot(anvil: Anvil, usdt: Asset) -> Anvil:
    """The node, with ether and 500 dollars at our hot address, and withdrawals of the token open."""
    Asset.objects.filter(pk=usdt.pk).update(withdrawals_open=True)
    usdt.refresh_from_db()
    anvil.pay(keys.hot_address(), ETHER)
    anvil.pay_token(usdt.contract, keys.hot_address(), 500 * DOLLAR)
    anvil.mine()
    return anvil


@pytest.fixture
def rich(books: Books, alice: User, usdt: Asset) -> User:
    books.give(alice.pk, usdt.pk, GIFT)
    return alice


def tokens(node: Anvil, asset: Asset, address: str) -> int:
    return node.node.token_balances(asset.contract, [address])[address]


def test_tokens_arrive_to_the_last_unit_and_their_gas_is_booked_in_ether(
    hot: Anvil, eth: Asset, usdt: Asset, books: Books, rich: User
) -> None:
    """The token returns nothing at all, as USDT does."""
    address = fresh_address()
    withdrawal = request(rich, usdt, books, address, AMOUNT)
    before = hot.balance(keys.hot_address())

    sign(hot, usdt)
    signed = status(withdrawal)
    finish(hot, books)

    record = ChainTransaction.objects.get()
    gas_wei = before - hot.balance(keys.hot_address())
    assert (signed, status(withdrawal), record.status) == ("signed", "confirmed", "confirmed")
    assert tokens(hot, usdt, address) == 99 * DOLLAR
    assert books.balance(rich.pk, usdt.pk) == (GIFT - AMOUNT, 0)
    assert (record.asset, record.fee_asset, record.network_fee) == (usdt, eth, -(-gas_wei // UNIT))
    assert books.balance(Owner.NETWORK_FEES, eth.pk) == (-gas_wei // UNIT, 0)
    assert books.balance(Owner.NETWORK_FEES, usdt.pk) == (0, 0)
    assert books.balance(Owner.FEES, usdt.pk) == (FEE, 0)


def test_ether_and_tokens_share_one_row_of_nonces(
    hot: Anvil, eth: Asset, usdt: Asset, books: Books, rich: User
) -> None:
    books.give(rich.pk, eth.pk, 10**9)
    payments = [
        request(rich, asset, books, fresh_address(), amount)
        for asset, amount in ((usdt, AMOUNT), (eth, 2_000_000), (usdt, AMOUNT), (eth, 3_000_000))
    ]

    sign(hot, usdt)
    sign(hot, eth)
    finish(hot, books)

    assert sorted(ChainTransaction.objects.values_list("nonce", flat=True)) == [0, 1, 2, 3]
    assert [status(one) for one in payments] == ["confirmed"] * 4


def test_a_token_that_returns_false_when_it_is_mined_was_not_paid(
    hot: Anvil, usdt: Asset, books: Books, rich: User
) -> None:
    """Its transaction succeeds, and there is no log: the funds are given back, the gas is ours."""
    address = fresh_address()
    withdrawal = request(rich, usdt, books, address, AMOUNT)
    sign(hot, usdt)
    hot.send(behaviour(nothing=False, returns_false=True), usdt.contract, tip=10**10)
    finish(hot, books)
    finish(hot, books)

    record = ChainTransaction.objects.get()
    receipt = hot.node.receipts([record.txid])[record.txid]
    assert receipt is not None
    assert receipt.succeeded is True
    assert (record.status, status(withdrawal), withdrawal.reject_reason) == ("failed", "rejected", PAYMENT_REFUSED)
    assert books.balance(rich.pk, usdt.pk) == (GIFT, 0)
    assert tokens(hot, usdt, address) == 0


def test_a_token_that_says_no_beforehand_is_not_paid_for(hot: Anvil, usdt: Asset, books: Books, rich: User) -> None:
    """No gas is burnt for what the contract would not do; it waits, and is paid when it would."""
    hot.send(behaviour(nothing=False, returns_false=True), usdt.contract)
    hot.mine()
    withdrawal = request(rich, usdt, books, fresh_address(), AMOUNT)
    sign(hot, usdt)
    waiting = (status(withdrawal), ChainTransaction.objects.count())

    hot.send(behaviour(), usdt.contract)
    hot.mine()
    sign(hot, usdt)
    finish(hot, books)

    assert waiting == ("held", 0)
    assert status(withdrawal) == "confirmed"


def test_payments_that_cannot_be_made_hide_none_that_can(
    hot: Anvil, usdt: Asset, books: Books, rich: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as are signed at once, to receivers that the token's owner has blocked, say."""
    monkeypatch.setattr(ethereum, "_BATCH", 2)
    blocked = [request(rich, usdt, books, fresh_address(), 600 * UNITS // 4) for _ in range(5)]
    usual = EthereumNode.token_gas
    receivers = {one.address for one in blocked}

    def refusing(node: EthereumNode, contract: str, transfers: Sequence[tuple[str, str, int]]) -> list[int | str]:
        answers = usual(node, contract, transfers)
        return ["blocked" if to in receivers else answer for (_, to, _), answer in zip(transfers, answers, strict=True)]

    monkeypatch.setattr(EthereumNode, "token_gas", refusing)
    payment = request(rich, usdt, books, fresh_address(), AMOUNT)
    sign(hot, usdt)

    assert [status(one) for one in blocked] == ["held"] * 5
    assert status(payment) == "signed"


def test_refused_payments_are_put_aside_before_it_is_counted_how_many_are_looked_at(
    hot: Anvil, usdt: Asset, books: Books, rich: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as are looked at: each of them is tried again, ever less often, and then paid if it can be."""
    monkeypatch.setattr(ethereum, "_LOOKED_AT_ONCE", 2)
    clock = [0.0]
    aside = Aside(clock=lambda: clock[0])
    blocked = [request(rich, usdt, books, fresh_address(), AMOUNT) for _ in range(2)]
    payment = request(rich, usdt, books, fresh_address(), AMOUNT)
    usual = EthereumNode.token_gas
    receivers = {one.address for one in blocked}
    asked: list[set[str]] = []

    def refusing(node: EthereumNode, contract: str, transfers: Sequence[tuple[str, str, int]]) -> list[int | str]:
        asked.append({to for _, to, _ in transfers})
        answers = usual(node, contract, transfers)
        return ["blocked" if to in receivers else answer for (_, to, _), answer in zip(transfers, answers, strict=True)]

    monkeypatch.setattr(EthereumNode, "token_gas", refusing)
    for _ in range(3):
        ethereum_sign(asset=usdt, node=hot.node, aside=aside)
    seen = [status(one) for one in (*blocked, payment)]
    receivers.clear()
    clock[0] += 3
    ethereum_sign(asset=usdt, node=hot.node, aside=aside)

    everybody = {one.address for one in blocked}
    assert seen == ["held", "held", "signed"]
    assert asked == [everybody, {payment.address}, everybody]
    assert [status(one) for one in blocked] == ["signed", "signed"]


def test_a_token_that_keeps_a_fee_was_paid_all_the_same(
    hot: Anvil, usdt: Asset, books: Books, rich: User, caplog: pytest.LogCaptureFixture
) -> None:
    """What it keeps is its receiver's to bear: given back, the tokens that left us would be paid twice."""
    address = fresh_address()
    withdrawal = request(rich, usdt, books, address, AMOUNT)
    sign(hot, usdt)
    hot.send(behaviour(fee_bps=100), usdt.contract, tip=10**10)
    finish(hot, books)

    assert status(withdrawal) == "confirmed"
    assert tokens(hot, usdt, address) == 99 * DOLLAR * 99 // 100
    assert tokens(hot, usdt, keys.hot_address()) == 401 * DOLLAR
    assert "the token does not do what it is asked" in caplog.text
    usdt.refresh_from_db()
    assert (usdt.withdrawals_open, usdt.closed_because) == (False, "USDT keeps a part of what is paid")


def test_what_was_paid_is_not_given_back_when_the_setting_of_the_contract_goes_missing(
    hot: Anvil, usdt: Asset, books: Books, rich: User, settings: Settings
) -> None:
    """A scanning worker is started without MEX_USDT_CONTRACT while a payment is on its way."""
    address = fresh_address()
    withdrawal = request(rich, usdt, books, address, AMOUNT)
    sign(hot, usdt)
    send_stored(hot)

    settings.USDT_CONTRACT = ""
    contract_adopt(asset=Asset.objects.get(pk=usdt.pk), node=hot.node)
    finish(hot, books)

    assert status(withdrawal) == "confirmed"
    assert tokens(hot, usdt, address) == 99 * DOLLAR
    assert books.balance(rich.pk, usdt.pk) == (GIFT - AMOUNT, 0)


@pytest.mark.parametrize("contract", ["", "0x52908400098527886E0F7030069857D2E4169EE7"])
def test_what_was_paid_is_judged_by_the_contract_that_was_called(
    hot: Anvil, usdt: Asset, books: Books, rich: User, settings: Settings, contract: str
) -> None:
    """Whatever contract the token's row names by now: also for those who count what is in flight."""
    settings.ETHEREUM_RPC_URL = hot.url
    address = fresh_address()
    withdrawal = request(rich, usdt, books, address, AMOUNT)
    sign(hot, usdt)
    send_stored(hot)
    hot.mine(3)
    txid = ChainTransaction.objects.get().txid

    Asset.objects.filter(pk=usdt.pk).update(contract=contract)
    seen = coins_read(Asset.objects.get(pk=usdt.pk), [txid]).seen
    finish(hot, books)

    assert seen == ({txid: Sighting(succeeded=True, fee=0)} if contract else {})
    assert (status(withdrawal), ChainTransaction.objects.get().status) == ("confirmed", "confirmed")
    assert books.balance(rich.pk, usdt.pk) == (GIFT - AMOUNT, 0)


def test_tokens_that_the_hot_wallet_does_not_have_wait(hot: Anvil, usdt: Asset, books: Books, rich: User) -> None:
    """What is promised to the first is not promised to the second."""
    first = request(rich, usdt, books, fresh_address(), 301 * UNITS)
    second = request(rich, usdt, books, fresh_address(), 302 * UNITS)

    sign(hot, usdt)
    sign(hot, usdt)
    waiting = [status(first), status(second)]
    hot.pay_token(usdt.contract, keys.hot_address(), 101 * DOLLAR)
    hot.mine()
    sign(hot, usdt)
    finish(hot, books)

    assert waiting == ["signed", "held"]
    assert [status(first), status(second)] == ["confirmed", "confirmed"]
    assert tokens(hot, usdt, keys.hot_address()) == 0


def test_ether_promised_for_the_gas_of_tokens_is_not_paid_out(
    hot: Anvil, eth: Asset, usdt: Asset, books: Books, rich: User
) -> None:
    books.give(rich.pk, eth.pk, 10**10)
    request(rich, usdt, books, fresh_address(), AMOUNT)
    sign(hot, usdt)
    promised = cost_max_of(ChainTransaction.objects.get().raw)
    base = hot.node.base_fee()
    plain = 21_000 * (2 * base + GWEI)
    free = (hot.balance(keys.hot_address()) - promised - plain) // UNIT
    too_much = request(rich, eth, books, fresh_address(), free + 1 + eth.withdrawal_fee)

    sign(hot, eth)
    waiting = status(too_much)
    just_enough = request(rich, eth, books, fresh_address(), free + eth.withdrawal_fee)
    sign(hot, eth)

    assert (waiting, status(too_much), status(just_enough)) == ("held", "held", "signed")


def test_without_ether_for_gas_tokens_wait(hot: Anvil, usdt: Asset, books: Books, rich: User) -> None:
    hot.call("anvil_setBalance", keys.hot_address(), hex(10**12))
    withdrawal = request(rich, usdt, books, fresh_address(), AMOUNT)

    sign(hot, usdt)

    assert status(withdrawal) == "held"
    assert not ChainTransaction.objects.exists()


def test_a_token_whose_transfer_would_use_too_much_gas_is_not_paid(
    hot: Anvil, usdt: Asset, books: Books, rich: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ethereum_records, "TOKEN_GAS_MAX", 30_000)
    withdrawal = request(rich, usdt, books, fresh_address(), AMOUNT)

    sign(hot, usdt)

    assert status(withdrawal) == "held"


def test_closed_withdrawals_of_a_token_wait(hot: Anvil, usdt: Asset, books: Books, rich: User) -> None:
    withdrawal = request(rich, usdt, books, fresh_address(), AMOUNT)
    Asset.objects.filter(pk=usdt.pk).update(withdrawals_open=False)
    usdt.refresh_from_db()

    sign(hot, usdt)

    assert status(withdrawal) == "held"


def test_a_payment_of_tokens_that_left_the_chain_is_sent_again(
    hot: Anvil, usdt: Asset, books: Books, rich: User
) -> None:
    address = fresh_address()
    withdrawal = request(rich, usdt, books, address, AMOUNT)
    sign(hot, usdt)
    finish(hot, books, blocks=1)

    hot.call("anvil_reorg", 1, [])
    gone = tokens(hot, usdt, address)
    finish(hot, books, blocks=1)
    finish(hot, books)

    assert gone == 0
    assert (status(withdrawal), tokens(hot, usdt, address)) == ("confirmed", 99 * DOLLAR)
    assert rows() == [("withdrawal", 0, "confirmed")]


def test_tokens_paid_to_a_customers_deposit_address_are_a_deposit(
    hot: Anvil, eth: Asset, usdt: Asset, books: Books, rich: User, bob: User
) -> None:
    scan(hot, books)
    ethereum_pool_fill(asset=eth, size=1)
    address = services.deposit_address_assign(user=bob, asset=usdt).address
    request(rich, usdt, books, address, AMOUNT)
    sign(hot, usdt)
    finish(hot, books)
    scan(hot, books)
    scan(hot, books)

    assert list(Deposit.objects.values_list("user", "amount", "status")) == [(bob.pk, AMOUNT - FEE, "credited")]


@pytest.mark.parametrize("code", ["ETH", "USDT"])
def test_the_contract_of_a_token_and_nobodys_address_are_no_destinations(
    hot: Anvil, usdt: Asset, books: Books, rich: User, code: str
) -> None:
    asset = Asset.objects.get(code=code)
    books.give(rich.pk, asset.pk, GIFT)

    for address in (usdt.contract, "0x" + "00" * 20):
        with pytest.raises(AddressIllegal):
            request(rich, asset, books, address, AMOUNT)


def test_a_contract_that_burns_all_gas_costs_its_limit_and_no_more(
    hot: Anvil, eth: Asset, books: Books, rich: User
) -> None:
    address = fresh_address()
    books.give(rich.pk, eth.pk, GIFT)
    withdrawal = request(rich, eth, books, address, 2_000_000)
    hot.call("anvil_setCode", address, "0x00")  # takes what it is given
    sign(hot, eth)
    hot.call("anvil_setCode", address, "0xfe")  # INVALID takes all gas, too
    finish(hot, books)
    finish(hot, books)

    record = ChainTransaction.objects.get()
    receipt = hot.call("eth_getTransactionReceipt", record.txid)
    assert isinstance(receipt, dict)
    assert int(receipt["gasUsed"], 16) == 100_000
    assert (record.status, status(withdrawal)) == ("failed", "rejected")
    assert books.balance(rich.pk, eth.pk) == (GIFT, 0)


def test_a_crash_between_storing_and_sending_pays_tokens_once(
    hot: Anvil, usdt: Asset, books: Books, rich: User
) -> None:
    address = fresh_address()
    request(rich, usdt, books, address, AMOUNT)
    sign(hot, usdt)  # and here the worker dies

    sign(hot, usdt)
    send_stored(hot)
    hot.call("anvil_dropAllTransactions")
    finish(hot, books)
    finish(hot, books)

    assert rows() == [("withdrawal", 0, "confirmed")]
    assert tokens(hot, usdt, address) == 99 * DOLLAR
