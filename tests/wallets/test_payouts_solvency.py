"""At every step of a sweep and a payment of tokens, what we have on chain and what is under way cover what we owe."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from tests.wallets.payouts import (
    ETHER,
    UNIT,
    coin,
    finish,
    follow,
    fresh_address,
    request,
    rows,
    send_stored,
    sign,
    status,
)
from tests.wallets.programs import behaviour
from tests.wallets.tokens import DOLLAR, UNITS, mine_and_scan
from trading.engine.commands import Transfer
from trading.engine.enums import Reason
from wallets.chains import keys
from wallets.chains.ethereum import GWEI
from wallets.ledger.chart import Owner
from wallets.ledger.solvency import check_chains
from wallets.models import Asset, ChainTransaction
from wallets.payouts.ethereum_bumps import ethereum_bump
from wallets.payouts.ethereum_sweeps import ethereum_sweep


@pytest.fixture
def hot(anvil: Anvil, eth: Asset, address: str, books: Books, settings: Settings) -> Anvil:
    """The node that the audit asks, with an ether of our own at the hot address, in the books."""
    settings.ETHEREUM_RPC_URL = anvil.url
    settings.BITCOIN_RPC_URL = "http://mex:mex@127.0.0.1:9"
    anvil.pay(keys.hot_address(), ETHER)
    anvil.mine()
    books.send([Transfer("reserve", Owner.CHAIN, Owner.FUNDING, eth.pk, ETHER // UNIT, Reason.FUNDING)])
    return anvil


def are_covered() -> list[str]:
    """Return what is wrong with ether and dollars: nothing, it is hoped."""
    found = [one for one in check_chains() if one.code in ("ETH", "USDT")]
    return [text for one in found for text in (*one.shortfalls, one.unknown) if text]


def test_tokens_are_covered_at_every_step(hot: Anvil, usdt: Asset, books: Books, alice: User, address: str) -> None:
    wrong: list[str] = []
    hot.pay_token(usdt.contract, address, 50 * DOLLAR)
    mine_and_scan(hot, books)
    wrong += are_covered()
    for _ in range(2):
        ethereum_sweep(asset=coin(), node=hot.node, tokens=[usdt])
        send_stored(hot)
        for _ in range(4):
            hot.mine()
            wrong += are_covered()
            follow(hot, books)
            wrong += are_covered()
        finish(hot, books)
    payment = request(alice, usdt, books, fresh_address(), 40 * UNITS)
    sign(hot, usdt)
    send_stored(hot)
    hot.call("anvil_setNextBlockBaseFeePerGas", hex(20 * GWEI))
    hot.mine()
    ChainTransaction.objects.update(created_at=timezone.now() - timedelta(hours=1))
    ethereum_bump(asset=coin(), node=hot.node)
    send_stored(hot)
    for _ in range(4):
        hot.mine()
        wrong += are_covered()
        follow(hot, books)
        wrong += are_covered()
    finish(hot, books)
    wrong += are_covered()

    assert wrong == []
    assert status(payment) == "confirmed"
    assert [(kind, one) for kind, _, one in rows()] == [
        ("gas", "confirmed"),
        ("sweep", "confirmed"),
        ("withdrawal", "replaced"),
        ("withdrawal", "confirmed"),
    ]


def test_tokens_that_did_not_move_are_not_missed(
    hot: Anvil, usdt: Asset, books: Books, alice: User, address: str
) -> None:
    wrong: list[str] = []
    hot.pay_token(usdt.contract, address, 50 * DOLLAR)
    mine_and_scan(hot, books)
    for _ in range(2):
        ethereum_sweep(asset=coin(), node=hot.node, tokens=[usdt])
        finish(hot, books)
    payment = request(alice, usdt, books, fresh_address(), 40 * UNITS)
    sign(hot, usdt)
    send_stored(hot)
    hot.send(behaviour(nothing=False, returns_false=True), usdt.contract, tip=10**10)
    for _ in range(4):
        hot.mine()
        wrong += are_covered()
        follow(hot, books)
        wrong += are_covered()
    finish(hot, books)
    wrong += are_covered()

    assert wrong == []
    assert status(payment) == "rejected"
