"""Coins at cold addresses: what went there is booked once, and no more comes back than went."""

from trading.engine.enums import Reason
from wallets.ledger.chart import Owner
from wallets.ledger.checks.check import LEG_SAYS, Check, count, leg, postings, without
from wallets.models import ChainTransaction

_CHAIN, _COLD = str(int(Owner.CHAIN)), str(int(Owner.COLD))
_KIND, _CONFIRMED = ChainTransaction.Kind.COLD, ChainTransaction.Status.CONFIRMED
_LOST = f"'{ChainTransaction.Status.FAILED}', '{ChainTransaction.Status.REPLACED}'"


# All versions of a transfer are booked under the number of the first of them, whichever is mined.
_FAMILY = "COALESCE(c.first_version_id, c.id)"
_FIRST = (
    f"(SELECT MIN(v.id) FROM wallets_chaintransaction v WHERE v.kind = '{_KIND}'"
    f" AND (v.id = {_FAMILY} OR v.first_version_id = {_FAMILY}))"
)


def _transfers(where: str) -> str:
    return leg(
        f"wallets_chaintransaction c WHERE c.kind = '{_KIND}' AND {where}",
        reference=f"'cold:' || {_FIRST}",
        reason=Reason.COLD,
        debit=_COLD,
        credit=_CHAIN,
        asset="asset_id",
        amount="amount",
    )


# What comes back is found by its own transaction, which is not one of ours: manage.py book_funding looked at it.
_RETURNS = leg(
    f"wallets_posting WHERE reason = {int(Reason.COLD)} AND reference LIKE 'cold-return:%'",
    reference="reference",
    reason=Reason.COLD,
    debit=_CHAIN,
    credit=_COLD,
    asset="asset_id",
    amount="amount",
)

CHECKS = (
    Check(
        name="cold transfers are posted",
        noun="transactions",
        examined=count("wallets_chaintransaction", f"kind = '{_KIND}'"),
        differences=without(_transfers(f"status = '{_CONFIRMED}'"), postings(Reason.COLD)),
        says=LEG_SAYS + " is not posted",
    ),
    Check(
        name="cold postings have a transfer",
        noun="postings",
        examined=count("wallets_posting", f"reason = {int(Reason.COLD)}"),
        differences=without(postings(Reason.COLD), f"{_transfers(f'status NOT IN ({_LOST})')} UNION ALL {_RETURNS}"),
        says=LEG_SAYS + " is posted, but nothing went there or came back so",
    ),
    Check(
        name="no more comes back from cold addresses than went there",
        noun="balances",
        examined=count("wallets_balance", f"owner = {_COLD}"),
        differences=f"SELECT asset_id, balance FROM wallets_balance WHERE owner = {_COLD} AND balance > 0",
        says="{0} units more came back than went to cold addresses",
    ),
)
