"""Payments of ether to contracts are tried before they are signed: what would only burn gas is not signed."""

import pytest

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from tests.wallets.payouts import ETHER, UNIT, finish, fresh_address, request, sign, status
from wallets.chains import keys
from wallets.chains.ethereum import EthereumNode
from wallets.chains.jsonrpc import ChainRefused
from wallets.control.ending import withdrawal_cancel
from wallets.models import Asset, ChainTransaction, Withdrawal
from wallets.pace import Aside
from wallets.payouts.ethereum import ethereum_sign
from wallets.payouts.progress import PAYMENT_REFUSED, withdrawals_advance

AMOUNT = 200_000_000
FEE = 50_000
GIFT = 10**10
TAKES = "0x00"
INVALID = "0xfe"
ENDLESS = "0x5b600056"
ONLY_FREE_ELSE_INVALID = "0x3a60065700fe5bfe"
"""Takes ether if tx.gasprice is 0, which it is in a call that names no fee."""
ONLY_FREE_ELSE_REVERT = "0x3a60065700fe5b60006000fd"


def to_contract(node: Anvil, eth: Asset, books: Books, user: User, code: str, amount: int = AMOUNT) -> Withdrawal:
    address = fresh_address()
    node.call("anvil_setCode", address, code)
    return request(user, eth, books, address, amount)


@pytest.mark.parametrize("code", [INVALID, ENDLESS, ONLY_FREE_ELSE_INVALID])
def test_what_would_burn_its_gas_is_not_signed_and_waits(
    hot: Anvil, eth: Asset, books: Books, rich: User, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nodes have no code of their own for it: so it is not rejected either, and its owner may cancel it."""
    burning = to_contract(hot, eth, books, rich, code)
    taken = to_contract(hot, eth, books, rich, TAKES)
    for _ in range(2):
        sign(hot, eth)
    waiting = status(burning)
    finish(hot, books)

    assert (waiting, burning.transaction, status(taken)) == ("held", None, "confirmed")
    assert ChainTransaction.objects.count() == 1
    assert caplog.text.count(f"withdrawal {burning.pk} waits, ETH cannot be paid") == 1
    withdrawal_cancel(user_id=rich.pk, pk=burning.pk)
    for _ in range(2):
        withdrawals_advance(send=books.send)
    assert status(burning) == "cancelled"
    assert books.balance(rich.pk, eth.pk) == (GIFT - AMOUNT, 0)


def test_what_takes_nothing_that_pays_for_gas_is_refused_as_it_would_be(
    hot: Anvil, eth: Asset, books: Books, rich: User
) -> None:
    refused = to_contract(hot, eth, books, rich, ONLY_FREE_ELSE_REVERT)
    sign(hot, eth)
    finish(hot, books)

    assert (status(refused), refused.reject_reason) == ("rejected", PAYMENT_REFUSED)
    assert not ChainTransaction.objects.exists()
    assert books.balance(rich.pk, eth.pk) == (GIFT, 0)


def test_what_is_not_the_contracts_word_rejects_nothing_and_is_tried_again(
    hot: Anvil, eth: Asset, books: Books, rich: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that limits its calls answers some of a batch with an error: what it did not try is not signed either."""
    clock = [0.0]
    aside = Aside(clock=lambda: clock[0])
    payment = to_contract(hot, eth, books, rich, TAKES)
    plain = request(rich, eth, books, fresh_address(), AMOUNT)
    with monkeypatch.context() as patch:
        limited = ChainRefused(-32005, "limit exceeded", "eth_call")
        patch.setattr(EthereumNode, "complaints", lambda node, sender, payments, **fees: [limited] * len(payments))
        ethereum_sign(asset=eth, node=hot.node, aside=aside)
    seen = [(status(payment), status(plain))]
    for seconds in (1, 2):
        clock[0] += seconds
        ethereum_sign(asset=eth, node=hot.node, aside=aside)
        seen.append((status(payment), status(plain)))
    finish(hot, books)

    assert seen == [("held", "signed"), ("held", "signed"), ("signed", "signed")]
    assert len(aside) == 0
    assert hot.balance(payment.address) == (AMOUNT - FEE) * UNIT


def test_a_contract_is_paid_once_the_hot_wallet_has_what_it_takes(
    hot: Anvil, eth: Asset, books: Books, rich: User
) -> None:
    """Missing funds are no refusal, though the trial fails for them."""
    books.give(rich.pk, eth.pk, 10**10)
    payment = to_contract(hot, eth, books, rich, TAKES, amount=1_200_000_000)
    sign(hot, eth)
    waiting = status(payment)
    hot.pay(keys.hot_address(), 5 * ETHER)
    hot.mine()
    sign(hot, eth)
    finish(hot, books)

    assert (waiting, status(payment)) == ("held", "confirmed")
    assert hot.balance(payment.address) == (1_200_000_000 - FEE) * UNIT
