"""Ask a signing worker to raise the fee of a payment."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from wallets import tasks
from wallets.models import ChainTransaction
from wallets.payouts.ethereum_lost import lost_final
from wallets.payouts.records import UNFINISHED
from wallets.payouts.versions import versions_of


class Command(BaseCommand):
    """Ask for a further version of a transaction that is in no block, with a higher fee."""

    help = "Raise the fee of a transaction of ours that waits for a block. A signing worker does it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("txid", help="The transaction, by any of its versions.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Send the task, unless there is nothing to be raised."""
        record = ChainTransaction.objects.filter(txid=options["txid"]).first()
        if record is None:
            raise CommandError(f"{options['txid']} is no transaction of ours")
        versions = list(versions_of(record).order_by("pk"))
        # What was final on Ethereum and is gone from its block may be raised, too.
        settled = [row for row in versions if row.confirmations > 0 or row.status not in UNFINISHED]
        if settled and lost_final(record) is None:
            settled.sort(key=lambda row: -row.confirmations)
            raise CommandError(
                f"{settled[0].txid} is {settled[0].status}, with {settled[0].confirmations} confirmations"
            )
        tasks.bump.apply_async((record.txid,), queue="signer", expires=60)
        self.stdout.write(
            f"a signing worker is asked to raise the fee of {versions[-1].txid}, which is version {len(versions)}; "
            "its log says what came of it, and the admin lists the new version under chain transactions"
        )
