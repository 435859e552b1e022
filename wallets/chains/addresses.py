"""Whether a text is an address to which coins may be sent, on exactly the configured network. Nothing asks a node."""

import re
from collections.abc import Callable

from bitcoin.base58 import Base58Error, CBase58Data, InvalidBase58Error
from django.conf import settings
from eth_utils.address import is_checksum_address, to_checksum_address

from wallets.chains.segwit import AddressMalformed, segwit_decode
from wallets.models import Chain

BECH32_PREFIXES = {"regtest": "bcrt", "signet": "tb", "testnet4": "tb"}
_BASE58_VERSIONS = (111, 196)  # pay to public key hash, pay to script hash; the same on all test networks
_ETHEREUM = re.compile(r"0x[0-9a-fA-F]{40}")
_ZERO = "0x" + "0" * 40

PATTERNS = {
    Chain.BITCOIN: r"^(bcrt1|BCRT1|tb1|TB1)[0-9A-Za-z]{6,87}$|^[2mn][1-9A-HJ-NP-Za-km-z]{25,34}$",
    Chain.ETHEREUM: r"^0x[0-9A-Fa-f]{40}$",
}
"""What an address looks like, for clients; the checks here say more."""


def address_normalize(chain: str, address: str) -> str:
    """Return an address in its usual spelling, or raise AddressMalformed when coins must not be sent to it."""
    checks: dict[str, Callable[[str], str]] = {Chain.BITCOIN: _bitcoin, Chain.ETHEREUM: _ethereum}
    return checks[chain](address)


def _bitcoin(address: str) -> str:
    prefix = BECH32_PREFIXES[settings.BITCOIN_NETWORK]
    if address.lower().startswith(prefix + "1"):
        version, program = segwit_decode(prefix, address)
        # Coins sent to a witness version without rules yet could be taken by anyone.
        if version > 1 or (version == 1 and len(program) != 32):
            raise AddressMalformed("a witness version that nobody can spend from safely")
        return address.lower()
    try:
        data = CBase58Data(address)
    except (Base58Error, InvalidBase58Error, ValueError) as error:
        raise AddressMalformed(str(error)) from error
    if len(data) != 20 or data.nVersion not in _BASE58_VERSIONS:
        raise AddressMalformed("not an address of this network")
    return address


def _ethereum(address: str) -> str:
    if _ETHEREUM.fullmatch(address) is None:
        raise AddressMalformed("not an Ethereum address")
    digits = address[2:]
    is_mixed = digits not in (digits.lower(), digits.upper())
    if is_mixed and not is_checksum_address(address):
        raise AddressMalformed("wrong checksum (EIP-55)")
    if address.lower() == _ZERO:
        raise AddressMalformed("the zero address")
    return str(to_checksum_address(address))
