"""Final Ethereum payments that a deep reorganisation took out, and that offer too little by now: people raise them."""

from collections.abc import Callable
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from tests.wallets.payouts import ETHER, UNIT, coin, finish, follow, fresh_address, request, sign, status
from tests.wallets.tokens import DOLLAR, UNITS
from wallets import tasks
from wallets.chains import health, keys
from wallets.chains.ethereum import GWEI
from wallets.chains.ethereum_raw import call_of
from wallets.ledger.audit import check_database
from wallets.ledger.chart import Owner
from wallets.models import Asset, ChainTransaction, FeeCorrection, Posting, Withdrawal
from wallets.payouts.ethereum_bumps import ethereum_bump_one
from wallets.payouts.versions import NotBumped

ADDRESS = fresh_address()


@pytest.fixture
def hot(anvil: Anvil, usdt: Asset) -> Anvil:
    """The node, with 10 ether and 500 dollars at our hot address."""
    health._said.clear()
    anvil.pay(keys.hot_address(), 10 * ETHER)
    anvil.pay_token(usdt.contract, keys.hot_address(), 500 * DOLLAR)
    anvil.mine()
    Asset.objects.filter(code__in=("ETH", "USDT")).update(withdrawals_open=True, approval_above=None)
    return anvil


def paid(node: Anvil, books: Books, user: User, code: str) -> Withdrawal:
    """Have a withdrawal of two ether or a hundred dollars settled, at a low fee."""
    asset = Asset.objects.get(code=code)
    books.give(user.pk, asset.pk, 1_000 * UNITS)
    node.call("anvil_setNextBlockBaseFeePerGas", hex(GWEI))
    node.mine()
    withdrawal = request(user, asset, books, ADDRESS, (2 if code == "ETH" else 100) * UNITS)
    sign(node, asset)
    finish(node, books, blocks=4)
    assert status(withdrawal) == "confirmed"
    return withdrawal


def lose(node: Anvil, books: Books, gwei: int = 20) -> None:
    """Take four blocks out of the chain, and make blocks that ask for more than what was in them offers."""
    node.call("anvil_reorg", 4, [])
    dear(node, books, gwei)


def dear(node: Anvil, books: Books, gwei: int) -> None:
    for _ in range(2):
        node.call("anvil_setNextBlockBaseFeePerGas", hex(gwei * GWEI))
        node.mine()
        follow(node, books)


def settle(node: Anvil, books: Books) -> None:
    node.mine(4)
    for _ in range(5):
        follow(node, books)


def bump(node: Anvil, row: ChainTransaction) -> None:
    ethereum_bump_one(asset=coin(), node=node.node, txid=row.txid)


def versions() -> list[tuple[str, bool]]:
    return list(ChainTransaction.objects.order_by("pk").values_list("status", "fee_in_doubt"))


def breaches() -> list[str]:
    return [text for one in check_database() if "command" not in one.name for text in one.first]


def took(node: Anvil, row: ChainTransaction) -> int:
    receipt = node.node.receipts([row.txid])[row.txid]
    assert receipt is not None
    return -(-receipt.fee_wei // UNIT)


def received(node: Anvil, code: str) -> int:
    """Return the units that the receiver has."""
    if code == "ETH":
        return node.node.balances([ADDRESS])[ADDRESS] // UNIT
    contract = Asset.objects.get(code=code).contract
    return node.node.token_balances(contract, [ADDRESS])[ADDRESS] * UNITS // DOLLAR


@pytest.mark.parametrize("code", ["ETH", "USDT"])
def test_a_lost_payment_is_mined_at_the_fee_that_an_operator_raised_and_paid_once(
    hot: Anvil, eth: Asset, books: Books, alice: User, code: str
) -> None:
    withdrawal = paid(hot, books, alice, code)
    first = ChainTransaction.objects.get()
    lose(hot, books)
    stuck = hot.node.receipts([first.txid])[first.txid]
    bump(hot, first)
    second = ChainTransaction.objects.get(first_version=first)
    waiting, while_waiting = versions(), breaches()
    dear(hot, books, 20)
    settle(hot, books)

    withdrawal.refresh_from_db()
    second.refresh_from_db()
    old, new = call_of(first.raw), call_of(second.raw)
    assert stuck is None
    assert (old.nonce, old.to, old.wei, old.data, old.gas) == (new.nonce, new.to, new.wei, new.data, new.gas)
    assert waiting == [("confirmed", True), ("replaced", True)]
    assert while_waiting == breaches() == []
    assert versions() == [("replaced", False), ("confirmed", False)]
    assert (withdrawal.status, withdrawal.transaction_id, second.contradicted_at) == ("confirmed", second.pk, None)
    assert received(hot, code) == withdrawal.amount - withdrawal.fee
    assert books.balance(Owner.NETWORK_FEES, eth.pk) == (-took(hot, second), 0)
    assert FeeCorrection.objects.get().amount == -(first.network_fee or 0)


def test_the_old_version_may_be_the_one_that_is_mined(hot: Anvil, eth: Asset, books: Books, alice: User) -> None:
    withdrawal = paid(hot, books, alice, "ETH")
    first = ChainTransaction.objects.get()
    lose(hot, books)
    bump(hot, first)
    hot.call("anvil_dropAllTransactions")
    hot.call("anvil_setNextBlockBaseFeePerGas", hex(GWEI // 2))
    hot.node.broadcast(first.raw)
    settle(hot, books)

    withdrawal.refresh_from_db()
    assert versions() == [("confirmed", False), ("replaced", False)]
    assert (withdrawal.status, withdrawal.transaction_id) == ("confirmed", first.pk)
    assert received(hot, "ETH") == withdrawal.amount - withdrawal.fee
    assert books.balance(Owner.NETWORK_FEES, eth.pk) == (-took(hot, first), 0)
    assert breaches() == []


def test_it_may_be_raised_again_and_what_comes_after_it_goes_on(
    hot: Anvil, eth: Asset, books: Books, alice: User
) -> None:
    paid(hot, books, alice, "ETH")
    first = ChainTransaction.objects.get()
    lose(hot, books, 10)
    bump(hot, first)
    later = request(alice, eth, books, fresh_address(), UNITS)
    sign(hot, eth)
    dear(hot, books, 40)
    bump(hot, first)
    fees = [call_of(row.raw).fee_per_gas for row in ChainTransaction.objects.filter(first_version=first).order_by("pk")]
    finish(hot, books, blocks=8)  # until blocks ask for less again
    settle(hot, books)

    assert fees == sorted(set(fees))
    assert len(fees) == 2
    assert status(later) == "confirmed"
    kept = ChainTransaction.objects.filter(status="confirmed", nonce=first.nonce).get()
    assert call_of(kept.raw).fee_per_gas == fees[1]
    assert breaches() == []


def _mined_again(node: Anvil, books: Books) -> None:
    node.call("anvil_reorg", 4, [])
    follow(node, books)
    node.mine(1)


def _decided(node: Anvil, books: Books) -> None:
    lose(node, books)
    ChainTransaction.objects.update(contradicted_at=timezone.now(), contradiction_note="given back")


def _not_to_be_paid(node: Anvil, books: Books) -> None:
    lose(node, books)
    hot = keys.hot_address()
    node.call("anvil_setBalance", hot, hex(UNIT))


@pytest.mark.parametrize(
    ("happens", "why"),
    [
        (lambda node, books: None, "it is final"),
        (_mined_again, "in a block"),
        (_decided, "it is final"),
        (_not_to_be_paid, "cannot pay"),
    ],
)
def test_what_is_not_lost_or_is_decided_about_is_not_raised(
    hot: Anvil, eth: Asset, books: Books, alice: User, happens: Callable[[Anvil, Books], None], why: str
) -> None:
    paid(hot, books, alice, "ETH")
    happens(hot, books)
    postings = Posting.objects.count()

    with pytest.raises(NotBumped, match=why):
        bump(hot, ChainTransaction.objects.get())

    assert (ChainTransaction.objects.count(), Posting.objects.count()) == (1, postings)


def test_the_command_asks_for_it_where_it_is_lost(
    hot: Anvil, eth: Asset, books: Books, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, ...]] = []
    monkeypatch.setattr(tasks.bump, "apply_async", lambda arguments, *, queue, expires: sent.append(arguments))
    paid(hot, books, alice, "ETH")
    first = ChainTransaction.objects.get()
    with pytest.raises(CommandError, match="is confirmed"):
        call_command("bump", first.txid)
    lose(hot, books)

    call_command("bump", first.txid, stdout=StringIO())

    assert sent == [(first.txid,)]
