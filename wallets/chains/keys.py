"""The keys of both chains, from one seed. Signing workers load it; everyone else has its public side.

Paths: m/44'/60'/0'/0/index is an Ethereum deposit address, m/44'/60'/0'/1/0 the Ethereum hot wallet (BIP 44).
m/84'/1'/0' and m/86'/1'/0' are the Bitcoin wallet (BIP 84, BIP 86), branch 0 to receive and branch 1 for change.
"""

import secrets
from functools import lru_cache
from pathlib import Path

import msgspec
from django.conf import settings
from eth_keys.datatypes import PublicKey

from wallets.chains.descriptors import account_descriptors
from wallets.chains.ethereum_raw import SignedCall, call_sign
from wallets.chains.hd import PrivateNode, PublicNode
from wallets.chains.keyfile import (
    SEED_BYTES,
    Header,
    KeysLocked,
    KeysMissing,
    KeysRefused,
    KeysUnusable,
    PublicFile,
    key_file_check,
    key_file_read,
    key_file_write,
    passphrase_given,
    public_file_read,
    write_once,
)
from wallets.chains.plain_seed import plain_seed_adopt, plain_seed_file
from wallets.chains.signing_role import signing_role_check

_ACCOUNT = "m/44'/60'/0'"
_DEPOSITS = 0
_HOT = "1/0"
KNOWN_ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
"""The first address of the mnemonic that anvil starts with. Everybody has its key."""

__all__ = ["KeysLocked", "KeysMissing", "KeysRefused", "KeysUnusable"]


class SignedEthereum(msgspec.Struct, frozen=True):
    """A transaction ready to be stored and sent."""

    txid: str
    raw: str


class _Loaded(msgspec.Struct, frozen=True):
    master: PrivateNode
    public_side: PublicFile


def keys_ensure() -> None:
    """See that the keys can be used and that their public file is theirs. Signing workers only, at their start.

    On local chains a seed is made at the first start; one that guards real coins is made and kept by people. Raises
    KeysMissing, KeysLocked or KeysRefused.
    """
    signing_role_check()
    path: Path = settings.KEY_FILE
    if settings.MEX_LOCAL_CHAINS:
        if plain_seed_file(path).exists():
            plain_seed_adopt(path, passphrase_given(), made_for="local")
        if not path.exists():
            key_file_write(path, secrets.token_bytes(SEED_BYTES), passphrase_given(), made_for="local")
    public_side = _loaded().public_side
    if not settings.KEY_PUBLIC_FILE.exists():
        public_file_write(settings.KEY_PUBLIC_FILE, public_side)
    if _public_from(settings.KEY_PUBLIC_FILE) != public_side:
        raise KeysRefused(f"{settings.KEY_PUBLIC_FILE} is not that of {path}: its addresses are not those of our keys")


def public_side_of(header: Header, seed: bytes) -> PublicFile:
    """Return what the public file of a seed must say."""
    master = PrivateNode.from_seed(seed)
    return PublicFile(
        version=1,
        fingerprint=header.fingerprint,
        made_for=header.made_for,
        ethereum=master.derive(_ACCOUNT).public().xpub(),
        bitcoin=tuple(account_descriptors(master, private=False)),
    )


def public_file_write(path: Path, content: PublicFile) -> None:
    """Write a public file where there is none."""
    write_once(path, msgspec.json.format(msgspec.json.encode(content)).decode() + "\n", mode=0o644)


def deposit_address(index: int) -> str:
    """Return the Ethereum deposit address with this number, from the public file."""
    return address_at(_public_from(settings.KEY_PUBLIC_FILE).ethereum, index)


def hot_address() -> str:
    """Return the Ethereum hot wallet's address, from the public file."""
    return _address(PublicNode.from_xpub(_public_from(settings.KEY_PUBLIC_FILE).ethereum).derive(_HOT).key)


def hot_key() -> bytes:
    """Return the Ethereum hot wallet's private key. Signing workers only."""
    return _master().derive(f"{_ACCOUNT}/{_HOT}").key


def deposit_key(index: int) -> bytes:
    """Return an Ethereum deposit address's private key. Signing workers only."""
    return _master().derive(f"{_ACCOUNT}/{_DEPOSITS}/{index}").key


def bitcoin_descriptors(private: bool = False) -> list[str]:
    """Return the Bitcoin wallet's descriptors without checksums; private ones for signing workers only."""
    if private:
        return account_descriptors(_master(), private=True)
    return list(_public_from(settings.KEY_PUBLIC_FILE).bitcoin)


def bitcoin_signing_descriptors() -> list[str]:
    """Return the Bitcoin wallet's descriptors with private keys. Signing workers only."""
    return bitcoin_descriptors(private=True)


def payment_sign(
    key: bytes, *, to: str, wei: int, nonce: int, gas: int, fee_per_gas: int, tip_per_gas: int, data: str = "0x"
) -> SignedEthereum:
    """Return a signed payment, or call, for the configured chain (EIP-1559). Fees in wei per gas."""
    call = SignedCall(to, wei, data, nonce, gas, fee_per_gas, tip_per_gas)
    txid, raw = call_sign(call, key=key, chain_id=settings.ETHEREUM_CHAIN_ID)
    return SignedEthereum(txid, raw)


def address_at(xpub: str, index: int) -> str:
    """Return the Ethereum deposit address with this number, from the extended public key of a public file."""
    return _address(PublicNode.from_xpub(xpub).derive(f"{_DEPOSITS}/{index}").key)


def keys_allowed_check(content: PublicFile) -> None:
    """Raise KeysRefused when keys must not guard coins on a public network: made for play, or known to everybody."""
    if settings.MEX_LOCAL_CHAINS:
        return
    if content.made_for == "local":
        raise KeysRefused(
            "the key file was made for local chains and must not guard coins on a public network: "
            "make another one with `manage.py keys create`"
        )
    if address_at(content.ethereum, 0) == KNOWN_ADDRESS:
        raise KeysRefused("the key file holds the seed that anvil starts with: everybody has its keys")


def _master() -> PrivateNode:
    return _loaded().master


def _loaded() -> _Loaded:
    signing_role_check()
    loaded = _loaded_from(settings.KEY_FILE)
    keys_allowed_check(loaded.public_side)
    return loaded


@lru_cache(maxsize=4)
def _loaded_from(path: Path) -> _Loaded:
    if not path.exists():
        raise KeysMissing(f"there is no key file {path}: make one with `manage.py keys create`")
    key_file_check(path)
    header, seed = key_file_read(path, passphrase_given())
    return _Loaded(PrivateNode.from_seed(seed), public_side_of(header, seed))


@lru_cache(maxsize=4)
def _public_from(path: Path) -> PublicFile:
    return public_file_read(path)


def _address(compressed: bytes) -> str:
    return str(PublicKey.from_compressed_bytes(compressed).to_checksum_address())
