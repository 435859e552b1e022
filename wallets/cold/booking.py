"""What the ledger learns of coins that went to a cold address."""

from django.db.models import Min

from trading.engine.commands import Transfer
from trading.engine.enums import Reason
from wallets.ledger.chart import Owner
from wallets.models import ChainTransaction, Posting
from wallets.payouts.versions import versions_of


def cold_posting(record: ChainTransaction, succeeded: bool) -> Transfer | None:
    """Return what the ledger must have before a transaction of ours ends; None when there is nothing (any more).

    Only what goes to a cold address needs something: its coins leave CHAIN and become those of COLD. It is booked once
    for all versions of a transfer, under the number of the first of them.
    """
    if record.kind != ChainTransaction.Kind.COLD or not succeeded or not record.amount:
        return None
    transfers = versions_of(record).filter(kind=ChainTransaction.Kind.COLD)
    reference = f"cold:{transfers.aggregate(first=Min('pk'))['first']}"
    if Posting.objects.filter(reference=reference, reason=Reason.COLD).exists():
        return None
    return Transfer(
        reference=reference,
        debit=Owner.COLD,
        credit=Owner.CHAIN,
        asset=record.asset_id,
        amount=record.amount,
        reason=Reason.COLD,
    )
