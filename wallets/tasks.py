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
from wallets.chains.networks import bitcoin_network_check, ethereum_network_check
from wallets.chains.watch_history import addresses_label, watch_history
from wallets.cold.watch import bitcoin_watch, ethereum_watch
from wallets.control.confirmation import confirmations_send
from wallets.deposits.bitcoin import bitcoin_scan
from wallets.deposits.contracts import contract_adopt
from wallets.deposits.ethereum import ethereum_scan
from wallets.deposits.pool import bitcoin_pool_fill, ethereum_pool_fill
from wallets.deposits.unexplained import unexplained_tell
from wallets.models import Asset, Chain, ChainTransaction
from wallets.pace import Aside, Courier, Pacer
from wallets.payouts.bitcoin import bitcoin_sign
from wallets.payouts.bitcoin_bump import bitcoin_bump, bitcoin_bump_one
from wallets.payouts.bitcoin_consolidate import bitcoin_consolidate
from wallets.payouts.ethereum import ethereum_sign
from wallets.payouts.ethereum_bumps import ethereum_bump, ethereum_bump_one
from wallets.payouts.ethereum_follow import ethereum_follow
from wallets.payouts.ethereum_gaps import ethereum_gaps_fill
from wallets.payouts.ethereum_sweeps import ethereum_sweep
from wallets.payouts.follow import bitcoin_follow, stored_broadcast
from wallets.payouts.progress import withdrawals_advance
from wallets.payouts.versions import NotBumped
from wallets.reserve import bitcoin_reserve, ethereum_reserve
from wallets.solvency.reports import is_report_due, report_take

log = logging.getLogger(__name__)
_FAUCET_WAIT_S = 2
_FAUCET_TRIES = 60
courier = Courier()
pacer = Pacer()
aside = Aside()


def bitcoin_node() -> BitcoinNode:
    """Return this process's bitcoind, on the right network and with our wallet open.

    After a rotation of the keys it is opened again, and watches the new ones, too.
    """
    return bitcoin_node_opened(tuple(keys.bitcoin_descriptors()))


@lru_cache(maxsize=1)
def bitcoin_node_opened(descriptors: tuple[str, ...]) -> BitcoinNode:
    """Return the node with the wallet of these public descriptors, once for each set of them."""
    node = BitcoinNode()
    bitcoin_network_check(node.root)
    node.wallet_open(watch_history)
    addresses_label(node.rpc)
    return node


@lru_cache(maxsize=1)
def ethereum_node() -> EthereumNode:
    """Return this process's Ethereum node, on the right network."""
    node = EthereumNode()
    ethereum_network_check(node.rpc)
    return node


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
        *old, hot = keys.hot_addresses()
        tokens = list(Asset.objects.filter(chain=Chain.ETHEREUM, is_token=True))
        if not settings.MEX_LOCAL_CHAINS:
            for token in tokens:
                contract_adopt(asset=token, node=ethereum_node())
        for asset in _coins(Chain.ETHEREUM):
            node, send = ethereum_node(), courier.send
            ethereum_scan(asset=asset, node=node, hot_address=hot, hot_old=old, send=send, tokens=tokens)


@app.task
def look_for_unexplained_coins() -> None:
    """Say which addresses have coins that no deposit explains."""
    with node_watch(Chain.BITCOIN):
        for asset in _coins(Chain.BITCOIN):
            unexplained_tell(asset=asset, node=bitcoin_node())
    with node_watch(Chain.ETHEREUM):
        for asset in (*_coins(Chain.ETHEREUM), *_tokens(Chain.ETHEREUM)):
            unexplained_tell(asset=asset, node=ethereum_node())


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
def take_solvency_report() -> None:
    """Tell in public what is owed and what is there, when it is time."""
    if is_report_due():
        report_take()


@app.task
def look_after_hot_wallets() -> None:
    """Compare hot wallets with floor and ceiling: halt what cannot be paid, offer what is too much."""
    with node_watch(Chain.BITCOIN):
        for asset in _coins(Chain.BITCOIN):
            bitcoin_watch(asset=asset, node=bitcoin_node())
    with node_watch(Chain.ETHEREUM), _keys_watch():
        *old, hot = keys.hot_addresses()
        tokens = list(Asset.objects.filter(chain=Chain.ETHEREUM, is_token=True))
        for asset in _coins(Chain.ETHEREUM):
            ethereum_watch(coin=asset, tokens=tokens, node=ethereum_node(), hot_address=hot, hot_old=old)


@app.task
def send_confirmations() -> None:
    """Send the mails that ask people to confirm their withdrawals."""
    confirmations_send()


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
            bitcoin_sign(asset=asset, node=bitcoin_node(), aside=aside)
            stored_broadcast(asset=asset, broadcast=bitcoin_node().broadcast)
    with node_watch(Chain.ETHEREUM), _keys_watch():
        keys.keys_ensure()
        for asset in _coins(Chain.ETHEREUM):
            ethereum_gaps_fill(asset=asset, node=ethereum_node())
            for one in (asset, *_tokens(Chain.ETHEREUM)):
                ethereum_sign(asset=one, node=ethereum_node(), aside=aside)
            ethereum_bump(asset=asset, node=ethereum_node())
            stored_broadcast(asset=asset, broadcast=ethereum_node().broadcast)


@app.task
def sweep() -> None:
    """Bring what was deposited to the hot wallet, once there are coins of our own to pay for it. Queue `signer`."""
    with node_watch(Chain.BITCOIN):
        for asset in _coins(Chain.BITCOIN):
            bitcoin_bump(asset=asset, node=bitcoin_node())
            bitcoin_consolidate(asset=asset, node=bitcoin_node())
            stored_broadcast(asset=asset, broadcast=bitcoin_node().broadcast)
            bitcoin_reserve(asset=asset, node=bitcoin_node(), send=courier.send, pacer=pacer)
    with node_watch(Chain.ETHEREUM), _keys_watch():
        for asset in _coins(Chain.ETHEREUM):
            if ethereum_reserve(asset=asset, node=ethereum_node(), send=courier.send, pacer=pacer):
                ethereum_sweep(asset=asset, node=ethereum_node(), tokens=_tokens(Chain.ETHEREUM))
            stored_broadcast(asset=asset, broadcast=ethereum_node().broadcast)


# Not acknowledged late: what an operator asked for once is not done twice.
@app.task(acks_late=False)
def bump(txid: str) -> None:
    """Raise the fee of a payment that waits for a block, as an operator asks. Queue `signer`."""
    record = ChainTransaction.objects.select_related("fee_asset").get(txid=txid)
    coin = record.fee_asset
    with node_watch(coin.chain), _keys_watch():
        try:
            if coin.chain == Chain.BITCOIN:
                bitcoin_bump_one(asset=coin, node=bitcoin_node(), txid=txid)
                stored_broadcast(asset=coin, broadcast=bitcoin_node().broadcast)
            else:
                ethereum_bump_one(asset=coin, node=ethereum_node(), txid=txid)
                stored_broadcast(asset=coin, broadcast=ethereum_node().broadcast)
        except NotBumped as error:
            log.error("the fee of %s is not raised: %s", txid, error)


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


def _tokens(chain: str) -> list[Asset]:
    """Return the tokens of a chain that mex has."""
    return list(Asset.objects.filter(chain=chain, is_token=True).order_by("pk"))


@contextmanager
def _keys_watch() -> Iterator[None]:
    try:
        yield
    except keys.KeysUnusable as error:
        if say_once("ethereum keys", str(error)):
            log.warning("work on Ethereum waits: %s", error)
        return
    say_over("ethereum keys")
