"""Contracts that pay ether on: no transaction names whom they pay. Their source: wallets/contracts/Test.sol."""

import json
from pathlib import Path

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tests.wallets.nodes import Anvil

_CODE = json.loads((Path(__file__).parent / "payers.json").read_text())
_GAS = hex(3_000_000)


def splitter(anvil: Anvil) -> str:
    """Put the contract onto the chain that pays what it gets on, and return its address."""
    receipt = anvil.node.rpc.call("eth_getTransactionReceipt", _send(anvil, {"data": _CODE["Splitter"]}, mine=True))
    return str(receipt["contractAddress"])


def pay_on(anvil: Anvil, contract: str, wei: int, addresses: list[str], *, sender: int = 0) -> str:
    """Let the contract divide some ether among addresses; return the transaction's id."""
    return _send(anvil, _call(contract, "pay(address[])", wei, encode(["address[]"], [addresses])), sender=sender)


def pay_and_revert_inside(anvil: Anvil, contract: str, wei: int, address: str) -> str:
    """Let the contract pay ether in a frame that it reverts, in a transaction that succeeds."""
    return _send(anvil, _call(contract, "payAndRevertInside(address)", wei, encode(["address"], [address])))


def destruct(anvil: Anvil, wei: int, address: str) -> str:
    """Make a contract that destroys itself at once and leaves its ether to an address."""
    data = _CODE["Bomb"] + encode(["address"], [address]).hex()
    return _send(anvil, {"data": data, "value": hex(wei)})


def _call(contract: str, signature: str, wei: int, arguments: bytes) -> dict[str, str]:
    data = "0x" + keccak(signature.encode())[:4].hex() + arguments.hex()
    return {"to": contract, "data": data, "value": hex(wei)}


def _send(anvil: Anvil, transaction: dict[str, str], *, sender: int = 0, mine: bool = False) -> str:
    account = anvil.node.rpc.call("eth_accounts")[sender]
    txid = str(anvil.node.rpc.call("eth_sendTransaction", {"from": account, "gas": _GAS, **transaction}))
    if mine:
        anvil.mine()
    return txid
