"""manage.py solvency: take a report of solvency now."""

from typing import Any

from django.core.management.base import BaseCommand

from mex.money import format_units
from wallets.solvency.proofs import lines_of
from wallets.solvency.reports import report_take


class Command(BaseCommand):
    """Takes a public report, whether one is due or not, and prints it."""

    help = "Take a public report of solvency now: what users are owed, the coins that are there, and the root."

    def handle(self, *args: Any, **options: Any) -> None:
        """Take it and print it."""
        report = report_take()
        for line in lines_of(report, addresses_max=0):
            row = line.row
            if row.coins is None:
                there = f"coins not known: {row.unknown}"
            else:
                there = (
                    f"{format_units(row.coins)} on chain as of block {row.height},"
                    f" {format_units(row.in_flight or 0)} in flight"
                )
            self.stdout.write(f"{row.asset.code} {format_units(row.liabilities)} owed, {there}")
        self.stdout.write(f"root {report.root}")
