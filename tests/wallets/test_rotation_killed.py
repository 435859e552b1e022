"""A rotation that is killed at any point, and signing workers that run or start meanwhile: with real processes."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.management import CommandError
from django.db import connection
from pytest_django import Settings

from launcher.instance import ROOT
from mex.env import Unusable
from tests.wallets.rotation import PASSPHRASE, public, public_keys, run, seeds
from wallets.chains import key_rotation, keyfile, keys
from wallets.chains.keyfile import KeysRefused
from wallets.chains.signer_lock import signer_lock_hold
from wallets.chains.signing_role import signing_role
from wallets.worker_start import worker_start


@pytest.fixture
def folder(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, ledger_db: None) -> Path:
    """Keys of one seed, for a public network."""
    return public_keys(tmp_path, settings, monkeypatch)


_KILLED = """
import os, sys
import django
django.setup()
from django.core.management import call_command
from wallets.chains import key_rotation, keycare, keyfile, public_file
keyfile.SCRYPT_N["public"] = 2**15
place, name, when = sys.argv[1:]
module = {"keycare": keycare, "public_file": public_file, "key_rotation": key_rotation, "os": os}[place]
usual = getattr(module, name)
def killed(*args, **kwargs):
    if when == "after":
        usual(*args, **kwargs)
    os.kill(os.getpid(), 9)
setattr(module, name, killed)
call_command("keys", "rotate")
"""
_MOMENTS = {
    "before the draft": ("keycare", "draft_write", "before", 1),
    "with a draft": ("keycare", "draft_write", "after", 1),
    "with the old file beside": ("os", "link", "after", 1),
    "in place, not synced": ("keycare", "folder_sync", "before", 2),
    "in place, not read back": ("keycare", "folder_sync", "after", 2),
    "before the public file": ("key_rotation", "public_file_replace", "before", 2),
    "with a draft of the public file": ("public_file", "draft_write", "after", 2),
    "at the end": ("key_rotation", "public_file_replace", "after", 2),
}


def child(settings: Settings, script: str, *arguments: str) -> "subprocess.Popen[str]":
    """Start a program of the instance with these keys."""
    database = os.environ["DATABASE_URL"]
    if database.startswith("postgresql"):  # the tests have one of their own beside the one that is named
        database = f"{database.rpartition('/')[0]}/{connection.settings_dict['NAME']}"
    environment = os.environ | {
        "DATABASE_URL": database,
        "MEX_KEY_FILE": str(settings.KEY_FILE),
        "MEX_KEY_PUBLIC_FILE": str(settings.KEY_PUBLIC_FILE),
        "MEX_KEY_PASSPHRASE": PASSPHRASE,
        "MEX_NETWORK": "signet",
        "BITCOIN_RPC_URL": "http://mex:mex@127.0.0.1:9",
        "ETHEREUM_RPC_URL": "http://127.0.0.1:9",
    }
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("moment", _MOMENTS)
def test_a_rotation_that_is_killed_leaves_keys_that_open_and_is_ended_by_the_next(
    folder: Path, settings: Settings, moment: str
) -> None:
    """At no moment does the public file, where addresses come from, know a seed that is not on the disk."""
    place, name, when, count = _MOMENTS[moment]
    (old,) = seeds(settings)
    process = child(settings, _KILLED, place, name, when)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, complaint

    there = seeds(settings)
    told = public(settings).generations
    assert there[0] == old
    assert len(there) == count
    assert [one.fingerprint for one in told] == [keyfile.seed_fingerprint(seed) for seed in there[: len(told)]]
    is_whole = len(told) == len(there)
    with signing_role():
        if is_whole:
            keys.keys_ensure()
        else:
            with pytest.raises(KeysRefused, match=r"was cut off: run `manage\.py keys rotate` again"):
                keys.keys_ensure()

    said = run("rotate")

    assert ("had been cut off was ended" in said) == (not is_whole)
    assert len(seeds(settings)) == (2 if not is_whole else count + 1)
    assert seeds(settings)[: len(there)] == there
    with signing_role():
        keys.keys_ensure()


_SIGNER = """
import os, sys
import django
django.setup()
from wallets.worker_start import worker_start
worker_start(queues=["signer"])
if sys.argv[1] == "fork" and os.fork() == 0:
    sys.stdout.write(f"{os.getpid()}\\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)
if sys.argv[1] == "alone":
    sys.stdout.write(f"{os.getpid()}\\n")
    sys.stdout.flush()
sys.stdin.read()
"""


@contextmanager
def signer(settings: Settings, how: str) -> Iterator[int]:
    """A signing worker that has started; yields the id of the process that is told about."""
    process = child(settings, _SIGNER, how)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, process.communicate(timeout=30)[1]
        yield int(line)
    finally:
        process.kill()
        process.communicate(timeout=30)


@pytest.mark.parametrize("how", ["alone", "fork"])
def test_while_a_signer_runs_nothing_is_rotated_and_after_its_death_it_is(
    folder: Path, settings: Settings, how: str
) -> None:
    before = settings.KEY_FILE.read_bytes()

    with signer(settings, how) as pid:
        with pytest.raises(CommandError, match="a signing worker runs"):
            run("rotate")
        os.kill(pid, signal.SIGKILL)  # the lock of a fork is that of its parent, who lives on
        if how == "fork":
            with pytest.raises(CommandError, match="a signing worker runs"):
                run("rotate")
    assert settings.KEY_FILE.read_bytes() == before

    run("rotate")
    assert len(seeds(settings)) == 2


def test_a_public_file_that_cannot_be_written_leaves_a_rotation_that_can_be_ended(
    folder: Path, settings: Settings, tmp_path: Path
) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    settings.KEY_PUBLIC_FILE = settings.KEY_PUBLIC_FILE.rename(shelf / "public")
    before = settings.KEY_PUBLIC_FILE.read_bytes()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wallets.chains.public_file.draft_write", _full)
        with pytest.raises(CommandError, match=r"a file cannot be read or written: .*No space left"):
            run("rotate")
    assert settings.KEY_PUBLIC_FILE.read_bytes() == before

    assert "had been cut off was ended" in run("rotate")
    assert len(public(settings).generations) == len(seeds(settings)) == 2


def _full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_signer_that_starts_during_a_rotation_is_told_to_wait(folder: Path, settings: Settings) -> None:
    said = []

    def start(*_: object) -> None:
        with pytest.raises(Unusable, match="are being rotated"):
            worker_start(queues=["signer"])
        said.append("refused")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_rotation, "_hot_wallet_check", start)
        with signing_role():
            run("rotate")

    assert said == ["refused"]
    signer_lock_hold()
    with pytest.raises(CommandError, match="a signing worker runs"):
        run("rotate")
