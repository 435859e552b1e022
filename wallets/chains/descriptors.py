"""Output descriptors of the two kinds that we use: the addresses they stand for, and where their keys are.  [pure]

Source: BIP 380 (form), BIP 84 and BIP 86 (paths), BIP 341 (the taproot output key). Test networks only: coin type 1.
"""

import hashlib
import re

import msgspec
from coincurve import PublicKey

from wallets.chains.hd import PrivateNode, PublicNode
from wallets.chains.segwit import segwit_encode

PURPOSES = {"wpkh": "84h/1h/0h", "tr": "86h/1h/0h"}
"""Kind of descriptor to the account's path."""

EXTERNAL, INTERNAL = 0, 1
_HARDENED = 1 << 31
_CHARACTERS = "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ "
_CHECKSUM_CHARACTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS = (0xF5DEE51989, 0xA9FDCA3312, 0x1BAB10E32D, 0x3706B1677A, 0x644D626FFD)
_FORM = re.compile(r"(wpkh|tr)\(\[([0-9a-f]{8})/([0-9h/]+)\]([A-Za-z0-9]+)/([01])/\*\)")


class Descriptor(msgspec.Struct, frozen=True):
    """A ranged descriptor, taken apart. `key` is an extended public or private key."""

    kind: str
    fingerprint: str
    account: str
    key: str
    branch: int

    @staticmethod
    def parse(text: str) -> "Descriptor":
        """Read one of our descriptors, with or without its checksum. Raises ValueError for others."""
        # Older nodes write hardened steps with an apostrophe.
        found = _FORM.fullmatch(text.partition("#")[0].replace("'", "h"))
        if found is None:
            raise ValueError("not a descriptor of ours")
        return Descriptor(found[1], found[2], found[3], found[4], int(found[5]))

    def text(self) -> str:
        """Return the descriptor without a checksum."""
        return f"{self.kind}([{self.fingerprint}/{self.account}]{self.key}/{self.branch}/*)"

    def path(self, index: int) -> tuple[int, ...]:
        """Return the whole path of one address, as a PSBT names it."""
        steps = [int(step.rstrip("h")) + _HARDENED * step.endswith("h") for step in self.account.split("/")]
        return (*steps, self.branch, index)

    def address(self, index: int, *, prefix: str) -> str:
        """Return the address of this number; needs the public descriptor."""
        key = PublicNode.from_xpub(self.key).derive(f"{self.branch}/{index}").key
        if self.kind == "wpkh":
            return segwit_encode(prefix, 0, hashlib.new("ripemd160", hashlib.sha256(key).digest()).digest())
        return segwit_encode(prefix, 1, taproot_output_key(key[1:]))

    def private_branch(self) -> PrivateNode:
        """Return the private node whose children are the keys of the addresses; needs the private descriptor."""
        return PrivateNode.from_xprv(self.key).derive(str(self.branch))


def account_descriptors(master: PrivateNode, *, private: bool) -> list[str]:
    """Return both branches of both kinds, external before internal."""
    found = []
    for kind, account in PURPOSES.items():
        node = master.derive(account)
        key = node.xprv(testnet=True) if private else node.public().xpub(testnet=True)
        for branch in (EXTERNAL, INTERNAL):
            found.append(Descriptor(kind, master.fingerprint().hex(), account, key, branch).text())
    return found


def descriptor_checksum(text: str) -> str:
    """Return the eight characters that nodes want behind "#"."""
    state, group, groups = 1, 0, 0
    for char in text:
        place = _CHARACTERS.index(char)
        state = _polymod(state, place & 31)
        group, groups = group * 3 + (place >> 5), groups + 1
        if groups == 3:
            state, group, groups = _polymod(state, group), 0, 0
    if groups:
        state = _polymod(state, group)
    for _ in range(8):
        state = _polymod(state, 0)
    state ^= 1
    return "".join(_CHECKSUM_CHARACTERS[state >> 5 * (7 - place) & 31] for place in range(8))


def _polymod(state: int, value: int) -> int:
    top = state >> 35
    state = (state & 0x7FFFFFFFF) << 5 ^ value
    for place, generator in enumerate(_GENERATORS):
        if top >> place & 1:
            state ^= generator
    return state


def taproot_output_key(internal: bytes) -> bytes:
    """Return the x coordinate of the output key of an internal key that is spent by signature alone."""
    return PublicKey(b"\x02" + internal).add(taproot_tweak(internal)).format()[1:]


def taproot_tweak(internal: bytes) -> bytes:
    """Return what is added to an internal key, given by its x coordinate. Source: BIP 341, without scripts."""
    tag = hashlib.sha256(b"TapTweak").digest()
    return hashlib.sha256(tag + tag + internal).digest()
