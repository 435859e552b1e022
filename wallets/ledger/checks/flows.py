"""Withdrawals and fees: each posted once, each posting with its cause, holds and withdrawals agreeing.

What is in flight is allowed: the engine posts first and a worker notes it later, so a posting may be ahead of a
deposit's or withdrawal's status, but never behind.
"""

from trading.engine.enums import HoldState, Reason
from wallets.ledger.chart import Owner
from wallets.ledger.checks.check import LEG_SAYS, WITHDRAWAL_REFERENCE, Check, count, leg, postings, without
from wallets.models import ChainTransaction, Withdrawal

_CHAIN, _FEES, _NETWORK = str(int(Owner.CHAIN)), str(int(Owner.FEES)), str(int(Owner.NETWORK_FEES))
_HELD, _SETTLED, _RELEASED, _REFUSED = (int(state) for state in HoldState)
_W = Withdrawal.Status
_WAITING = f"('{_W.EMAIL}', '{_W.APPROVAL}', '{_W.HELD}')"
_UNFINISHED = (
    f"('{_W.REQUESTED}', '{_W.EMAIL}', '{_W.APPROVAL}', '{_W.HELD}', '{_W.SIGNED}', '{_W.BROADCAST}', '{_W.ENDING}')"
)
_ENDED = f"'{ChainTransaction.Status.CONFIRMED}', '{ChainTransaction.Status.FAILED}'"


def _network_fees(transactions: str, corrections: str) -> str:
    """Return the legs of network fees: one for each transaction, and one for each correction of what it cost."""
    source = f"wallets_feecorrection f JOIN wallets_chaintransaction c ON c.id = f.transaction_id WHERE {corrections}"
    reference = "'network-fee:' || f.transaction_id || ':' || f.number"
    return " UNION ALL ".join(
        [
            _fee_leg(
                f"wallets_chaintransaction WHERE network_fee > 0 AND {transactions}",
                "'network-fee:' || id",
                "network_fee",
            ),
            _fee_leg(f"{source} AND f.amount > 0", reference, "f.amount"),
            _fee_leg(f"{source} AND f.amount < 0", reference, "-f.amount", debit=_CHAIN, credit=_NETWORK),
        ]
    )


def _fee_leg(source: str, reference: str, amount: str, *, debit: str = _NETWORK, credit: str = _CHAIN) -> str:
    return leg(
        source,
        reference=reference,
        reason=Reason.NETWORK_FEE,
        debit=debit,
        credit=credit,
        asset="fee_asset_id",
        amount=amount,
    )


_PAID = f"wallets_withdrawal w JOIN wallets_hold h ON h.reference = {WITHDRAWAL_REFERENCE} WHERE h.state = {_SETTLED}"
_WITHDRAWALS = " UNION ALL ".join(
    [
        leg(
            _PAID,
            reference="h.reference",
            reason=Reason.WITHDRAWAL,
            debit="h.account",
            credit=_CHAIN,
            asset="h.asset_id",
            amount="h.amount - w.fee",
        ),
        leg(
            f"{_PAID} AND w.fee > 0",
            reference="h.reference",
            reason=Reason.WITHDRAWAL_FEE,
            debit="h.account",
            credit=_FEES,
            asset="h.asset_id",
            amount="w.fee",
        ),
    ]
)
_WITHDRAWN = postings(Reason.WITHDRAWAL, Reason.WITHDRAWAL_FEE)

# Given back although it was sent: only after it failed on chain.
_ON_ITS_WAY = (
    f"(COALESCE(h.state, 0) IN ({_HELD}, {_SETTLED})"
    f" OR (COALESCE(h.state, 0) = {_RELEASED} AND c.status = '{ChainTransaction.Status.FAILED}'))"
)
# Settled first, and given back by operators since: the chain had it mined again without effect.
_GIVEN_BACK = (
    f"(COALESCE(h.state, 0) = {_SETTLED} AND EXISTS (SELECT 1 FROM wallets_posting p"
    f" WHERE p.reference = 'outcome:' || {WITHDRAWAL_REFERENCE} || ':user' AND p.reason = {int(Reason.ADJUSTMENT)}"
    " AND p.credit = w.user_id AND p.asset_id = w.asset_id AND p.amount = w.amount - w.fee))"
)
_HOLD_FITS = (
    f"CASE WHEN w.status = '{_W.REQUESTED}' THEN COALESCE(h.state, 0) IN (0, {_HELD}, {_REFUSED})"
    f" WHEN w.status IN {_WAITING} THEN COALESCE(h.state, 0) = {_HELD}"
    f" WHEN w.status IN ('{_W.SIGNED}', '{_W.BROADCAST}') THEN {_ON_ITS_WAY}"
    f" WHEN w.status = '{_W.ENDING}' THEN COALESCE(h.state, 0) IN (0, {_HELD}, {_REFUSED}, {_RELEASED})"
    f" WHEN w.status = '{_W.CONFIRMED}' THEN COALESCE(h.state, 0) = {_SETTLED}"
    f" WHEN w.status = '{_W.CANCELLED}' THEN COALESCE(h.state, 0) IN ({_REFUSED}, {_RELEASED})"
    f" WHEN w.status = '{_W.REJECTED}' THEN COALESCE(h.state, 0) IN (0, {_REFUSED}, {_RELEASED}) OR {_GIVEN_BACK}"
    " ELSE FALSE END"
)

CHECKS = (
    Check(
        name="postings are made once",
        noun="postings",
        examined=count("wallets_posting"),
        differences=(
            "SELECT MIN(asset_id), reference, reason, COUNT(*) FROM wallets_posting"
            " GROUP BY reference, reason HAVING COUNT(*) > 1 ORDER BY reference"
        ),
        says="{0}, reason {1}: posted {2} times",
    ),
    Check(
        name="postings come from commands of the engine",
        noun="postings",
        examined=count("wallets_posting"),
        differences=(
            "SELECT asset_id, id, sequence FROM wallets_posting WHERE sequence < 1 OR sequence >"
            " COALESCE((SELECT sequence FROM trading_enginestate WHERE shard = 0), 0) ORDER BY id"
        ),
        says="posting {0} names command {1}, which the engine has not applied",
    ),
    Check(
        name="settled withdrawals are posted",
        noun="settled holds",
        examined=count("wallets_hold", f"state = {_SETTLED}"),
        differences=without(_WITHDRAWALS, _WITHDRAWN),
        says=LEG_SAYS + " is not posted",
    ),
    Check(
        name="withdrawal postings have a settled withdrawal",
        noun="postings",
        examined=count("wallets_posting", f"reason IN ({int(Reason.WITHDRAWAL)}, {int(Reason.WITHDRAWAL_FEE)})"),
        differences=without(_WITHDRAWN, _WITHDRAWALS),
        says=LEG_SAYS + " is posted, but nothing was withdrawn so",
    ),
    Check(
        name="holds have a withdrawal",
        noun="holds",
        examined=count("wallets_hold"),
        differences=(
            "SELECT asset_id, reference, account, amount FROM ("
            "SELECT reference, account, asset_id, amount FROM wallets_hold EXCEPT"
            f" SELECT {WITHDRAWAL_REFERENCE}, w.user_id, w.asset_id, w.amount FROM wallets_withdrawal w"
            ") AS missing ORDER BY reference"
        ),
        says="hold {0} of {2} units of account {1} belongs to no withdrawal",
    ),
    Check(
        name="what is held waits for a withdrawal",
        noun="holds",
        examined=count("wallets_hold", f"state = {_HELD}"),
        differences=(
            "SELECT h.asset_id, h.reference, h.amount, w.status FROM wallets_withdrawal w"
            f" JOIN wallets_hold h ON h.reference = {WITHDRAWAL_REFERENCE}"
            f" WHERE h.state = {_HELD} AND w.status NOT IN {_UNFINISHED} ORDER BY h.reference"
        ),
        says="withdrawal {0} is {2}, but its {1} units are still held",
    ),
    Check(
        name="withdrawals have the hold that they need",
        noun="withdrawals",
        examined=count("wallets_withdrawal"),
        differences=(
            f"SELECT w.asset_id, {WITHDRAWAL_REFERENCE}, w.status, COALESCE(h.state, 0) FROM wallets_withdrawal w"
            f" LEFT JOIN wallets_hold h ON h.reference = {WITHDRAWAL_REFERENCE}"
            " LEFT JOIN wallets_chaintransaction c ON c.id = w.transaction_id"
            f" WHERE NOT ({_HOLD_FITS}) AND COALESCE(h.state, 0) <> {_HELD} ORDER BY 2"
        ),
        says="withdrawal {0} is {1}, but the state of its hold is {2}",
    ),
    Check(
        name="withdrawals that were sent have a transaction",
        noun="withdrawals",
        examined=count("wallets_withdrawal"),
        differences=(
            f"SELECT w.asset_id, {WITHDRAWAL_REFERENCE}, w.status, COALESCE(c.status, 'absent')"
            " FROM wallets_withdrawal w LEFT JOIN wallets_chaintransaction c ON c.id = w.transaction_id"
            f" WHERE w.status IN ('{_W.SIGNED}', '{_W.BROADCAST}', '{_W.CONFIRMED}') AND (c.id IS NULL"
            f" OR c.asset_id <> w.asset_id OR c.kind <> '{ChainTransaction.Kind.WITHDRAWAL}'"
            f" OR (w.status = '{_W.CONFIRMED}' AND c.status <> '{ChainTransaction.Status.CONFIRMED}')) ORDER BY 2"
        ),
        says="withdrawal {0} is {1}, but its transaction is {2}",
    ),
    Check(
        name="settled transactions have the outcome that they were settled for",
        noun="transactions",
        examined=count("wallets_chaintransaction", f"status IN ({_ENDED})"),
        differences=(
            "SELECT asset_id, kind, txid, status FROM wallets_chaintransaction"
            " WHERE (contradicted_at IS NOT NULL) <> (contradiction_note <> '') ORDER BY id"
        ),
        says="{0} {1} is {2}, and the chain says otherwise",
    ),
    Check(
        name="network fees are posted",
        noun="transactions",
        examined=count("wallets_chaintransaction"),
        differences=without(_network_fees(f"status IN ({_ENDED})", "NOT c.fee_in_doubt"), postings(Reason.NETWORK_FEE)),
        says=LEG_SAYS + " is not posted",
    ),
    Check(
        name="network fee postings have a transaction",
        noun="postings",
        examined=count("wallets_posting", f"reason = {int(Reason.NETWORK_FEE)}"),
        differences=without(postings(Reason.NETWORK_FEE), _network_fees("1 = 1", "1 = 1")),
        says=LEG_SAYS + " is posted, but no transaction cost that",
    ),
    Check(
        name="other postings are between the owners they are for",
        noun="postings",
        examined=count("wallets_posting", f"reason >= {int(Reason.ADJUSTMENT)}"),
        differences=(
            "SELECT asset_id, reference, reason, debit, credit, amount FROM wallets_posting"
            f" WHERE reason NOT BETWEEN {int(Reason.TRADE_BASE)} AND {int(Reason.NETWORK_FEE)} AND NOT CASE reason"
            f" WHEN {int(Reason.ADJUSTMENT)} THEN {int(Owner.ADJUSTMENT)} IN (debit, credit)"
            f" OR {int(Owner.LOSS)} IN (debit, credit)"
            f" WHEN {int(Reason.FUNDING)} THEN debit IN ({_CHAIN}, {int(Owner.FUNDING)})"
            f" AND credit IN ({_CHAIN}, {int(Owner.FUNDING)})"
            f" WHEN {int(Reason.REVERSAL)} THEN debit > 0 AND credit = {_CHAIN}"
            f" WHEN {int(Reason.LOSS)} THEN debit = {int(Owner.LOSS)} AND credit > 0"
            f" WHEN {int(Reason.RECOUP)} THEN debit > 0 AND credit = {int(Owner.LOSS)}"
            f" WHEN {int(Reason.COLD)} THEN debit IN ({_CHAIN}, {int(Owner.COLD)})"
            f" AND credit IN ({_CHAIN}, {int(Owner.COLD)})"
            " ELSE FALSE END ORDER BY reference"
        ),
        says=LEG_SAYS + " is not how such a posting goes",
    ),
)
