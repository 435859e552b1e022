"""The installer's parts that need no network."""

import hashlib
import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from launcher import bitcoin_node, ethereum_node, nodes
from launcher.bitcoin_node import major_version
from launcher.debian import libraries_needed, os_release, paragraphs
from launcher.elf import libraries_of
from launcher.ethereum_node import check_integrity, package_name
from launcher.programs import InstallError, first_line, on_path, write_wrapper

SHOWN = """\
Package: bitcoin-knots
Version: 29.4-1
Pre-Depends: libc6 (>= 2.43)
Depends: libevent-core-2.1-7t64 (>= 2.1.8), debconf | libdebconf, libzmq5:any

Package: libc6
Version: 2.43-7
Description: with
 a second line
"""


def program(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{text}'\n")
    path.chmod(0o755)
    return path


def test_a_packages_libraries_are_read_and_nothing_else_that_it_wants() -> None:
    knots, libc = paragraphs(SHOWN)

    assert (knots["Package"], knots["Version"]) == ("bitcoin-knots", "29.4-1")
    assert libraries_needed(knots) == ["libc6", "libevent-core-2.1-7t64", "libzmq5"]
    assert libraries_needed(libc) == []


def test_the_libraries_of_a_program_are_those_that_the_loader_lists() -> None:
    listed = subprocess.run(["ldd", "/bin/ls"], check=True, capture_output=True, text=True).stdout

    found = libraries_of(Path("/bin/ls"))

    assert "libc.so.6" in found
    assert all(name in listed for name in found)


def test_a_text_file_loads_no_library(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")

    assert libraries_of(tmp_path / "text") == []


@pytest.mark.parametrize(
    ("line", "version"),
    [
        ("Bitcoin Knots daemon version v29.4.2.knots20260508", 29),
        ("Bitcoin Core daemon version v24.0.1", 24),
        ("something else", 0),
        (None, 0),
    ],
)
def test_the_version_of_bitcoind_is_read(line: str | None, version: int) -> None:
    assert major_version(line) == version


def test_a_system_without_a_name_has_no_release(tmp_path: Path) -> None:
    assert os_release(tmp_path / "none") == {}
    (tmp_path / "os-release").write_text('ID=debian\nVERSION_CODENAME="bookworm"\n')
    assert os_release(tmp_path / "os-release") == {"ID": "debian", "VERSION_CODENAME": "bookworm"}


def test_a_changed_archive_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "anvil.tgz"
    archive.write_bytes(b"as published")
    expected = "sha512-" + b64encode(hashlib.sha512(b"as published").digest()).decode()
    check_integrity(archive, expected)

    archive.write_bytes(b"as changed")

    with pytest.raises(InstallError, match=r"anvil.tgz has the checksum sha512-"):
        check_integrity(archive, expected)


def test_only_packages_with_a_known_checksum_are_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ethereum_node.platform, "machine", lambda: "riscv64")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(InstallError, match="set ANVIL"):
        ethereum_node.install(tmp_path / "nodes", tmp_path / "work")

    assert package_name("Linux", "x86_64") == "@foundry-rs/anvil-linux-amd64@1.7.1"


def test_programs_on_path_are_used_and_an_old_or_foreign_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "nodes"
    program(tmp_path / "bin", "bitcoind", "Bitcoin Core daemon version v28.0.0")
    program(tmp_path / "bin", "bitcoin-cli", "Bitcoin Core RPC client version v28.0.0")
    program(tmp_path / "bin", "anvil", "anvil Version: 1.7.1")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")

    found = nodes.ensure(folder)

    assert first_line(found / "bitcoind") == "Bitcoin Core daemon version v28.0.0"
    assert first_line(found / "bitcoin-cli") == "Bitcoin Core RPC client version v28.0.0"
    assert first_line(found / "anvil") == "anvil Version: 1.7.1"
    assert on_path("bitcoind", outside=tmp_path / "bin") != tmp_path / "bin/bitcoind"


def test_a_system_without_packages_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "bitcoind", "Bitcoin Core daemon version v23.0.0")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    with pytest.raises(InstallError, match="install Bitcoin Core >= 24"):
        bitcoin_node.install(tmp_path / "nodes", tmp_path / "work")


def test_what_is_there_and_runs_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bitcoind", "anvil"):
        program(tmp_path / "bin", name, "mine")
    monkeypatch.setenv("PATH", "/nowhere")

    assert nodes.ensure(tmp_path) == tmp_path / "bin"


def test_a_wrapper_starts_a_program_in_a_folder_with_spaces(tmp_path: Path) -> None:
    write_wrapper(tmp_path / "bin/python", program(tmp_path / "a folder", "python", "it runs"))

    assert first_line(tmp_path / "bin/python") == "it runs"


def test_installing_needs_nothing_but_the_standard_library() -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import launcher.nodes, sys; print('site' in sys.modules)"],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr
