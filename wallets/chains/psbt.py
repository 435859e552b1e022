"""What a partially signed Bitcoin transaction says: what it will do, with which of our coins.  [pure]

Source: BIP 174 (form, version 0) and BIP 371 (taproot fields). Only what checking and signing need is read.
"""

import base64
import binascii
from collections.abc import Iterator, Sequence

import msgspec
from bitcoin.core import COutPoint, CTransaction, CTxOut, b2lx
from bitcoin.core.serialize import SerializationError

_MAGIC = b"psbt\xff"
_UNSIGNED = 0x00
_SPENT_TRANSACTION, _SPENT_OUTPUT, _PATH, _TAPROOT_PATH = 0x00, 0x01, 0x06, 0x16
_PATH_OUT, _TAPROOT_PATH_OUT = 0x02, 0x07
_HASH_BYTES = 32
_SATOSHIS_MAX = 21_000_000 * 10**8
Maker = tuple[str, Sequence[CTxOut]]
"""The id of a transaction that made a coin, and its outputs."""


class PsbtMalformed(ValueError):
    """Raised when a text is not a PSBT that we can read."""


class Origin(msgspec.Struct, frozen=True):
    """Where a key comes from: the fingerprint of its master key, and its path; hardened steps have bit 31 set."""

    fingerprint: str
    path: tuple[int, ...]


class PsbtInput(msgspec.Struct, frozen=True):
    """A coin that is to be spent. `satoshis` and `script` are None when the PSBT does not say what it is.

    `is_proven`: the transaction that made it is in the PSBT, so both are what `txid` stands for, and not just told.
    """

    txid: str
    number: int
    satoshis: int | None
    script: bytes | None
    is_proven: bool
    origins: tuple[Origin, ...]


class Psbt(msgspec.Struct, frozen=True):
    """A transaction to be signed, its coins, and for each output where its keys are said to come from."""

    transaction: CTransaction
    inputs: tuple[PsbtInput, ...]
    outputs: tuple[tuple[Origin, ...], ...] = ()

    @property
    def fee_satoshis(self) -> int:
        """What the miner gets. Raises PsbtMalformed when a coin's worth is not known."""
        spent = 0
        for coin in self.inputs:
            if coin.satoshis is None:
                raise PsbtMalformed(f"it does not say what {coin.txid}:{coin.number} is worth")
            spent += coin.satoshis
        return spent - sum(output.nValue for output in self.transaction.vout)

    def is_signed_as(self, raw: str) -> bool:
        """Return whether a raw transaction does what this one asks for, and nothing else."""
        asked, got = self.transaction, CTransaction.deserialize(bytes.fromhex(raw))
        return (
            got.nVersion == asked.nVersion
            and got.nLockTime == asked.nLockTime
            and [(item.prevout, item.nSequence) for item in got.vin]
            == [(item.prevout, item.nSequence) for item in asked.vin]
            and [(item.nValue, bytes(item.scriptPubKey)) for item in got.vout]
            == [(item.nValue, bytes(item.scriptPubKey)) for item in asked.vout]
        )


def psbt_read(text: str) -> Psbt:
    """Read a PSBT in base64. Raises PsbtMalformed."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PsbtMalformed(str(error)) from None
    if not data.startswith(_MAGIC):
        raise PsbtMalformed("it does not begin as a PSBT does")
    reader = _Reader(data, len(_MAGIC))
    try:
        unsigned = dict(reader.map()).get(bytes([_UNSIGNED]))
        if unsigned is None:
            raise PsbtMalformed("no unsigned transaction in it")
        transaction = CTransaction.deserialize(unsigned)
        if transaction.has_witness() or any(item.scriptSig for item in transaction.vin):
            raise PsbtMalformed("its transaction has signatures already")
        makers: dict[bytes, Maker] = {}
        coins = tuple(_input(item.prevout, dict(reader.map()), makers) for item in transaction.vin)
        outputs = tuple(_origins(dict(reader.map()), _PATH_OUT, _TAPROOT_PATH_OUT) for _ in transaction.vout)
    except (IndexError, SerializationError) as error:
        raise PsbtMalformed(f"it ends too early or is damaged: {error}") from None
    return Psbt(transaction, coins, outputs)


class _Reader:
    def __init__(self, data: bytes, place: int) -> None:
        self._data = data
        self._place = place

    def map(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys and values until the separator."""
        while length := self._size():
            key = self._take(length)
            yield key, self._take(self._size())

    def _take(self, length: int) -> bytes:
        taken = self._data[self._place : self._place + length]
        if len(taken) != length:
            raise IndexError("no more bytes")
        self._place += length
        return taken

    def _size(self) -> int:
        first = self._take(1)[0]
        if first < 0xFD:
            return first
        return int.from_bytes(self._take({0xFD: 2, 0xFE: 4, 0xFF: 8}[first]), "little")


def _input(spent: COutPoint, fields: dict[bytes, bytes], makers: dict[bytes, Maker]) -> PsbtInput:
    txid, number = b2lx(spent.hash), spent.n
    output, is_proven = _spent_output(txid, number, fields, makers)
    origins = _origins(fields, _PATH, _TAPROOT_PATH)
    if output is None:
        return PsbtInput(txid, number, None, None, False, origins)
    if not 0 <= output.nValue <= _SATOSHIS_MAX:
        raise PsbtMalformed(f"{txid}:{number} cannot be worth {output.nValue} satoshis")
    return PsbtInput(txid, number, int(output.nValue), bytes(output.scriptPubKey), is_proven, origins)


def _origins(fields: dict[bytes, bytes], plain: int, taproot: int) -> tuple[Origin, ...]:
    found = []
    for key, value in fields.items():
        if key[0] == plain:
            found.append(_origin(value))
        elif key[0] == taproot:
            # A count of leaf hashes comes first; a key that is spent by signature alone has none.
            found.append(_origin(value[1 + value[0] * _HASH_BYTES :]))
    return tuple(origin for origin in found if origin.path)


def _origin(value: bytes) -> Origin:
    steps = [int.from_bytes(value[at : at + 4], "little") for at in range(4, len(value), 4)]
    return Origin(value[:4].hex(), tuple(steps))


def _spent_output(
    txid: str, number: int, fields: dict[bytes, bytes], makers: dict[bytes, Maker]
) -> tuple[CTxOut | None, bool]:
    """Return the output that an input spends, if the PSBT tells it, and whether its whole transaction is there."""
    told = fields.get(bytes([_SPENT_OUTPUT]))
    output = None if told is None else CTxOut.deserialize(told)
    whole = fields.get(bytes([_SPENT_TRANSACTION]))
    if whole is None:
        return output, False
    if whole not in makers:  # many coins may be of one large transaction
        maker = CTransaction.deserialize(whole)
        makers[whole] = b2lx(maker.GetTxid()), maker.vout
    made_by, outputs = makers[whole]
    if made_by != txid:
        raise PsbtMalformed(f"it describes another transaction than {txid}")
    if output is not None and output != outputs[number]:
        raise PsbtMalformed(f"it says two things of what {txid}:{number} is")
    return outputs[number], True
