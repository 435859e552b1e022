"""Ethereum keys: one seed, read by signing workers only; everyone else derives addresses from its public branch.

Paths (BIP 44): m/44'/60'/0'/0/index is a deposit address, m/44'/60'/0'/1/0 the hot wallet.
"""

import os
import secrets
from functools import lru_cache
from pathlib import Path

import msgspec
from django.conf import settings
from eth_account import Account
from eth_keys.datatypes import PublicKey

from wallets.chains.hd import PrivateNode, PublicNode

_ACCOUNT = "m/44'/60'/0'"
_DEPOSITS = 0
_HOT = "1/0"
_SEED_BYTES = 32


class KeysMissing(Exception):
    """Raised when the key file or its public branch is not there yet."""


class SignedEthereum(msgspec.Struct, frozen=True):
    """A transaction ready to be stored and sent."""

    txid: str
    raw: str


def public_file() -> Path:
    """Return where the public branch stands, beside the seed."""
    path: Path = settings.ETHEREUM_KEY_FILE
    return path.with_name(path.name + ".xpub")


def keys_ensure() -> None:
    """Make the seed at the first start on local chains, and write its public branch. For signing workers.

    Raises KeysMissing elsewhere: a seed that guards real coins is made and kept by people.
    """
    if not settings.ETHEREUM_KEY_FILE.exists():
        if not settings.MEX_LOCAL_CHAINS:
            raise KeysMissing(f"there is no key file {settings.ETHEREUM_KEY_FILE}")
        _write_once(settings.ETHEREUM_KEY_FILE, secrets.token_hex(_SEED_BYTES), mode=0o600)
    if not public_file().exists():
        _write_once(public_file(), _master().derive(_ACCOUNT).public().xpub(), mode=0o644)


def deposit_address(index: int) -> str:
    """Return the deposit address with this number, from the public branch."""
    return _address(_branch().derive(f"{_DEPOSITS}/{index}").key)


def hot_address() -> str:
    """Return the hot wallet's address, from the public branch."""
    return _address(_branch().derive(_HOT).key)


def hot_key() -> bytes:
    """Return the hot wallet's private key. Signing workers only."""
    return _master().derive(f"{_ACCOUNT}/{_HOT}").key


def deposit_key(index: int) -> bytes:
    """Return a deposit address's private key. Signing workers only."""
    return _master().derive(f"{_ACCOUNT}/{_DEPOSITS}/{index}").key


def payment_sign(
    key: bytes, *, to: str, wei: int, nonce: int, gas: int, fee_per_gas: int, tip_per_gas: int
) -> SignedEthereum:
    """Return a signed transfer of ether for the configured chain (EIP-1559). Fees in wei per gas."""
    signed = Account.sign_transaction(
        {
            "type": 2,
            "chainId": settings.ETHEREUM_CHAIN_ID,
            "to": to,
            "value": wei,
            "gas": gas,
            "nonce": nonce,
            "maxFeePerGas": fee_per_gas,
            "maxPriorityFeePerGas": tip_per_gas,
        },
        key,
    )
    return SignedEthereum(txid=signed.hash.to_0x_hex(), raw=signed.raw_transaction.to_0x_hex())


def _write_once(path: Path, text: str, *, mode: int) -> None:
    """Write a file whole or not at all; when two processes try, the first one wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()


def _master() -> PrivateNode:
    return _master_from(settings.ETHEREUM_KEY_FILE)


@lru_cache(maxsize=4)
def _master_from(path: Path) -> PrivateNode:
    seed = bytes.fromhex(_read(path))
    assert len(seed) == _SEED_BYTES, "the Ethereum seed is 32 bytes in hex"
    return PrivateNode.from_seed(seed)


def _branch() -> PublicNode:
    return _branch_from(public_file())


@lru_cache(maxsize=4)
def _branch_from(path: Path) -> PublicNode:
    return PublicNode.from_xpub(_read(path))


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        raise KeysMissing(f"there is no {path} yet; a signing worker makes it at its first start") from None


def _address(compressed: bytes) -> str:
    return str(PublicKey.from_compressed_bytes(compressed).to_checksum_address())
