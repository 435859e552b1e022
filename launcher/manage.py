"""`script/manage`: manage.py in the environment of an instance, whether its server runs or not."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from launcher.console import say
from launcher.instance import ROOT, Instance, default_folder

USAGE = """usage: script/manage [--data DIR] COMMAND …

Run `manage.py COMMAND …` in the environment of the instance whose state is under DIR (default .mex).
`script/manage help` lists the commands."""

_NEED_SERVER = frozenset({"demo", "faucet", "run_market_maker"})
"""They work through the public API or wait for the workers; with --url they find a server themselves."""

_OPEN_KEYS = frozenset({"keys"})
"""They get what opens the keys; no other command does."""

_MAKE_INSTANCE = frozenset({"check", "help", "keys", "loadtest", "migrate", "version"})
"""They are of use before the first start, or look at no instance; others would find nothing in a folder that is new."""


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    folder, command = parse(arguments, default_folder(os.environ))
    if not command or command[0] in ("-h", "--help"):
        say(USAGE)
        return 0 if command else 2
    is_there = Instance.is_in(folder)
    needs_server = command[0] in _NEED_SERVER and not _names_server(command)
    if needs_server and not (is_there and Instance.open(folder).is_running()):
        say(
            f"mex: {command[0]} needs a running server, and none runs on {folder.absolute()}: "
            f"start `script/server --data {folder}` first"
        )
        return 1
    # A folder that was mistyped is not made. The one of the clone is: nobody named it.
    if not is_there and folder != default_folder(os.environ) and command[0] not in _MAKE_INSTANCE | _NEED_SERVER:
        say(f"mex: there is no instance in {folder.absolute()}: `script/server --data {folder}` makes one")
        return 1
    instance = Instance.open(folder)
    program = [sys.executable, str(ROOT / "manage.py"), *command]
    environment = instance.signer_environment if command[0] in _OPEN_KEYS else instance.environment
    # In place of this process: signals and the terminal are the command's.
    return os.execve(program[0], program, environment(os.environ))


def parse(arguments: Sequence[str], default: Path) -> tuple[Path, list[str]]:
    """Return the instance's folder and the command. --data belongs to us only before the command."""
    words = list(arguments)
    if words and words[0].startswith("--data="):
        return Path(words[0].partition("=")[2]), words[1:]
    if len(words) > 1 and words[0] == "--data":
        return Path(words[1]), words[2:]
    return default, words


def _names_server(command: Sequence[str]) -> bool:
    return any(word in ("--help", "-h", "--url") or word.startswith("--url=") for word in command[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
