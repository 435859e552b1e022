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
_VERSION_PUBLIC = bytes.fromhex("0488b21e")  # "xpub"
_PAYLOAD_BYTES = 78


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
        """Read an extended public key. Raises ValueError unless it is one, with its checksum right."""
        try:
            checked = CBase58Data(text)
        except Base58Error as error:
            raise ValueError(f"not an extended public key: {error}") from None
        payload = bytes([checked.nVersion]) + bytes(checked)
        if len(payload) != _PAYLOAD_BYTES or payload[:4] != _VERSION_PUBLIC:
            raise ValueError("not an extended public key")
        return PublicNode(
            key=PublicKey(payload[45:]).format(),
            chain_code=payload[13:45],
            depth=payload[4],
            parent_fingerprint=payload[5:9],
            number=int.from_bytes(payload[9:13]),
        )

    def xpub(self) -> str:
        """Return this node as an extended public key."""
        place = bytes([self.depth]) + self.parent_fingerprint + self.number.to_bytes(4)
        payload = _VERSION_PUBLIC + place + self.chain_code + self.key
        return str(CBase58Data.from_bytes(payload[1:], payload[0]))

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


def _numbers(path: str) -> Iterator[int]:
    for step in path.removeprefix("m").strip("/").split("/"):
        if step:
            yield int(step.rstrip("'")) + (_HARDENED if step.endswith("'") else 0)


def _fingerprint(public: bytes) -> bytes:
    return hashlib.new("ripemd160", hashlib.sha256(public).digest()).digest()[:4]
