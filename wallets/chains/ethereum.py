"""What we ask of an Ethereum node, in our own terms: wei as integers, checksummed addresses.

Plain JSON-RPC: half the cost of web3's formatters in the scanner, and errors keep their code.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from django.conf import settings
from eth_utils.address import to_checksum_address

from wallets.chains.jsonrpc import ChainRefused, JsonRpc
from wallets.chains.tokens import (
    DECIMALS_CALL,
    TRANSFER_TOPIC,
    TokenPayment,
    is_consent,
    number_of,
    payment_of_log,
    payments_asked_for,
    payments_of_logs,
    transfer_call,
)

GAS_PLAIN = 21_000
GAS_CONTRACT = 100_000
"""Gas limit of a payment to a contract: enough for a wallet that notes a receipt, too little for mischief."""
GWEI = 10**9
_TIP = GWEI


class Payment(msgspec.Struct, frozen=True):
    """A transfer of ether to an address."""

    txid: str
    sender: str
    recipient: str
    wei: int


class Block(msgspec.Struct, frozen=True):
    """A block and the payments in it, successful or not."""

    height: int
    hash: str
    parent: str
    payments: tuple[Payment, ...]


class Waiting(msgspec.Struct, frozen=True):
    """Payments that wait for a block: of ether, and of tokens."""

    payments: tuple[Payment, ...]
    tokens: tuple[TokenPayment, ...]


class Receipt(msgspec.Struct, frozen=True):
    """What became of a transaction that is in a block. `tokens` are those that it moved, of any contract."""

    block_height: int
    block_hash: str
    succeeded: bool
    fee_wei: int
    tokens: tuple[TokenPayment, ...]


class EthereumNode:
    """An Ethereum node. Every method may raise ChainUnavailable or ChainRefused."""

    def __init__(self, url: str | None = None) -> None:
        self.rpc = JsonRpc(url or settings.ETHEREUM_RPC_URL)

    def height(self) -> int:
        """Return the height of the best block."""
        return int(self.rpc.call("eth_blockNumber"), 16)

    def block_hash(self, height: int) -> str:
        """Return the hash of a block, or "" when there is none at this height."""
        block = self.rpc.call("eth_getBlockByNumber", hex(height), False)
        return str(block["hash"]) if block else ""

    def blocks(self, heights: Sequence[int]) -> list[Block]:
        """Return the blocks at these heights, up to the first one that is not there."""
        answers = self.rpc.batch("eth_getBlockByNumber", [[hex(height), True] for height in heights])
        found = []
        for answer in answers:
            if answer is None or isinstance(answer, ChainRefused):
                break
            found.append(_block(answer))
        return found

    def waiting(self, contracts: Sequence[str]) -> Waiting:
        """Return the payments that wait for a block, of tokens those that these contracts would carry out now."""
        block = self.rpc.call("eth_getBlockByNumber", "pending", True)
        if not block:
            return Waiting((), ())
        asked = payments_asked_for(block["transactions"], contracts) if contracts else []
        calls = [
            [{"from": one.sender, "to": one.contract, "data": transfer_call(one.recipient, one.value)}, "latest"]
            for one in asked
        ]
        answers = self.rpc.batch("eth_call", calls)
        # Anybody can ask a contract for tokens that he does not have.
        tokens = (
            payment
            for payment, answer in zip(asked, answers, strict=True)
            if not isinstance(answer, ChainRefused) and is_consent(answer)
        )
        return Waiting(_block(block).payments, tuple(tokens))

    def token_payees(self, block_hashes: Sequence[str], contracts: Sequence[str]) -> dict[str, set[str]]:
        """Return for each transaction in these blocks that moves tokens of these contracts, who receives some.

        Asked for by hash, so that no answer is of another branch. Raises ChainRefused for a block that is gone.
        """
        topics = {"address": list(contracts), "topics": [TRANSFER_TOPIC]}
        answers = self.rpc.batch("eth_getLogs", [[{"blockHash": block_hash, **topics}] for block_hash in block_hashes])
        payees: dict[str, set[str]] = {}
        for answer in answers:
            if isinstance(answer, ChainRefused):
                raise answer
            for log in answer:
                payment = payment_of_log(log, 0)
                if payment is not None:
                    payees.setdefault(payment.txid, set()).add(payment.recipient)
        return payees

    def token_decimals(self, contract: str) -> int | None:
        """Return how many decimals a token's contract says it has, or None where there is no such contract."""
        return number_of(self.rpc.call("eth_call", {"to": contract, "data": DECIMALS_CALL}, "latest"))

    def are_known(self, txids: Sequence[str]) -> dict[str, bool]:
        """Return for each transaction whether the node has it, in a block or waiting."""
        answers = self.rpc.batch("eth_getTransactionByHash", [[txid] for txid in txids])
        for answer in answers:
            if isinstance(answer, ChainRefused):
                raise answer
        return {txid: answer is not None for txid, answer in zip(txids, answers, strict=True)}

    def receipts(self, txids: Sequence[str]) -> dict[str, Receipt | None]:
        """Return what became of each transaction; None while it is in no block."""
        found: dict[str, Receipt | None] = {}
        answers = self.rpc.batch("eth_getTransactionReceipt", [[txid] for txid in txids])
        for txid, answer in zip(txids, answers, strict=True):
            if isinstance(answer, ChainRefused):
                raise answer
            found[txid] = None if answer is None else _receipt(answer)
        return found

    def balances(self, addresses: Sequence[str]) -> dict[str, int]:
        """Return what each address has, in wei."""
        answers = self.rpc.batch("eth_getBalance", [[address, "latest"] for address in addresses])
        for answer in answers:
            if isinstance(answer, ChainRefused):
                raise answer
        return {address: int(answer, 16) for address, answer in zip(addresses, answers, strict=True)}

    def transaction_count(self, address: str) -> int:
        """Return how many transactions of an address are in blocks: the chain's next nonce."""
        return int(self.rpc.call("eth_getTransactionCount", address, "latest"), 16)

    def gas_limit(self, address: str) -> int:
        """Return the gas that a payment to an address may use."""
        return GAS_PLAIN if self.rpc.call("eth_getCode", address, "latest") == "0x" else GAS_CONTRACT

    def fee_per_gas(self) -> tuple[int, int]:
        """Return (highest fee, tip) per gas in wei, for a transaction that should be mined soon (EIP-1559)."""
        block = self.rpc.call("eth_getBlockByNumber", "latest", False)
        return 2 * int(block["baseFeePerGas"], 16) + _TIP, _TIP

    def broadcast(self, raw: str) -> str:
        """Send a stored transaction; return "" when the node took it, else what it said.

        "Already known" and "nonce too low" come in different words from different nodes: only the receipt decides.
        """
        try:
            self.rpc.call("eth_sendRawTransaction", raw)
        except ChainRefused as refusal:
            return refusal.message or str(refusal.code)
        return ""


def _block(answer: dict[str, Any]) -> Block:
    payments = tuple(
        Payment(
            txid=item["hash"],
            sender=to_checksum_address(item["from"]),
            recipient=to_checksum_address(item["to"]),
            wei=int(item["value"], 16),
        )
        for item in answer["transactions"]
        if item.get("to") and int(item["value"], 16) > 0
    )
    return Block(int(answer["number"], 16), answer["hash"] or "", answer["parentHash"], payments)


def _receipt(answer: dict[str, Any]) -> Receipt:
    return Receipt(
        block_height=int(answer["blockNumber"], 16),
        block_hash=answer["blockHash"],
        succeeded=answer["status"] == "0x1",
        fee_wei=int(answer["gasUsed"], 16) * int(answer["effectiveGasPrice"], 16),
        tokens=payments_of_logs(answer["logs"]),
    )
