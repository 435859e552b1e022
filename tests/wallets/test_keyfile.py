"""The encrypted key file: what opens it, what does not, and what is on the disk at any moment."""

import base64
import json
import os
import stat
from pathlib import Path

import pytest

from wallets.chains import keyfile
from wallets.chains.hd import PrivateNode
from wallets.chains.keyfile import (
    KeysLocked,
    KeysMissing,
    KeysRefused,
    key_file_check,
    key_file_read,
    key_file_write,
    passphrase_given,
)

SEED = bytes(range(32))
PASSPHRASE = "twelve monkeys, and a zebra"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "mex.keys"
    key_file_write(path, SEED, PASSPHRASE, made_for="local")
    return path


def change_header(path: Path, **changes: object) -> None:
    """Change the header as somebody could who does not have the passphrase."""
    first, second, _ = path.read_text().split("\n")
    path.write_text(json.dumps(json.loads(first) | changes, separators=(",", ":")) + f"\n{second}\n")


def test_what_is_written_is_read_again_with_the_passphrase(path: Path) -> None:
    header, seeds = key_file_read(path, PASSPHRASE)

    assert seeds == (SEED,)
    assert header.fingerprint == PrivateNode.from_seed(SEED).fingerprint().hex()
    assert (header.made_for, header.kdf, header.cipher) == ("local", "scrypt", "aes-256-gcm")
    assert header.n >= 2**15


def test_only_the_owner_may_read_it_and_the_seed_is_not_in_it(path: Path) -> None:
    content = path.read_bytes()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert SEED not in content
    assert SEED.hex().encode() not in content
    assert base64.b64encode(SEED)[:20] not in content
    assert [other.name for other in path.parent.iterdir()] == [path.name]


def test_two_files_of_one_seed_have_nothing_in_common_but_the_fingerprint(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    key_file_write(other, SEED, PASSPHRASE, made_for="local")

    first, second = (key_file_read(one, PASSPHRASE)[0] for one in (path, other))

    assert first.salt != second.salt
    assert first.nonce != second.nonce
    assert path.read_text().split("\n")[1] != other.read_text().split("\n")[1]


@pytest.mark.parametrize("passphrase", ["", "Twelve monkeys, and a zebra", PASSPHRASE + " "])
def test_a_wrong_passphrase_opens_nothing(path: Path, passphrase: str) -> None:
    with pytest.raises(KeysLocked, match="passphrase is not that of"):
        key_file_read(path, passphrase)


def test_a_passphrase_is_the_same_however_its_letters_are_composed(tmp_path: Path) -> None:
    path = tmp_path / "composed"
    key_file_write(path, SEED, "caf\u00e9 noir", made_for="local")

    assert key_file_read(path, "cafe\u0301 noir")[1] == (SEED,)


@pytest.mark.parametrize(
    "changes",
    [
        {"made_for": "public"},  # the mark of a development key cannot be taken off
        {"made_at": "2020-01-01T00:00:00+00:00"},
        {"fingerprint": "00000000"},
        {"n": 2**16},
        {"salt": "00" * 16},
        {"nonce": "00" * 12},
    ],
)
def test_a_header_that_was_changed_opens_nothing(path: Path, changes: dict[str, object]) -> None:
    change_header(path, **changes)

    with pytest.raises(KeysLocked, match="or the file was changed"):
        key_file_read(path, PASSPHRASE)


@pytest.mark.parametrize(
    "changes",
    [
        {"n": 2**14},
        {"n": 2**40},  # would take all of the machine's memory
        {"n": 2**16 + 1},
        {"r": 1},
        {"p": 0},
        {"version": 2},
        {"kdf": "none"},
        {"cipher": "none"},
        {"salt": ""},
        {"nonce": "zz"},
        {"made_for": "nobody"},
        {"more": 1},
    ],
)
def test_a_header_that_asks_for_something_else_is_refused_before_any_work(
    path: Path, changes: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    change_header(path, **changes)
    monkeypatch.setattr(keyfile, "Scrypt", None)

    with pytest.raises(KeysRefused):
        key_file_read(path, PASSPHRASE)


@pytest.mark.parametrize("content", ["", "x", "{}\n", "{}\n\n", "a\nb\nc\n"])
def test_what_is_no_key_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "broken"
    path.write_text(content)

    with pytest.raises(KeysRefused):
        key_file_read(path, PASSPHRASE)


def test_every_byte_counts(path: Path) -> None:
    first, second, _ = path.read_text().split("\n")
    raw = bytearray(base64.b64decode(second))
    raw[5] ^= 1
    path.write_text(f"{first}\n{base64.b64encode(raw).decode()}\n")

    with pytest.raises(KeysLocked):
        key_file_read(path, PASSPHRASE)


def test_a_file_that_is_there_is_never_written_over(path: Path) -> None:
    before = path.read_bytes()

    key_file_write(path, bytes(32), "another", made_for="public")

    assert path.read_bytes() == before


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(KeysMissing, match="there is no key file"):
        key_file_read(tmp_path / "none", PASSPHRASE)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(path: Path, mode: int) -> None:
    key_file_check(path)
    path.chmod(mode)

    with pytest.raises(KeysRefused, match="chmod 600"):
        key_file_check(path)


def test_the_umask_changes_nothing(tmp_path: Path) -> None:
    before = os.umask(0o000)
    try:
        key_file_write(tmp_path / "open", SEED, PASSPHRASE, made_for="local")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "open").stat().st_mode) == 0o600


def test_the_passphrase_comes_from_the_environment_or_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "passphrase"
    file.write_text("from the file\n")
    monkeypatch.setenv("MEX_KEY_PASSPHRASE_FILE", str(file))
    monkeypatch.delenv("MEX_KEY_PASSPHRASE", raising=False)
    from_file = passphrase_given()
    monkeypatch.setenv("MEX_KEY_PASSPHRASE", "from the environment")

    assert (from_file, passphrase_given()) == ("from the file", "from the environment")


@pytest.mark.parametrize("content", [None, "", "\nsecond line\n"])
def test_without_a_passphrase_the_keys_are_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    file = tmp_path / "passphrase"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("MEX_KEY_PASSPHRASE_FILE", str(file))
    monkeypatch.delenv("MEX_KEY_PASSPHRASE", raising=False)

    with pytest.raises(KeysLocked, match="the keys are locked"):
        passphrase_given()


def test_without_any_setting_the_keys_are_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEX_KEY_PASSPHRASE", raising=False)
    monkeypatch.delenv("MEX_KEY_PASSPHRASE_FILE", raising=False)

    with pytest.raises(KeysLocked, match="MEX_KEY_PASSPHRASE"):
        passphrase_given()
