"""Contracts written by hand, for what no compiled one of ours does: several calls in one transaction."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from eth_abi.abi import encode

SET_CALL = "0xb604ecfe"
_PUSH1, _PUSH2, _PUSH20, _PUSH32 = 0x60, 0x61, 0x73, 0x7F
_NOTHING: Mapping[str, int] = MappingProxyType({})
_POP, _MSTORE, _GAS, _CALL, _STOP = 0x50, 0x52, 0x5A, 0xF1, 0x00


def program(calls: Sequence[tuple[str, str]], *, pays: Mapping[str, int] = _NOTHING) -> str:
    """Return code that makes these calls (address, data) one after the other; `pays`: wei for each by address."""
    code = bytearray()
    for target, data in calls:
        content = bytes.fromhex(data[2:])
        for start in range(0, len(content), 32):
            word = content[start : start + 32].ljust(32, b"\0")
            code += bytes([_PUSH32]) + word + bytes([_PUSH2]) + start.to_bytes(2, "big") + bytes([_MSTORE])
        zero = bytes([_PUSH1, 0])
        value = bytes([_PUSH32]) + pays.get(target, 0).to_bytes(32, "big")
        code += zero + zero + bytes([_PUSH2]) + len(content).to_bytes(2, "big") + zero + value
        code += bytes([_PUSH20]) + bytes.fromhex(target[2:]) + bytes([_GAS, _CALL, _POP])
    return "0x" + (code + bytes([_STOP])).hex()


def behaviour(*, nothing: bool = True, returns_false: bool = False, fee_bps: int = 0) -> str:
    """Return the call that makes the test token behave as other tokens do."""
    return SET_CALL + str(encode(["bool", "bool", "uint256"], [nothing, returns_false, fee_bps]).hex())
