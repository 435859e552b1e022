"""Running other people's programs while installing: output kept, failures told.  [standard library only]"""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

TIMEOUT_S = 900.0
"""A download over a slow line; more means that nothing comes any more."""

PROBE_TIMEOUT_S = 60.0
_OUTPUT_CHARS_MAX = 3_000


class InstallError(Exception):
    """Raised when a program cannot be installed, with what the operator can do about it."""


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> str:
    """Run a program and return what it wrote to stdout. Raises InstallError with its last words."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, cwd=cwd, env=env, timeout=timeout_s, text=True, stdin=subprocess.DEVNULL, capture_output=True
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"{shlex.join(words)}: {error}") from error
    if done.returncode:
        said = (done.stderr + done.stdout)[-_OUTPUT_CHARS_MAX:].strip()
        raise InstallError(f"{shlex.join(words)} ended with code {done.returncode}:\n{said}")
    return done.stdout


def first_line(program: Path) -> str | None:
    """Return the first line of `program --version`, or None when it does not run on this machine."""
    try:
        lines = run([program, "--version"], timeout_s=PROBE_TIMEOUT_S).splitlines()
    except InstallError:
        return None
    return lines[0] if lines else None


def on_path(name: str, *, outside: Path) -> Path | None:
    """Return a program on PATH that is not one of our own, which live below `outside`."""
    ours = outside.resolve()
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        path = Path(folder or ".") / name
        if path.is_file() and os.access(path, os.X_OK) and ours not in path.resolve().parents:
            return path.absolute()
    return None


def write_program(path: Path, content: str | bytes) -> None:
    """Write an executable file in one step, so that a running copy is never half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(content.encode() if isinstance(content, str) else content)
    fresh.chmod(0o755)
    fresh.replace(path)


def write_wrapper(path: Path, target: Path) -> None:
    """Write a program that only starts another one."""
    write_program(path, f'#!/bin/sh\nexec {shlex.quote(str(target))} "$@"\n')
