"""`manage.py keys rotate` and the files: a new seed beside the old ones, and never without a way back."""

import re
from pathlib import Path

import msgspec
import pytest
from django.core.management import CommandError
from pytest_django import Settings

from mex.env import Unusable
from tests.wallets.rotation import PASSPHRASE, public, public_keys, run, seeds
from wallets.chains import key_rotation, keycare, keyfile, keys
from wallets.chains.hd import PrivateNode
from wallets.chains.keyfile import KeysRefused, header_read, key_file_read
from wallets.chains.public_file import public_file_replace
from wallets.chains.signing_role import signing_role
from wallets.models import Asset, ChainTransaction, DepositAddress
from wallets.worker_start import worker_start

NEW = "another long passphrase of it"


@pytest.fixture
def folder(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, ledger_db: None) -> Path:
    """Keys of one seed, for a public network."""
    return public_keys(tmp_path, settings, monkeypatch)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_rotation_adds_a_seed_and_keeps_the_old_one(folder: Path, settings: Settings) -> None:
    (old,), before = seeds(settings), public(settings)
    old_hot = keys.hot_address()

    said = run("rotate")

    kept, new = seeds(settings)
    after = public(settings)
    assert kept == old != new
    assert after.generations[0] == before.newest
    assert after.fingerprint == PrivateNode.from_seed(new).fingerprint().hex()
    assert keys.hot_addresses() == (old_hot, keys.hot_address())
    assert keys.deposit_address(0, 0) != keys.deposit_address(0) == keys.deposit_address(0, 1)
    assert "back the key file up" in said
    assert after.fingerprint in said
    assert names(folder) == {"mex.keys", "mex.keys.public"}
    assert settings.KEY_FILE.stat().st_mode & 0o777 == 0o600
    assert settings.KEY_PUBLIC_FILE.stat().st_mode & 0o777 == 0o644


def test_private_keys_and_addresses_of_every_generation_belong_together(folder: Path) -> None:
    from eth_account import Account

    run("rotate")
    run("rotate")

    with signing_role():
        keys.keys_ensure()
        for number in range(3):
            assert Account.from_key(keys.hot_key(number)).address == keys.hot_address(number)
            assert Account.from_key(keys.deposit_key(5, number)).address == keys.deposit_address(5, number)
        assert keys.hot_key() == keys.hot_key(2)
        fingerprints = [text.partition("[")[2][:8] for text in keys.bitcoin_signing_descriptors()]
    assert fingerprints == [one.fingerprint for one in keys.generations() for _ in range(4)]
    assert [text.partition("[")[2][:8] for text in keys.bitcoin_descriptors()] == fingerprints
    assert len(set(keys.hot_addresses())) == 3


def test_files_of_one_seed_are_those_of_earlier_versions(folder: Path, settings: Settings) -> None:
    """What an earlier version wrote is read, and what is written without a rotation an earlier version can read."""
    header = msgspec.json.decode(settings.KEY_FILE.read_bytes().split(b"\n")[0])
    content = msgspec.json.decode(settings.KEY_PUBLIC_FILE.read_bytes())

    assert header["version"] == content["version"] == 1
    assert "generations" not in header
    assert set(content) == {"version", "fingerprint", "made_for", "ethereum", "bitcoin"}
    run("rotate")
    assert header_read(settings.KEY_FILE).version == 2
    assert msgspec.json.decode(settings.KEY_PUBLIC_FILE.read_bytes())["version"] == 2


@pytest.mark.parametrize("change", [(b'"version":2', b'"version":1'), (b'"generations":[{', b'"generation":[{')])
def test_a_header_that_contradicts_itself_is_refused(
    folder: Path, settings: Settings, change: tuple[bytes, bytes]
) -> None:
    run("rotate")
    settings.KEY_FILE.write_bytes(settings.KEY_FILE.read_bytes().replace(*change))

    with pytest.raises(KeysRefused, match="not a key file that this version reads"):
        key_file_read(settings.KEY_FILE, PASSPHRASE)


def test_no_secret_is_in_the_files(folder: Path, settings: Settings) -> None:
    run("rotate")

    text = settings.KEY_FILE.read_text() + settings.KEY_PUBLIC_FILE.read_text() + run("show")
    assert re.search(r"\b[xt]prv\w{20}", text) is None
    assert [seed.hex() for seed in seeds(settings) if seed.hex() in text] == []


def test_other_processes_see_new_keys_without_being_restarted(folder: Path, settings: Settings) -> None:
    before = keys.hot_address()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_rotation, "keys_forget", lambda: None)
        run("rotate")

    assert keys.hot_addresses()[0] == before != keys.hot_address()
    assert keys.generation_newest() == 1


def test_backup_restore_verify_show_and_passphrase_know_all_seeds(
    folder: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("rotate")
    both, told = seeds(settings), public(settings)
    run("backup", str(tmp_path / "backup"))
    settings.KEY_FILE.unlink()

    run("restore", str(tmp_path / "backup"))
    (tmp_path / "new").write_text(NEW + "\n")
    run("passphrase", "--new-file", str(tmp_path / "new"))

    assert key_file_read(settings.KEY_FILE, NEW)[1] == both
    assert public(settings) == told
    monkeypatch.setenv("MEX_KEY_PASSPHRASE", NEW)
    assert "wrong" not in run("verify", "--offline")
    shown = run("show")
    assert all(hot in shown for hot in keys.hot_addresses())
    assert all(one.fingerprint in shown for one in told.generations)


def test_a_backup_from_before_the_rotation_is_refused(folder: Path, settings: Settings, tmp_path: Path) -> None:
    run("backup", str(tmp_path / "backup"))
    run("rotate")
    settings.KEY_FILE.unlink()

    with pytest.raises(CommandError, match=r"from before the rotation of .*: it holds 1 of the 2 seeds"):
        run("restore", str(tmp_path / "backup"))
    assert not settings.KEY_FILE.exists()
    with pytest.raises(CommandError, match="comparisons failed"):
        run("verify", "--offline", "--file", str(tmp_path / "backup"))


def test_a_backup_brings_a_public_file_from_before_the_rotation_up_to_date(
    folder: Path, settings: Settings, tmp_path: Path
) -> None:
    before = public(settings)
    run("rotate")
    after = public(settings)
    run("backup", str(tmp_path / "backup"))
    settings.KEY_FILE.unlink()
    public_file_replace(settings.KEY_PUBLIC_FILE, before)

    run("restore", str(tmp_path / "backup"))

    assert public(settings) == after


def test_a_signer_with_keys_from_before_the_rotation_does_not_start(
    folder: Path, settings: Settings, tmp_path: Path, eth: Asset
) -> None:
    """On a new machine there is no public file that would tell: the database does."""
    run("backup", str(tmp_path / "backup"))
    run("rotate")
    DepositAddress.objects.create(asset=eth, address=keys.deposit_address(0), derivation_index=0, generation=1)
    settings.KEY_FILE = tmp_path / "elsewhere" / "mex.keys"
    settings.KEY_PUBLIC_FILE = tmp_path / "elsewhere" / "mex.keys.public"
    run("restore", str(tmp_path / "backup"))

    with signing_role(), pytest.raises(Unusable, match="addresses of generation 1 were handed out"):
        worker_start(queues=["signer"])
    with signing_role(), pytest.raises(KeysRefused, match="no generation 1"):
        keys.deposit_key(0, 1)


@pytest.fixture
def eth(folder: Path) -> Asset:
    """Ether, whose chain the hot wallet is on."""
    columns = {"name": "Ether", "chain": "ethereum", "network": "ETH", "chain_decimals": 18, "confirmations": 3}
    columns |= {"withdrawal_fee": 50_000, "withdrawal_min": 1_000_000}
    return Asset.objects.get_or_create(code="ETH", defaults=columns)[0]


@pytest.mark.parametrize("status", ["signed", "broadcast"])
def test_while_the_hot_wallet_waits_for_blocks_nothing_is_rotated(
    folder: Path, settings: Settings, eth: Asset, status: str
) -> None:
    row = ChainTransaction.objects.create(
        asset=eth,
        fee_asset=eth,
        kind="withdrawal",
        status=status,
        txid="0x01",
        raw="",
        sender=keys.hot_address(),
        nonce=0,
    )
    before = settings.KEY_FILE.read_bytes(), settings.KEY_PUBLIC_FILE.read_bytes()

    with pytest.raises(CommandError, match=r"1 transactions of the hot wallet 0x.* are not final, 0x01 among them"):
        run("rotate")

    assert (settings.KEY_FILE.read_bytes(), settings.KEY_PUBLIC_FILE.read_bytes()) == before
    ChainTransaction.objects.filter(pk=row.pk).update(status="confirmed")
    run("rotate")


def test_other_peoples_files_are_not_rotated(folder: Path, settings: Settings, tmp_path: Path) -> None:
    keyfile.key_file_write(tmp_path / "other", bytes(32), PASSPHRASE, made_for="public")
    settings.KEY_FILE = tmp_path / "other"

    with pytest.raises(CommandError, match="find the right one first"):
        run("rotate")
    assert key_file_read(settings.KEY_FILE, PASSPHRASE)[1] == (bytes(32),)


def test_without_keys_or_with_the_wrong_passphrase_nothing_is_rotated(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = settings.KEY_FILE.read_bytes()
    monkeypatch.setenv("MEX_KEY_PASSPHRASE", NEW)
    with pytest.raises(CommandError, match="the passphrase is not that of"):
        run("rotate")
    settings.KEY_FILE.chmod(0o640)
    with pytest.raises(CommandError, match="chmod 600"):
        run("rotate")
    assert settings.KEY_FILE.read_bytes() == before

    settings.KEY_FILE = folder / "nowhere" / "mex.keys"
    with pytest.raises(CommandError, match="there is no folder"):
        run("rotate")


def test_what_came_out_wrong_is_taken_back_and_never_public(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = settings.KEY_FILE.read_bytes(), settings.KEY_PUBLIC_FILE.read_bytes()
    usual = keycare.sealed
    monkeypatch.setattr(keycare, "sealed", lambda _, new, **rest: usual((bytes(32), bytes([1]) * 32), new, **rest))

    with pytest.raises(CommandError, match="another seed than its header says"):
        run("rotate")

    assert (settings.KEY_FILE.read_bytes(), settings.KEY_PUBLIC_FILE.read_bytes()) == before
    assert names(folder) == {"mex.keys", "mex.keys.public"}
