"""Deposits: each credit posted once for each time that it was given, taken back when the chain lost the coins.

A deposit's reference counts how often it was taken back, so that it can be credited anew: `deposit:7`, `deposit:7:1`...
What is in flight is allowed, and written down before it is: `credited_at` before a credit is sent, the status
"reversed" before a credit is taken back.
"""

from trading.engine.enums import Reason
from wallets.ledger.chart import Owner
from wallets.ledger.checks.check import LEG_SAYS, Check, count, leg, postings, without
from wallets.models import Deposit

_S = Deposit.Status
_CHAIN = str(int(Owner.CHAIN))
_DEPOSIT, _REVERSAL, _LOSS = int(Reason.DEPOSIT), int(Reason.REVERSAL), int(Reason.LOSS)
_RECOUP = int(Reason.RECOUP)
_PATIENCE = 10
"""Blocks after which a worker that looks at the chain must have decided what to do with a lost deposit."""

_REFERENCE = "'deposit:' || d.id || CASE WHEN d.reversals > 0 THEN ':' || d.reversals ELSE '' END"
_REFERENCE_BEFORE = "'deposit:' || d.id || CASE WHEN d.reversals > 1 THEN ':' || (d.reversals - 1) ELSE '' END"
_LOST = f"d.status IN ('{_S.SEEN}', '{_S.ORPHANED}') AND d.credited_at IS NOT NULL AND d.lost_at_height IS NOT NULL"
_LEAVING = f"d.status = '{_S.REVERSED}' AND d.credited_at IS NOT NULL"
_HANDED_OVER = (
    f"((d.status IN ('{_S.CREDITED}', '{_S.CONFIRMING}') AND d.credited_at IS NOT NULL) OR ({_LOST}) OR ({_LEAVING}))"
)
# The references of credits that were taken back, all of them older than the deposit's own.
_PAST = (
    "(WITH RECURSIVE taken_back(id, number) AS ("
    "SELECT id, 0 FROM wallets_deposit WHERE reversals > 0"
    " UNION ALL SELECT t.id, t.number + 1 FROM taken_back t JOIN wallets_deposit d ON d.id = t.id"
    " WHERE t.number + 1 < d.reversals) SELECT id,"
    " 'deposit:' || id || CASE WHEN number > 0 THEN ':' || number ELSE '' END AS reference FROM taken_back)"
)
_TAKEN_BACK = (
    "SELECT c.reference, c.reason, c.debit, c.credit, c.asset_id, c.amount FROM wallets_posting c"
    " JOIN wallets_posting r ON r.reference = c.reference AND r.asset_id = c.asset_id AND r.amount = c.amount"
    f" AND r.debit = c.credit AND r.credit = c.debit AND r.reason = {_REVERSAL} WHERE c.reason = {_DEPOSIT}"
    f" AND c.debit = {_CHAIN}"
)
_STATE_FITS = (
    f"CASE WHEN d.status = '{_S.CREDITED}' THEN d.credited_at IS NOT NULL AND d.lost_at_height IS NULL"
    f" WHEN d.status = '{_S.CONFIRMING}' THEN d.credited_at IS NOT NULL OR d.lost_at_height IS NULL"
    f" WHEN d.status IN ('{_S.COLLECTING}', '{_S.EXPIRED}') THEN d.credited_at IS NULL AND d.lost_at_height IS NULL"
    f" WHEN d.status IN ('{_S.SEEN}', '{_S.ORPHANED}') THEN (d.credited_at IS NULL) = (d.lost_at_height IS NULL)"
    f" WHEN d.status = '{_S.REVERSED}' THEN CASE WHEN d.credited_at IS NULL"
    " THEN d.lost_at_height IS NULL AND d.reversals > 0 ELSE d.lost_at_height IS NOT NULL END"
    " ELSE FALSE END"
)


def _deposits(where: str) -> str:
    return leg(
        f"wallets_deposit d WHERE d.amount > 0 AND {where}",
        reference=_REFERENCE,
        reason=Reason.DEPOSIT,
        debit=_CHAIN,
        credit="d.user_id",
        asset="d.asset_id",
        amount="d.amount",
    )


_LEAVING_OR_LEFT = (
    f"SELECT reference FROM {_PAST} AS past UNION ALL SELECT {_REFERENCE} FROM wallets_deposit d WHERE {_LEAVING}"
)

CHECKS = (
    Check(
        name="deposits are in a state that there is",
        noun="deposits",
        examined=count("wallets_deposit"),
        differences=(
            "SELECT d.asset_id, d.id, d.status, CASE WHEN d.credited_at IS NULL THEN 'no' ELSE 'a' END,"
            " CASE WHEN d.lost_at_height IS NULL THEN 'not' ELSE 'noted as' END, d.reversals"
            f" FROM wallets_deposit d WHERE NOT ({_STATE_FITS}) ORDER BY d.id"
        ),
        says="deposit {0} is {1} with {2} credit, {3} lost, {4} times taken back",
    ),
    Check(
        name="credited deposits are posted",
        noun="deposits",
        examined=count("wallets_deposit"),
        differences=without(_deposits(f"d.status = '{_S.CREDITED}'"), postings(Reason.DEPOSIT)),
        says=LEG_SAYS + " is not posted",
    ),
    Check(
        name="deposit postings have a deposit",
        noun="postings",
        examined=count("wallets_posting", f"reason = {_DEPOSIT}"),
        differences=without(postings(Reason.DEPOSIT), f"{_deposits(_HANDED_OVER)} UNION ALL {_TAKEN_BACK}"),
        says=LEG_SAYS + " is posted, but there is no such deposit on the chain",
    ),
    Check(
        name="lost deposits are taken back",
        noun="lost deposits",
        examined=count("wallets_deposit", "lost_at_height IS NOT NULL"),
        differences=(
            "SELECT d.asset_id, d.id, d.lost_at_height, d.amount, c.height FROM wallets_deposit d"
            " JOIN wallets_asset a ON a.id = d.asset_id JOIN wallets_chaincursor c ON c.chain = a.chain"
            f" WHERE {_LOST} AND c.height > d.lost_at_height + d.confirmations_needed + {_PATIENCE} ORDER BY d.id"
        ),
        says="deposit {0} is gone since block {1}, but its {2} units are still credited at block {3}",
    ),
    Check(
        name="deposits that were taken back are posted so",
        noun="deposits",
        examined=count("wallets_deposit", "reversals > 0"),
        differences=(
            f"SELECT d.asset_id, past.reference, d.amount FROM {_PAST} AS past JOIN wallets_deposit d ON d.id = past.id"
            " LEFT JOIN wallets_posting r ON r.reference = past.reference AND r.asset_id = d.asset_id"
            f" AND r.reason = {_REVERSAL} WHERE r.id IS NULL ORDER BY past.reference"
        ),
        says="{0}: the credit of {1} units was not taken back",
    ),
    Check(
        name="reversals take back a deposit that was lost",
        noun="postings",
        examined=count("wallets_posting", f"reason = {_REVERSAL}"),
        differences=(
            "SELECT r.asset_id, r.reference, r.reason, r.debit, r.credit, r.amount FROM wallets_posting r"
            f" LEFT JOIN wallets_posting c ON c.reference = r.reference AND c.reason = {_DEPOSIT}"
            " AND c.asset_id = r.asset_id AND c.amount = r.amount AND c.credit = r.debit AND c.debit = r.credit"
            f" WHERE r.reason = {_REVERSAL} AND (c.id IS NULL OR r.reference NOT IN ({_LEAVING_OR_LEFT}))"
            " ORDER BY r.reference"
        ),
        says=LEG_SAYS + " is posted, but no such credit was to be taken back",
    ),
    Check(
        name="losses stand beside what was taken back",
        noun="postings",
        examined=count("wallets_posting", f"reason = {_LOSS}"),
        differences=(
            "SELECT l.asset_id, l.reference, l.reason, l.debit, l.credit, l.amount FROM wallets_posting l"
            f" LEFT JOIN wallets_posting r ON r.reference = l.reference AND r.reason = {_REVERSAL}"
            " AND r.asset_id = l.asset_id AND r.debit = l.credit AND r.amount >= l.amount"
            f" WHERE l.reason = {_LOSS} AND r.id IS NULL ORDER BY l.reference"
        ),
        says=LEG_SAYS + " is posted, but nothing was taken back for it",
    ),
    Check(
        name="deposits that come back give back what they cost",
        noun="deposits",
        examined=count("wallets_deposit", "reversals > 0"),
        differences=(
            "SELECT d.asset_id, c.reference, COALESCE(l.amount, 0), COALESCE(r.amount, 0) FROM wallets_deposit d"
            f" JOIN wallets_posting c ON c.reference = {_REFERENCE} AND c.reason = {_DEPOSIT}"
            f" LEFT JOIN wallets_posting l ON l.reference = {_REFERENCE_BEFORE} AND l.reason = {_LOSS}"
            f" LEFT JOIN wallets_posting r ON r.reference = c.reference AND r.reason = {_RECOUP}"
            " WHERE d.reversals > 0 AND COALESCE(l.amount, 0) <> COALESCE(r.amount, 0) ORDER BY c.reference"
        ),
        says="{0}: taken back before, it cost {1} units, and {2} of them were given back",
    ),
    Check(
        name="what is given back to the losses is of a deposit that came back",
        noun="postings",
        examined=count("wallets_posting", f"reason = {_RECOUP}"),
        differences=(
            "SELECT r.asset_id, r.reference, r.reason, r.debit, r.credit, r.amount FROM wallets_posting r"
            f" LEFT JOIN wallets_posting c ON c.reference = r.reference AND c.reason = {_DEPOSIT}"
            " AND c.asset_id = r.asset_id AND c.credit = r.debit AND c.amount >= r.amount"
            f" WHERE r.reason = {_RECOUP} AND c.id IS NULL ORDER BY r.reference"
        ),
        says=LEG_SAYS + " is posted, but no such deposit was credited",
    ),
)
