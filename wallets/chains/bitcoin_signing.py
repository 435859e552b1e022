"""Signs Bitcoin transactions in our own process, with the keys of the coins that are spent.  [pure]

Coins of the two kinds that we have: P2WPKH (BIP 143, ECDSA, SIGHASH_ALL) and P2TR by its key alone (BIP 86, BIP 341,
Schnorr as in BIP 340, SIGHASH_DEFAULT). Nonces are those of RFC 6979 and BIP 340 without randomness, as in Bitcoin
Core: so the same transaction has the same bytes whoever signs it, and tests compare ours with a node's. What randomness
would help against, a fault while signing that betrays the key, shows when the signature is verified here.
"""

import hashlib
from collections.abc import Sequence

import msgspec
from bitcoin.core import CTransaction, CTxInWitness, CTxWitness
from bitcoin.core.script import CScriptWitness
from bitcoin.core.serialize import BytesSerializer
from coincurve import PrivateKey, PublicKeyXOnly
from coincurve.utils import DEFAULT_NONCE

from wallets.chains.descriptors import Descriptor, taproot_tweak
from wallets.chains.hd import PrivateNode
from wallets.chains.psbt import Psbt, PsbtInput

_HARDENED = 1 << 31
_SIGHASH_DEFAULT, _SIGHASH_ALL = 0x00, 0x01
_KEY_SPEND = b"\x00"
_LOW_R_BYTES = 32
_NO_RANDOMNESS = bytes(32)
_MINUS_ONE = bytes.fromhex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140")
"""The order of secp256k1 less one: a key times this is its negative."""
_TAG = hashlib.sha256(b"TapSighash").digest() * 2


class NotSigned(Exception):
    """Raised when a transaction is not signed: a coin is not ours, or not described as it must be."""


class _CoinKey(msgspec.Struct, frozen=True):
    """The key that a coin is spent with, tweaked for P2TR, and the output script that it stands for."""

    kind: str
    private: PrivateKey
    script: bytes


def transaction_sign(asked: Psbt, descriptors: Sequence[Descriptor]) -> str:
    """Return the raw transaction, in hex, that a PSBT asks for, with a signature for every coin.

    descriptors: private ones, of one or more seeds. A key is found by fingerprint and whole path, and the coin's script
    must be the one of that key.

    The amounts are the node's word. A signature of P2TR covers those of all coins, one of P2WPKH that of its own coin:
    with a wrong one it is void. Signatures of P2WPKH from two askings, each with another lie, could still be put
    together to one transaction with a fee that nobody saw; so such a coin must come with the transaction that made it.

    Raises NotSigned, and signs nothing, when a coin is not of these keys or is not described in full.
    """
    if not asked.inputs:
        raise NotSigned("it spends nothing")
    ring = _KeyRing(descriptors)
    keys = [ring.key_of(coin) for coin in asked.inputs]
    spent = [(_worth(coin, key), key.script) for coin, key in zip(asked.inputs, keys, strict=True)]
    digests = Digests(asked.transaction, spent)
    stacks = [_stack(key, digests, number) for number, key in enumerate(keys)]
    witness = CTxWitness(tuple(CTxInWitness(CScriptWitness(stack)) for stack in stacks))
    bare = asked.transaction
    raw = CTransaction(bare.vin, bare.vout, bare.nLockTime, bare.nVersion, witness).serialize().hex()
    if not asked.is_signed_as(raw):
        raise NotSigned("what was signed came out as another transaction")
    return str(raw)


class Digests:
    """What the signatures of a transaction are of. What all inputs have in common is hashed once."""

    def __init__(self, transaction: CTransaction, spent: Sequence[tuple[int, bytes]]) -> None:
        """Take a transaction, and satoshis and script of every coin that it spends, in the order of its inputs."""
        self._spent = spent
        self._version = transaction.nVersion.to_bytes(4, "little", signed=True)
        self._lock_time = transaction.nLockTime.to_bytes(4, "little")
        self._coins = [item.prevout.serialize() for item in transaction.vin]
        self._sequences = [item.nSequence.to_bytes(4, "little") for item in transaction.vin]
        self._amounts = [satoshis.to_bytes(8, "little") for satoshis, _ in spent]
        coins, sequences = _sha256(*self._coins), _sha256(*self._sequences)
        outputs = _sha256(*(output.serialize() for output in transaction.vout))
        amounts, scripts = _sha256(*self._amounts), _sha256(*(BytesSerializer.serialize(script) for _, script in spent))
        self._begin_v0 = self._version + _sha256(coins) + _sha256(sequences)
        self._end_v0 = _sha256(outputs) + self._lock_time + _SIGHASH_ALL.to_bytes(4, "little")
        # The first byte is the epoch of BIP 341.
        self._begin_v1 = bytes([0, _SIGHASH_DEFAULT]) + self._version + self._lock_time
        self._begin_v1 += coins + amounts + scripts + sequences + outputs + _KEY_SPEND

    def key_hash(self, number: int) -> bytes:
        """Return the 32 bytes that the signature of a P2WPKH input is of. Source: BIP 143, SIGHASH_ALL."""
        code = b"\x19\x76\xa9\x14" + self._spent[number][1][2:] + b"\x88\xac"
        own = self._coins[number] + code + self._amounts[number] + self._sequences[number]
        return _sha256(_sha256(self._begin_v0, own, self._end_v0))

    def taproot(self, number: int) -> bytes:
        """Return the 32 bytes that the signature of a P2TR input, by its key, is of. Source: BIP 341."""
        return _sha256(_TAG, self._begin_v1, number.to_bytes(4, "little"))


def ecdsa_sign(private: PrivateKey, digest: bytes) -> bytes:
    """Return a signature in DER, with a low S and an R of 32 bytes at most: 70 bytes, seldom fewer.

    As Bitcoin Core does, which reckons with this size when it says what a transaction costs.
    """
    signature, counter = private.sign(digest, hasher=None), 0
    while signature[3] > _LOW_R_BYTES:
        counter += 1
        nonce = (DEFAULT_NONCE[0], counter.to_bytes(32, "little"))
        signature = private.sign(digest, hasher=None, custom_nonce=nonce)
    return signature


def taproot_private(internal: PrivateKey) -> PrivateKey:
    """Return the key that signs for the output of an internal key. Source: BIP 341, without scripts as in BIP 86."""
    # The key is negated in C, in constant time, and not as a number of Python's.
    even = internal.multiply(_MINUS_ONE) if internal.public_key_xonly.parity else internal
    return even.add(taproot_tweak(internal.public_key_xonly.format()))


class _KeyRing:
    """Finds and derives the keys of coins, each once."""

    def __init__(self, descriptors: Sequence[Descriptor]) -> None:
        self._branches = {(item.fingerprint, item.path(0)[:-1]): item for item in descriptors}
        self._nodes: dict[Descriptor, PrivateNode] = {}
        self._keys: dict[tuple[Descriptor, int], _CoinKey] = {}

    def key_of(self, coin: PsbtInput) -> _CoinKey:
        """Return the key of a coin, whose script is the coin's. Raises NotSigned when it is not ours."""
        found = False
        for origin in coin.origins:
            branch = self._branches.get((origin.fingerprint, origin.path[:-1]))
            if branch is not None and origin.path[-1] < _HARDENED:
                found = True
                key = self._key(branch, origin.path[-1])
                if key.script == coin.script:
                    return key
        if coin.script is None:
            raise NotSigned(f"it does not say what the coin {coin.txid}:{coin.number} is")
        if found:
            raise NotSigned(f"the coin {coin.txid}:{coin.number} has another script than the key that is named for it")
        raise NotSigned(f"the coin {coin.txid}:{coin.number} is not of our keys")

    def _key(self, branch: Descriptor, index: int) -> _CoinKey:
        key = self._keys.get((branch, index))
        if key is None:
            node = self._nodes.get(branch)
            if node is None:
                node = self._nodes[branch] = branch.private_branch()
            key = self._keys[branch, index] = _coin_key(branch.kind, node.derive(str(index)))
        return key


def _coin_key(kind: str, node: PrivateNode) -> _CoinKey:
    private = PrivateKey(node.key)
    if kind == "wpkh":
        return _CoinKey(kind, private, b"\x00\x14" + _key_hash(private))
    tweaked = taproot_private(private)
    return _CoinKey(kind, tweaked, b"\x51\x20" + tweaked.public_key_xonly.format())


def _worth(coin: PsbtInput, key: _CoinKey) -> int:
    if coin.satoshis is None:
        raise NotSigned(f"it does not say what the coin {coin.txid}:{coin.number} is worth")
    if key.kind == "wpkh" and not coin.is_proven:
        raise NotSigned(f"the transaction that made the coin {coin.txid}:{coin.number} is not in it")
    return coin.satoshis


def _stack(key: _CoinKey, digests: Digests, number: int) -> tuple[bytes, ...]:
    """Return the witness of an input. The signature is verified as the network will verify it. Raises NotSigned."""
    if key.kind == "wpkh":
        digest = digests.key_hash(number)
        signature, public = ecdsa_sign(key.private, digest), key.private.public_key
        is_good = public.verify(signature, digest, hasher=None)
        stack: tuple[bytes, ...] = (signature + bytes([_SIGHASH_ALL]), public.format())
    else:
        digest = digests.taproot(number)
        signature = key.private.sign_schnorr(digest, _NO_RANDOMNESS)
        is_good = PublicKeyXOnly(key.script[2:]).verify(signature, digest)
        stack = (signature,)
    if not is_good:
        raise NotSigned(f"the signature of input {number} came out wrong")
    return stack


def _key_hash(private: PrivateKey) -> bytes:
    return hashlib.new("ripemd160", _sha256(private.public_key.format())).digest()


def _sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()
