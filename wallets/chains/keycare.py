"""What operators do with the key file: make, copy, bring back, give it another passphrase. Nothing is done half."""

import os
import secrets
from pathlib import Path

from django.conf import settings

from wallets.chains.keyfile import (
    SEED_BYTES,
    Birth,
    Header,
    KeysMissing,
    KeysRefused,
    KeysUnusable,
    Origin,
    draft_write,
    folder_sync,
    key_file_check,
    key_file_read,
    key_file_write,
    sealed,
    write_once,
)
from wallets.chains.keys import keys_allowed_check, public_side_of
from wallets.chains.plain_seed import plain_seed_read, plain_seed_remove
from wallets.chains.public_file import public_file_read, public_file_replace, public_file_write

PASSPHRASE_CHARS_MIN = 16
"""Of a passphrase that people choose, for keys that guard other people's coins."""


def key_create(passphrase: str, *, plain: Path | None = None) -> Header:
    """Make the key file and its public file, with a new seed or an old one that stands in the clear in `plain`.

    The file is read back before anything else is done; then an old seed is removed. Raises KeysRefused when there are
    keys already.
    """
    path: Path = settings.KEY_FILE
    for there in (path, settings.KEY_PUBLIC_FILE):
        if there.exists():
            raise KeysRefused(f"there is {there} already: it is never written over")
    made_for: Origin = "local" if settings.MEX_LOCAL_CHAINS else "public"
    passphrase_check(passphrase)
    seed = secrets.token_bytes(SEED_BYTES) if plain is None else plain_seed_read(plain)
    key_file_write(path, seed, passphrase, made_for=made_for)
    header = _installed(path, passphrase, (seed,))
    if plain is not None:
        plain_seed_remove(plain)
    return header


def key_backup(passphrase: str, target: Path) -> Header:
    """Copy the key file to a path where nothing is yet, and read the copy back. Raises KeysRefused and others."""
    header, seeds = key_file_read(settings.KEY_FILE, passphrase)
    if target.exists():
        raise KeysRefused(f"there is {target} already: a backup never writes over anything")
    if not target.parent.is_dir():
        raise KeysMissing(f"there is no folder {target.parent}")
    write_once(target, settings.KEY_FILE.read_text(), mode=0o600)
    if key_file_read(target, passphrase) != (header, seeds):
        raise KeysRefused(f"{target} is not the copy that it should be: remove it")
    return header


def key_restore(passphrase: str, source: Path) -> Header:
    """Bring the key file back from a backup, where there is none. Raises KeysRefused when it is not the right one."""
    path: Path = settings.KEY_FILE
    if path.exists():
        raise KeysRefused(f"there is {path} already: it is never written over")
    header, seeds = key_file_read(source, passphrase)
    _public_compare(header, seeds)
    write_once(path, source.read_text(), mode=0o600)
    return _installed(path, passphrase, seeds)


def key_passphrase_change(old: str, new: str) -> Header:
    """Encrypt the key file anew. The old one stands beside it until the new one was read back from its place."""
    path: Path = settings.KEY_FILE
    key_file_check(path)
    header, seeds = key_file_read(path, old)
    passphrase_check(new)
    return key_file_replace(path, seeds, new, header=header, births=header.births)


def key_file_replace(
    path: Path, seeds: tuple[bytes, ...], passphrase: str, *, header: Header, births: tuple[Birth, ...]
) -> Header:
    """Put a new key file with these seeds in the place of one that was read just now, whose header is given.

    The old one stands beside it until the new one was read back from its place. Raises KeysRefused, and has the old one
    in its place again, when that is not what was written.
    """
    text = sealed(seeds, passphrase, made_for=header.made_for, births=births)
    draft = draft_write(path, text, mode=0o600)
    before = path.with_name(f"{path.name}.before")
    try:
        if key_file_read(draft, passphrase)[1] != seeds:
            raise KeysRefused(f"{draft} is not what was written")
        before.unlink(missing_ok=True)  # of a change that was cut off after its end: `path` was read above
        os.link(path, before)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    folder_sync(path.parent)
    changed = _read_back(path, passphrase, seeds)
    if changed is None:
        before.replace(path)
        folder_sync(path.parent)
        raise KeysRefused(f"{path} is not what was written: the old one is back in its place")
    before.unlink()
    folder_sync(path.parent)
    return changed


def passphrase_check(passphrase: str) -> None:
    """Raise KeysRefused for a passphrase that is too short to guard other people's coins."""
    if not settings.MEX_LOCAL_CHAINS and len(passphrase) < PASSPHRASE_CHARS_MIN:
        raise KeysRefused(f"the passphrase needs at least {PASSPHRASE_CHARS_MIN} characters")


def _read_back(path: Path, passphrase: str, seeds: tuple[bytes, ...]) -> Header | None:
    """Return the header of a key file that opens and holds these seeds, else None."""
    try:
        header, kept = key_file_read(path, passphrase)
    except KeysUnusable:
        return None
    return header if kept == seeds else None


def _installed(path: Path, passphrase: str, seeds: tuple[bytes, ...]) -> Header:
    """Read the key file back and have its public file beside it."""
    header, kept = key_file_read(path, passphrase)
    if kept != seeds:
        raise KeysRefused(f"{path} is not what was written")
    content = public_side_of(header, seeds)
    keys_allowed_check(content)
    _public_compare(header, seeds)
    if not settings.KEY_PUBLIC_FILE.exists():
        public_file_write(settings.KEY_PUBLIC_FILE, content)
    elif public_file_read(settings.KEY_PUBLIC_FILE) != content:
        public_file_replace(settings.KEY_PUBLIC_FILE, content)  # it is from before the last rotation
    return header


def _public_compare(header: Header, seeds: tuple[bytes, ...]) -> None:
    """Raise KeysRefused unless the public file is that of these seeds, or of those before the last rotation."""
    path, content = settings.KEY_PUBLIC_FILE, public_side_of(header, seeds)
    given = public_file_read(path) if path.exists() else content
    if content.is_before(given):
        missing = given.generations[len(seeds)]
        raise KeysRefused(
            f"it is from before the rotation of {missing.made_at}: it holds {len(seeds)} of the"
            f" {len(given.generations)} seeds whose addresses {path} gives out."
            " Restore a backup that was made after the last rotation"
        )
    if given != content and not given.is_before(content):
        raise KeysRefused(f"{path} is not of these keys: addresses of other ones were handed out")
