"""One measurement of the wallets: `python -m bench.wallets_run CHAIN COUNT`, where nodes and an engine run.

First COUNT deposits are found, confirmed and credited, then COUNT withdrawals signed and sent. The clock runs while the
tasks of the workers do; what the nodes' answers took of that is told apart, so that it can be compared with a script
that asks the node the same and does nothing else. Prints one line of JSON.
"""

import json
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import django

django.setup()

from eth_account import Account  # noqa: E402

from accounts.models import User  # noqa: E402
from bench.rounds import RunFailed  # noqa: E402
from mex.money import units_to_chain  # noqa: E402
from trading.engine.commands import HoldFunds  # noqa: E402
from trading.gateway import sender  # noqa: E402
from wallets import tasks  # noqa: E402
from wallets.chains import local  # noqa: E402
from wallets.chains.jsonrpc import JsonRpc  # noqa: E402
from wallets.deposits.pool import bitcoin_pool_fill, ethereum_pool_fill  # noqa: E402
from wallets.models import Asset, Chain, Deposit, DepositAddress, Withdrawal  # noqa: E402
from wallets.worker_start import imports_freeze, worker_start  # noqa: E402

ADDRESSES = 200
DEPOSIT_UNITS = 2_000_000
WITHDRAWAL_UNITS = 1_000_000
COINS = 200
"""Coins of the hot wallet, so that no payment waits for another one's change."""
_PER_BLOCK = 1_000
"""Payments in a block of Ethereum: its gas is enough for 1,428."""
_WAIT_S = 300.0


class Node:
    """Counts the calls of this process to nodes, and the time until they were answered."""

    def __init__(self) -> None:
        self.calls = 0
        self.seconds = 0.0
        exchange: Callable[..., Any] = JsonRpc._exchange

        def counted(*args: Any) -> Any:
            began = time.perf_counter()
            try:
                return exchange(*args)
            finally:
                self.seconds += time.perf_counter() - began
                self.calls += 1

        JsonRpc._exchange = counted  # type: ignore[assignment, method-assign]


def until(condition: Callable[[], bool], step: Callable[[], None]) -> None:
    """Repeat a step until a condition holds. Raises RunFailed."""
    deadline = time.monotonic() + _WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise RunFailed("the wallets did not get ready")
        step()


def timed(node: Node, condition: Callable[[], bool], step: Callable[[], None]) -> dict[str, float]:
    """Repeat a step until a condition holds, and return what that took: in all, in the node's answers, in calls."""
    calls, seconds, began = node.calls, node.seconds, time.perf_counter()
    until(condition, step)
    took = time.perf_counter() - began
    return {"seconds": took, "node_seconds": node.seconds - seconds, "calls": node.calls - calls}


class Bitcoin:
    """Bitcoin, with a faucet that pays many at once."""

    scan = staticmethod(tasks.scan_bitcoin)

    def __init__(self, asset: Asset) -> None:
        self.asset = asset
        self._faucet = local.faucet_node()
        local.bitcoin_mine(self._faucet, 110)

    def fill_pool(self) -> None:
        """Make some deposit addresses."""
        bitcoin_pool_fill(asset=self.asset, node=tasks.bitcoin_node(), size=ADDRESSES)

    def pay(self, addresses: list[str], count: int, units: int) -> None:
        """Pay so often, to the addresses in turn, some hundred payments in a transaction."""
        for start in range(0, count, len(addresses)):
            chunk = addresses[: count - start]
            amounts = {address: Decimal(units) / 10**8 for address in chunk}
            self._faucet.rpc.call("sendmany", "", amounts, repeatable=False, fee_rate=2)
        self.mine()

    def mine(self) -> None:
        """Mine a block."""
        local.bitcoin_mine(self._faucet)

    def fresh(self, count: int) -> list[str]:
        """Return addresses outside."""
        found: list[str] = []
        while len(found) < count:
            found += self._faucet.rpc.batch("getnewaddress", [["", "bech32"]] * min(100, count - len(found)))
        return found

    def fund(self) -> None:
        """Split the hot wallet's coins: the deposits have done it."""


class Ethereum:
    """Ethereum, with a faucet that pays one by one."""

    scan = staticmethod(tasks.scan_ethereum)

    def __init__(self, asset: Asset) -> None:
        self.asset = asset
        local.ethereum_mine(tasks.ethereum_node(), 3)

    def fill_pool(self) -> None:
        """Make some deposit addresses."""
        tasks.scan_ethereum()
        ethereum_pool_fill(asset=self.asset, size=ADDRESSES)

    def pay(self, addresses: list[str], count: int, units: int) -> None:
        """Pay so often, to the addresses in turn."""
        for number in range(count):
            wei = units_to_chain(units, self.asset.chain_decimals)
            local.ethereum_pay(tasks.ethereum_node(), addresses[number % len(addresses)], wei)
            if (number + 1) % _PER_BLOCK == 0:
                self.mine()
        self.mine()

    def mine(self) -> None:
        """Mine a block."""
        local.ethereum_mine(tasks.ethereum_node())

    def fresh(self, count: int) -> list[str]:
        """Return addresses outside."""
        return [str(Account.create().address) for _ in range(count)]

    def fund(self) -> None:
        """Pay the hot wallet what the withdrawals need."""
        from wallets.chains import keys

        local.ethereum_pay(tasks.ethereum_node(), keys.hot_address(), 1_000 * 10**18)
        self.mine()


def deposits(node: Node, chain: Bitcoin | Ethereum, users: list[User], count: int) -> dict[str, float]:
    """Measure deposits from their first confirmation, which is enough, to their credit."""
    pool = DepositAddress.objects.filter(asset=chain.asset, user=None)
    until(lambda: pool.count() >= len(users), chain.fill_pool)
    rows = list(pool.order_by("pk")[: len(users)])
    for row, user in zip(rows, users, strict=True):
        DepositAddress.objects.filter(pk=row.pk).update(user=user)
    chain.scan()
    chain.pay([row.address for row in rows], count, DEPOSIT_UNITS)
    credited = Deposit.objects.filter(asset=chain.asset, status=Deposit.Status.CREDITED)
    return timed(node, lambda: credited.count() >= count, chain.scan)


def withdrawals(node: Node, chain: Bitcoin | Ethereum, users: list[User], count: int) -> dict[str, float]:
    """Measure withdrawals from held to sent."""
    asset = chain.asset
    chain.fund()
    rows = Withdrawal.objects.bulk_create(
        Withdrawal(
            user=users[number % len(users)], asset=asset, address=address, amount=WITHDRAWAL_UNITS,
            fee=asset.withdrawal_fee,
        )
        for number, address in enumerate(chain.fresh(count))
    )  # fmt: skip
    sender.send([HoldFunds(row.reference, row.user_id, asset.pk, row.amount) for row in rows])
    held = Withdrawal.objects.filter(asset=asset, status=Withdrawal.Status.HELD)
    until(lambda: held.count() >= count, tasks.advance_withdrawals)
    sent = Withdrawal.objects.filter(asset=asset, status=Withdrawal.Status.BROADCAST)
    return timed(node, lambda: sent.count() >= count, tasks.sign_and_broadcast)


def main(name: str, count: int) -> None:
    """Measure one chain."""
    node = Node()
    asset = Asset.objects.get(chain=name, is_token=False)
    Asset.objects.filter(pk=asset.pk).update(
        confirmations=1, deposit_min=0, withdrawal_min=WITHDRAWAL_UNITS // 2, withdrawal_fee=WITHDRAWAL_UNITS // 100
    )
    asset.refresh_from_db()
    worker_start(queues=("chains", "signer"))  # makes the keys
    imports_freeze()
    chain = Bitcoin(asset) if name == Chain.BITCOIN else Ethereum(asset)
    users = User.objects.bulk_create(User(email=f"u{number}@bench.test") for number in range(ADDRESSES))
    told = {
        "deposits": deposits(node, chain, users, count),
        "withdrawals": withdrawals(node, chain, users, count),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
