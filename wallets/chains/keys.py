"""The keys of both chains, from one seed. Signing workers load it; everyone else has its public side.

After a rotation there are several seeds, the generations, numbered from 0 (docs/keys.md). What is new is of the newest
one; the keys of all stay in use, because people go on paying to old addresses. Where a generation can be named, -1 is
the newest.

Paths: m/44'/60'/0'/0/index is an Ethereum deposit address, m/44'/60'/0'/1/0 the Ethereum hot wallet (BIP 44).
m/84'/1'/0' and m/86'/1'/0' are the Bitcoin wallet (BIP 84, BIP 86), branch 0 to receive and branch 1 for change.
"""

import secrets
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

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
    key_file_check,
    key_file_read,
    key_file_write,
    passphrase_given,
)
from wallets.chains.plain_seed import plain_seed_adopt, plain_seed_file
from wallets.chains.public_file import PublicFile, PublicGeneration, public_file_now, public_file_write
from wallets.chains.signing_role import signing_role_check

_ACCOUNT = "m/44'/60'/0'"
_DEPOSITS = 0
_HOT = "1/0"
KNOWN_ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
"""The first address of the mnemonic that anvil starts with. Everybody has its key."""

__all__ = ["KeysLocked", "KeysMissing", "KeysRefused", "KeysUnusable"]
_One = TypeVar("_One", PrivateNode, PublicGeneration)


class SignedEthereum(msgspec.Struct, frozen=True):
    """A transaction ready to be stored and sent."""

    txid: str
    raw: str


class _Loaded(msgspec.Struct, frozen=True):
    masters: tuple[PrivateNode, ...]
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
    given = public_file_now(settings.KEY_PUBLIC_FILE)
    if given.is_before(public_side):
        # Not mended here: the operator has to make a new backup before anything is paid to the new keys.
        raise KeysRefused(f"a rotation of {path} was cut off: run `manage.py keys rotate` again, which ends it")
    if given != public_side:
        raise KeysRefused(f"{settings.KEY_PUBLIC_FILE} is not that of {path}: its addresses are not those of our keys")


def public_side_of(header: Header, seeds: Sequence[bytes]) -> PublicFile:
    """Return what the public file of a key file's seeds, oldest first, must say."""
    generations = []
    for birth, seed in zip(header.births, seeds, strict=True):
        master = PrivateNode.from_seed(seed)
        generations.append(
            PublicGeneration(
                fingerprint=birth.fingerprint,
                made_at=birth.made_at,
                ethereum=master.derive(_ACCOUNT).public().xpub(),
                bitcoin=tuple(account_descriptors(master, private=False)),
            )
        )
    return PublicFile(header.made_for, tuple(generations))


def generation_newest() -> int:
    """Return the number of the newest generation, from the public file."""
    return len(generations()) - 1


def generations() -> tuple[PublicGeneration, ...]:
    """Return all generations, oldest first, from the public file. Raises KeysMissing or KeysRefused."""
    return public_file_now(settings.KEY_PUBLIC_FILE).generations


def deposit_address(index: int, generation: int = -1) -> str:
    """Return the Ethereum deposit address with this number, from the public file."""
    return address_at(_of(generations(), generation).ethereum, index)


def hot_address(generation: int = -1) -> str:
    """Return the Ethereum hot wallet's address, from the public file."""
    return hot_address_at(_of(generations(), generation).ethereum)


def hot_addresses() -> tuple[str, ...]:
    """Return the addresses of all Ethereum hot wallets, oldest first. The last one pays, the others are emptied."""
    return tuple(hot_address_at(one.ethereum) for one in generations())


def hot_key(generation: int = -1) -> bytes:
    """Return the Ethereum hot wallet's private key. Signing workers only."""
    return _of(_masters(), generation).derive(f"{_ACCOUNT}/{_HOT}").key


def deposit_key(index: int, generation: int = -1) -> bytes:
    """Return an Ethereum deposit address's private key. Signing workers only."""
    return _of(_masters(), generation).derive(f"{_ACCOUNT}/{_DEPOSITS}/{index}").key


def bitcoin_descriptors() -> list[str]:
    """Return the Bitcoin wallet's descriptors of all generations, oldest first, without checksums."""
    return [text for one in generations() for text in one.bitcoin]


def bitcoin_descriptors_of(generation: int = -1) -> list[str]:
    """Return the Bitcoin wallet's descriptors of one generation, without checksums."""
    return list(_of(generations(), generation).bitcoin)


def bitcoin_signing_descriptors() -> list[str]:
    """Return the descriptors of all generations, oldest first, with private keys. Signing workers only."""
    return [text for master in _masters() for text in account_descriptors(master, private=True)]


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


@lru_cache(maxsize=64)
def hot_address_at(xpub: str) -> str:
    """Return the address of the Ethereum hot wallet, from the extended public key of a public file."""
    return _address(PublicNode.from_xpub(xpub).derive(_HOT).key)


def keys_forget() -> None:
    """Let this process load the key file anew: it was exchanged by ourselves."""
    _loaded_from.cache_clear()


def keys_allowed_check(content: PublicFile) -> None:
    """Raise KeysRefused when keys must not guard coins on a public network: made for play, or known to everybody."""
    if settings.MEX_LOCAL_CHAINS:
        return
    if content.made_for == "local":
        raise KeysRefused(
            "the key file was made for local chains and must not guard coins on a public network: "
            "make another one with `manage.py keys create`"
        )
    if any(address_at(one.ethereum, 0) == KNOWN_ADDRESS for one in content.generations):
        raise KeysRefused("the key file holds the seed that anvil starts with: everybody has its keys")


def _masters() -> tuple[PrivateNode, ...]:
    return _loaded().masters


def _of(all_of_them: Sequence[_One], generation: int) -> _One:
    if generation >= len(all_of_them):
        raise KeysRefused(
            f"the keys have no generation {generation}, which addresses were handed out of: "
            "the key file or its public file is from before a rotation"
        )
    return all_of_them[generation]


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
    header, seeds = key_file_read(path, passphrase_given())
    return _Loaded(tuple(map(PrivateNode.from_seed, seeds)), public_side_of(header, seeds))


def _address(compressed: bytes) -> str:
    return str(PublicKey.from_compressed_bytes(compressed).to_checksum_address())
