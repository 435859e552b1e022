"""An instance keeps its secrets and ports, and one server has it at a time."""

import socket
import stat
from pathlib import Path

import pytest

from launcher.instance import AlreadyRunning, Instance, default_folder, settings_in, without_settings
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
