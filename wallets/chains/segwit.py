"""Bech32 and Bech32m addresses of witness programs.  [pure]

python-bitcoinlib knows no Bech32m and would give version 1 a wrong checksum, hence this module.
Source: BIP 173, BIP 350.
"""

from collections.abc import Iterable

_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32 = 1
_BECH32M = 0x2BC830A3
_LENGTH_MAX = 90


class AddressMalformed(ValueError):
    """Raised when a text is not an address: mistyped, or of another kind."""


def segwit_decode(prefix: str, address: str) -> tuple[int, bytes]:
    """Return (witness version, program) of an address with this human-readable prefix, or raise AddressMalformed."""
    if address != address.lower() and address != address.upper():
        raise AddressMalformed("mixed case")
    text = address.lower()
    human, separator, data = text.rpartition("1")
    if not separator or human != prefix or len(text) > _LENGTH_MAX or len(data) < 6:
        raise AddressMalformed("not an address of this network")
    if any(char not in _CHARSET for char in data):
        raise AddressMalformed("a character that cannot be there")
    values = [_CHARSET.index(char) for char in data]
    checksum = _polymod([*_expand(human), *values])
    if len(values) == 6:
        raise AddressMalformed("no witness version")
    version = values[0]
    if checksum != (_BECH32 if version == 0 else _BECH32M):
        raise AddressMalformed("wrong checksum")
    program = _to_bytes(values[1:-6])
    if version > 16 or not 2 <= len(program) <= 40 or (version == 0 and len(program) not in (20, 32)):
        raise AddressMalformed("wrong length")
    return version, program


def segwit_encode(prefix: str, version: int, program: bytes) -> str:
    """Return the address of a witness program."""
    values = [version, *_to_groups(program)]
    constant = _BECH32 if version == 0 else _BECH32M
    checksum = _polymod([*_expand(prefix), *values, 0, 0, 0, 0, 0, 0]) ^ constant
    values += [(checksum >> 5 * (5 - place)) & 31 for place in range(6)]
    return prefix + "1" + "".join(_CHARSET[value] for value in values)


def _polymod(values: Iterable[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATORS):
            if top >> place & 1:
                check ^= generator
    return check


def _expand(human: str) -> list[int]:
    return [ord(char) >> 5 for char in human] + [0] + [ord(char) & 31 for char in human]


def _to_bytes(groups: list[int]) -> bytes:
    number = bits = 0
    result = bytearray()
    for group in groups:
        number = number << 5 | group
        bits += 5
        if bits >= 8:
            bits -= 8
            result.append(number >> bits & 255)
    if bits >= 5 or number & ((1 << bits) - 1):
        raise AddressMalformed("wrong padding")
    return bytes(result)


def _to_groups(program: bytes) -> list[int]:
    number = int.from_bytes(program, "big")
    bits = len(program) * 8
    padding = -bits % 5
    number <<= padding
    total = (bits + padding) // 5
    return [number >> 5 * (total - 1 - place) & 31 for place in range(total)]
