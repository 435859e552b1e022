"""Keys for tests: one seed for the whole run, because nodes that tests share watch its addresses."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from wallets.chains.keys import keys_ensure
from wallets.chains.signing_role import signing_role

PASSPHRASE = "a passphrase for tests only"


@contextmanager
def as_signer() -> Iterator[None]:
    """Let this process sign for the length of a block, with the keys at settings.KEY_FILE, made if there are none."""
    usual = os.environ.get("MEX_KEY_PASSPHRASE")
    os.environ["MEX_KEY_PASSPHRASE"] = PASSPHRASE
    try:
        with signing_role():
            keys_ensure()
            yield
    finally:
        if usual is None:
            os.environ.pop("MEX_KEY_PASSPHRASE")
        else:
            os.environ["MEX_KEY_PASSPHRASE"] = usual
