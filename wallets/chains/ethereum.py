"""What we ask of an Ethereum node, in our own terms: wei as integers, checksummed addresses.

Plain JSON-RPC: half the cost of web3's formatters in the scanner, and errors keep their code.
"""

import time
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
    balance_call,
    is_consent,
    number_of,
    payment_of_log,
    payments_asked_for,
    payments_of_logs,
    transfer_call,
)
from wallets.chains.traces import InternalPayment, internal_payments

_TRACES_ASK_S = 600.0
GAS_PLAIN = 21_000
GAS_CONTRACT = 100_000
"""Gas limit of a payment to a contract: enough for a wallet that notes a receipt, too little for mischief."""
GWEI = 10**9
REVERTED = 3
"""The code of a call that a contract refused, by its own instruction to do so."""
_TIP = GWEI


class Payment(msgspec.Struct, frozen=True):
    """A transfer of ether to an address."""

    txid: str
    sender: str
    recipient: str
    wei: int


class Block(msgspec.Struct, frozen=True):
    """A block and the payments in it, successful or not. `runs_code`: contracts may have moved ether in it, too."""

    height: int
    hash: str
    parent: str
    payments: tuple[Payment, ...]
    runs_code: bool = False


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
        self._has_traces = False
        self._traces_asked: float | None = None

    def height(self) -> int:
        """Return the height of the best block."""
        return int(self.rpc.call("eth_blockNumber"), 16)

    def block_hash(self, height: int) -> str:
        """Return the hash of a block, or "" when there is none at this height."""
        block = self.rpc.call("eth_getBlockByNumber", hex(height), False)
        return str(block["hash"]) if block else ""

    def block_hashes(self, heights: Sequence[int]) -> dict[int, str]:
        """Return the hashes of blocks; of those that there are."""
        answers = _accepted(self.rpc.batch("eth_getBlockByNumber", [[hex(height), False] for height in heights]))
        return {height: str(block["hash"]) for height, block in zip(heights, answers, strict=True) if block}

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

    def offers_traces(self) -> bool:
        """Return whether the node tells what contracts do inside a transaction; one that does not is asked again."""
        if not settings.ETHEREUM_TRACES:
            return False
        now = time.monotonic()
        if self._traces_asked is None or (not self._has_traces and now > self._traces_asked + _TRACES_ASK_S):
            try:
                self.rpc.call("trace_block", "latest")
            except ChainRefused:
                self._has_traces = False
            else:
                self._has_traces = True
            self._traces_asked = now
        return self._has_traces

    def internal_payments(self, blocks: Sequence[Block]) -> dict[str, tuple[InternalPayment, ...]]:
        """Return for each block (by hash) the ether that contracts moved in it.

        Raises ChainRefused for a block that is gone: traces are asked for by height.
        """
        running = [block for block in blocks if block.runs_code]
        answers = _accepted(self.rpc.batch("trace_block", [[hex(block.height)] for block in running]))
        for block, traces in zip(running, answers, strict=True):
            if not traces or any(trace["blockHash"] != block.hash for trace in traces):
                raise ChainRefused(0, f"block {block.hash} is not at height {block.height} any more", "trace_block")
        return {block.hash: internal_payments(traces) for block, traces in zip(running, answers, strict=True)}

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

    def balances(self, addresses: Sequence[str], height: int | None = None) -> dict[str, int]:
        """Return what each address has, in wei; as of a block, or of the last one."""
        block = _block_name(height)
        answers = _accepted(self.rpc.batch("eth_getBalance", [[address, block] for address in addresses]))
        return {address: int(answer, 16) for address, answer in zip(addresses, answers, strict=True)}

    def token_balances(self, contract: str, addresses: Sequence[str], height: int | None = None) -> dict[str, int]:
        """Return what each address has of a token, in its smallest unit; where there is no contract, nothing."""
        block = _block_name(height)
        calls = [[{"to": contract, "data": balance_call(address)}, block] for address in addresses]
        answers = _accepted(self.rpc.batch("eth_call", calls))
        return {address: number_of(answer) or 0 for address, answer in zip(addresses, answers, strict=True)}

    def transaction_count(self, address: str, height: int | None = None) -> int:
        """Return how many transactions of an address are in blocks: the chain's next nonce."""
        return int(self.rpc.call("eth_getTransactionCount", address, _block_name(height)), 16)

    def transaction_counts(self, addresses: Sequence[str]) -> dict[str, int]:
        """Return the chain's next nonce of each address."""
        answers = _accepted(self.rpc.batch("eth_getTransactionCount", [[address, "latest"] for address in addresses]))
        return {address: int(answer, 16) for address, answer in zip(addresses, answers, strict=True)}

    def transaction_at(self, sender: str, nonce: int, height: int) -> str | None:
        """Return the id of the transaction of a sender that is in a block at this height; None if that is none."""
        block = self.rpc.call("eth_getBlockByNumber", hex(height), True)
        for item in block["transactions"] if block else ():
            if to_checksum_address(item["from"]) == sender and int(item["nonce"], 16) == nonce:
                return str(item["hash"])
        return None

    def gas_limits(self, addresses: Sequence[str]) -> dict[str, int]:
        """Return the gas that a payment of ether to each address may use."""
        answers = _accepted(self.rpc.batch("eth_getCode", [[address, "latest"] for address in addresses]))
        return {
            address: GAS_PLAIN if code == "0x" else GAS_CONTRACT
            for address, code in zip(addresses, answers, strict=True)
        }

    def complaints(
        self, sender: str, payments: Sequence[tuple[str, int]], *, fee_per_gas: int, tip_per_gas: int
    ) -> list[ChainRefused | None]:
        """Return for each payment of ether (to, wei) to a contract what speaks against it now; None where nothing does.

        It is tried as it would be signed, with its gas limit and its fees (wei per gas): contracts see both. Only
        `REVERTED` is surely the contract's own word. What else it does in vain has no code of its own, and may as well
        be that funds are missing or that the node cannot tell.
        """
        offer = {"gas": hex(GAS_CONTRACT), "maxFeePerGas": hex(fee_per_gas), "maxPriorityFeePerGas": hex(tip_per_gas)}
        calls = [[{"from": sender, "to": to, "value": hex(wei), **offer}, "latest"] for to, wei in payments]
        answers = self.rpc.batch("eth_call", calls)
        return [answer if isinstance(answer, ChainRefused) else None for answer in answers]

    def token_gas(self, contract: str, transfers: Sequence[tuple[str, str, int]]) -> list[int | str]:
        """Return the gas that each transfer (sender, recipient, value) of a token would use now.

        In the place of one that would move nothing stands why: the contract refuses it, or answers that it does not.
        """
        calls = [
            {"from": sender, "to": contract, "data": transfer_call(recipient, value)}
            for sender, recipient, value in transfers
        ]
        answers = self.rpc.batch("eth_call", [[call, "latest"] for call in calls])
        estimates = self.rpc.batch("eth_estimateGas", [[call] for call in calls])
        found: list[int | str] = []
        for answer, estimate in zip(answers, estimates, strict=True):
            if isinstance(answer, ChainRefused) or isinstance(estimate, ChainRefused):
                found.append(str(answer if isinstance(answer, ChainRefused) else estimate))
            elif not is_consent(answer):
                found.append("the contract says that it would move nothing")
            else:
                found.append(int(estimate, 16))
        return found

    def base_fee(self) -> int:
        """Return the base fee of the last block, in wei per gas."""
        return int(self.rpc.call("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16)

    def tip_suggested(self) -> int:
        """Return the tip that the node suggests, in wei per gas; 0 when it suggests none."""
        try:
            return int(self.rpc.call("eth_maxPriorityFeePerGas"), 16)
        except ChainRefused:
            return 0  # not every node offers this; there is a floor

    def fee_per_gas(self) -> tuple[int, int]:
        """Return (highest fee, tip) per gas in wei, for a transaction that should be mined soon (EIP-1559)."""
        return 2 * self.base_fee() + _TIP, _TIP

    def block_time(self) -> int:
        """Return the time of the last block, in seconds."""
        return int(self.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def broadcast(self, raw: str) -> str:
        """Send a stored transaction; return "" when the node took it, else what it said.

        "Already known" and "nonce too low" come in different words from different nodes: only the receipt decides.
        """
        try:
            self.rpc.call("eth_sendRawTransaction", raw)
        except ChainRefused as refusal:
            return refusal.message or str(refusal.code)
        return ""


def _block_name(height: int | None) -> str:
    return "latest" if height is None else hex(height)


def _accepted(answers: list[Any]) -> list[Any]:
    """Return the answers of a batch, which are JSON. Raises ChainRefused when one is a refusal."""
    for answer in answers:
        if isinstance(answer, ChainRefused):
            raise answer
    return answers


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
    # With the least gas that there is, a transaction can pay and do nothing else.
    runs_code = any(int(item["gas"], 16) > GAS_PLAIN for item in answer["transactions"])
    return Block(int(answer["number"], 16), answer["hash"] or "", answer["parentHash"], payments, runs_code)


def _receipt(answer: dict[str, Any]) -> Receipt:
    return Receipt(
        block_height=int(answer["blockNumber"], 16),
        block_hash=answer["blockHash"],
        succeeded=answer["status"] == "0x1",
        fee_wei=int(answer["gasUsed"], 16) * int(answer["effectiveGasPrice"], 16),
        tokens=payments_of_logs(answer["logs"]),
    )
