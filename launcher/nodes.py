"""The chains' nodes, cached outside the clone: `python -m launcher.nodes [FOLDER]`.  [standard library only]"""

import fcntl
import os
import sys
import tempfile
from pathlib import Path

from launcher import bitcoin_node, ethereum_node
from launcher.console import say
from launcher.programs import InstallError, first_line

_INSTALLERS = {"bitcoind": bitcoin_node.install, "anvil": ethereum_node.install}


def default_folder() -> Path:
    """Return where the nodes are kept for all clones of this user."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "mex" / "nodes"


def ensure(folder: Path | None = None) -> Path:
    """Install what is missing or does not run, and return the folder with the programs.

    Two at once: one installs, the other waits for it. Raises InstallError.
    """
    folder = (folder or default_folder()).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name, install in _INSTALLERS.items():
            program = folder / "bin" / name
            if program.exists():
                if first_line(program) is not None:
                    continue
                say(f"mex: {program} does not run: installing it again")
            with tempfile.TemporaryDirectory(prefix="mex-nodes-") as work:
                install(folder, Path(work))
    return folder / "bin"


def main(arguments: list[str]) -> int:
    """Install the nodes and return the exit code."""
    try:
        ensure(Path(arguments[0]) if arguments else None)
    except InstallError as error:
        say(f"mex: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
