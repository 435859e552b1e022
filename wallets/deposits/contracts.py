"""Which contract a token is: on local chains one that we deploy, elsewhere the one that the operator names.

It stands in the asset's row, where everybody reads it. Blank: the token takes no deposits. Once the books have some of
a token, its contract stays: with another one, what was paid and deposited would count as if it never had been.
"""

import logging

from django.conf import settings
from django.db import transaction

from wallets.chains import local
from wallets.chains.addresses import address_normalize
from wallets.chains.ethereum import EthereumNode
from wallets.chains.health import say_once, say_over
from wallets.chains.jsonrpc import ChainRefused
from wallets.chains.segwit import AddressMalformed
from wallets.control.switch import halt, signers_wait
from wallets.models import Asset, Balance, Chain, ChainTransaction, Deposit
from wallets.payouts.records import UNFINISHED

log = logging.getLogger(__name__)


def contract_deploy(*, asset: Asset, node: EthereumNode) -> bool:
    """Deploy the test token where the chain does not have it, and return whether it was. Local chains only.

    Raises ChainUnavailable or ChainRefused.
    """
    if asset.contract and node.token_decimals(asset.contract) == asset.chain_decimals:
        return False
    if asset.contract:
        log.warning("the chain does not have the %s contract %s (any more)", asset.code, asset.contract)
    contract = local.token_deploy(node, name=asset.name, symbol=asset.code, decimals=asset.chain_decimals)
    _write(asset, contract)
    return True


def contract_adopt(*, asset: Asset, node: EthereumNode) -> None:
    """Take the contract that the settings name, when the chain has it with the right decimals; for other chains.

    One that is in use is kept, whatever the settings say, and withdrawals of the token are halted until an operator
    opens them. Raises ChainUnavailable.
    """
    named = {"USDT": settings.USDT_CONTRACT}.get(asset.code, "")
    if named.lower() == asset.contract.lower():
        say_over(f"contract of {asset.code}")
        return
    if _is_used(asset):
        _keep(asset, named)
        return
    contract, problem = _checked(asset, node, named) if named else ("", "")
    if problem:
        if say_once(f"contract of {asset.code}", problem):
            log.error("%s takes no deposits: %s %s", asset.code, named, problem)
    else:
        say_over(f"contract of {asset.code}")
    if contract != asset.contract and not _exchange(asset, contract):
        _keep(asset, named)


def _is_used(asset: Asset) -> bool:
    """Return whether a token has a contract that payments, deposits or users' balances are of."""
    return asset.contract != "" and (
        ChainTransaction.objects.filter(asset=asset, status__in=UNFINISHED).exists()
        or Balance.objects.filter(asset=asset, owner__gt=0, balance__gt=0).exists()
        or Deposit.objects.filter(asset=asset).exists()
    )


def _exchange(asset: Asset, contract: str) -> bool:
    """Have another contract written, and return whether it is; not when the old one came into use meanwhile."""
    with transaction.atomic():
        signers_wait(asset)
        asset.refresh_from_db(fields=["contract"])
        if asset.contract == contract:
            return True
        if _is_used(asset):
            return False
        _write(asset, contract)
        return True


def _keep(asset: Asset, named: str) -> None:
    problem = f"MEX_USDT_CONTRACT is {named}" if named else "MEX_USDT_CONTRACT is missing"
    if say_once(f"contract of {asset.code}", problem):
        log.error("the contract of %s stays %s, which is in use, but %s", asset.code, asset.contract, problem)
    if asset.withdrawals_open:
        halt(asset, f"{problem}, and {asset.contract} is in use")


def _checked(asset: Asset, node: EthereumNode, named: str) -> tuple[str, str]:
    """Return (contract, "") or ("", what is wrong with it)."""
    try:
        contract = address_normalize(Chain.ETHEREUM, named)
        decimals = node.token_decimals(contract)
    except AddressMalformed as error:
        return "", f"is not an address: {error}"
    except ChainRefused as refusal:
        return "", f"is not a token: {refusal}"
    if decimals != asset.chain_decimals:
        # Every amount would be wrong by a power of ten.
        return "", f"is not a token of {asset.chain_decimals} decimals: it says {decimals}"
    return contract, ""


def _write(asset: Asset, contract: str) -> None:
    Asset.objects.filter(pk=asset.pk).update(contract=contract)
    asset.contract = contract
    log.info("the contract of %s is %s", asset.code, contract or "unknown")
