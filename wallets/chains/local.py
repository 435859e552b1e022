"""Chains that we run ourselves: mining and giving coins away. Nothing here works, or is called, anywhere else."""

from decimal import Decimal

from django.conf import settings

from wallets.chains.bitcoin import BitcoinNode
from wallets.chains.ethereum import EthereumNode
from wallets.chains.jsonrpc import ChainRefused

FAUCET_WALLET = "faucet"
COINBASE_MATURITY = 100
_FEE_RATE = 2
_RECENT_ROWS = 200
_UNITS = 10**8


class NotLocal(Exception):
    """Raised when a chain that is not our own would be touched."""


def faucet_node(url: str | None = None) -> BitcoinNode:
    """Return bitcoind with the faucet's wallet, which is made if there is none."""
    _check_local()
    node = BitcoinNode(url, FAUCET_WALLET)
    node.wallet_open()
    return node


def bitcoin_mine(node: BitcoinNode, blocks: int = 1) -> list[str]:
    """Mine blocks to a fresh address of the wallet and return their hashes.

    Fresh, because the same address in the same second after an invalidated block rebuilds that very block.
    """
    _check_local()
    address = node.rpc.call("getnewaddress", "", "bech32")
    hashes: list[str] = node.root.call("generatetoaddress", blocks, address, repeatable=False)
    return hashes


def bitcoin_fund(node: BitcoinNode) -> None:
    """Mine until the faucet has coins that it may spend."""
    _check_local()
    if Decimal(node.rpc.call("getbalance")) == 0:
        bitcoin_mine(node, COINBASE_MATURITY + 1)


def bitcoin_pay(node: BitcoinNode, address: str, satoshis: int) -> str:
    """Pay from the faucet's wallet and return the transaction's id."""
    _check_local()
    amount = Decimal(satoshis) / _UNITS
    return str(node.rpc.call("sendtoaddress", address=address, amount=amount, fee_rate=_FEE_RATE, repeatable=False))


def bitcoin_resubmit(node: BitcoinNode) -> list[str]:
    """Send again what a wallet has sent and neither a block nor the mempool holds; return the transactions' ids.

    A node that was killed has forgotten its mempool, and its wallet may wait a day before it tries again by itself.
    """
    _check_local()
    mempool = set(node.root.call("getrawmempool"))
    recent = node.rpc.call("listtransactions", "*", _RECENT_ROWS)
    sent = {row["txid"] for row in recent if row["category"] == "send" and row["confirmations"] == 0}
    lost = sorted(sent - mempool)
    for txid in lost:
        node.broadcast(node.rpc.call("gettransaction", txid)["hex"])
    return lost


def ethereum_mine(node: EthereumNode, blocks: int = 1) -> None:
    """Mine blocks, one at a time so that each has its own time stamp."""
    _check_local()
    for _ in range(blocks):
        node.rpc.call("evm_mine", repeatable=False)


def ethereum_pay(node: EthereumNode, address: str, wei: int) -> str:
    """Pay from the node's first, unlocked account and return the transaction's id."""
    _check_local()
    accounts = node.rpc.call("eth_accounts")
    if not accounts:
        raise ChainRefused(0, "the node has no account of its own", "eth_accounts")
    payment = {"from": accounts[0], "to": address, "value": hex(wei)}
    return str(node.rpc.call("eth_sendTransaction", payment, repeatable=False))


def _check_local() -> None:
    if not settings.MEX_LOCAL_CHAINS:
        raise NotLocal("faucet and miner exist on local chains only")
