"""Ethereum transactions before they are signed, as other programs take them (EIP-1559).  [pure]"""

import msgspec
import rlp
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes

_DYNAMIC_FEE = b"\x02"


class NotATransaction(ValueError):
    """Raised for bytes that are no signed transaction of this kind."""


class UnsignedCall(msgspec.Struct, frozen=True):
    """What is to be signed. Fees in wei per gas."""

    chain_id: int
    nonce: int
    tip_per_gas: int
    fee_per_gas: int
    gas: int
    to: str
    wei: int
    data: str = "0x"

    @property
    def hex(self) -> str:
        """Return the bytes to be hashed and signed."""
        numbers = [self.chain_id, self.nonce, self.tip_per_gas, self.fee_per_gas, self.gas]
        items = [*numbers, bytes.fromhex(self.to[2:]), self.wei, bytes.fromhex(self.data[2:]), []]
        return "0x" + (_DYNAMIC_FEE + rlp.encode(items)).hex()


class Signed(msgspec.Struct, frozen=True):
    """A signed transaction: what it does, who signed it, and its id."""

    call: UnsignedCall
    sender: str
    txid: str
    raw: str


def unsigned_read(text: str) -> UnsignedCall:
    """Return what an unsigned transaction of ours says. Raises NotATransaction."""
    try:
        data = HexBytes(text)
        fields = rlp.decode(bytes(data[1:]))
        chain_id, nonce, tip, cap, gas = (int.from_bytes(item, "big") for item in fields[:5])
        call = UnsignedCall(
            chain_id=chain_id,
            nonce=nonce,
            tip_per_gas=tip,
            fee_per_gas=cap,
            gas=gas,
            to=str(to_checksum_address(fields[5])),
            wei=int.from_bytes(fields[6], "big"),
            data=HexBytes(fields[7]).to_0x_hex(),
        )
    except (ValueError, IndexError, TypeError) as error:
        raise NotATransaction(str(error)) from error
    return call


def signed_read(raw: str) -> Signed:
    """Return what is signed in these bytes, in hex. Raises NotATransaction."""
    # Here, because each process that loads the admin would wait a fifth of a second for the curves that it builds.
    from eth_account import Account
    from eth_account.typed_transactions import TypedTransaction

    try:
        data = HexBytes(raw.strip())
        fields = TypedTransaction.from_bytes(data).as_dict()
        if fields["accessList"]:
            raise NotATransaction("a list of addresses in it")
        sender = str(Account.recover_transaction(data))
        call = UnsignedCall(
            chain_id=int(fields["chainId"]),
            nonce=int(fields["nonce"]),
            tip_per_gas=int(fields["maxPriorityFeePerGas"]),
            fee_per_gas=int(fields["maxFeePerGas"]),
            gas=int(fields["gas"]),
            to=str(to_checksum_address(fields["to"])),
            wei=int(fields["value"]),
            data=HexBytes(fields["data"]).to_0x_hex(),
        )
    except NotATransaction:
        raise
    except Exception as error:  # the library raises whatever the bytes make it stumble on
        raise NotATransaction(str(error) or type(error).__name__) from error
    return Signed(call, sender, "0x" + keccak(bytes(data)).hex(), data.to_0x_hex())
