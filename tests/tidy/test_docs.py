"""The documents say what the code does, and what they point to is there."""

import ast
import os
import re

import pytest

from tests.tidy.tree import ROOT, calls, modules, parsed, text, tracked
from trading.engine.enums import Reason, Reject
from wallets.ledger.chart import Owner

KNOWN_FOLDERS = {
    ".ci",
    "accounts",
    "bench",
    "docs",
    "launcher",
    "loadtest",
    "mex",
    "script",
    "static",
    "templates",
    "tests",
    "trading",
    "wallets",
}
KNOWN_FILES = {
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "celery_app.py",
    "manage.py",
    "pyproject.toml",
    "requirements-dev.txt",
    "requirements.txt",
}
_DOCUMENT = re.compile(r"\bdocs/[a-z0-9/-]+\.md\b")


def error_codes() -> set[int]:
    """Return every code with which a MexError is made."""
    codes = set()
    for name in modules(with_tests=False):
        for called, node in calls(parsed(name)):
            if called == "MexError" or (called.endswith("__init__") and name == "mex/errors.py"):
                code = node.args[0] if node.args else None
                if isinstance(code, ast.Constant | ast.UnaryOp):
                    codes.add(ast.literal_eval(code))
    return codes


def row_of(document: str, first: str) -> str:
    """Return the row of a table that begins with a text, or "" when there is none."""
    return next((line for line in document.splitlines() if line.startswith(f"| {first} |")), "")


def test_every_error_code_is_documented() -> None:
    document = text("docs/errors.md")

    codes = error_codes()

    assert len(codes) > 30
    assert [code for code in sorted(codes) if not row_of(document, str(code))] == []


def test_every_refusal_of_the_engine_is_documented_with_its_number() -> None:
    document = text("docs/errors.md")

    assert [reject.name for reject in Reject if not row_of(document, f"`{reject.name}` | {reject.value}")] == []


def test_every_owner_and_reason_of_the_ledger_is_documented() -> None:
    document = text("docs/ledger.md")

    assert [owner.name for owner in Owner if f"| `{owner.name}` | −{-owner.value} |" not in document] == []
    assert [reason.name for reason in Reason if f"`{reason.name}`" not in document] == []


def test_every_check_of_the_audit_is_documented() -> None:
    from wallets.ledger.audit import CHECKS

    document = text("docs/ledger.md")

    assert [check.name for check in CHECKS if not row_of(document, check.name)] == []


def test_every_script_runs_and_is_listed() -> None:
    index = text("script/README.md")
    scripts = [name for name in tracked("script/*") if name != "script/README.md"]

    assert scripts != []
    assert [name for name in scripts if not os.access(ROOT / name, os.X_OK)] == []
    assert [name for name in scripts if f"`{name}" not in index] == []


@pytest.mark.parametrize("document", [name for name in tracked("*.md") if not name.startswith("static/")])
def test_links_between_documents_lead_somewhere(document: str) -> None:
    folder = (ROOT / document).parent
    targets = [
        target.partition("#")[0]
        for target in re.findall(r"\]\(([^)\s]+)\)", text(document))
        if "://" not in target and not target.startswith("#")
    ]

    assert [target for target in targets if not (folder / target).exists()] == []


@pytest.mark.parametrize("document", [name for name in tracked("*.md") if not name.startswith("static/")])
def test_a_document_has_one_title(document: str) -> None:
    without_code = re.sub(r"```.*?```", "", text(document), flags=re.S)

    assert len(re.findall(r"^# ", without_code, flags=re.M)) == 1


def test_documents_that_code_refers_to_are_there() -> None:
    missing = {
        reference
        for name in [*modules(with_tests=False), *tracked("*.md")]
        for reference in _DOCUMENT.findall(text(name))
        if not (ROOT / reference).exists()
    }

    assert missing == set()


def test_every_document_is_in_the_index() -> None:
    index = text("docs/index.md")
    pages = [name for name in tracked("docs/*.md") if not name.startswith("docs/adr/") and name != "docs/index.md"]

    assert [page for page in pages if f"({page.removeprefix('docs/')}" not in index] == []


def test_every_file_has_a_known_place() -> None:
    strangers = [name for name in tracked() if name not in KNOWN_FILES and name.partition("/")[0] not in KNOWN_FOLDERS]

    assert strangers == []


def test_the_changelog_speaks_to_its_readers() -> None:
    sections = re.findall(r"^### (.+)$", text("CHANGELOG.md"), flags=re.M)

    assert set(sections) <= {"Money and safety", "Traders", "Operators", "Developers"}
