"""`manage.py keys`: each step of an operator, and that none of them can lose or spoil a key."""

import os
import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tests.wallets.nodes import Bitcoind
from wallets.chains import keycare, keyfile, keys
from wallets.chains.keyfile import KeysRefused, key_file_read
from wallets.chains.public_file import public_file_read
from wallets.models import Asset, DepositAddress

PASSPHRASE = "a long passphrase of this test"
NEW = "another long passphrase of it"


@pytest.fixture
def folder(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance of its own on a public network, without keys."""
    settings.KEY_FILE = tmp_path / "keys" / "mex.keys"
    settings.KEY_PUBLIC_FILE = tmp_path / "keys" / "mex.keys.public"
    settings.MEX_LOCAL_CHAINS = False
    monkeypatch.setitem(keyfile.SCRYPT_N, "public", 2**15)  # as slow as the local one: this machine has other work
    monkeypatch.setenv("MEX_KEY_PASSPHRASE", PASSPHRASE)
    return tmp_path / "keys"


def run(*words: str) -> str:
    printed = StringIO()
    call_command("keys", *words, stdout=printed)
    return printed.getvalue()


@pytest.fixture
def created(folder: Path) -> Path:
    run("create")
    return folder


def test_a_key_for_public_networks_is_made_once(created: Path, settings: Settings) -> None:
    header, _ = key_file_read(settings.KEY_FILE, PASSPHRASE)
    before = settings.KEY_FILE.read_bytes()

    with pytest.raises(CommandError, match="never written over"):
        run("create")

    assert header.made_for == "public"
    assert public_file_read(settings.KEY_PUBLIC_FILE).fingerprint == header.fingerprint
    assert settings.KEY_FILE.read_bytes() == before


def test_a_new_key_beside_the_public_file_of_a_lost_one_is_refused(created: Path, settings: Settings) -> None:
    settings.KEY_FILE.unlink()

    with pytest.raises(CommandError, match="never written over"):
        run("create")
    assert not settings.KEY_FILE.exists()


def test_a_short_passphrase_is_refused(folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEX_KEY_PASSPHRASE", "fifteen letters")

    with pytest.raises(CommandError, match="at least 16"):
        run("create")
    assert not settings.KEY_FILE.exists()


def test_without_terminal_and_settings_no_passphrase_is_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEX_KEY_PASSPHRASE")
    monkeypatch.setattr("sys.stdin", StringIO(""))

    with pytest.raises(CommandError, match="MEX_KEY_PASSPHRASE_FILE"):
        run("create")


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What somebody types at a terminal."""
    answers: list[str] = []
    monkeypatch.delenv("MEX_KEY_PASSPHRASE")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda prompt: answers.pop(0))
    return answers


def test_at_a_terminal_the_passphrase_is_asked_for_twice(folder: Path, settings: Settings, typed: list[str]) -> None:
    typed += [PASSPHRASE, PASSPHRASE]

    run("create")

    assert key_file_read(settings.KEY_FILE, PASSPHRASE)[0].made_for == "public"


def test_a_passphrase_that_is_mistyped_makes_nothing(folder: Path, settings: Settings, typed: list[str]) -> None:
    typed += [PASSPHRASE, NEW]

    with pytest.raises(CommandError, match="not the same one twice"):
        run("create")
    assert not settings.KEY_FILE.exists()


def test_the_seed_of_an_earlier_version_is_taken_over_on_demand(folder: Path, settings: Settings) -> None:
    plain = folder.parent / "ethereum.seed"
    plain.write_text("07" * 32 + "\n")

    run("create", "--plain", str(plain))

    assert key_file_read(settings.KEY_FILE, PASSPHRASE)[1] == (bytes([7]) * 32,)
    assert not plain.exists()


def test_a_backup_is_the_file_and_opens(created: Path, settings: Settings, tmp_path: Path) -> None:
    target = tmp_path / "backup"

    said = run("backup", str(target))

    assert target.read_bytes() == settings.KEY_FILE.read_bytes()
    assert target.stat().st_mode & 0o777 == 0o600
    assert key_file_read(target, PASSPHRASE)[0].fingerprint in said


def test_a_backup_writes_over_nothing(created: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    target.write_text("something dear")

    with pytest.raises(CommandError, match="never writes over"):
        run("backup", str(target))
    with pytest.raises(CommandError, match="there is no folder"):
        run("backup", str(tmp_path / "nowhere" / "backup"))
    assert target.read_text() == "something dear"


def test_a_backup_with_the_wrong_passphrase_is_none(
    created: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEX_KEY_PASSPHRASE", NEW)

    with pytest.raises(CommandError, match="passphrase"):
        run("backup", str(tmp_path / "backup"))
    assert not (tmp_path / "backup").exists()


def test_a_lost_key_file_comes_back_from_its_backup(created: Path, settings: Settings, tmp_path: Path) -> None:
    run("backup", str(tmp_path / "backup"))
    before = settings.KEY_FILE.read_bytes()
    settings.KEY_FILE.unlink()

    run("restore", str(tmp_path / "backup"))

    assert settings.KEY_FILE.read_bytes() == before
    with pytest.raises(CommandError, match="never written over"):
        run("restore", str(tmp_path / "backup"))


def test_on_another_machine_a_backup_alone_is_enough(created: Path, settings: Settings, tmp_path: Path) -> None:
    run("backup", str(tmp_path / "backup"))
    public = settings.KEY_PUBLIC_FILE.read_bytes()
    settings.KEY_FILE = tmp_path / "elsewhere" / "mex.keys"
    settings.KEY_PUBLIC_FILE = tmp_path / "elsewhere" / "public"

    run("restore", str(tmp_path / "backup"))

    assert settings.KEY_PUBLIC_FILE.read_bytes() == public


def test_the_backup_of_another_key_is_not_restored(created: Path, settings: Settings, tmp_path: Path) -> None:
    keyfile.key_file_write(tmp_path / "other", bytes(32), PASSPHRASE, made_for="public")
    settings.KEY_FILE.unlink()

    with pytest.raises(CommandError, match="addresses of other ones were handed out"):
        run("restore", str(tmp_path / "other"))
    assert not settings.KEY_FILE.exists()


def change(tmp_path: Path) -> str:
    (tmp_path / "new").write_text(NEW + "\n")
    return run("passphrase", "--new-file", str(tmp_path / "new"))


def test_the_passphrase_can_be_changed(created: Path, settings: Settings, tmp_path: Path) -> None:
    _, seed = key_file_read(settings.KEY_FILE, PASSPHRASE)

    change(tmp_path)

    assert key_file_read(settings.KEY_FILE, NEW)[1] == seed
    assert key_file_read(settings.KEY_FILE, NEW)[0].made_for == "public"
    with pytest.raises(keys.KeysLocked):
        key_file_read(settings.KEY_FILE, PASSPHRASE)
    assert {path.name for path in created.iterdir()} == {"mex.keys", "mex.keys.public"}


@pytest.mark.parametrize("moment", ["_sealed", "_linked", "_replaced"])
def test_a_change_that_is_cut_off_leaves_a_key_file_that_opens(
    created: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Power fails while the file is encrypted anew: it opens with the old passphrase or with the new one."""
    _, seed = key_file_read(settings.KEY_FILE, PASSPHRASE)

    class PowerCut(BaseException):
        pass

    def cut(*_: object, **__: object) -> None:
        raise PowerCut

    place = {"_sealed": (keycare, "draft_write"), "_linked": (os, "link"), "_replaced": (keycare, "folder_sync")}
    with monkeypatch.context() as patch:
        patch.setattr(*place[moment], cut)
        with pytest.raises(PowerCut):
            change(tmp_path)

    opens = PASSPHRASE if moment != "_replaced" else NEW
    assert key_file_read(settings.KEY_FILE, opens)[1] == seed
    monkeypatch.setenv("MEX_KEY_PASSPHRASE", opens)
    change(tmp_path)
    assert key_file_read(settings.KEY_FILE, NEW)[1] == seed


def test_a_change_that_wrote_nonsense_is_taken_back(
    created: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = settings.KEY_FILE.read_bytes()
    usual = keycare.sealed
    monkeypatch.setattr(keycare, "sealed", lambda _, new, **rest: usual((bytes(32),), new, **rest))

    with pytest.raises(CommandError, match="is not what was written"):
        change(tmp_path)

    assert settings.KEY_FILE.read_bytes() == before
    assert {path.name for path in created.iterdir()} == {"mex.keys", "mex.keys.public"}


@pytest.mark.parametrize("is_readable", [True, False])
def test_a_disk_that_keeps_something_else_gets_the_old_file_back(
    created: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_readable: bool
) -> None:
    """What is in the file's place after the change does not open, or holds another seed."""
    before = settings.KEY_FILE.read_bytes()
    wrong = [keyfile.sealed((bytes(32),), NEW, made_for="public") if is_readable else "nonsense"]

    def spoil(folder: Path) -> None:
        if wrong:
            settings.KEY_FILE.write_text(wrong.pop())

    monkeypatch.setattr(keycare, "folder_sync", spoil)
    with pytest.raises(CommandError, match="the old one is back in its place"):
        change(tmp_path)

    assert settings.KEY_FILE.read_bytes() == before
    assert {path.name for path in created.iterdir()} == {"mex.keys", "mex.keys.public"}


def test_a_short_new_passphrase_changes_nothing(created: Path, settings: Settings, tmp_path: Path) -> None:
    before = settings.KEY_FILE.read_bytes()
    (tmp_path / "new").write_text("short\n")

    with pytest.raises(CommandError, match="at least 16"):
        run("passphrase", "--new-file", str(tmp_path / "new"))
    assert settings.KEY_FILE.read_bytes() == before


def test_what_is_public_is_shown_without_a_passphrase(created: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEX_KEY_PASSPHRASE")

    shown = run("show")

    assert keys.hot_address() in shown
    assert all(descriptor in shown for descriptor in keys.bitcoin_descriptors())
    assert re.search(r"\b[xt]prv\w{20}", shown) is None


class TestVerify:
    """The comparison of a key file with all that was made from it."""

    @pytest.fixture
    def used(self, settings: Settings, bitcoind: Bitcoind, key_file: Path, btc: Asset, eth: Asset) -> Bitcoind:
        """The keys of the run on local chains, with addresses handed out and the node's wallet."""
        settings.BITCOIN_RPC_URL = bitcoind.url
        for address in bitcoind.node.addresses_new(3):
            DepositAddress.objects.create(asset=btc, address=address)
        for index in range(3):
            DepositAddress.objects.create(asset=eth, address=keys.deposit_address(index), derivation_index=index)
        return bitcoind

    def test_all_agree(self, used: Bitcoind) -> None:
        lines = run("verify", "--all").splitlines()

        assert [line.split(":")[0] for line in lines] == ["ok"] * 6
        assert "3 stored Ethereum addresses" in lines[3]
        assert "3 stored Bitcoin addresses" in lines[4]

    def test_a_backup_is_verified_like_the_file_itself(self, used: Bitcoind, tmp_path: Path) -> None:
        run("backup", str(tmp_path / "backup"))

        assert "wrong" not in run("verify", "--file", str(tmp_path / "backup"))

    def test_another_key_is_wrong_everywhere(self, used: Bitcoind, tmp_path: Path) -> None:
        other = tmp_path / "other"
        keyfile.key_file_write(other, bytes(32), os.environ["MEX_KEY_PASSPHRASE"], made_for="local")
        printed = StringIO()

        with pytest.raises(CommandError, match="4 of 5 comparisons failed"):
            call_command("keys", "verify", "--file", str(other), stdout=printed)

        wrong = [line for line in printed.getvalue().splitlines() if line.startswith("wrong: ")]
        assert "not of this one" in wrong[0]
        assert "3 of 3 Ethereum addresses" in wrong[1]
        assert "3 of 3 Bitcoin addresses" in wrong[2]
        assert "other keys" in wrong[3]

    def test_an_address_that_nobody_can_spend_from_is_found(self, used: Bitcoind, eth: Asset) -> None:
        DepositAddress.objects.filter(asset=eth, derivation_index=1).update(derivation_index=9)
        printed = StringIO()

        with pytest.raises(CommandError, match="1 of 5"):
            call_command("keys", "verify", stdout=printed)
        assert "wrong: 1 of 3 Ethereum addresses" in printed.getvalue()

    def test_a_node_that_does_not_answer_is_not_taken_for_well(self, used: Bitcoind, settings: Settings) -> None:
        settings.BITCOIN_RPC_URL = "http://mex:mex@127.0.0.1:9"
        printed = StringIO()

        with pytest.raises(CommandError, match="1 of 5"):
            call_command("keys", "verify", stdout=printed)
        assert "unknown: the Bitcoin node was not asked" in printed.getvalue()
        assert "unknown" not in run("verify", "--offline")

    def test_a_node_without_our_wallet_is_wrong(self, used: Bitcoind, settings: Settings) -> None:
        settings.BITCOIN_WALLET = "nowhere"
        printed = StringIO()

        with pytest.raises(CommandError, match="1 of 5"):
            call_command("keys", "verify", stdout=printed)
        assert "does not have the wallet nowhere" in printed.getvalue()

    def test_a_key_file_that_others_may_read_is_wrong(self, used: Bitcoind, key_file: Path) -> None:
        key_file.chmod(0o640)
        try:
            with pytest.raises(CommandError, match="chmod 600"):
                run("verify", "--offline")
        finally:
            key_file.chmod(0o600)


def test_the_care_of_keys_says_what_is_wrong_in_its_own_error(created: Path, tmp_path: Path) -> None:
    with pytest.raises(KeysRefused):
        keycare.key_create(PASSPHRASE)
