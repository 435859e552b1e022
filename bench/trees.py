"""Where engines run: copies of our source, plain and compiled, and virtual environments with the peers.

A run must not see a tree that somebody edits meanwhile, nor extension modules that lie beside the source: so the source
is copied, and what is compiled is kept in ~/.cache/mex by the fingerprint of all that went into it.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path.home() / ".cache" / "mex"
REQUIREMENTS = ROOT / "bench" / "requirements.txt"
_PACKAGES = ("accounts", "bench", "launcher", "loadtest", "mex", "trading", "wallets")
_FILES = ("celery_app.py", "manage.py")
_COMPILED = {".so", ".pyd", ".pyc"}


class Unavailable(Exception):
    """Raised when something that a comparison needs is not on this machine."""


def peer_python(named: str | None = None) -> Path:
    """Return an interpreter 3.12 or later with the peers installed; the environment is made at the first call.

    Raises Unavailable.
    """
    interpreter = named or _find_interpreter()
    if interpreter is None:
        raise Unavailable("no Python 3.12 on PATH or under ~/.pyenv: matching-engine needs it (--python names one)")
    version = subprocess.run(
        [interpreter, "-c", "import sys; print('%d%d' % sys.version_info[:2])"],
        check=True, text=True, capture_output=True,
    ).stdout.strip()  # fmt: skip
    if int(version) < 312:
        raise Unavailable(f"{interpreter} is older than 3.12, which matching-engine needs")
    home = CACHE / f"bench-py{version}"
    python, mark = home / "bin" / "python", home / "requirements"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not mark.is_file() or mark.read_text() != wanted:
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run([interpreter, "-m", "venv", "--clear", str(home)], check=True)
        install = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "-r"]
        if subprocess.run([*install, str(REQUIREMENTS)], check=False).returncode:
            raise Unavailable("pip could not install bench/requirements.txt")
        mark.write_text(wanted)
    return python


def _find_interpreter() -> str | None:
    for name in ("python3.12", "python3.13", "python3.14"):
        pattern = f".pyenv/versions/{name.removeprefix('python')}.*/bin/{name}"
        for found in [*sorted(str(path) for path in Path.home().glob(pattern)), shutil.which(name)]:
            # A shim of pyenv is on PATH even for versions that are not chosen; only running it tells.
            if found and subprocess.run([found, "-c", ""], check=False, capture_output=True).returncode == 0:
                return found
    return None


def sources() -> Iterator[Path]:
    """Yield the files of our packages, in order, without what is compiled."""
    yield from (ROOT / name for name in _FILES)
    for package in _PACKAGES:
        for path in sorted((ROOT / package).rglob("*")):
            if path.is_file() and path.suffix not in _COMPILED:
                yield path


def copy_sources(target: Path) -> Path:
    """Copy the source into a folder, without anything compiled, and return the folder."""
    for path in sources():
        copied = target / path.relative_to(ROOT)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)
    (target / "static").mkdir(exist_ok=True)  # the settings name it
    return target


def copy_pages(tree: Path) -> None:
    """Copy what pages are made of beside the source that is there."""
    for name in ("static", "templates"):
        shutil.copytree(ROOT / name, tree / name, dirs_exist_ok=True)


def environment(tree: Path) -> dict[str, str]:
    """Return the environment of a process that imports our packages from a tree.

    Bytecode is kept whatever the caller does: without it every process would compile every package at its start.
    """
    ours = {"PYTHONPATH": str(tree), "PYTHONHASHSEED": "0"}
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | ours
