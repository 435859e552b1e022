"""Audit the ledger, the orders and the coins on chain."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from wallets.ledger.audit import Finding, Report, audit_run


class Command(BaseCommand):
    """Run the audit; end with status 1 when anything does not add up."""

    help = "Check that everything adds up, while the engine runs. Exit status 1 with the first differences if not."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--json", action="store_true", help="Print one JSON object instead of lines.")
        parser.add_argument("--no-chains", action="store_true", help="Look at the database only.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the audit and print what it found."""
        report = audit_run(with_chains=not options["no_chains"])
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(report), indent=1))
        else:
            for finding in report.findings:
                self._print(finding)
        if report.stopped and not options["json"]:
            self.stdout.write(f"withdrawals of {', '.join(report.stopped)} are stopped until an operator opens them")
        if not report.is_clean:
            wrong = sum(1 for finding in report.findings if finding.differences)
            raise CommandError(f"audit: {wrong} of {len(report.findings)} checks found differences")
        if not options["json"]:
            skipped = sum(1 for finding in report.findings if finding.skipped)
            rest = f", {skipped} not checked" if skipped else ""
            self.stdout.write(f"audit clean: {len(report.findings) - skipped} checks{rest}")

    def _print(self, finding: Finding) -> None:
        if finding.skipped:
            self.stdout.write(f"not checked  {finding.name}: {finding.skipped}")
            return
        verdict = "ok    " if finding.has_passed else "WRONG "
        found = "" if finding.has_passed else f", {finding.differences} differences"
        self.stdout.write(f"{verdict} {finding.name} ({finding.examined} {finding.noun}{found})")
        for sentence in finding.first:
            self.stdout.write(f"         {sentence}")


def _as_json(report: Report) -> dict[str, object]:
    return {
        "clean": report.is_clean,
        "withdrawals_stopped": list(report.stopped),
        "checks": [
            {
                "name": finding.name,
                "status": "not checked" if finding.skipped else "ok" if finding.has_passed else "wrong",
                "examined": finding.examined,
                "of": finding.noun,
                "differences": finding.differences,
                "first": list(finding.first),
                "reason": finding.skipped,
            }
            for finding in report.findings
        ],
    }
