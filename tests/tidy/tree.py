"""What is in the tree, as the rules of style see it."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def tracked(pattern: str = "*") -> list[str]:
    """Return the names of all files that belong to the project, also those that are not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern],
        cwd=ROOT,
        check=True,
        text=True,
        capture_output=True,
    ).stdout
    return sorted(name for name in set(listed.splitlines()) if (ROOT / name).is_file())


def modules(*, with_tests: bool) -> list[str]:
    """Return the names of all Python modules that people wrote: migrations are made by a program."""
    names = [name for name in tracked("*.py") if "/migrations/" not in name]
    return names if with_tests else [name for name in names if not name.startswith("tests/")]


def text(name: str) -> str:
    """Return what a file says."""
    return (ROOT / name).read_text(encoding="utf-8")


def parsed(name: str) -> ast.Module:
    """Return a module's syntax tree."""
    return ast.parse(text(name), name)


def calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call with the dotted name of what it calls, as far as it has one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield dotted(node.func), node


def dotted(node: ast.expr) -> str:
    """Return "time.sleep" for the expression time.sleep, and "" for what has no such name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else node.attr
    return ""


def imports(tree: ast.Module) -> set[str]:
    """Return the names of all modules that a module imports."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found
