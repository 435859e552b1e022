"""manage.py faucet EMAIL ASSET AMOUNT: real test coins to a user's real deposit address, until they are credited."""

import time
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from mex.errors import AddressNotReady, MexError
from mex.limits import FAUCET_UNITS_MAX
from mex.money import format_short, parse_units, units_to_chain
from wallets import selectors, services
from wallets.chains import local
from wallets.chains.ethereum import EthereumNode
from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable
from wallets.models import Asset, Chain, Deposit, DepositAddress

DEADLINE_S = 60.0
_POLL_S = 0.1
_MINE_EVERY_S = 2.0


class Command(BaseCommand):
    """Pays from the faucet and mines until the deposit is credited; on local chains only."""

    help = "Pay test coins to a user's deposit address and mine until they are credited (local chains only)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("asset", help="BTC, ETH or USDT")
        parser.add_argument("amount", help="a decimal number, such as 1.5")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.MEX_LOCAL_CHAINS:
            raise CommandError("there is a faucet on local chains only")
        asset, units = _wanted(options["asset"], options["amount"])
        user = User.objects.with_email(options["email"])
        if user is None:
            raise CommandError(f"there is no user {options['email']}")
        deadline = time.monotonic() + DEADLINE_S
        try:
            address = _address(user, asset, deadline)
            pay, mine = _chain(asset)
            txid = pay(address.address, units_to_chain(units, asset.chain_decimals))
            self.stdout.write(f"{format_short(units)} {asset.code} sent to {address.address} in {txid}")
            self._wait(asset, txid, mine, deadline)
        except (ChainUnavailable, ChainRefused) as error:
            raise CommandError(f"the {asset.chain} node: {error}") from error

    def _wait(self, asset: Asset, txid: str, mine: Callable[[int], object], deadline: float) -> None:
        said = ""
        mined_at = 0.0
        while time.monotonic() < deadline:
            deposit = Deposit.objects.filter(asset=asset, txid=txid).first()
            confirmations = deposit.confirmations if deposit else 0
            # Seen first, then mined: the order in which it happens to people.
            if deposit and confirmations < asset.confirmations and time.monotonic() - mined_at > _MINE_EVERY_S:
                mine(asset.confirmations - confirmations)
                mined_at = time.monotonic()
            state = f"{deposit.status} {confirmations}/{deposit.confirmations_needed}" if deposit else "not seen yet"
            if state != said:
                self.stdout.write(state)
                said = state
            if deposit and deposit.status == Deposit.Status.CREDITED:
                return
            time.sleep(_POLL_S)
        raise CommandError(f"not credited within {DEADLINE_S:.0f} s: are engine, worker and beat running?")


def _wanted(code: str, amount: str) -> tuple[Asset, int]:
    try:
        asset = selectors.asset_by_code(code)
        units = parse_units(amount)
    except MexError as error:
        raise CommandError(error.message) from error
    except ValueError as error:
        raise CommandError(f"{amount!r} is not an amount: {type(error).__name__}") from error
    if not 0 < units <= FAUCET_UNITS_MAX.get(asset.code, 0):
        raise CommandError(
            f"the faucet gives more than 0 and at most {format_short(FAUCET_UNITS_MAX.get(asset.code, 0))}"
        )
    if units % selectors.withdrawal_step(asset):
        raise CommandError(f"{asset.code} has {asset.chain_decimals} decimals on its chain, {amount} has more")
    return asset, units


def _address(user: User, asset: Asset, deadline: float) -> DepositAddress:
    while True:
        # A token's contract may be deployed just now.
        asset.refresh_from_db()
        try:
            return services.deposit_address_assign(user=user, asset=asset)
        except AddressNotReady as error:
            if time.monotonic() > deadline:
                raise CommandError(error.message) from error
            time.sleep(_POLL_S)
        except MexError as error:
            raise CommandError(error.message) from error


def _chain(asset: Asset) -> tuple[Callable[[str, int], str], Callable[[int], object]]:
    if asset.chain == Chain.BITCOIN:
        bitcoin = local.faucet_node()
        local.bitcoin_fund(bitcoin)
        return (lambda address, value: local.bitcoin_pay(bitcoin, address, value)), (
            lambda blocks: local.bitcoin_mine(bitcoin, blocks)
        )
    ethereum = EthereumNode()

    def pay(address: str, value: int) -> str:
        if asset.is_token:
            return local.token_pay(ethereum, asset.contract, address, value)
        return local.ethereum_pay(ethereum, address, value)

    return pay, lambda blocks: local.ethereum_mine(ethereum, blocks)
