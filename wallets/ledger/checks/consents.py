"""Withdrawals and who had to agree to them: nothing is paid that was not confirmed and approved of, where it had to be.

A withdrawal is moved on in the transaction that notes the confirmation or the decision, so nothing here is in flight.
"""

from wallets.ledger.checks.check import WITHDRAWAL_REFERENCE, Check, count
from wallets.models import Withdrawal

_W = Withdrawal.Status
_PAYABLE = f"('{_W.HELD}', '{_W.SIGNED}', '{_W.BROADCAST}', '{_W.CONFIRMED}')"
_AGREED = f"(w.transaction_id IS NOT NULL OR w.status IN {_PAYABLE})"
_DECISIONS = "wallets_withdrawaldecision d WHERE d.withdrawal_id = w.id"
_ENDS = f"('{_W.CANCELLED}', '{_W.REJECTED}')"

CHECKS = (
    Check(
        name="withdrawals are confirmed before they are paid",
        noun="withdrawals",
        examined=count("wallets_withdrawal", "needs_email"),
        differences=(
            f"SELECT w.asset_id, {WITHDRAWAL_REFERENCE}, w.status FROM wallets_withdrawal w"
            f" WHERE w.needs_email AND {_AGREED} AND w.email_confirmed_at IS NULL ORDER BY 2"
        ),
        says="withdrawal {0} is {1}, but its owner has not confirmed it",
    ),
    Check(
        name="withdrawals are approved of before they are paid",
        noun="withdrawals",
        examined=count("wallets_withdrawal", "needs_approval"),
        differences=(
            f"SELECT w.asset_id, {WITHDRAWAL_REFERENCE}, w.status FROM wallets_withdrawal w"
            f" WHERE w.needs_approval AND {_AGREED} AND (NOT EXISTS (SELECT 1 FROM {_DECISIONS} AND d.approves"
            f" AND d.operator_id <> w.user_id) OR EXISTS (SELECT 1 FROM {_DECISIONS} AND NOT d.approves)) ORDER BY 2"
        ),
        says="withdrawal {0} is {1}, but no operator has approved of it, or one has rejected it",
    ),
    Check(
        name="decisions are about withdrawals of others",
        noun="decisions",
        examined=count("wallets_withdrawaldecision"),
        differences=(
            f"SELECT w.asset_id, d.id, {WITHDRAWAL_REFERENCE}, d.operator_id FROM wallets_withdrawaldecision d"
            " JOIN wallets_withdrawal w ON w.id = d.withdrawal_id"
            " WHERE (d.approves AND NOT w.needs_approval) OR d.operator_id = w.user_id ORDER BY d.id"
        ),
        says="decision {0} about withdrawal {1} by operator {2} was not to be made",
    ),
    Check(
        name="withdrawals end as they were to",
        noun="withdrawals",
        examined=count("wallets_withdrawal"),
        differences=(
            f"SELECT w.asset_id, {WITHDRAWAL_REFERENCE}, w.status, w.ends_as FROM wallets_withdrawal w"
            f" WHERE NOT CASE WHEN w.status = '{_W.ENDING}' THEN w.ends_as IN {_ENDS} AND w.transaction_id IS NULL"
            f" WHEN w.status = '{_W.CANCELLED}' THEN w.ends_as = '{_W.CANCELLED}' AND w.transaction_id IS NULL"
            f" ELSE w.ends_as = '' OR (w.ends_as = '{_W.REJECTED}' AND w.status = w.ends_as"
            " AND w.transaction_id IS NULL) END ORDER BY 2"
        ),
        says="withdrawal {0} is {1}, but was to end as {2!r}",
    ),
)
