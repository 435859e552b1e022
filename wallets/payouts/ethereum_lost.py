"""Final Ethereum transactions that the chain has lost: what of them is sent again, at whichever fee.

The books are in order already, and stay so. Every version has the same nonce, so one of them is mined at most; which
one that is, and what it costs, is taken over by wallets/payouts/fee_doubts.py once it is deep enough again.
"""

from collections.abc import Sequence

from django.db.models import Q

from wallets.models import ChainTransaction
from wallets.payouts.contradictions import TOUCHED
from wallets.payouts.ethereum_nonces import is_repeatable
from wallets.payouts.records import UNFINISHED
from wallets.payouts.versions import versions_of


def lost_final(record: ChainTransaction) -> ChainTransaction | None:
    """Return the final version of a transaction that is gone from its block, if it may be sent with a higher fee.

    None where it is not final, or not gone, or where the chain or operators have given it another outcome: what was
    given back shall not be mined any sooner. What took its nonce since, a filler, shall.
    """
    versions = versions_of(record)
    if versions.filter(Q(status__in=UNFINISHED) | Q(fee_in_doubt=False)).exists():
        return None
    final = versions.filter(is_repeatable()).exclude(sender="").order_by("pk").first()
    if final is None or versions.filter(TOUCHED, kind=final.kind).exists():
        return None
    return final


def lost_versions(final: ChainTransaction) -> Sequence[ChainTransaction]:
    """Return what may be sent in the place of a lost final transaction: itself, and before it what was signed later.

    Only what is for the same: a version of another kind merely has the same nonce.
    """
    return list(versions_of(final).filter(kind=final.kind, pk__gte=final.pk).order_by("-pk"))
