"""What workers do, every second or so. Each task looks at what is there and may run twice, also at once."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from celery import Task
from django.conf import settings

from celery_app import app
from mex.money import units_to_chain
from wallets.chains import keys, local
from wallets.chains.bitcoin import BitcoinNode
from wallets.chains.ethereum import EthereumNode
from wallets.chains.health import node_watch, say_once, say_over
from wallets.chains.jsonrpc import ChainUnavailable
from wallets.deposits.bitcoin import bitcoin_scan
from wallets.deposits.contracts import contract_adopt
from wallets.deposits.ethereum import ethereum_scan
from wallets.deposits.pool import bitcoin_pool_fill, ethereum_pool_fill
from wallets.models import Asset, Chain
from wallets.pace import Courier, Pacer
from wallets.payouts.bitcoin import bitcoin_sign
from wallets.payouts.ethereum import ethereum_sign, ethereum_sweep
from wallets.payouts.follow import bitcoin_follow, ethereum_follow, stored_broadcast
from wallets.payouts.progress import withdrawals_advance
from wallets.reserve import bitcoin_reserve, ethereum_reserve

log = logging.getLogger(__name__)
_FAUCET_WAIT_S = 2
_FAUCET_TRIES = 60
courier = Courier()
pacer = Pacer()


@lru_cache(maxsize=1)
def bitcoin_node() -> BitcoinNode:
    """Return this process's bitcoind, with our wallet open."""
    node = BitcoinNode()
    node.wallet_open()
    return node


@lru_cache(maxsize=1)
def ethereum_node() -> EthereumNode:
    """Return this process's Ethereum node."""
    return EthereumNode()


@app.task
def scan_bitcoin() -> None:
    """Look for deposits on Bitcoin."""
    with node_watch(Chain.BITCOIN):
        for asset in _coins(Chain.BITCOIN):
            bitcoin_scan(asset=asset, node=bitcoin_node(), send=courier.send)


@app.task
def scan_ethereum() -> None:
    """Look for deposits of ether and tokens on Ethereum."""
    with node_watch(Chain.ETHEREUM), _keys_watch():
        hot, tokens = keys.hot_address(), list(Asset.objects.filter(chain=Chain.ETHEREUM, is_token=True))
        if not settings.MEX_LOCAL_CHAINS:
            for token in tokens:
                contract_adopt(asset=token, node=ethereum_node())
        for asset in _coins(Chain.ETHEREUM):
            ethereum_scan(asset=asset, node=ethereum_node(), hot_address=hot, send=courier.send, tokens=tokens)


@app.task
def advance_withdrawals() -> None:
    """Take withdrawals on: holds, confirmations, settlement."""
    with node_watch(Chain.BITCOIN):
        for asset in _coins(Chain.BITCOIN):
            bitcoin_follow(asset=asset, node=bitcoin_node(), send=courier.send, pacer=pacer)
    with node_watch(Chain.ETHEREUM):
        for asset in _coins(Chain.ETHEREUM):
            ethereum_follow(asset=asset, node=ethereum_node(), send=courier.send, pacer=pacer)
    withdrawals_advance(send=courier.send)


@app.task
def fill_address_pools() -> None:
    """Keep deposit addresses ready."""
    for asset in _coins(Chain.ETHEREUM):
        ethereum_pool_fill(asset=asset)
    with node_watch(Chain.BITCOIN):
        for asset in _coins(Chain.BITCOIN):
            bitcoin_pool_fill(asset=asset, node=bitcoin_node())


@app.task
def sign_and_broadcast() -> None:
    """Sign and store what is held, then send what is stored. Queue `signer`."""
    with node_watch(Chain.BITCOIN):
        for asset in _coins(Chain.BITCOIN):
            bitcoin_sign(asset=asset, node=bitcoin_node())
            stored_broadcast(asset=asset, broadcast=bitcoin_node().broadcast)
    with node_watch(Chain.ETHEREUM), _keys_watch():
        keys.keys_ensure()
        for asset in _coins(Chain.ETHEREUM):
            ethereum_sign(asset=asset, node=ethereum_node())
            stored_broadcast(asset=asset, broadcast=ethereum_node().broadcast)


@app.task
def sweep() -> None:
    """Bring deposited ether to the hot wallet, once there are coins of our own to pay for it. Queue `signer`."""
    with node_watch(Chain.BITCOIN):
        for asset in _coins(Chain.BITCOIN):
            bitcoin_reserve(asset=asset, node=bitcoin_node(), send=courier.send, pacer=pacer)
    with node_watch(Chain.ETHEREUM), _keys_watch():
        for asset in _coins(Chain.ETHEREUM):
            if ethereum_reserve(asset=asset, node=ethereum_node(), send=courier.send, pacer=pacer):
                ethereum_sweep(asset=asset, node=ethereum_node())
            stored_broadcast(asset=asset, broadcast=ethereum_node().broadcast)


# Not acknowledged late: a worker that dies after paying must not pay again.
@app.task(acks_late=False, bind=True, max_retries=_FAUCET_TRIES)
def faucet_pay(self: Task, address: str, asset_code: str, units: int) -> None:
    """Pay test coins to an address; on local chains only. Waits for a node that is away, up to two minutes."""
    asset = Asset.objects.get(code=asset_code)
    value = units_to_chain(units, asset.chain_decimals)
    try:
        # Ask first: whoever pressed the button was told that coins are on their way, and nothing is paid yet.
        if asset.chain == Chain.BITCOIN:
            local.faucet_node()
        else:
            ethereum_node().height()
        if asset.is_token and not asset.contract:
            raise ChainUnavailable(f"the chain does not have the {asset_code} contract yet")
    except ChainUnavailable as error:
        raise self.retry(exc=error, countdown=_FAUCET_WAIT_S) from None
    with node_watch(asset.chain):
        if asset.chain == Chain.BITCOIN:
            txid = local.bitcoin_pay(local.faucet_node(), address, value)
        elif asset.is_token:
            txid = local.token_pay(ethereum_node(), asset.contract, address, value)
        else:
            txid = local.ethereum_pay(ethereum_node(), address, value)
        log.info("the faucet pays %d units of %s to %s: %s", units, asset_code, address, txid)


def _coins(chain: str) -> list[Asset]:
    """Return the chain's own coin, if mex has it."""
    return list(Asset.objects.filter(chain=chain, is_token=False))


@contextmanager
def _keys_watch() -> Iterator[None]:
    try:
        yield
    except keys.KeysMissing as error:
        if say_once("ethereum keys", "missing"):
            log.warning("work on Ethereum waits: %s", error)
        return
    say_over("ethereum keys")
