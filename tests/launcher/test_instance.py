"""An instance keeps its secrets and ports, and one server has it at a time."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.instance import (
    ROOT,
    AlreadyRunning,
    Instance,
    default_folder,
    has_local_chains,
    settings_in,
    without_settings,
)
from launcher.manage import main as manage
from launcher.manage import parse


def test_secrets_are_drawn_once_and_kept(tmp_path: Path) -> None:
    first = Instance.open(tmp_path / "one")
    again = Instance.open(tmp_path / "one")
    other = Instance.open(tmp_path / "two")

    assert again == first
    assert len(first.secret_key) >= 40
    assert {first.secret_key, first.bitcoin_password, first.valkey_password}.isdisjoint(
        {other.secret_key, other.bitcoin_password, other.valkey_password}
    )


def test_only_the_owner_may_read_the_secrets(tmp_path: Path) -> None:
    instance = Instance.open(tmp_path / "data")

    assert stat.S_IMODE((instance.folder / "instance.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(instance.folder.stat().st_mode) == 0o700


def test_ports_are_kept_while_they_are_free(tmp_path: Path) -> None:
    instance = Instance.open(tmp_path)
    before = (instance.valkey_port, instance.bitcoin_port, instance.ethereum_port)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", instance.bitcoin_port))
        listener.listen()
        instance.choose_ports(8123)

    assert instance.web_port == 8123
    assert (instance.valkey_port, instance.ethereum_port) == (before[0], before[2])
    assert instance.bitcoin_port != before[1]


def test_a_second_server_is_refused_and_told_who_has_the_folder(tmp_path: Path) -> None:
    instance = Instance.open(tmp_path)
    assert not instance.is_running()
    with instance.lock():
        assert instance.is_running()
        with (
            pytest.raises(AlreadyRunning, match=r"a server already runs on .* \(process \d+, http://127.0.0.1:8000\)"),
            Instance.open(tmp_path).lock(),
        ):
            pytest.fail("two servers had the folder")

    assert not instance.is_running()


def test_what_the_caller_sets_wins_over_what_the_server_was_given_and_that_over_defaults(tmp_path: Path) -> None:
    instance = Instance.open(tmp_path)
    instance.given = {"LOG_LEVEL": "http", "MEX_SHARD": "3"}

    environment = instance.environment({"LOG_LEVEL": "debug", "HOME": "/home/x", "MEX_DATA": "/elsewhere"})

    assert environment["LOG_LEVEL"] == "debug"
    assert environment["MEX_SHARD"] == "3"
    assert environment["HOME"] == "/home/x"
    assert environment["MEX_DATA"] == str(tmp_path)
    assert environment["SECRET_KEY"] == instance.secret_key
    assert environment["REDIS_URL"] == f"redis://:{instance.valkey_password}@127.0.0.1:{instance.valkey_port}/0"
    assert environment["MEX_SESSION_COOKIE"] == "sessionid_8000"


OPENS_KEYS = ("MEX_KEY_PASSPHRASE", "MEX_KEY_PASSPHRASE_FILE", "MEX_KEY_FILE")


def test_only_the_signer_gets_what_opens_the_keys(tmp_path: Path) -> None:
    instance = Instance.open(tmp_path)
    caller = {"MEX_KEY_PASSPHRASE": "secret", "MEX_KEY_PASSPHRASE_FILE": "/p", "MEX_KEY_FILE": "/safe/mex.keys"}
    instance.keep(caller)

    for others in (instance.environment(caller), instance.environment({})):
        assert not set(OPENS_KEYS) & set(others)
        assert others["MEX_KEY_PUBLIC_FILE"] == "/safe/mex.keys.public"
    assert caller.items() <= instance.signer_environment(caller).items()
    assert instance.signer_environment({})["MEX_KEY_FILE"] == "/safe/mex.keys"


def test_a_passphrase_is_never_written_down(tmp_path: Path) -> None:
    instance = Instance.open(tmp_path)

    instance.keep({"MEX_KEY_PASSPHRASE": "a secret of the caller", "MEX_NETWORK": "local"})
    instance.save()

    assert Instance.open(tmp_path).given == {"MEX_NETWORK": "local"}
    assert "a secret of the caller" not in (tmp_path / "instance.json").read_text()


def test_on_local_chains_a_passphrase_is_drawn_once(tmp_path: Path) -> None:
    path = Path(Instance.open(tmp_path).signer_environment({})["MEX_KEY_PASSPHRASE_FILE"])
    first = path.read_text()

    again = Instance.open(tmp_path).signer_environment({})["MEX_KEY_PASSPHRASE_FILE"]

    assert (Path(again), Path(again).read_text()) == (path, first)
    assert len(first.strip()) >= 40
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "caller",
    [
        {"MEX_NETWORK": "signet"},
        {"MEX_LOCAL_CHAINS": "off"},
        {"MEX_PROFILE": "production"},
        {"MEX_KEY_PASSPHRASE": "mine"},
        {"MEX_KEY_PASSPHRASE_FILE": "/mine"},
    ],
)
def test_elsewhere_and_for_people_with_their_own_no_passphrase_is_drawn(tmp_path: Path, caller: dict[str, str]) -> None:
    environment = Instance.open(tmp_path).signer_environment(caller)

    assert environment.get("MEX_KEY_PASSPHRASE_FILE") == caller.get("MEX_KEY_PASSPHRASE_FILE")
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"MEX_NETWORK": "signet"},
        {"MEX_NETWORK": "local"},
        {"MEX_LOCAL_CHAINS": "off"},
        {"MEX_LOCAL_CHAINS": "0"},
        {"MEX_PROFILE": "test"},
    ],
)
def test_the_launcher_and_the_settings_agree_on_what_is_local(tmp_path: Path, given: dict[str, str]) -> None:
    environment = without_settings(os.environ) | given | {"MEX_DATA": str(tmp_path)}
    script = "from mex import settings; print(settings.MEX_LOCAL_CHAINS)"

    told = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True)

    assert told.stdout.strip() == str(has_local_chains(environment)), told.stderr


@pytest.mark.parametrize(("command", "opens"), [("keys", True), ("audit", False), ("shell", False)])
def test_of_all_commands_only_keys_may_open_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, opens: bool
) -> None:
    seen: list[dict[str, str]] = []
    monkeypatch.setattr(os, "execve", lambda program, words, environment: seen.append(environment))
    Instance.open(tmp_path)

    manage(["--data", str(tmp_path), command])

    assert [bool(set(OPENS_KEYS) & set(environment)) for environment in seen] == [opens]


def test_settings_are_told_from_the_rest_of_an_environment() -> None:
    environment = {"REDIS_URL": "r", "MEX_SHARD": "1", "HOME": "/", "PATH": "/bin"}

    assert settings_in(environment) == {"REDIS_URL": "r", "MEX_SHARD": "1"}
    assert without_settings(environment) == {"HOME": "/", "PATH": "/bin"}


def test_the_folder_is_that_of_the_environment_or_of_the_clone() -> None:
    assert default_folder({"MEX_DATA": "/srv/mex"}) == Path("/srv/mex")
    assert default_folder({}) == Path(__file__).resolve().parents[2] / ".mex"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["migrate"], (Path("/d"), ["migrate"])),
        (["--data", "/x", "audit", "--json"], (Path("/x"), ["audit", "--json"])),
        (["--data=/x", "audit"], (Path("/x"), ["audit"])),
        (["audit", "--data", "/x"], (Path("/d"), ["audit", "--data", "/x"])),
        ([], (Path("/d"), [])),
    ],
)
def test_the_folder_is_named_before_the_command(words: list[str], expected: tuple[Path, list[str]]) -> None:
    assert parse(words, Path("/d")) == expected


def test_a_command_that_needs_a_server_says_that_none_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert manage(["--data", str(tmp_path), "demo"]) == 1

    assert capsys.readouterr().out == (
        f"mex: demo needs a running server, and none runs on {tmp_path}: "
        f"start `script/server --data {tmp_path}` first\n"
    )


@pytest.mark.parametrize("command", ["audit", "shell", "market"])
def test_a_folder_that_was_mistyped_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    folder = tmp_path / "typo"

    assert manage(["--data", str(folder), command]) == 1

    said = f"mex: there is no instance in {folder}: `script/server --data {folder}` makes one\n"
    assert capsys.readouterr().out == said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["keys", "migrate", "loadtest", "help"])
def test_what_is_of_use_before_the_first_start_makes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    words: list[list[str]] = []
    monkeypatch.setattr(os, "execve", lambda program, said, environment: words.append(said))

    manage(["--data", str(tmp_path / "new"), command])

    assert words == [[sys.executable, str(ROOT / "manage.py"), command]]
    assert Instance.is_in(tmp_path / "new")


def test_who_names_a_server_needs_no_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words: list[list[str]] = []
    monkeypatch.setattr(os, "execve", lambda program, said, environment: words.append(said))

    manage(["--data", str(tmp_path / "new"), "demo", "--url", "http://127.0.0.1:1"])

    assert len(words) == 1
