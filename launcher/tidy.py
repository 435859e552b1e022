"""Checks of the tree that no other tool makes: pins with reasons, and no address of a package registry."""

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from launcher.console import say
from launcher.instance import ROOT

_REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==\S+  # \S.{3,}")
# A machine may use any mirror: where packages come from is its own configuration, never ours.
_REGISTRY = re.compile(
    r"\b(?:pypi|pythonhosted|npmjs|debian|ubuntu|docker|crates|rubygems|golang|yarnpkg)\.(?:org|com|io|net)\b", re.I
)
_VENDORED = ("static/vendor/",)


def requirement_faults(lines: Iterable[str]) -> list[str]:
    """Return the lines that do not pin a package and say why it is there."""
    texts = (line.rstrip("\n") for line in lines)
    return [text for text in texts if text and not text.startswith(("#", "-r ")) and not _REQUIREMENT.fullmatch(text)]


def registry_faults(path: Path) -> list[str]:
    """Return the lines of a file that name a package registry."""
    try:
        lines = path.read_text().splitlines()
    except UnicodeDecodeError:
        return []
    return [f"{number}: {line.strip()[:120]}" for number, line in enumerate(lines, 1) if _REGISTRY.search(line)]


def main() -> int:
    """Return 1 and say what is wrong, or 0."""
    faults: list[str] = []
    for name in ("requirements.txt", "requirements-dev.txt"):
        with (ROOT / name).open() as lines:
            faults += [f"{name}: a pin and a reason, please: {line}" for line in requirement_faults(lines)]
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, text=True, capture_output=True).stdout
    for name in files.splitlines():
        if not name.startswith(_VENDORED) and (ROOT / name).is_file():
            faults += [f"{name}:{fault}" for fault in registry_faults(ROOT / name)]
    for fault in faults:
        say(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
