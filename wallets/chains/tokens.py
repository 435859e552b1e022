"""Tokens of contracts (ERC-20), as far as they are moved and looked at here: calls, logs, answers.  [pure]

A transfer counts by the log that the token's own contract wrote, never by the call or its success: a token may return
nothing, return false without moving anything, or keep a fee.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from eth_utils.address import to_checksum_address

TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
"""keccak256 of Transfer(address,address,uint256)."""

DECIMALS_CALL = "0x313ce567"
"""The call decimals()."""

_TRANSFER = "0xa9059cbb"  # transfer(address,uint256)
_BALANCE_OF = "0x70a08231"  # balanceOf(address)
_WORD = 64  # hex digits of 32 bytes


class TokenPayment(msgspec.Struct, frozen=True):
    """Tokens moved to an address. `place` is that of its log among the logs of its transaction.

    The chain's own number of a log counts through the whole block: mined again elsewhere, it would be another one.
    """

    txid: str
    contract: str
    place: int
    sender: str
    recipient: str
    value: int


def transfer_call(recipient: str, value: int) -> str:
    """Return the call that moves tokens of whoever makes it."""
    return _TRANSFER + recipient[2:].lower().rjust(_WORD, "0") + f"{value:0{_WORD}x}"


def balance_call(owner: str) -> str:
    """Return the call that asks for a balance."""
    return _BALANCE_OF + owner[2:].lower().rjust(_WORD, "0")


def number_of(answer: str) -> int | None:
    """Return the number that a call answers with, or None when it answers with something else."""
    return int(answer, 16) if len(answer) == 2 + _WORD else None


def is_consent(answer: str) -> bool:
    """Return whether a transfer that answers so moves anything: with nothing at all, or with true."""
    return answer == "0x" or number_of(answer) not in (0, None)


def payment_of_log(log: Mapping[str, Any], place: int) -> TokenPayment | None:
    """Return what a log says was moved, or None when it is no transfer of tokens that can be counted."""
    topics = log["topics"]
    # With a fourth topic it is a single thing of its kind (ERC-721), and the number is its name.
    if len(topics) != 3 or topics[0] != TRANSFER_TOPIC:
        return None
    value = number_of(log["data"])
    if value is None:
        return None
    return TokenPayment(
        txid=log["transactionHash"],
        contract=to_checksum_address(log["address"]),
        place=place,
        sender=_address(topics[1]),
        recipient=_address(topics[2]),
        value=value,
    )


def payments_of_logs(logs: Sequence[Mapping[str, Any]]) -> tuple[TokenPayment, ...]:
    """Return what all logs of one transaction say was moved."""
    found = (payment_of_log(log, place) for place, log in enumerate(logs))
    return tuple(payment for payment in found if payment is not None)


def payments_asked_for(transactions: Iterable[Mapping[str, Any]], contracts: Iterable[str]) -> list[TokenPayment]:
    """Return what transactions that wait for a block would move, where they ask one of these contracts directly."""
    wanted = {contract.lower() for contract in contracts}
    found = []
    for item in transactions:
        data = item["input"].lower()
        if (item.get("to") or "").lower() not in wanted or not data.startswith(_TRANSFER):
            continue
        recipient, value = data[10 : 10 + _WORD], data[10 + _WORD :]
        if len(value) == _WORD:
            found.append(
                TokenPayment(
                    txid=item["hash"],
                    contract=to_checksum_address(item["to"]),
                    place=0,  # the first thing that a transfer writes, as a rule; the block will tell
                    sender=to_checksum_address(item["from"]),
                    recipient=_address(recipient),
                    value=int(value, 16),
                )
            )
    return found


def _address(word: str) -> str:
    return str(to_checksum_address("0x" + word[-40:]))
