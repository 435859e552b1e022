"""The rules of style that a program can check. CONTRIBUTING.md has the reasons."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator

from tests.tidy.tree import ROOT, calls, imports, modules, parsed, text

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
TEST_FUNCTION_LINES_MAX = 90

# Ratchets: what was too long when a rule was made. A name leaves these lists and never enters them.
LONG_MODULES: set[str] = set()
LONG_FUNCTIONS: set[str] = set()

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "tools"}

# Whoever starts a process may wait; a request, a task or the engine may not.
MAY_SLEEP = {
    "trading/demo/outcome.py": "waits for chains, with a deadline",
    "trading/runtime/loop.py": "waits for the pipe to come back",
    "wallets/ledger/solvency.py": "waits for a quiet moment, a bounded number of times",
}
MAY_FLOAT = {"wallets/management/commands/run_miner.py": "seconds"}
BANNED_CALLS = {
    "datetime.now": "timezone.now, or mex.clock.now_ms",
    "datetime.utcnow": "timezone.now",
    "datetime.datetime.now": "timezone.now",
    "datetime.datetime.utcnow": "timezone.now",
    "abs": "nothing: a wrong sign must be seen",
    "round": "mex/money.py, the only place that rounds",
}
MAY_CALL = {("wallets/selectors.py", "datetime.now"): "has its time zone"}

PURE_STANDARD = {"__future__", "bisect", "collections", "collections.abc", "dataclasses", "enum", "hashlib", "heapq"}
PURE_STANDARD |= {"itertools", "math", "operator", "re", "struct", "typing"}
PURE_OURS = {"mex.money", "mex.limits", "mex.errors", "wallets.ledger.chart"}


def functions(name: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield every function of a module with its full name."""
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{name}:{node.name}", node


def public(body: list[ast.stmt], owner: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield the public functions and classes of a module, and the public methods of those classes."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield f"{owner}.{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body, f"{owner}.{node.name}")


def test_modules_are_short() -> None:
    long = {name for name in modules(with_tests=True) if len(text(name).splitlines()) > MODULE_LINES_MAX}

    assert long == LONG_MODULES


def test_functions_fit_a_screen() -> None:
    long = set()
    for name in modules(with_tests=True):
        limit = TEST_FUNCTION_LINES_MAX if name.startswith("tests/") else FUNCTION_LINES_MAX
        for full_name, node in functions(name):
            assert node.end_lineno is not None
            if node.end_lineno - node.lineno + 1 > limit:
                long.add(full_name)

    assert long == LONG_FUNCTIONS


def test_modules_are_named_after_an_idea() -> None:
    vague = [name for name in modules(with_tests=True) if name.rpartition("/")[2].removesuffix(".py") in VAGUE_NAMES]

    assert vague == []


def test_public_things_say_what_they_are_for() -> None:
    # Django calls these, and everybody knows what they do.
    exempt = ("Meta", "Command.add_arguments", "Command.handle", "Config.ready")
    silent = []
    for name in modules(with_tests=False):
        tree = parsed(name)
        if name.endswith(("__init__.py", "apps.py", "manage.py")):
            continue
        if ast.get_docstring(tree) is None:
            silent.append(name)
        for full_name, node in public(tree.body, name):
            assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if ast.get_docstring(node) is None and not full_name.endswith(exempt):
                silent.append(full_name)

    assert silent == []


def test_nothing_sleeps_that_others_wait_for() -> None:
    sleeping = set()
    for name in modules(with_tests=False):
        if name.startswith("launcher/") or "/management/commands/" in name:
            continue
        if any(called == "time.sleep" for called, _ in calls(parsed(name))):
            sleeping.add(name)

    assert sleeping == set(MAY_SLEEP)


def test_no_float_is_made_outside_of_what_measures_time() -> None:
    made = {name for name in modules(with_tests=False) if any(call == "float" for call, _ in calls(parsed(name)))}

    assert made <= set(MAY_FLOAT)


def test_banned_calls_are_not_made() -> None:
    made = []
    for name in modules(with_tests=False):
        for called, node in calls(parsed(name)):
            if called in BANNED_CALLS and (name, called) not in MAY_CALL:
                made.append(f"{name}:{node.lineno}: {called}: use {BANNED_CALLS[called]}")

    assert made == []


def test_nothing_is_printed_but_by_commands() -> None:
    printing = [name for name in modules(with_tests=False) if any(call == "print" for call, _ in calls(parsed(name)))]

    assert printing == []


def test_there_are_no_signals() -> None:
    # Logic that runs because something else was saved cannot be followed by reading.
    with_signals = [
        name
        for name in modules(with_tests=False)
        if any(module.startswith(("django.db.models.signals", "django.dispatch")) for module in imports(parsed(name)))
    ]

    assert with_signals == []


def test_a_thing_to_do_names_its_issue() -> None:
    without = [
        f"{name}:{number}"
        for name in modules(with_tests=False)
        for number, line in enumerate(text(name).splitlines(), 1)
        if re.search(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))", line)
    ]

    assert without == []


def test_the_engine_imports_nothing_that_could_surprise_it() -> None:
    strange = []
    for name in modules(with_tests=False):
        if not name.startswith("trading/engine/"):
            continue
        for module in imports(parsed(name)):
            is_known = module in PURE_STANDARD | PURE_OURS or module == "msgspec" or module.startswith("trading.engine")
            if not is_known:
                strange.append(f"{name}: {module}")

    assert strange == []


def test_the_engine_loads_without_django() -> None:
    program = "import sys, trading.engine.core; assert not {'django', 'channels', 'redis'} & set(sys.modules)"

    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr


def test_only_the_ledger_and_the_engine_write_money() -> None:
    # Balances, holds and postings are written in trading/runtime/store.py, with plain SQL; the ORM only reads them.
    written = re.compile(
        r"\b(Posting|Balance|Hold)\.objects\b[^\n]*\.(create|update|delete|bulk_create|get_or_create|update_or_create)\("
    )
    writers = [name for name in modules(with_tests=False) if written.search(text(name))]

    assert writers == []
