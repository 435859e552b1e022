"""What the browsers of an account are told about its deposits and withdrawals (docs/api.md, "Browser events")."""

from mex.clock import now_ms
from mex.money import format_units
from trading.gateway import notices
from wallets.deposit_notes import deposit_note
from wallets.models import Asset, Deposit, Withdrawal


def deposit_news(deposit: Deposit) -> None:
    """Tell the owner's browsers where a deposit stands."""
    notices.account_news(deposit.user_id, deposit_event(deposit))


def withdrawal_news(withdrawal: Withdrawal) -> None:
    """Tell the owner's browsers where a withdrawal stands."""
    notices.account_news(withdrawal.user_id, withdrawal_event(withdrawal))


def deposit_event(deposit: Deposit) -> dict[str, object]:
    """Return a deposit as a browser event; `note` says more than the status where there is more to say."""
    note = deposit_note(deposit)
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
