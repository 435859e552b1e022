"""`python -m loadtest.people N PREFIX`: makes users with API keys and real deposits, and prints them as JSON.

Runs in the environment of an instance on local chains. Coins come from the faucet's wallets: bitcoin for all users in
one transaction, ether and tokens in one each, all in the mempool before the first is waited for.
"""

import secrets
import sys
import threading
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import django
import msgspec

from loadtest.messages import User

if TYPE_CHECKING:
    from accounts.models import User as Account
    from wallets.models import Asset

CREDIT_TIMEOUT_S = 240.0
_POLL_S = 0.2
_FEE_RATE = 2
"""sat/vB."""
_UNITS = 10**8
_FUNDS = {"BTC": 2 * _UNITS, "ETH": 40 * _UNITS, "USDT": 100_000 * _UNITS}
_ETHER_IN_ALL = 8_000 * _UNITS
"""The faucet's account begins with 10,000."""


class FundingFailed(Exception):
    """Raised when users could not be given coins, with what is missing."""


def funds(users: int) -> dict[str, int]:
    """Return what each user gets, in units: less ether when there are many."""
    return {**_FUNDS, "ETH": min(_FUNDS["ETH"], _ETHER_IN_ALL // users // _UNITS * _UNITS)}


def make(count: int, prefix: str) -> list[User]:
    """Make verified users with a key that may trade and withdraw. Raises FundingFailed."""
    from accounts.services import account_register, api_key_create

    accounts: list[Account] = []
    users: list[User] = []
    for number in range(count):
        email = f"{prefix}-{number}@example.com"
        account = account_register(email=email, password=secrets.token_urlsafe(18), verified=True)
        key, secret = api_key_create(user=account, label="load test", can_trade=True, can_withdraw=True)
        accounts.append(account)
        users.append(User(email, key.key, secret))
    fund(accounts)
    return users


def fund(accounts: Sequence["Account"]) -> None:
    """Pay coins of every asset to all accounts, and wait until all are credited. Raises FundingFailed."""
    from wallets.models import Asset

    deadline_s = time.monotonic() + CREDIT_TIMEOUT_S
    given = funds(len(accounts))
    assets = list(Asset.objects.filter(code__in=given))
    for asset in assets:
        addresses = [_address(account, asset, deadline_s) for account in accounts]
        _pay(asset, addresses, given[asset.code])
    _wait_credited(accounts, len(assets), deadline_s)


def _pay(asset: "Asset", addresses: Sequence[str], units: int) -> None:
    from mex.money import units_to_chain
    from wallets.chains import local
    from wallets.chains.ethereum import EthereumNode

    value = units_to_chain(units, asset.chain_decimals)
    if asset.code == "BTC":
        faucet = local.faucet_node()
        amount = Decimal(value) / _UNITS
        # Coins of a block can be spent a hundred blocks later: each block that is mined makes one more spendable.
        while Decimal(faucet.rpc.call("getbalance")) <= amount * len(addresses):
            local.bitcoin_mine(faucet, 10)
        faucet.rpc.call("sendmany", amounts=dict.fromkeys(addresses, amount), fee_rate=_FEE_RATE, repeatable=False)
        return
    node = EthereumNode()
    for address in addresses:
        if asset.is_token:
            local.token_pay(node, asset.contract, address, value)
        else:
            local.ethereum_pay(node, address, value)


def _address(account: "Account", asset: "Asset", deadline_s: float) -> str:
    from mex.errors import AddressNotReady
    from wallets.services import deposit_address_assign

    pause = threading.Event()
    while True:
        # A token's contract may be deployed just now, and the workers fill the pool of addresses.
        asset.refresh_from_db()
        try:
            return str(deposit_address_assign(user=account, asset=asset).address)
        except AddressNotReady:
            if time.monotonic() > deadline_s:
                raise FundingFailed(f"there is no deposit address of {asset.code} for {account.email}") from None
            pause.wait(_POLL_S)


def _wait_credited(accounts: Sequence["Account"], assets: int, deadline_s: float) -> None:
    from wallets.models import Deposit

    pause = threading.Event()
    wanted = len(accounts) * assets
    ids = [account.pk for account in accounts]
    while True:
        credited = Deposit.objects.filter(user_id__in=ids, status=Deposit.Status.CREDITED).count()
        if credited == wanted:
            return
        if time.monotonic() > deadline_s:
            raise FundingFailed(f"{credited} of {wanted} deposits were credited within {CREDIT_TIMEOUT_S:.0f} s")
        pause.wait(_POLL_S)


def main(arguments: Sequence[str]) -> int:
    """Make the users and print them."""
    django.setup()
    try:
        users = make(int(arguments[0]), arguments[1])
    except FundingFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.buffer.write(msgspec.json.encode(users) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
