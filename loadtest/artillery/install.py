"""Artillery, from npm as package-lock.json pins it, cached outside the clone.  [standard library only]"""

import fcntl
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from launcher import node_js
from launcher.console import step
from launcher.nodes import default_folder
from launcher.programs import run

HERE = Path(__file__).resolve().parent
NODE_MINIMUM = (18, 16, 1)
"""Source: `engines` of the version in package.json."""

_FILES = ("package.json", "package-lock.json")
_STAND_IN = "absent"
_DONE = "complete"


@dataclass(frozen=True)
class Artillery:
    """The program, with the Node that runs it."""

    tools: node_js.NodeJs
    program: Path


def ensure(cache: Path | None = None) -> Artillery:
    """Install what is missing. Two at once: one installs, the other waits for it. Raises InstallError."""
    cache = (cache or default_folder().parent / "artillery").absolute()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tools = node_js.find(cache / "nodejs", minimum=NODE_MINIMUM)
        folder = cache / _fingerprint()
        if not (folder / _DONE).exists():
            with step("fetching artillery (85 MB on disk)"):
                _install(folder, tools)
    return Artillery(tools, folder / "node_modules/artillery/bin/run")


def _install(folder: Path, tools: node_js.NodeJs) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in _FILES:
        shutil.copy(HERE / name, folder / name)
    shutil.copytree(HERE / _STAND_IN, folder / _STAND_IN)
    # No scripts of packages: one of them would fetch a browser.
    command = [*tools.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    run(command, env=tools.environment(), cwd=folder)
    (folder / _DONE).touch()


def _fingerprint() -> str:
    paths = [*(HERE / name for name in _FILES), *sorted((HERE / _STAND_IN).rglob("*.js*"))]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()[:16]
