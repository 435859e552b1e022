"""Which Python `script/setup` takes. Nothing is installed here: what would need that has been done."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")
OTHER = "3.99"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A tree that was set up, with this interpreter and without packages."""
    (tmp_path / "script").mkdir()
    shutil.copy2(ROOT / "script/setup", tmp_path / "script/setup")
    for name in REQUIREMENTS:
        shutil.copy2(ROOT / name, tmp_path / name)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
    sums = subprocess.run(["sha256sum", *REQUIREMENTS], cwd=tmp_path, check=True, capture_output=True).stdout
    (tmp_path / ".venv/mex-dev").write_text(hashlib.sha256(sums).hexdigest() + "\n")
    return tmp_path


@pytest.fixture
def other_python(tmp_path: Path) -> Path:
    """What answers as another Python would when it is asked for its version."""
    path = tmp_path / "other-python"
    path.write_text(f"#!/bin/sh\necho {OTHER}\n")
    path.chmod(0o755)
    return path


def set_up(clone: Path, python: Path | str) -> subprocess.CompletedProcess[str]:
    """Run the copy of `script/setup` with PYTHON set."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": str(python)}
    return subprocess.run([clone / "script/setup"], env=environment, capture_output=True, text=True, timeout=60)


def test_an_environment_of_the_python_that_was_named_is_kept(clone: Path) -> None:
    done = set_up(clone, sys.executable)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_environment_of_another_python_than_was_named_is_not_passed_off_as_it(
    clone: Path, other_python: Path
) -> None:
    """It was: PYTHON was not looked at once there was a .venv, and what was tried on 3.13 ran on 3.11."""
    mine = f"{sys.version_info.major}.{sys.version_info.minor}"

    done = set_up(clone, other_python)

    assert done.returncode == 1
    assert done.stderr == (
        f"mex: PYTHON names Python {OTHER}, and .venv has {mine}: remove .venv, and it is made anew\n"
    )
    assert (clone / ".venv/bin/python").exists()


def test_a_name_that_is_no_python_is_refused(clone: Path) -> None:
    done = set_up(clone, "/nowhere/python3")

    assert done.returncode == 1
    assert done.stderr == "mex: Python 3.11 or later is needed, and PYTHON names /nowhere/python3\n"
