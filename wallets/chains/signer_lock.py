"""Tells whether a signing worker runs: each holds a lock on the folder of the key file, which ends with its processes.

On the folder, because the key file itself is exchanged while it is locked, and because a signer may have no right to
write beside it. `flock` is shared between hosts by some network file systems only: keep keys on a disk of the host.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from wallets.chains.keyfile import KeysLocked, KeysMissing

_held: dict[Path, int] = {}


def signer_lock_hold() -> None:
    """Let no rotation begin as long as this process, or a fork of it, lives. Raises KeysLocked while one is at work."""
    folder: Path = settings.KEY_FILE.parent
    if folder in _held:
        return
    if settings.MEX_LOCAL_CHAINS:
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)  # the keys are made in a moment
    handle = _opened(folder)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise KeysLocked(f"the keys in {folder} are being rotated: start the signer again afterwards") from None
    _held[folder] = handle


@contextmanager
def signers_kept_out() -> Iterator[None]:
    """Keep signing workers from starting for the length of a block. Raises KeysLocked while one runs."""
    folder: Path = settings.KEY_FILE.parent
    handle = _opened(folder)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise KeysLocked(
                f"a signing worker runs, or another rotation, with the keys in {folder}: stop it"
            ) from None
        yield
    finally:
        os.close(handle)


def _opened(folder: Path) -> int:
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        raise KeysMissing(f"there is no folder {folder}: make keys with `manage.py keys create`") from None
