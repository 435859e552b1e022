"""Work for workers that die: `python -m tests.crash.chain_load STOP_FILE SEED`.

Pays to deposit addresses, asks for withdrawals to fresh addresses and mines, until STOP_FILE appears; mines on until
everything is finished. Then prints one JSON object: what was paid in, and what should have been paid out.
"""

import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402
from eth_account import Account  # noqa: E402

from accounts.models import User  # noqa: E402
from accounts.services import account_register  # noqa: E402
from mex.errors import AddressNotReady, WithdrawalFundsMissing  # noqa: E402
from mex.money import units_to_chain  # noqa: E402
from wallets import services  # noqa: E402
from wallets.chains import local  # noqa: E402
from wallets.chains.ethereum import EthereumNode  # noqa: E402
from wallets.deposits.contracts import contract_deploy  # noqa: E402
from wallets.models import Asset, Chain, Deposit, Withdrawal  # noqa: E402

USERS = 4
CAPITAL = {"BTC": 5 * 10**8, "ETH": 20 * 10**8, "USDT": 2_000 * 10**8}
"""Each user's first deposit: what withdrawals are paid from."""
CONFIRMATIONS = {"BTC": 2, "ETH": 3, "USDT": 3}
SCALE = {"BTC": 1, "ETH": 1, "USDT": 1_000}
"""How many times as many units of each are paid and asked for."""
FINISH_TIMEOUT_S = 90.0
_PAUSE_S = 0.1
_MINE_EVERY_S = 0.6


class Outside:
    """The world outside mex: pays in, receives, mines."""

    def __init__(self) -> None:
        self.bitcoin = local.faucet_node()
        local.bitcoin_mine(self.bitcoin, 120)
        self.ethereum = EthereumNode()
        local.ethereum_mine(self.ethereum)
        contract_deploy(asset=Asset.objects.get(code="USDT"), node=self.ethereum)
        self._mined_s = time.monotonic()

    def pay(self, asset: Asset, address: str, units: int) -> str:
        """Pay from the faucet and return the transaction's id."""
        value = units_to_chain(units, asset.chain_decimals)
        if asset.chain == Chain.BITCOIN:
            return local.bitcoin_pay(self.bitcoin, address, value)
        if asset.is_token:
            return local.token_pay(self.ethereum, Asset.objects.get(pk=asset.pk).contract, address, value)
        return local.ethereum_pay(self.ethereum, address, value)

    def fresh(self, code: str) -> str:
        """Return an address that nobody ever paid to."""
        if code == "BTC":
            return str(self.bitcoin.rpc.call("getnewaddress", "", "bech32"))
        return str(Account.create().address)

    def mine(self) -> None:
        """Mine a block of each chain if it is time."""
        if time.monotonic() - self._mined_s >= _MINE_EVERY_S:
            self.mine_now()

    def mine_now(self) -> None:
        """Mine a block of each chain."""
        self._mined_s = time.monotonic()
        local.bitcoin_mine(self.bitcoin)
        local.ethereum_mine(self.ethereum)


def deposit_address(user: User, asset: Asset, outside: Outside) -> str:
    """Return a user's address, as soon as the dying workers have filled the pool."""
    deadline = time.monotonic() + FINISH_TIMEOUT_S
    while True:
        try:
            return services.deposit_address_assign(user=user, asset=asset).address
        except AddressNotReady:
            if time.monotonic() > deadline:
                raise
            outside.mine()
            time.sleep(_PAUSE_S)


def rounds(stop: Path) -> Iterator[None]:
    """Go on until the file appears."""
    while not stop.exists():
        yield
        time.sleep(_PAUSE_S)


def is_finished(paid: int) -> bool:
    """Return whether every deposit and every withdrawal has come to its end."""
    final = [Withdrawal.Status.CONFIRMED, Withdrawal.Status.REJECTED]
    credited = Deposit.objects.filter(status=Deposit.Status.CREDITED).count()
    return credited == paid and not Withdrawal.objects.exclude(status__in=final).exists()


def main(stop: Path, seed: int) -> None:
    """Work until the file appears and all is finished, then tell what was done."""
    chance = random.Random(seed)
    assert settings.MEX_LOCAL_CHAINS
    for code, confirmations in CONFIRMATIONS.items():
        Asset.objects.filter(code=code).update(confirmations=confirmations)
    outside = Outside()
    assets = list(Asset.objects.filter(code__in=CAPITAL).order_by("pk"))
    print("ready", flush=True)
    users = [account_register(email=f"u{n}@crash.test", password="correct horse battery") for n in range(USERS)]
    addresses = {(user.pk, asset.pk): deposit_address(user, asset, outside) for user in users for asset in assets}
    deposits = []
    for (user_pk, asset_pk), address in addresses.items():
        asset = next(one for one in assets if one.pk == asset_pk)
        units = CAPITAL[asset.code]
        deposits.append((user_pk, asset_pk, outside.pay(asset, address, units), units))
    for _ in rounds(stop):
        outside.mine()
        user, asset = chance.choice(users), chance.choice(assets)
        units = chance.randint(1_000_000, 5_000_000) * SCALE[asset.code]
        if chance.random() < 0.5:
            deposits.append((user.pk, asset.pk, outside.pay(asset, addresses[user.pk, asset.pk], units), units))
            continue
        try:
            services.withdrawal_request(user_id=user.pk, asset=asset, address=outside.fresh(asset.code), amount=units)
        except WithdrawalFundsMissing:
            continue  # nothing is credited yet
    deadline = time.monotonic() + FINISH_TIMEOUT_S
    while not is_finished(len(deposits)):
        if time.monotonic() > deadline:
            break  # the test looks at what is missing
        outside.mine()
        time.sleep(_PAUSE_S)
    print(json.dumps({"deposits": deposits}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
