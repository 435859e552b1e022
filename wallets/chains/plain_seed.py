"""The seed of earlier versions, which stood in the clear: taken over into the encrypted key file, then removed."""

from pathlib import Path

from wallets.chains.keyfile import (
    SEED_BYTES,
    KeysMissing,
    KeysRefused,
    Origin,
    folder_sync,
    key_file_read,
    key_file_write,
)

_NAME = "ethereum.seed"


def plain_seed_file(key_file: Path) -> Path:
    """Return where the seed of earlier versions stood."""
    return key_file.with_name(_NAME)


def plain_seed_adopt(key_file: Path, passphrase: str, *, made_for: Origin) -> None:
    """Encrypt the old seed, and remove it once the new file was read back from the disk and holds the same.

    Can be done again after a crash at any point. Raises KeysRefused when the key file holds another seed.
    """
    plain = plain_seed_file(key_file)
    try:
        seed = plain_seed_read(plain)
    except KeysMissing:
        return  # another process has just done it
    key_file_write(key_file, seed, passphrase, made_for=made_for)
    if seed not in key_file_read(key_file, passphrase)[1]:
        raise KeysRefused(f"{plain} and {key_file} hold different seeds: move one of them away")
    plain_seed_remove(plain)


def plain_seed_read(plain: Path) -> bytes:
    """Return a seed that stands in the clear, in hex. Raises KeysMissing or KeysRefused."""
    try:
        seed = bytes.fromhex(plain.read_text())
    except FileNotFoundError:
        raise KeysMissing(f"there is no {plain}") from None
    except ValueError:
        seed = b""
    if len(seed) != SEED_BYTES:
        raise KeysRefused(f"{plain} is not a seed of {SEED_BYTES} bytes in hex")
    return seed


def plain_seed_remove(plain: Path) -> None:
    """Remove a seed that is encrypted now, and what stood beside it. Its blocks on the disk are not wiped by that."""
    plain.unlink(missing_ok=True)
    plain.with_name(f"{plain.name}.xpub").unlink(missing_ok=True)
    folder_sync(plain.parent)
