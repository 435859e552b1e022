"""What the browsers of an account are told about its deposits and withdrawals (docs/api.md, "Browser events")."""

from collections.abc import Sequence

from mex.clock import now_ms
from mex.money import format_units
from trading.gateway import notices
from wallets.deposit_notes import deposit_note, deposit_notes
from wallets.models import Asset, Deposit, Withdrawal


def deposit_news(deposit: Deposit) -> None:
    """Tell the owner's browsers where a deposit stands."""
    deposits_news([deposit])


def deposits_news(deposits: Sequence[Deposit]) -> None:
    """Tell each owner's browsers where his deposits stand, an event for each of them; all are sent in one go."""
    notes = deposit_notes(deposits)
    notices.accounts_news([(row.user_id, deposit_event(row, notes.get(row.pk, ""))) for row in deposits])


def withdrawal_news(withdrawal: Withdrawal) -> None:
    """Tell the owner's browsers where a withdrawal stands."""
    withdrawals_news([withdrawal])


def withdrawals_news(withdrawals: Sequence[Withdrawal]) -> None:
    """Tell each owner's browsers where his withdrawals stand, an event for each of them; all are sent in one go."""
    notices.accounts_news([(row.user_id, withdrawal_event(row)) for row in withdrawals])


def deposit_event(deposit: Deposit, note: str | None = None) -> dict[str, object]:
    """Return a deposit as a browser event; `note`, where the caller knows it, says more than the status."""
    note = deposit_note(deposit) if note is None else note
    return {
        "e": "depositUpdate",
        "id": str(deposit.pk),
        "coin": deposit.asset.code,
        "amount": format_units(deposit.amount),
        "txid": deposit.txid,
        "confirmations": max(deposit.confirmations, 0),
        "confirmationsNeeded": deposit.confirmations_needed,
        "status": deposit.status,
        "blockHeight": deposit.block_height,
        "txUrl": transaction_url(deposit.asset, deposit.txid),
        "time": now_ms(),
        **({"note": note} if note else {}),
    }


def withdrawal_event(withdrawal: Withdrawal) -> dict[str, object]:
    """Return a withdrawal as a browser event; `amount` is what leaves the balance, with the fee in it."""
    transaction = withdrawal.transaction
    txid = transaction.txid if transaction else ""
    return {
        "e": "withdrawalUpdate",
        "id": withdrawal.id.hex,
        "coin": withdrawal.asset.code,
        "amount": format_units(withdrawal.amount),
        "fee": format_units(withdrawal.fee),
        "address": withdrawal.address,
        "txid": txid,
        "confirmations": transaction.confirmations if transaction else 0,
        "confirmationsNeeded": withdrawal.asset.confirmations,
        "status": withdrawal.status,
        "reason": withdrawal.reject_reason,
        "blockHeight": transaction.block_height if transaction else None,
        "txUrl": transaction_url(withdrawal.asset, txid) if txid else "",
        "time": now_ms(),
    }


def transaction_url(asset: Asset, txid: str) -> str:
    """Return the explorer's page of a transaction, or "" when the asset has none."""
    return asset.transaction_url.replace("{txid}", txid)
