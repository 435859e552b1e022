"""Chains that we run ourselves: mining and giving coins away. Nothing here works, or is called, anywhere else."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address

from wallets.chains.bitcoin import BitcoinNode
from wallets.chains.ethereum import EthereumNode
from wallets.chains.jsonrpc import ChainRefused
from wallets.chains.tokens import transfer_call
from wallets.chains.watch import wallet_create, wallet_load

FAUCET_WALLET = "faucet"
COINBASE_MATURITY = 100
_FEE_RATE = 2
_RECENT_ROWS = 200
_UNITS = 10**8
TOKEN_SUPPLY = 10**10
"""Whole tokens that exist, all of them the faucet's at first. More could not be booked."""

_TOKEN_FILE = Path(__file__).parent.parent / "contracts" / "test_token.json"
_TOKEN_GAS = 100_000
_DEPLOY_GAS = 2_000_000
_SET_CALL = "0xb604ecfe"  # set(bool,bool,uint256): returns nothing, returns false, fee in hundredths of a percent


class NotLocal(Exception):
    """Raised when a chain that is not our own would be touched."""


def faucet_node(url: str | None = None) -> BitcoinNode:
    """Return bitcoind with the faucet's wallet, which is made if there is none."""
    _check_local()
    node = BitcoinNode(url, FAUCET_WALLET)
    # The faucet is no part of the exchange: its keys are the node's.
    if not wallet_load(node.root, node.wallet):
        wallet_create(node.root, node.wallet)
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
    payment = {"from": _accounts(node)[0], "to": address, "value": hex(wei)}
    return str(node.rpc.call("eth_sendTransaction", payment, repeatable=False))


def token_pay(node: EthereumNode, contract: str, address: str, value: int) -> str:
    """Pay tokens from the account that had all of them at first and return the transaction's id."""
    _check_local()
    call = {"to": contract, "data": transfer_call(address, value), "gas": hex(_TOKEN_GAS)}
    payment = {"from": _accounts(node)[-1], **call}
    return str(node.rpc.call("eth_sendTransaction", payment, repeatable=False))


def token_deploy(node: EthereumNode, *, name: str, symbol: str, decimals: int) -> str:
    """Put the test token onto the chain, mining what it takes, and return its address.

    On every new chain it is the same address, as long as the account that does it does nothing else.
    """
    _check_local()
    compiled = str(json.loads(_TOKEN_FILE.read_text())["bytecode"])
    arguments = encode(["string", "string", "uint8", "uint256"], [name, symbol, decimals, TOKEN_SUPPLY * 10**decimals])
    receipt = _token_mined(node, {"data": compiled + arguments.hex(), "gas": hex(_DEPLOY_GAS)})
    contract = str(to_checksum_address(receipt["contractAddress"]))
    # From here on its transfers return nothing, whereas the standard says true: that is how USDT is.
    behave = _SET_CALL + encode(["bool", "bool", "uint256"], [True, False, 0]).hex()
    _token_mined(node, {"to": contract, "data": behave, "gas": hex(_TOKEN_GAS)})
    return contract


def _token_mined(node: EthereumNode, transaction: dict[str, str]) -> dict[str, Any]:
    txid = node.rpc.call("eth_sendTransaction", {"from": _accounts(node)[-1], **transaction}, repeatable=False)
    ethereum_mine(node)
    receipt: dict[str, Any] | None = node.rpc.call("eth_getTransactionReceipt", txid)
    if receipt is None or receipt["status"] != "0x1":
        raise ChainRefused(0, f"{txid} should have made the test token, and did not", "eth_sendTransaction")
    return receipt


def _accounts(node: EthereumNode) -> list[str]:
    accounts: list[str] = node.rpc.call("eth_accounts")
    if not accounts:
        raise ChainRefused(0, "the node has no account of its own", "eth_accounts")
    return accounts


def _check_local() -> None:
    if not settings.MEX_LOCAL_CHAINS:
        raise NotLocal("faucet and miner exist on local chains only")
