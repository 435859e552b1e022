"""The engine can be compiled, and what is compiled does the same: the engine's own tests pass with it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import compiling, trees
from bench.trees import ROOT

COMPILE_AND_TEST_S_MAX = 1_200


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source and the tests, with a compiled engine."""
    reason = compiling.why_not(Path(sys.executable))
    if reason is not None:
        pytest.skip(f"the engine cannot be compiled here: {reason}")
    tree = trees.copy_sources(tmp_path_factory.mktemp("compiled"))
    shutil.copytree(ROOT / "tests", tree / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "pyproject.toml", tree / "pyproject.toml")
    compiling.compile_tree(tree)
    return tree


def test_all_modules_but_those_of_structs_and_enums_are_compiled(compiled: Path) -> None:
    program = (
        "import importlib, pathlib\n"
        "names = sorted(path.stem for path in pathlib.Path('trading/engine').glob('*.py'))\n"
        "files = {n: importlib.import_module(f'trading.engine.{n}').__file__ for n in names if n != '__init__'}\n"
        "print(*(name for name in files if files[name].endswith('.py')))\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=compiled, env=trees.environment(compiled),
        check=True, text=True, capture_output=True,
    )  # fmt: skip

    assert ended.stdout.split() == ["commands", "enums", "events", "markets"]


def test_the_engines_tests_pass_with_the_compiled_engine(compiled: Path) -> None:
    command = [sys.executable, "-m", "pytest", "tests/engine", "-q", "-p", "no:cacheprovider"]
    surroundings = {name: value for name, value in trees.environment(compiled).items() if not _is_ours(name)}

    ended = subprocess.run(
        command, cwd=compiled, env=surroundings, check=False, text=True, capture_output=True,
        timeout=COMPILE_AND_TEST_S_MAX,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stdout[-4_000:] + ended.stderr[-2_000:]


def test_what_was_compiled_is_removed_again(compiled: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(compiled, tree)
    assert compiling.compiled_files(tree) != []

    compiling.clean(tree)

    assert compiling.compiled_files(tree) == []
    assert (tree / "trading" / "engine" / "core.py").is_file()


def test_without_a_compiler_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)

    with pytest.raises(compiling.CannotCompile, match="no C compiler"):
        compiling.compile_tree(tmp_path)


def test_nothing_compiled_in_this_tree_is_older_than_the_source() -> None:
    # Python prefers an extension module whatever its age: one that is stale would be tested and run in place of the
    # source. `script/compile` makes it anew, `script/compile --clean` removes it.
    built = compiling.compiled_files(ROOT)
    oldest = min((path.stat().st_mtime for path in built), default=0)

    stale = [str(path) for path in compiling.modules(ROOT) if built and (ROOT / path).stat().st_mtime > oldest]

    assert stale == []


def _is_ours(name: str) -> bool:
    """Whether a variable is one that tests/conftest.py has set for this process, and sets anew for its own."""
    return name.startswith(("MEX_", "DJANGO_")) or name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY")
