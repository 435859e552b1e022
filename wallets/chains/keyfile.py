"""The encrypted key file: seeds for both chains, and beside it a public file that everybody may read.

The key file has two lines. The first, in JSON, says what the second was encrypted with, and is authenticated with it:
the passphrase is stretched with scrypt, the seeds are encrypted with AES-256-GCM. docs/keys.md shows an example.

A seed and all that follows from it is a generation, numbered from 0; new ones come from a rotation. With one of them
both files are of version 1, as they were before there were rotations, with several of version 2.
"""

import base64
import binascii
import os
import secrets
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from django.utils import timezone

from wallets.chains.hd import PrivateNode

Origin = Literal["local", "public"]
"""What kind of chains a key was made for. One for local chains guards nothing, and is refused elsewhere."""

SCRYPT_N: dict[Origin, int] = {"local": 2**15, "public": 2**17}
"""Cost of one guess at the passphrase: 32 MB and 0.1 s, or 128 MB and 0.4 s. A local one is random and long anyway."""

SEED_BYTES = 32
_SCRYPT_R, _SCRYPT_P = 8, 1
_SCRYPT_N_MAX = 2**20
_SEED_BYTES = range(16, 65)  # BIP 32
_SALT_BYTES, _NONCE_BYTES, _KEY_BYTES = 16, 12, 32
_OTHERS = 0o077


class KeysUnusable(Exception):
    """Raised when the keys cannot be had here and now; the text says why, in one line."""


class KeysMissing(KeysUnusable):
    """Raised when the key file or its public file is not there yet."""


class KeysLocked(KeysUnusable):
    """Raised when this process may not load the keys, or does not have the right passphrase."""


class KeysRefused(KeysUnusable):
    """Raised when the keys must not be used: damaged, readable by others, or made for chains of another kind."""


class Birth(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a seed was made, in ISO 8601; "" for the first one, whose time nobody wrote down. `fingerprint` as below."""

    fingerprint: str
    made_at: str


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The first line of a key file. `fingerprint` is that of the newest seed's master key (BIP 32).

    `generations`: all seeds, oldest first; left out where there is one.
    """

    format: Literal["mex-keys"]
    version: Literal[1, 2]
    made_for: Origin
    made_at: str
    fingerprint: str
    kdf: Literal["scrypt"]
    n: int
    r: int
    p: int
    salt: str
    cipher: Literal["aes-256-gcm"]
    nonce: str
    generations: tuple[Birth, ...] = ()

    @property
    def births(self) -> tuple[Birth, ...]:
        """What is known of each generation, also where there is one."""
        return self.generations or (Birth(self.fingerprint, ""),)


def key_file_write(path: Path, seed: bytes, passphrase: str, *, made_for: Origin) -> None:
    """Write a new key file, whole or not at all, for its owner alone. One that is there already is left as it is."""
    write_once(path, sealed((seed,), passphrase, made_for=made_for), mode=0o600)


def key_file_read(path: Path, passphrase: str) -> tuple[Header, tuple[bytes, ...]]:
    """Return the header and the seeds, oldest first.

    Raises KeysMissing, KeysRefused, or KeysLocked when the passphrase is wrong.
    """
    first, second = _lines(path)
    header = _header(path, first)
    key = _stretched(passphrase, bytes.fromhex(header.salt), header.n, header.r, header.p)
    try:
        content = base64.b64decode(second, validate=True)
        opened = AESGCM(key).decrypt(bytes.fromhex(header.nonce), content, first)
    except binascii.Error:
        raise KeysRefused(f"{path} is damaged") from None
    except InvalidTag:
        raise KeysLocked(f"the passphrase is not that of {path}, or the file was changed") from None
    seeds = _unpacked(opened) if header.generations else (opened,)
    if [seed_fingerprint(seed) for seed in seeds] != [birth.fingerprint for birth in header.births]:
        raise KeysRefused(f"{path} holds another seed than its header says")
    return header, seeds


def seed_fingerprint(seed: bytes) -> str:
    """Return the fingerprint of a seed's master key, in hex (BIP 32)."""
    return PrivateNode.from_seed(seed).fingerprint().hex()


def header_read(path: Path) -> Header:
    """Return the header alone, which needs no passphrase, and which nobody has authenticated. Raises as above."""
    return _header(path, _lines(path)[0])


def key_file_check(path: Path) -> None:
    """Raise KeysRefused when others than the owner may read or change a key file."""
    if path.stat().st_mode & _OTHERS:
        raise KeysRefused(f"others may read {path}: chmod 600 it")


def sealed(seeds: Sequence[bytes], passphrase: str, *, made_for: Origin, births: Sequence[Birth] = ()) -> str:
    """Return the text of a key file. `seeds`: oldest first; of several `births` says when each was made."""
    assert seeds, "a key file holds a seed"
    assert all(len(seed) in _SEED_BYTES for seed in seeds), "a seed has 16 to 64 bytes"
    assert passphrase, "a key file needs a passphrase"
    assert len(seeds) == 1 or len(births) == len(seeds), "of several seeds it is said when each was made"
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    is_one = len(seeds) == 1
    header = Header(
        format="mex-keys",
        version=1 if is_one else 2,
        made_for=made_for,
        made_at=timezone.now().isoformat(timespec="seconds"),
        fingerprint=seed_fingerprint(seeds[-1]),
        kdf="scrypt",
        n=SCRYPT_N[made_for],
        r=_SCRYPT_R,
        p=_SCRYPT_P,
        salt=salt.hex(),
        cipher="aes-256-gcm",
        nonce=nonce.hex(),
        generations=() if is_one else tuple(births),
    )
    first = msgspec.json.encode(header)
    key = _stretched(passphrase, salt, header.n, header.r, header.p)
    content = seeds[0] if is_one else _packed(seeds)
    return f"{first.decode()}\n{base64.b64encode(AESGCM(key).encrypt(nonce, content, first)).decode()}\n"


def _packed(seeds: Sequence[bytes]) -> bytes:
    return msgspec.json.encode([seed.hex() for seed in seeds])


def _unpacked(content: bytes) -> tuple[bytes, ...]:
    # It was authenticated: what is in it is what `_packed` wrote.
    return tuple(bytes.fromhex(text) for text in msgspec.json.decode(content, type=list[str]))


def passphrase_given() -> str:
    """Return the passphrase from the environment or the file that the environment names. Raises KeysLocked."""
    given = os.environ.get("MEX_KEY_PASSPHRASE", "")
    if given:
        return given
    name = os.environ.get("MEX_KEY_PASSPHRASE_FILE", "")
    if not name:
        raise KeysLocked("the keys are locked: neither MEX_KEY_PASSPHRASE nor MEX_KEY_PASSPHRASE_FILE is set")
    return passphrase_read(Path(name))


def passphrase_read(path: Path) -> str:
    """Return the passphrase that stands in the first line of a file. Raises KeysLocked."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KeysLocked(f"the keys are locked: {path} cannot be read ({type(error).__name__})") from None
    if not lines or not lines[0]:
        raise KeysLocked(f"the keys are locked: {path} has no passphrase in its first line")
    return lines[0]


def write_once(path: Path, text: str, *, mode: int) -> None:
    """Write a file whole or not at all; when two processes try, the first one wins."""
    # The folder may be entered by others, who need the public file; the secrets in it are closed by their own modes.
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    draft = draft_write(path, text, mode=mode)
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
    folder_sync(path.parent)


def draft_write(path: Path, text: str, *, mode: int) -> Path:
    """Write a file beside another, under a name of its own, down to the disk; return where it is."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w") as file:
        os.fchmod(handle, mode)  # whatever the umask says
        file.write(text)
        file.flush()
        os.fsync(handle)
    return draft


def folder_sync(folder: Path) -> None:
    """Bring a folder's entries to the disk: a new name is not safe before."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _lines(path: Path) -> tuple[bytes, bytes]:
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        raise KeysMissing(f"there is no key file {path}") from None
    except PermissionError:
        raise KeysLocked(f"this process may not read {path}") from None
    if len(lines) != 3 or lines[2]:
        raise KeysRefused(f"{path} is not a key file of two lines")
    return lines[0], lines[1]


def _header(path: Path, line: bytes) -> Header:
    try:
        header = msgspec.json.decode(line, type=Header)
        lengths = len(bytes.fromhex(header.salt)), len(bytes.fromhex(header.nonce))
    except (msgspec.MsgspecError, ValueError) as error:
        raise KeysRefused(f"{path} is not a key file that this version reads: {error}") from None
    if (header.version == 2) != (len(header.generations) > 1):
        raise KeysRefused(f"{path} is not a key file that this version reads: version and generations differ")
    if lengths != (_SALT_BYTES, _NONCE_BYTES) or (header.r, header.p) != (_SCRYPT_R, _SCRYPT_P):
        raise KeysRefused(f"{path} was not encrypted as this version does it")
    # A changed header must neither weaken the stretching nor eat the machine's memory before it is found out.
    if not min(SCRYPT_N.values()) <= header.n <= _SCRYPT_N_MAX or header.n.bit_count() != 1:
        raise KeysRefused(f"{path} asks for a cost of scrypt that is not taken: n={header.n}")
    return header


def _stretched(passphrase: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    # The same letters can be written in several ways: NFKC makes one of them.
    text = unicodedata.normalize("NFKC", passphrase).encode()
    return Scrypt(salt=salt, length=_KEY_BYTES, n=n, r=r, p=p).derive(text)
