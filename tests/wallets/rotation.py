"""Keys of a test's own, which it can rotate, and what is looked at afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.core.management import call_command
from pytest_django import Settings

from tests.wallets.deposits import audit_deposits
from tests.wallets.key_files import as_signer
from wallets.chains import keyfile
from wallets.chains.keychecks import keys_verify
from wallets.chains.keyfile import key_file_read, passphrase_given
from wallets.chains.public_file import PublicFile, public_file_read
from wallets.ledger.solvency import check_chains

PASSPHRASE = "a long passphrase of this test"


def public_keys(folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make keys of one seed for a public network, in a folder below this one, and return it."""
    settings.KEY_FILE = folder / "keys" / "mex.keys"
    settings.KEY_PUBLIC_FILE = folder / "keys" / "mex.keys.public"
    settings.MEX_LOCAL_CHAINS = False
    settings.BITCOIN_RPC_URL = settings.ETHEREUM_RPC_URL = "http://mex:mex@127.0.0.1:9"
    monkeypatch.setitem(keyfile.SCRYPT_N, "public", 2**15)  # as slow as the local one: this machine has other work
    monkeypatch.setenv("MEX_KEY_PASSPHRASE", PASSPHRASE)
    run("create")
    return folder / "keys"


def run(*words: str) -> str:
    """Run `manage.py keys`, and return what it says."""
    printed = StringIO()
    call_command("keys", *words, stdout=printed)
    return printed.getvalue()


def seeds(settings: Settings) -> tuple[bytes, ...]:
    """Return what the key file holds."""
    return key_file_read(settings.KEY_FILE, PASSPHRASE)[1]


def public(settings: Settings) -> PublicFile:
    """Return what the public file says."""
    return public_file_read(settings.KEY_PUBLIC_FILE)


@contextmanager
def own_keys(settings: Settings, folder: Path) -> Iterator[Path]:
    """Let this process sign with keys in a folder of the test's own, and reach no node unless the test names one."""
    settings.KEY_FILE = folder / "keys" / "mex.keys"
    settings.KEY_PUBLIC_FILE = folder / "keys" / "mex.keys.public"
    settings.BITCOIN_RPC_URL = "http://mex:mex@127.0.0.1:9"
    settings.ETHEREUM_RPC_URL = "http://127.0.0.1:9"
    with as_signer():
        yield settings.KEY_FILE


def rotate() -> None:
    """Do as an operator does."""
    call_command("keys", "rotate")


def verified() -> set[str]:
    """Return what `keys verify` says of every stored address, and of the wallet where there is a node."""
    found = keys_verify(*key_file_read(configured.KEY_FILE, passphrase_given()), every=True, ask_node=True)
    return {finding.state for finding in found if "was not asked" not in finding.text}


def audited() -> list[str]:
    """Return what the audit finds wrong with deposits, and with coins where there is a node."""
    return audit_deposits() + [text for one in check_chains() for text in one.shortfalls]
