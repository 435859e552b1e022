"""Adds a seed to the key file, for all that is new from then on. Old seeds stay: old addresses are paid for ever.

The order is what makes it safe to be killed at any point: the new seed is on the disk, encrypted and read back, before
the public file says anything of it; and only the public file gives addresses out.
"""

import secrets
from pathlib import Path

from django.conf import settings
from django.db.models import Max
from django.utils import timezone

from wallets.chains.keycare import key_file_replace
from wallets.chains.keyfile import (
    SEED_BYTES,
    Birth,
    Header,
    KeysRefused,
    folder_sync,
    key_file_check,
    key_file_read,
    seed_fingerprint,
)
from wallets.chains.keys import (
    generation_newest,
    generations,
    hot_address_at,
    keys_allowed_check,
    keys_forget,
    public_side_of,
)
from wallets.chains.public_file import public_file_read, public_file_replace
from wallets.chains.signer_lock import signers_kept_out
from wallets.models import ChainTransaction, DepositAddress

_SHOWN = 3


def key_rotate(passphrase: str) -> tuple[Header, bool]:
    """Add a new seed to key file and public file; return the new header, and whether a cut off rotation was ended.

    One that was cut off between the two files is ended, and no other one begun. Raises KeysMissing, KeysLocked while a
    signing worker runs, and KeysRefused for files that do not belong together, and while the hot wallet's transactions
    are under way.
    """
    path: Path = settings.KEY_FILE
    with signers_kept_out():
        key_file_check(path)
        header, seeds = key_file_read(path, passphrase)
        given, ours = public_file_read(settings.KEY_PUBLIC_FILE), public_side_of(header, seeds)
        keys_allowed_check(ours)
        was_cut_off = given.is_before(ours)
        if not was_cut_off:
            if given != ours:
                raise KeysRefused(f"{settings.KEY_PUBLIC_FILE} is not that of {path}: find the right one first")
            _hot_wallet_check(hot_address_at(given.newest.ethereum))
            seed = _seed_new({birth.fingerprint for birth in header.births})
            birth = Birth(seed_fingerprint(seed), timezone.now().isoformat(timespec="seconds"))
            births = (*header.births, birth)
            seeds = (*seeds, seed)
            header = key_file_replace(path, seeds, passphrase, header=header, births=births)
        # Whoever was killed may not have come to this: first the seed is safe, then its addresses are known.
        folder_sync(path.parent)
        public_file_replace(settings.KEY_PUBLIC_FILE, public_side_of(header, seeds))
        keys_forget()
    return header, was_cut_off


def generations_check() -> None:
    """Raise KeysRefused when addresses were handed out of a seed that the keys do not have."""
    if not settings.KEY_PUBLIC_FILE.exists():
        return  # it is made from the key file in a moment, or there is none
    last = DepositAddress.objects.aggregate(last=Max("generation"))["last"]
    if last is not None and last > generation_newest():
        raise KeysRefused(
            f"addresses of generation {last} were handed out, and {settings.KEY_FILE} holds {len(generations())}"
            " seeds: it is from before a rotation, restore a later backup"
        )


def _hot_wallet_check(hot: str) -> None:
    """Raise KeysRefused while transactions of an Ethereum hot wallet are not final."""
    open_ones = [ChainTransaction.Status.SIGNED, ChainTransaction.Status.BROADCAST]
    waiting = ChainTransaction.objects.filter(sender=hot, status__in=open_ones).order_by("nonce")
    txids = list(waiting.values_list("txid", flat=True))
    if txids:
        raise KeysRefused(
            f"{len(txids)} transactions of the hot wallet {hot} are not final, {', '.join(txids[:_SHOWN])} among them: "
            "leave the other workers running, and try again when they are"
        )


def _seed_new(taken: set[str]) -> bytes:
    """Return a random seed whose name, of four bytes, no other one has: by that name coins find their keys."""
    while True:
        seed = secrets.token_bytes(SEED_BYTES)
        if seed_fingerprint(seed) not in taken:
            return seed
