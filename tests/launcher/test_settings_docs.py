"""docs/settings.md lists every variable that mex reads, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READ = re.compile(r"""env\.(?:text|integer|flag|words|choice)\(\s*"([A-Z_0-9]+)\"""")
ELSEWHERE = re.compile(r"""environ(?:\.get\(|\[)"([A-Z_0-9]+)\"""")
LISTED = re.compile(r"^\| `([A-Z_0-9]+)` \|", re.M)
NOT_OURS = {"PATH", "DJANGO_SETTINGS_MODULE", "XDG_CACHE_HOME"}


def names_read() -> set[str]:
    names = set(ELSEWHERE.findall((ROOT / "tests/conftest.py").read_text()))
    names |= set(ELSEWHERE.findall((ROOT / "tests/api/exchange.py").read_text()))
    names |= set(READ.findall((ROOT / "mex/settings.py").read_text()))
    for folder in ("mex", "accounts", "wallets", "trading", "launcher"):
        for path in (ROOT / folder).rglob("*.py"):
            names.update(ELSEWHERE.findall(path.read_text()))
    return names - NOT_OURS


def test_every_variable_is_documented_and_nothing_else() -> None:
    listed = LISTED.findall((ROOT / "docs/settings.md").read_text())

    assert len(names_read()) > 20
    assert names_read() - set(listed) == set()
    assert set(listed) - names_read() == set()
    assert len(listed) == len(set(listed))
