"""Which contract a token is: on local chains one that we deploy, elsewhere the one that the operator names.

It stands in the asset's row, where everybody reads it. Blank: the token takes no deposits.
"""

import logging

from django.conf import settings

from wallets.chains import local
from wallets.chains.addresses import address_normalize
from wallets.chains.ethereum import EthereumNode
from wallets.chains.health import say_once, say_over
from wallets.chains.jsonrpc import ChainRefused
from wallets.chains.segwit import AddressMalformed
from wallets.models import Asset, Chain

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

    Raises ChainUnavailable.
    """
    named = {"USDT": settings.USDT_CONTRACT}.get(asset.code, "")
    if named.lower() == asset.contract.lower():
        return
    contract, problem = _checked(asset, node, named) if named else ("", "")
    if problem:
        if say_once(f"contract of {asset.code}", problem):
            log.error("%s takes no deposits: %s %s", asset.code, named, problem)
    else:
        say_over(f"contract of {asset.code}")
    if contract != asset.contract:
        _write(asset, contract)


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
