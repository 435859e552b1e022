"""A Merkle tree whose nodes carry sums: one root that commits to what all users are owed of an asset.  [pure]

A balance is cut into pieces at random and all pieces are shuffled, with empty ones up to a power of two. What a proof
shows beside its owner's pieces are therefore pieces of nobody in particular, and sums of such (docs/adr/0024).
script/verify_inclusion has the same hashes in code of its own.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

PIECES_MIN = 2
"""Pieces that even the smallest balance is cut into."""

PIECES_OF_ALL = 256
"""No piece is larger than this part of all that is owed: what the largest one tells of anybody is no more."""

SALT_BYTES = 32
SUM_BYTES = 16
_LEAF, _NODE, _ROOT = b"mex leaf 1\0", b"mex node 1\0", b"mex root 1\0"


@dataclass(frozen=True, slots=True)
class Node:
    """A hash and the sum below it, in units."""

    hash: bytes
    units: int


@dataclass(frozen=True, slots=True)
class Step:
    """A neighbour on the way up; `is_left` when it stands on the left."""

    neighbour: Node
    is_left: bool


@dataclass(frozen=True, slots=True)
class Leaves:
    """The leaves of an asset's tree in order. Owner 0: nobody's, an empty one."""

    owners: tuple[int, ...]
    units: tuple[int, ...]
    hashes: tuple[bytes, ...]


def pieces_of(units: int, cap: int, *, dice: Callable[[int], int] = secrets.randbelow) -> list[int]:
    """Cut an amount into pieces of at most `cap`: as many of exactly that as there are in it, the rest at random."""
    assert units > 0, "nobody is owed less than nothing"
    assert cap > 0, "a piece has a size"
    rest = units % cap
    cuts = sorted(dice(rest + 1) for _ in range(PIECES_MIN - 1))
    pieces = [high - low for low, high in zip([0, *cuts], [*cuts, rest], strict=True)]
    return pieces + [cap] * (units // cap)


def leaves_of(balances: Iterable[tuple[int, str, int]], *, code: str, secret: bytes) -> Leaves:
    """Return the shuffled leaves of what users are owed: (user's id, e-mail, units), each above zero."""
    rows = list(balances)
    cap = max(-(-sum(units for _, _, units in rows) // PIECES_OF_ALL), 1)
    drawn = [(user, email, piece) for user, email, units in rows for piece in pieces_of(units, cap)]
    size = 1
    while size < max(len(drawn), 2):
        size *= 2
    drawn += [(0, "", 0)] * (size - len(drawn))
    secrets.SystemRandom().shuffle(drawn)
    prefix = leaf_prefix(code)
    hashes = tuple(
        leaf_hash(prefix, salt_of(secret, code, place), email, units) for place, (_, email, units) in enumerate(drawn)
    )
    return Leaves(tuple(row[0] for row in drawn), tuple(row[2] for row in drawn), hashes)


def salt_of(secret: bytes, code: str, place: int) -> bytes:
    """Return what makes a leaf's hash impossible to guess for everybody but its owner."""
    return hmac.digest(secret, text_bytes(code) + place.to_bytes(8, "big"), "sha256")


def leaf_prefix(code: str) -> bytes:
    """Return what the text of every leaf of an asset begins with."""
    return _LEAF + text_bytes(code)


def leaf_hash(prefix: bytes, salt: bytes, email: str, units: int) -> bytes:
    """Return the hash of a piece: it names its owner, so that one piece cannot be shown to two of them."""
    return hashlib.sha256(prefix + salt + units.to_bytes(SUM_BYTES, "big") + email.encode()).digest()


def parent(left: Node, right: Node) -> Node:
    """Return the node above two. Both sums are in the hash, not only what they come to."""
    assert left.units >= 0, "a sum below zero would hide what is owed"
    assert right.units >= 0, "a sum below zero would hide what is owed"
    text = left.units.to_bytes(SUM_BYTES, "big") + left.hash + right.units.to_bytes(SUM_BYTES, "big") + right.hash
    return Node(hashlib.sha256(_NODE + text).digest(), left.units + right.units)


def levels_of(nodes: Sequence[Node]) -> list[list[Node]]:
    """Return a power of two of nodes, and each level above them; the last one is the top alone."""
    levels = [list(nodes)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([parent(below[place], below[place + 1]) for place in range(0, len(below), 2)])
    return levels


def way_up(levels: Sequence[Sequence[Node]], place: int) -> list[Step]:
    """Return the neighbours from a node of the lowest level to the top, lowest first."""
    return [Step(level[(place >> up) ^ 1], is_left=bool(place >> up & 1)) for up, level in enumerate(levels[:-1])]


def root_of(tops: Mapping[str, Node], *, report: str) -> bytes:
    """Return the one hash that is published: over the tops of all assets, by code, and what names the report."""
    text = _ROOT + text_bytes(report)
    for code in sorted(tops):
        text += text_bytes(code) + tops[code].units.to_bytes(SUM_BYTES, "big") + tops[code].hash
    return hashlib.sha256(text).digest()


def text_bytes(text: str) -> bytes:
    """Return a text with its length before it, so that two texts in a row cannot be read as two others."""
    raw = text.encode()
    return len(raw).to_bytes(2, "big") + raw
