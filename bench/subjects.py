"""What is compared with what: engines, the interpreters and copies of the source that they run on, and the goals."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import compiling, trees
from bench.report import Report
from bench.rounds import Case

CORE_GOAL = 2.0
COMPILED_GOAL = 3.0
BOOK_GOAL = 2.0
PEERS = ("matching-engine", "liquibook")
"""Those that ours are compared with."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An engine on an interpreter and a copy of the source, and which other subject it is measured against."""

    name: str
    engine: str
    python: Path
    tree: Path
    against: str = ""
    goal: float | None = None

    def case(self, name: str, module: str, *arguments: str) -> Case:
        """Return a run of one of our modules for this subject."""
        return Case(name, self.python, self.tree, module, arguments)


def available(folder: Path, report: Report, *, named_python: str | None, compiles: bool) -> list[Subject]:
    """Return what can be compared on this machine; what cannot, and why, goes into the report.

    folder: where copies of the source are put. Peers run on one interpreter, 3.12 or later, and so does what is
    compared with them; our core runs on our own interpreter too.
    """
    plain = trees.copy_sources(folder / "plain")
    own = Path(sys.executable)
    number = f"{sys.version_info[0]}.{sys.version_info[1]}"
    found = [Subject(f"core, {number}", "mex", own, plain)]
    found += _compiled(folder / "compiled", f"core compiled, {number}", own, report, compiles=compiles)
    try:
        peer = trees.peer_python(named_python)
    except trees.Unavailable as error:
        report.skip("comparison with peers", str(error), *(f"* | {peer}" for peer in PEERS))
        return found
    found += [
        Subject("matching-engine", "matching-engine", peer, plain),
        Subject("core", "mex", peer, plain, "matching-engine", CORE_GOAL),
        Subject("core, batches of 100", "mex-100", peer, plain, "matching-engine"),
        *_compiled(folder / "peer-compiled", "core compiled", peer, report, compiles=compiles),
        Subject("liquibook", "liquibook", peer, plain),
        Subject("liquibook with depth", "liquibook-depth", peer, plain),
        Subject("bare book", "mex-bare", peer, plain, "liquibook", BOOK_GOAL),
    ]
    return found


def _compiled(folder: Path, name: str, python: Path, report: Report, *, compiles: bool) -> Sequence[Subject]:
    if not compiles:
        return []
    tree = trees.copy_sources(folder)
    trees.CACHE.mkdir(parents=True, exist_ok=True)
    try:
        compiling.compile_cached(tree, python, trees.CACHE)
    except compiling.CannotCompile as error:
        report.skip(name, str(error), f"* | {name} | *")
        return []
    has_peer = name == "core compiled"
    return [
        Subject(name, "mex", python, tree, "matching-engine" if has_peer else "", COMPILED_GOAL if has_peer else None)
    ]
