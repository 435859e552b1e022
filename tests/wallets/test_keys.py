"""Who may load keys, which keys may be used where, and that the public file is always theirs."""

import hashlib
import re
from pathlib import Path

import msgspec
import pytest
from pytest_django import Settings

from mex.env import Unusable
from wallets.chains import keys
from wallets.chains.hd import PrivateNode
from wallets.chains.keyfile import KeysLocked, KeysMissing, KeysRefused, Origin, key_file_read, key_file_write
from wallets.chains.signing_role import signing_role
from wallets.worker_start import worker_start

PASSPHRASE = "a passphrase of this test"
SEED = bytes(range(32))
MNEMONIC = "test test test test test test test test test test test junk"


@pytest.fixture
def folder(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance of its own, without keys."""
    settings.KEY_FILE = tmp_path / "keys" / "mex.keys"
    settings.KEY_PUBLIC_FILE = tmp_path / "keys" / "mex.keys.public"
    monkeypatch.setenv("MEX_KEY_PASSPHRASE", PASSPHRASE)
    return tmp_path / "keys"


def install(settings: Settings, seed: bytes, made_for: Origin) -> None:
    key_file_write(settings.KEY_FILE, seed, PASSPHRASE, made_for=made_for)


def test_keys_are_made_once_at_the_first_start_on_local_chains(folder: Path, settings: Settings) -> None:
    with signing_role():
        keys.keys_ensure()
        first = settings.KEY_FILE.read_bytes()
        keys.keys_ensure()

    header, (seed,) = key_file_read(settings.KEY_FILE, PASSPHRASE)
    assert settings.KEY_FILE.read_bytes() == first
    assert header.made_for == "local"
    assert keys.deposit_address(0) == keys.address_at(
        PrivateNode.from_seed(seed).derive("m/44'/60'/0'").public().xpub(), 0
    )
    assert {path.name for path in folder.iterdir()} == {"mex.keys", "mex.keys.public"}


def test_others_may_read_the_public_file_and_nothing_in_it_is_secret(folder: Path, settings: Settings) -> None:
    with signing_role():
        keys.keys_ensure()

    text = settings.KEY_PUBLIC_FILE.read_text()
    assert settings.KEY_PUBLIC_FILE.stat().st_mode & 0o777 == 0o644
    assert settings.KEY_FILE.stat().st_mode & 0o777 == 0o600
    assert "xpub" in text
    assert "tpub" in text
    assert re.search(r"\b[xt]prv\w{20}", text) is None


def test_private_keys_and_public_addresses_belong_together(folder: Path, settings: Settings) -> None:
    from eth_account import Account

    with signing_role():
        keys.keys_ensure()

        assert Account.from_key(keys.hot_key()).address == keys.hot_address()
        assert Account.from_key(keys.deposit_key(3)).address == keys.deposit_address(3)


@pytest.mark.parametrize("load", [keys.hot_key, lambda: keys.deposit_key(0), keys.bitcoin_signing_descriptors])
def test_a_process_that_does_not_sign_loads_no_key_even_with_the_passphrase(
    folder: Path, settings: Settings, load: object
) -> None:
    with signing_role():
        keys.keys_ensure()
        load()  # type: ignore[operator]

    with pytest.raises(KeysLocked, match="only workers of the queue signer"):
        load()  # type: ignore[operator]
    with pytest.raises(KeysLocked, match="only workers of the queue signer"):
        keys.keys_ensure()
    assert keys.hot_address().startswith("0x")


def test_a_signer_without_the_passphrase_is_told_so(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(settings, SEED, "local")
    monkeypatch.delenv("MEX_KEY_PASSPHRASE")

    with signing_role(), pytest.raises(KeysLocked, match="MEX_KEY_PASSPHRASE"):
        keys.keys_ensure()
    assert not settings.KEY_PUBLIC_FILE.exists()


def test_without_a_passphrase_no_keys_are_made(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEX_KEY_PASSPHRASE")

    with signing_role(), pytest.raises(KeysLocked):
        keys.keys_ensure()
    assert not settings.KEY_FILE.exists()


def test_on_public_networks_keys_are_made_by_people(folder: Path, settings: Settings) -> None:
    settings.MEX_LOCAL_CHAINS = False

    with signing_role(), pytest.raises(KeysMissing, match="keys create"):
        keys.keys_ensure()
    assert not settings.KEY_FILE.exists()


def test_a_development_key_is_refused_on_a_public_network(folder: Path, settings: Settings) -> None:
    with signing_role():
        keys.keys_ensure()
        settings.MEX_LOCAL_CHAINS = False

        with pytest.raises(KeysRefused, match="made for local chains") as refused:
            keys.keys_ensure()
        with pytest.raises(KeysRefused, match="made for local chains"):
            keys.hot_key()
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("seed", [hashlib.pbkdf2_hmac("sha512", MNEMONIC.encode(), b"mnemonic", 2048)])
def test_the_key_that_everybody_has_is_refused_on_a_public_network(
    folder: Path, settings: Settings, seed: bytes
) -> None:
    install(settings, seed, "public")

    with signing_role():
        keys.keys_ensure()  # whoever wants to may play with it at home
        settings.MEX_LOCAL_CHAINS = False
        with pytest.raises(KeysRefused, match="everybody has its keys"):
            keys.keys_ensure()


def test_a_key_made_for_public_networks_is_used_on_them(folder: Path, settings: Settings) -> None:
    settings.MEX_LOCAL_CHAINS = False
    install(settings, SEED, "public")

    with signing_role():
        keys.keys_ensure()
        assert len(keys.hot_key()) == 32


def test_a_public_file_of_other_keys_stops_the_signer(folder: Path, settings: Settings) -> None:
    """Addresses of the other keys are handed out meanwhile: what arrives there, this signer could not spend."""
    install(settings, SEED, "local")
    other = folder / "other.keys"
    key_file_write(other, bytes(32), PASSPHRASE, made_for="local")
    keys.public_file_write(settings.KEY_PUBLIC_FILE, keys.public_side_of(*key_file_read(other, PASSPHRASE)))

    with signing_role(), pytest.raises(KeysRefused, match="its addresses are not those of our keys"):
        keys.keys_ensure()


def test_a_key_file_that_others_may_read_stops_the_signer(folder: Path, settings: Settings) -> None:
    install(settings, SEED, "local")
    settings.KEY_FILE.chmod(0o644)

    with signing_role(), pytest.raises(KeysRefused, match="chmod 600"):
        keys.keys_ensure()


def test_a_signer_whose_key_folder_is_no_folder_ends_with_one_line(
    folder: Path, settings: Settings, ledger_db: None
) -> None:
    folder.write_text("in the way")
    settings.BITCOIN_RPC_URL = settings.ETHEREUM_RPC_URL = "http://mex:mex@127.0.0.1:9"

    with signing_role(), pytest.raises(Unusable, match="key files cannot be read or written"):
        worker_start(queues=["signer"])


@pytest.mark.parametrize("content", ["", "{}", '{"version":2}'])
def test_a_damaged_public_file_is_said_to_be_so(folder: Path, settings: Settings, content: str) -> None:
    folder.mkdir()
    settings.KEY_PUBLIC_FILE.write_text(content)

    with pytest.raises(KeysRefused, match="damaged"):
        keys.hot_address()


def test_without_a_public_file_addresses_are_missing(folder: Path) -> None:
    with pytest.raises(KeysMissing, match="at its first start"):
        keys.hot_address()
    with pytest.raises(KeysMissing):
        keys.bitcoin_descriptors()


class TestTheSeedOfEarlierVersions:
    """It stood in the clear, and becomes the encrypted one without losing an address."""

    @pytest.fixture
    def plain(self, folder: Path) -> Path:
        folder.mkdir()
        plain = folder / "ethereum.seed"
        plain.write_text(SEED.hex() + "\n")
        (folder / "ethereum.seed.xpub").write_text("xpub\n")
        return plain

    def test_it_is_encrypted_and_then_removed(self, folder: Path, settings: Settings, plain: Path) -> None:
        with signing_role():
            keys.keys_ensure()

        assert key_file_read(settings.KEY_FILE, PASSPHRASE)[1] == (SEED,)
        assert {path.name for path in folder.iterdir()} == {"mex.keys", "mex.keys.public"}

    def test_one_that_was_encrypted_before_a_crash_is_removed_now(
        self, folder: Path, settings: Settings, plain: Path
    ) -> None:
        install(settings, SEED, "local")

        with signing_role():
            keys.keys_ensure()

        assert not plain.exists()

    @pytest.mark.parametrize("wrong", ["", "zz", "00" * 16])
    def test_what_is_no_seed_is_kept_and_said(self, folder: Path, settings: Settings, plain: Path, wrong: str) -> None:
        plain.write_text(wrong)

        with signing_role(), pytest.raises(KeysRefused, match="not a seed"):
            keys.keys_ensure()
        assert plain.read_text() == wrong
        assert not settings.KEY_FILE.exists()

    def test_beside_another_key_file_it_is_kept(self, folder: Path, settings: Settings, plain: Path) -> None:
        install(settings, bytes(32), "local")

        with signing_role(), pytest.raises(KeysRefused, match="different seeds"):
            keys.keys_ensure()
        assert plain.read_text() == SEED.hex() + "\n"

    def test_a_wrong_passphrase_leaves_it_where_it_is(
        self, folder: Path, settings: Settings, plain: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        install(settings, SEED, "local")
        monkeypatch.setenv("MEX_KEY_PASSPHRASE", "another")

        with signing_role(), pytest.raises(KeysLocked):
            keys.keys_ensure()
        assert plain.exists()

    def test_on_public_networks_nothing_happens_by_itself(self, folder: Path, settings: Settings, plain: Path) -> None:
        settings.MEX_LOCAL_CHAINS = False

        with signing_role(), pytest.raises(KeysMissing):
            keys.keys_ensure()
        assert plain.exists()


def test_the_public_file_says_what_it_should(folder: Path, settings: Settings) -> None:
    with signing_role():
        keys.keys_ensure()

    content = msgspec.json.decode(settings.KEY_PUBLIC_FILE.read_bytes())
    assert set(content) == {"version", "fingerprint", "made_for", "ethereum", "bitcoin"}
    assert content["bitcoin"] == keys.bitcoin_descriptors()
    assert len(content["bitcoin"]) == 4
