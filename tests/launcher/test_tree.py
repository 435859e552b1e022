"""The commands, and what launcher.tidy looks for."""

import os
import subprocess
from pathlib import Path

import pytest

from launcher.tidy import registry_faults, requirement_faults

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = sorted(path.name for path in (ROOT / "script").iterdir() if path.suffix != ".md")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_executable_listed_and_explains_itself(name: str) -> None:
    path = ROOT / "script" / name

    done = subprocess.run([path, "--help"], capture_output=True, text=True, timeout=60, cwd="/")

    assert os.access(path, os.X_OK)
    assert f"| `script/{name}" in (ROOT / "script/README.md").read_text()
    assert done.returncode == 0, done.stderr
    assert f"usage: script/{name}" in done.stdout


def test_requirements_without_pin_or_reason_are_found() -> None:
    good = ["django==5.2.19  # the framework\n", "# a comment\n", "-r requirements.txt\n", "\n"]
    bad = ["django>=5  # the framework", "django==5.2.19", "django==5.2.19 # the framework"]

    assert requirement_faults([*good, *bad]) == bad


def test_addresses_of_registries_are_found(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_text("docs.djangoproject.com\nhttps://" + "pypi." + "org/simple\n")

    assert registry_faults(file) == ["2: https://" + "pypi." + "org/simple"]
