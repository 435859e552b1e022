"""Compiles the engine with mypyc: the same source, as extension modules that Python prefers to it.

The modules whose classes are msgspec structs or enums stay as they are: msgspec makes them at import, and both are C
already. Everything works without this step; what it gains is in docs/performance.md.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENGINE = Path("trading") / "engine"
INTERPRETED = frozenset({"__init__.py", "commands.py", "enums.py", "events.py", "markets.py"})

_CONFIG = """[mypy]
strict = true
ignore_missing_imports = true
follow_imports = silent
"""
_BUILD = """
import sys
from mypyc.build import mypycify
from setuptools import setup
paths = sys.argv[1:]
sys.argv = ["setup.py", "--quiet", "build_ext", "--inplace"]
setup(name="mex-engine", packages=[], ext_modules=mypycify(["--config-file=mypy.ini", *paths], opt_level="3"))
"""


class CannotCompile(Exception):
    """Raised when there is no compiler, when the source cannot be compiled, or when mypyc is not installed."""


def modules(tree: Path) -> list[Path]:
    """Return the modules to be compiled, below a tree."""
    return [path.relative_to(tree) for path in sorted((tree / ENGINE).glob("*.py")) if path.name not in INTERPRETED]


def compiled_files(tree: Path) -> list[Path]:
    """Return the extension modules that lie in a tree, with those that hold what they share."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX").rpartition(".")[2]
    return sorted([*(tree / ENGINE).glob(f"*.{suffix}"), *tree.glob(f"*__mypyc.*.{suffix}")])


def why_not(python: Path) -> str | None:
    """Return why an interpreter cannot compile here, or None."""
    if shutil.which(os.environ.get("CC", "cc")) is None and shutil.which("gcc") is None:
        return "no C compiler (cc or gcc) on PATH"
    probe = "import mypyc.build, setuptools, sysconfig; print(sysconfig.get_path('include'))"
    ended = subprocess.run([str(python), "-c", probe], check=False, text=True, capture_output=True)
    if ended.returncode:
        return f"{python} has no mypyc: pip install 'mypy[mypyc]'"
    if not (Path(ended.stdout.strip()) / "Python.h").is_file():
        return f"{python} has no headers (Python.h): install its development package"
    return None


def compile_tree(tree: Path, python: Path = Path(sys.executable)) -> list[Path]:
    """Compile the engine in a tree, in place, for an interpreter, and return what it made. Raises CannotCompile."""
    reason = why_not(python)
    if reason is not None:
        raise CannotCompile(reason)
    with tempfile.TemporaryDirectory(prefix="mex-compile-") as folder:
        work = Path(folder)
        for name in ("trading", "mex", "wallets"):
            _copy_python(tree, work, name)
        (work / "mypy.ini").write_text(_CONFIG)
        ended = subprocess.run(
            [str(python), "-c", _BUILD, *(str(path) for path in modules(work))],
            cwd=work,
            env={**os.environ, "MYPYPATH": str(work)},
            check=False,
            text=True,
            capture_output=True,
        )
        if ended.returncode:
            raise CannotCompile((ended.stdout + ended.stderr).strip()[-4000:])
        clean(tree)
        for built in compiled_files(work):
            shutil.copyfile(built, tree / built.relative_to(work))
    return compiled_files(tree)


def compile_cached(tree: Path, python: Path, cache: Path) -> list[Path]:
    """Compile the engine in a tree, or take what the same source gave before. Raises CannotCompile."""
    digest = hashlib.sha256(f"{python}{Path(__file__).read_text()}".encode())
    for path in sorted((tree / ENGINE).glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    kept = cache / f"compiled-{digest.hexdigest()[:16]}"
    if not kept.is_dir():
        built = compile_tree(tree, python)
        # Moved into place when it is whole: a run that is interrupted leaves nothing that looks finished.
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            for path in built:
                copied = Path(folder) / "kept" / path.relative_to(tree)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copied)
            (Path(folder) / "kept").replace(kept)
        return built
    for path in compiled_files(kept):
        shutil.copyfile(path, tree / path.relative_to(kept))
    return compiled_files(tree)


def clean(tree: Path) -> None:
    """Remove all extension modules from a tree."""
    for path in compiled_files(tree):
        path.unlink()


def _copy_python(source: Path, target: Path, package: str) -> None:
    for path in (source / package).rglob("*.py"):
        copied = target / path.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)


def main(arguments: Sequence[str]) -> int:
    """Compile the engine of this clone in place, or remove what was compiled."""
    if arguments == ["--clean"]:
        clean(ROOT)
        return 0
    try:
        built = compile_tree(ROOT)
    except CannotCompile as error:
        sys.stderr.write(f"mex: the engine was not compiled, and works all the same: {error}\n")
        return 1
    sys.stdout.write(f"mex: compiled {len(built)} extension modules into {ENGINE}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
