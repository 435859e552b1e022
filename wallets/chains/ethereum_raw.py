"""Ethereum transactions as bytes (EIP-1559): signed here, and read back from what was stored.  [pure]

The general library checks every field against a schema, which takes ten times as long as the signature itself.
"""

from functools import lru_cache

import msgspec
import rlp
from coincurve import PrivateKey
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

_TYPE = b"\x02"
_NO_ACCESS_LIST = b"\xc0"
_FIELDS = 12
"""Chain, nonce, tip, fee, gas, to, value, data, access list; and the signature: parity, r, s."""


class SignedCall(msgspec.Struct, frozen=True):
    """What a signed transaction does and may cost. Fees in wei per gas."""

    to: str
    wei: int
    data: str
    nonce: int
    gas: int
    fee_per_gas: int
    tip_per_gas: int


def call_sign(call: SignedCall, *, key: bytes, chain_id: int) -> tuple[str, str]:
    """Return (id, signed bytes) of a transaction, both in hex."""
    numbers = (chain_id, call.nonce, call.tip_per_gas, call.fee_per_gas, call.gas)
    fields = b"".join(_item(_shortest(number)) for number in numbers)
    fields += _item(bytes.fromhex(call.to[2:])) + _item(_shortest(call.wei)) + _item(bytes.fromhex(call.data[2:]))
    fields += _NO_ACCESS_LIST
    signature = _signer(key).sign_recoverable(keccak(_TYPE + _list(fields)), hasher=None)
    parity, r, s = signature[64:], signature[:32], signature[32:64]
    raw = _TYPE + _list(fields + b"".join(_item(part.lstrip(b"\0")) for part in (parity, r, s)))
    return "0x" + keccak(raw).hex(), "0x" + raw.hex()


# Made once: the public key, which belongs to it, costs more than a signature.
_signer = lru_cache(maxsize=4)(PrivateKey)


def _shortest(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def _item(content: bytes) -> bytes:
    """Return bytes in RLP: one below 0x80 stands for itself."""
    if len(content) == 1 and content[0] < 0x80:
        return content
    return _length(len(content), 0x80) + content


def _list(items: bytes) -> bytes:
    return _length(len(items), 0xC0) + items


def _length(length: int, kind: int) -> bytes:
    if length <= 55:
        return bytes([kind + length])
    number = _shortest(length)
    return bytes([kind + 55 + len(number)]) + number


@lru_cache(maxsize=16_384)
def cost_max_of(raw: str) -> int:
    """Return the wei that a signed transaction, in hex, takes from its sender at most: its value and its gas."""
    fields = rlp.decode(bytes.fromhex(raw[4:]))
    fee_per_gas, gas, wei = (int.from_bytes(fields[at]) for at in (3, 4, 6))
    return wei + gas * fee_per_gas


@lru_cache(maxsize=4_096)
def call_of(raw: str) -> SignedCall:
    """Return what is signed in these bytes, in hex."""
    content = bytes.fromhex(raw[2:])
    assert content[:1] == _TYPE, "not an EIP-1559 transaction"
    fields = rlp.decode(content[1:])
    assert len(fields) == _FIELDS
    return SignedCall(
        to=str(to_checksum_address(fields[5])),
        wei=int.from_bytes(fields[6]),
        data="0x" + fields[7].hex(),
        nonce=int.from_bytes(fields[1]),
        gas=int.from_bytes(fields[4]),
        fee_per_gas=int.from_bytes(fields[3]),
        tip_per_gas=int.from_bytes(fields[2]),
    )
