"""Hierarchical deterministic keys: private ones from a seed, public ones from an extended public key.

Source: BIP 32, whose test vectors are in tests/wallets/test_hd.py. Our own sixty lines on coincurve and
python-bitcoinlib, because the packages that do this pin a coincurve that Python 3.13 cannot install.
"""

import hashlib
import hmac
from collections.abc import Iterator

import msgspec
from bitcoin.base58 import Base58Error, CBase58Data
from coincurve import PrivateKey, PublicKey

_HARDENED = 1 << 31
_PAYLOAD_BYTES = 78
_XPUB, _TPUB = bytes.fromhex("0488b21e"), bytes.fromhex("043587cf")
_XPRV, _TPRV = bytes.fromhex("0488ade4"), bytes.fromhex("04358394")


class PrivateNode(msgspec.Struct, frozen=True):
    """A private key with its chain code and its place in the tree."""

    key: bytes
    chain_code: bytes
    depth: int = 0
    parent_fingerprint: bytes = bytes(4)
    number: int = 0

    @staticmethod
    def from_seed(seed: bytes) -> "PrivateNode":
        """Return the master key of a seed."""
        digest = hmac.digest(b"Bitcoin seed", seed, "sha512")
        return PrivateNode(key=PrivateKey(digest[:32]).secret, chain_code=digest[32:])

    def derive(self, path: str) -> "PrivateNode":
        """Return the node at a path below this one, such as "m/44'/60'/0'"."""
        node = self
        for number in _numbers(path):
            node = node._child(number)
        return node

    @staticmethod
    def from_xprv(text: str) -> "PrivateNode":
        """Read an extended private key, of test networks too. Raises ValueError unless it is one."""
        payload = _payload(text, (_XPRV, _TPRV))
        return PrivateNode(payload[46:], payload[13:45], payload[4], payload[5:9], int.from_bytes(payload[9:13]))

    def xprv(self, *, testnet: bool = False) -> str:
        """Return this node as an extended private key, which is a secret like the seed."""
        return _extended(_TPRV if testnet else _XPRV, self, bytes(1) + self.key)

    def fingerprint(self) -> bytes:
        """Return the four bytes by which descriptors name this node."""
        return self.public().fingerprint()

    def public(self) -> "PublicNode":
        """Return the public side of this node."""
        return PublicNode(
            key=PrivateKey(self.key).public_key.format(),
            chain_code=self.chain_code,
            depth=self.depth,
            parent_fingerprint=self.parent_fingerprint,
            number=self.number,
        )

    def _child(self, number: int) -> "PrivateNode":
        public = PrivateKey(self.key).public_key.format()
        parent = bytes(1) + self.key if number >= _HARDENED else public
        digest = hmac.digest(self.chain_code, parent + number.to_bytes(4), "sha512")
        # Raises ValueError for the one key in 2^127 that BIP 32 calls invalid.
        key = PrivateKey(self.key).add(digest[:32]).secret
        return PrivateNode(key, digest[32:], self.depth + 1, _fingerprint(public), number)


class PublicNode(msgspec.Struct, frozen=True):
    """A compressed public key with its chain code and its place in the tree."""

    key: bytes
    chain_code: bytes
    depth: int
    parent_fingerprint: bytes
    number: int

    @staticmethod
    def from_xpub(text: str) -> "PublicNode":
        """Read an extended public key, of test networks too. Raises ValueError unless it is one."""
        payload = _payload(text, (_XPUB, _TPUB))
        return PublicNode(
            key=PublicKey(payload[45:]).format(),
            chain_code=payload[13:45],
            depth=payload[4],
            parent_fingerprint=payload[5:9],
            number=int.from_bytes(payload[9:13]),
        )

    def xpub(self, *, testnet: bool = False) -> str:
        """Return this node as an extended public key."""
        return _extended(_TPUB if testnet else _XPUB, self, self.key)

    def fingerprint(self) -> bytes:
        """Return the four bytes by which descriptors name this node."""
        return _fingerprint(self.key)

    def derive(self, path: str) -> "PublicNode":
        """Return the node at a path below this one. Raises ValueError for a hardened step: it needs the private key."""
        node = self
        for number in _numbers(path):
            if number >= _HARDENED:
                raise ValueError("a hardened key cannot be derived from a public one")
            digest = hmac.digest(node.chain_code, node.key + number.to_bytes(4), "sha512")
            key = PublicKey(node.key).add(digest[:32]).format()
            node = PublicNode(key, digest[32:], node.depth + 1, _fingerprint(node.key), number)
        return node


def _payload(text: str, versions: tuple[bytes, ...]) -> bytes:
    """Return the bytes of an extended key of one of these versions; the checksum is looked at."""
    try:
        checked = CBase58Data(text)
    except Base58Error as error:
        raise ValueError(f"not an extended key: {error}") from None
    payload = bytes([checked.nVersion]) + bytes(checked)
    if len(payload) != _PAYLOAD_BYTES or payload[:4] not in versions:
        raise ValueError("not an extended key of this kind")
    return payload


def _extended(version: bytes, node: PrivateNode | PublicNode, key: bytes) -> str:
    place = bytes([node.depth]) + node.parent_fingerprint + node.number.to_bytes(4)
    payload = version + place + node.chain_code + key
    return str(CBase58Data.from_bytes(payload[1:], payload[0]))


def _numbers(path: str) -> Iterator[int]:
    for step in path.removeprefix("m").strip("/").split("/"):
        if step:
            yield int(step.rstrip("'h")) + (_HARDENED if step.endswith(("'", "h")) else 0)


def _fingerprint(public: bytes) -> bytes:
    return hashlib.new("ripemd160", hashlib.sha256(public).digest()).digest()[:4]
