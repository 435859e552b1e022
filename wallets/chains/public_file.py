"""The public file: what everybody may know of the keys. Every address that is handed out comes from it.

It says what the key file's seeds come to, oldest first: so a new one is written only when the key file, with the new
seed in it, is safely on the disk.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec

from wallets.chains.keyfile import KeysMissing, KeysRefused, Origin, draft_write, folder_sync, write_once

_MODE = 0o644


class PublicGeneration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What follows from one seed: the extended key of its Ethereum addresses, the descriptors of its Bitcoin ones.

    `made_at`: when the seed was made, in ISO 8601; "" for the first one.
    """

    fingerprint: str
    made_at: str
    ethereum: str
    bitcoin: tuple[str, ...]


class PublicFile(msgspec.Struct, frozen=True):
    """The content of a public file: all generations, oldest first."""

    made_for: Origin
    generations: tuple[PublicGeneration, ...]

    @property
    def newest(self) -> PublicGeneration:
        """The generation that new addresses are of."""
        return self.generations[-1]

    @property
    def fingerprint(self) -> str:
        """The name of the newest seed."""
        return self.newest.fingerprint

    def is_before(self, later: "PublicFile") -> bool:
        """Return whether this is what the same keys came to before a rotation."""
        count = len(self.generations)
        return self.made_for == later.made_for and self.generations == later.generations[:count] != later.generations


class _Version1(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Literal[1]
    fingerprint: str
    made_for: Origin
    ethereum: str
    bitcoin: tuple[str, ...]


class _Version2(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Literal[2]
    made_for: Origin
    generations: tuple[PublicGeneration, ...]


class _AnyVersion(msgspec.Struct, frozen=True):
    version: Literal[1, 2]


def public_file_read(path: Path) -> PublicFile:
    """Return what a public file says. Raises KeysMissing or KeysRefused."""
    try:
        return _read(path.read_bytes())
    except FileNotFoundError:
        raise KeysMissing(f"there is no {path} yet; a signing worker makes it at its first start") from None
    except msgspec.MsgspecError as error:
        raise KeysRefused(f"{path} is damaged: {error}") from None


def public_file_now(path: Path) -> PublicFile:
    """Return what a public file says now; read again only when it was exchanged. Raises KeysMissing or KeysRefused."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return public_file_read(path)
    return _read_once(path, (found.st_ino, found.st_mtime_ns, found.st_size))


def public_file_write(path: Path, content: PublicFile) -> None:
    """Write a public file where there is none."""
    write_once(path, _text(content), mode=_MODE)


def public_file_replace(path: Path, content: PublicFile) -> None:
    """Write a public file in the place of an earlier one, whole or not at all. Raises KeysRefused."""
    draft = draft_write(path, _text(content), mode=_MODE)
    try:
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    folder_sync(path.parent)
    if public_file_read(path) != content:
        raise KeysRefused(f"{path} is not what was written")


@lru_cache(maxsize=4)
def _read_once(path: Path, stamp: tuple[int, int, int]) -> PublicFile:
    return public_file_read(path)


def _read(text: bytes) -> PublicFile:
    if msgspec.json.decode(text, type=_AnyVersion).version == 1:
        one = msgspec.json.decode(text, type=_Version1)
        return PublicFile(one.made_for, (PublicGeneration(one.fingerprint, "", one.ethereum, one.bitcoin),))
    several = msgspec.json.decode(text, type=_Version2)
    if len(several.generations) < 2:
        raise msgspec.ValidationError("a file of version 2 has several generations")
    return PublicFile(several.made_for, several.generations)


def _text(content: PublicFile) -> str:
    written: _Version1 | _Version2
    if len(content.generations) == 1:
        one = content.newest
        written = _Version1(1, one.fingerprint, content.made_for, one.ethereum, one.bitcoin)
    else:
        written = _Version2(2, content.made_for, content.generations)
    return msgspec.json.format(msgspec.json.encode(written)).decode() + "\n"
