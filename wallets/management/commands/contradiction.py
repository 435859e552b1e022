"""manage.py contradiction TXID --note TEXT [--book]: notes what was decided where the chain contradicts the books."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mex.errors import MexError
from mex.money import format_short
from trading.gateway import sender
from wallets.models import ChainTransaction
from wallets.payouts.contradictions import contradiction_bookings, contradiction_decide


class Command(BaseCommand):
    """Asks the engine for what puts the ledger right, if wanted, and ends the alarm. Pays nobody on any chain."""

    help = "Note what was decided about a settled transaction that the chain has mined again with another outcome."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("txid", help="the transaction, as /admin/operations/ shows it")
        parser.add_argument("--note", required=True, help="what was decided, and by whom; it is kept")
        parser.add_argument(
            "--book",
            action="store_true",
            help="give back what did not leave, to its user, or from COLD to the hot wallet; book what left as a loss",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, or say why not."""
        row = ChainTransaction.objects.select_related("asset").filter(txid=options["txid"]).first()
        if row is None:
            raise CommandError(f"There is no transaction {options['txid']} of ours.")
        try:
            bookings = contradiction_bookings(row) if options["book"] else []
            row = contradiction_decide(row, note=options["note"], bookings=bookings, send=sender.send)
        except MexError as error:
            raise CommandError(error.message) from error
        for one in bookings:
            self.stdout.write(
                f"the engine is asked to book {format_short(one.amount)} {row.asset.code}: {one.reference}"
            )
        self.stdout.write(f"{row.txid} is decided. Withdrawals of {row.asset.code} are opened in the admin.")
