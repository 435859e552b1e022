"""What a Bitcoin transaction pays: to which output scripts, and how large it is."""

from collections import Counter
from collections.abc import Sequence

from bitcoin.base58 import Base58Error, CBase58Data, InvalidBase58Error
from bitcoin.core import CTransaction
from django.conf import settings

from wallets.chains.segwit import AddressMalformed, segwit_decode

PREFIXES = {"regtest": "bcrt", "signet": "tb", "testnet4": "tb"}
_KEY_HASH, _SCRIPT_HASH = 111, 196
"""Versions of Base58 addresses, the same on all test networks."""


class PaymentWrong(Exception):
    """Raised when a transaction does not pay what it should, or costs too much. It must not be stored or sent."""


def script_of(address: str) -> bytes:
    """Return the output script that pays an address of the configured network. Raises AddressMalformed."""
    prefix = PREFIXES[settings.BITCOIN_NETWORK]
    if address.lower().startswith(prefix + "1"):
        version, program = segwit_decode(prefix, address)
        return bytes([version and 0x50 + version, len(program)]) + program
    try:
        data = CBase58Data(address)
    except (Base58Error, InvalidBase58Error, ValueError) as error:
        raise AddressMalformed(str(error)) from error
    if len(data) == 20 and data.nVersion == _KEY_HASH:
        return bytes.fromhex("76a914") + bytes(data) + bytes.fromhex("88ac")
    if len(data) == 20 and data.nVersion == _SCRIPT_HASH:
        return bytes.fromhex("a914") + bytes(data) + bytes.fromhex("87")
    raise AddressMalformed("not an address of this network")


def transaction_of(raw: str) -> CTransaction:
    """Return a transaction from its bytes in hex."""
    return CTransaction.deserialize(bytes.fromhex(raw))


def size_of(raw: str) -> int:
    """Return the size that a transaction pays for, in virtual bytes."""
    return int(-(-transaction_of(raw).calc_weight() // 4))


def payments_check(transaction: CTransaction, payments: Sequence[tuple[str, int]]) -> list[int]:
    """See that a transaction pays satoshis to addresses, each payment in an output of its own, with one more at most.

    Returns the number of that other output, if there is one: it should be change. Raises PaymentWrong, or
    AddressMalformed.
    """
    missing = Counter((script_of(address), amount) for address, amount in payments)
    rest = []
    for number, output in enumerate(transaction.vout):
        paid = (bytes(output.scriptPubKey), int(output.nValue))
        if missing[paid] > 0:
            missing[paid] -= 1
        else:
            rest.append(number)
    if missing.total() or len(rest) > 1:
        raise PaymentWrong(f"{missing.total()} payments are not in it, {len(rest)} other outputs are")
    return rest
