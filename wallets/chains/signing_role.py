"""Whether this process may load keys. Workers that consume the queue `signer` may, and the operator's commands.

It is the innermost of three walls: only those processes get the passphrase, and only their user needs to be able to
read the key file. This one says so in one line to whoever calls a signing function in the wrong process.
"""

import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from wallets.chains.keyfile import KeysLocked

SIGNER_QUEUE = "signer"
_taken = threading.Event()


def signing_role_take() -> None:
    """Let this process load keys from now on. Called when a worker starts that consumes the queue `signer`."""
    # What it has in memory must not end in a file when it crashes.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _taken.set()


@contextmanager
def signing_role() -> Iterator[None]:
    """Let this process load keys for the length of a block, as the operator's commands do."""
    was_taken = _taken.is_set()
    _taken.set()
    try:
        yield
    finally:
        if not was_taken:
            _taken.clear()


def signing_role_check() -> None:
    """Raise KeysLocked unless this process may load keys."""
    if not _taken.is_set():
        raise KeysLocked("this process does not sign: only workers of the queue signer load keys")
