"""The audit: does what the database says add up, and are the coins there?

The checks of the database are queries of wallets/ledger/checks, all answered as of one commit while the engine goes on.
The comparison with the chains is wallets/ledger/solvency.py. A breach stops the withdrawals of the assets concerned.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection

from mex.database import read_snapshot
from wallets.control.switch import halt
from wallets.ledger import solvency
from wallets.ledger.checks import balances, cold, consents, deposits, flows, operators, orders, rules
from wallets.ledger.checks.check import Check, Scope
from wallets.models import Asset

CHECKS: tuple[Check, ...] = (
    balances.CHECKS
    + orders.CHECKS
    + rules.CHECKS
    + operators.CHECKS
    + deposits.CHECKS
    + flows.CHECKS
    + consents.CHECKS
    + cold.CHECKS
)
FIRST_MAX = 10
"""Differences that are spelled out for each check; the rest are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found. `assets` are the codes whose coins its differences concern."""

    name: str
    noun: str
    examined: int
    differences: int
    first: tuple[str, ...]
    assets: frozenset[str]
    skipped: str = ""
    """Why it was not checked; empty if it was."""

    @property
    def has_passed(self) -> bool:
        """Return whether it was checked and found in order."""
        return not self.skipped and self.differences == 0


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, and the assets whose withdrawals were stopped for them."""

    findings: tuple[Finding, ...]
    stopped: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Return whether nothing that was checked is wrong."""
        return all(finding.differences == 0 for finding in self.findings)


def audit_run(*, with_chains: bool = True) -> Report:
    """Check everything, stop the withdrawals of assets in breach, and return what was found."""
    findings = list(check_database())
    if with_chains:
        findings += [_of_solvency(result) for result in solvency.check_chains()]
    return Report(tuple(findings), withdrawals_stop(findings))


def check_database() -> list[Finding]:
    """Run every check of the database, all as of one commit."""
    with read_snapshot():
        return [_run(check) for check in CHECKS]


def withdrawals_stop(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Halt the withdrawals of the assets in breach until an operator opens them again, and return their codes.

    Where nobody knows which assets a breach concerns, all withdrawals are halted at once.
    """
    assets = {asset.code: asset for asset in Asset.objects.all()}
    stopped: set[str] = set()
    for finding in findings:
        if not finding.differences:
            continue
        reason = f"the audit found a breach: {finding.name}"
        if len(assets) > 1 and finding.assets >= assets.keys():
            halt(None, reason)
        for code in sorted(finding.assets & assets.keys()):
            halt(assets[code], reason)
        stopped |= finding.assets
    return tuple(sorted(stopped))


def _run(check: Check) -> Finding:
    with connection.cursor() as cursor:
        # No parameters at all, so that a % in a query is just that.
        cursor.execute(check.examined)
        examined = int(cursor.fetchone()[0])
        if callable(check.differences):
            rows = list(check.differences())
            differences = len(rows)
        else:
            cursor.execute(f"SELECT * FROM ({check.differences}) AS found LIMIT {FIRST_MAX + 1}")
            rows = list(cursor.fetchall())
            differences = len(rows)
            if differences > FIRST_MAX:
                cursor.execute(f"SELECT COUNT(*) FROM ({check.differences}) AS found")
                differences = int(cursor.fetchone()[0])
    return Finding(
        name=check.name,
        noun=check.noun,
        examined=examined,
        differences=differences,
        first=tuple(_sentence(check, row) for row in rows[:FIRST_MAX]),
        assets=_assets(check, rows),
    )


def _sentence(check: Check, row: tuple[Any, ...]) -> str:
    code = next(iter(_codes(check.scope, row[0]))) if check.scope is Scope.ASSET and row[0] is not None else ""
    return f"{code} {check.says.format(*row[1:])}".strip()


def _assets(check: Check, rows: list[tuple[Any, ...]]) -> frozenset[str]:
    """Return the assets that differences concern; more of them than were read may concern any."""
    if len(rows) > FIRST_MAX:
        return _codes(check.scope, None)
    return frozenset[str]().union(*(_codes(check.scope, row[0]) for row in rows))


def _codes(scope: Scope, key: int | None) -> frozenset[str]:
    assets = Asset.objects.values_list("code", flat=True)
    if key is None:
        return frozenset(assets)
    if scope is Scope.ASSET:
        # A row may name an asset that does not exist: then nobody knows which coins it is about.
        return frozenset(assets.filter(pk=key)) or frozenset(assets)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.code FROM wallets_asset a JOIN trading_market m ON a.id IN (m.base_id, m.quote_id)"
            " WHERE m.id = %s",
            [key],
        )
        return frozenset(str(row[0]) for row in cursor.fetchall()) or frozenset(assets)


def _of_solvency(result: solvency.Solvency) -> Finding:
    return Finding(
        name=f"coins on chain cover the {result.code} ledger",
        noun="units on chain",
        examined=result.coins,
        differences=len(result.shortfalls),
        first=result.shortfalls,
        assets=frozenset({result.code}) if result.shortfalls else frozenset(),
        skipped=result.unknown,
    )
