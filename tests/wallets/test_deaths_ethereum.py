"""Workers that die around the rarer steps on Ethereum: bumps, fillers, gas, and what is given up. Nobody is paid twice.

What happens to every deposit and withdrawal is killed in tests/crash.
"""

from collections.abc import Callable
from datetime import timedelta
from types import ModuleType

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from tests.wallets.books import Books
from tests.wallets.nodes import Anvil
from tests.wallets.payouts import UNIT, coin, finish, follow, fresh_address, request, send_stored, sign, status
from tests.wallets.test_nonces_ethereum import foreign
from tests.wallets.tokens import DOLLAR, mine_and_scan
from wallets.chains import keys
from wallets.chains.ethereum import GWEI
from wallets.models import Asset, ChainTransaction, Withdrawal
from wallets.payouts import ethereum, ethereum_bumps, ethereum_gaps, ethereum_overtaken, ethereum_sweeps

AMOUNT = 200_000_000
NET = (AMOUNT - 50_000) * UNIT


class Killed(BaseException):
    """Stands for SIGKILL: nothing may catch it."""


@pytest.fixture(params=["before", "after"])
def when(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def die_once(work: Callable[[], None], place: ModuleType, name: str, when: str) -> None:
    """Do the work and die before or after a step."""
    usual = getattr(place, name)

    def deadly(*args: object, **kwargs: object) -> object:
        if when == "after":
            usual(*args, **kwargs)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, name, deadly)
        with pytest.raises(Killed):
            work()


def test_bumping(hot: Anvil, eth: Asset, books: Books, rich: User, settings: Settings, when: str) -> None:
    payment = request(rich, eth, books, fresh_address(), AMOUNT)
    sign(hot, eth)
    send_stored(hot)
    hot.call("anvil_setNextBlockBaseFeePerGas", hex(30 * GWEI))
    hot.mine()
    ChainTransaction.objects.update(created_at=timezone.now() - timedelta(hours=1))

    def bump() -> None:
        ethereum_bumps.ethereum_bump(asset=eth, node=hot.node)

    die_once(bump, ethereum_bumps, "_store", when)
    bump()
    bump()
    finish(hot, books)

    assert ChainTransaction.objects.count() == 2
    assert (status(payment), hot.balance(payment.address)) == ("confirmed", NET)


def test_filling_gaps(hot: Anvil, eth: Asset, books: Books, rich: User, when: str) -> None:
    lost, kept = (request(rich, eth, books, fresh_address(), AMOUNT) for _ in range(2))
    sign(hot, eth)
    Withdrawal.objects.filter(pk=lost.pk).update(transaction=None, status="held")
    ChainTransaction.objects.get(nonce=0).delete()

    def fill() -> None:
        ethereum_gaps.ethereum_gaps_fill(asset=eth, node=hot.node)

    die_once(fill, ethereum_gaps, "_fill", when)
    fill()
    fill()
    sign(hot, eth)
    finish(hot, books)

    assert ChainTransaction.objects.filter(kind="filler").count() == 1
    assert [hot.balance(one.address) for one in (lost, kept)] == [NET, NET]


def test_giving_up(hot: Anvil, eth: Asset, books: Books, rich: User, when: str) -> None:
    payment = request(rich, eth, books, fresh_address(), AMOUNT)
    sign(hot, eth)
    foreign(hot, 0)
    hot.mine(3)

    die_once(lambda: follow(hot, books), ethereum_overtaken, "_give_up", when)
    follow(hot, books)
    sign(hot, eth)
    sign(hot, eth)
    finish(hot, books)

    assert ChainTransaction.objects.count() == 2
    assert (status(payment), hot.balance(payment.address)) == ("confirmed", NET)


def test_refusing(hot: Anvil, eth: Asset, books: Books, rich: User, when: str) -> None:
    address = fresh_address()
    hot.call("anvil_setCode", address, "0x60006000fd")
    payment = request(rich, eth, books, address, AMOUNT)

    die_once(lambda: sign(hot, eth), ethereum, "_refuse", when)
    sign(hot, eth)
    finish(hot, books)

    assert (status(payment), books.balance(rich.pk, eth.pk)) == ("rejected", (10**10, 0))
    assert not ChainTransaction.objects.exists()


@pytest.mark.parametrize("step", ["_gas_fund_one", "_sweep_one"])
def test_sweeping_tokens(hot: Anvil, usdt: Asset, books: Books, address: str, when: str, step: str) -> None:
    hot.pay_token(usdt.contract, address, 50 * DOLLAR)
    mine_and_scan(hot, books)

    def sweep() -> None:
        ethereum_sweeps.ethereum_sweep(asset=coin(), node=hot.node, tokens=[usdt])

    if step == "_sweep_one":
        sweep()
        finish(hot, books, blocks=1)
    die_once(sweep, ethereum_sweeps, step, when)
    for _ in range(3):
        sweep()
        finish(hot, books)

    assert sorted(ChainTransaction.objects.values_list("kind", "status")) == [
        ("gas", "confirmed"),
        ("sweep", "confirmed"),
    ]
    assert hot.node.token_balances(usdt.contract, [keys.hot_address()])[keys.hot_address()] == 50 * DOLLAR
