"""Wallet operations of the API (docs/api.md, "Wallet"): parse, call a service or a selector, answer."""

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from channels.db import database_sync_to_async

from accounts.authentication import Caller
from accounts.models import User
from mex.errors import ParameterInvalid, WithdrawalFundsMissing, WithdrawalUnknown
from mex.limits import PAGE_ROWS_MAX
from mex.money import AMOUNT_MAX, format_short, format_units
from mex.params import Params
from trading.engine.enums import HoldState
from wallets import selectors, services
from wallets.chains.addresses import PATTERNS
from wallets.control.accounts import frozen_because
from wallets.control.ending import withdrawal_cancel
from wallets.control.limits import NO_LIMIT, Quota, quotas_of
from wallets.control.switch import withdrawals_halted
from wallets.deposit_notes import deposit_notes
from wallets.models import Asset, Chain, Deposit, Withdrawal

P = ParamSpec("P")
T = TypeVar("T")
_HOLD_WAIT_S = 5.0
_HOLD_POLL_S = 0.02
_HOLD_POLL_LONGEST_S = 0.1
_IDS_MAX = 45

DEPOSIT_STATUS: dict[str, int] = {
    Deposit.Status.SEEN: 0,
    Deposit.Status.CONFIRMING: 0,
    Deposit.Status.COLLECTING: 0,
    Deposit.Status.CREDITED: 1,
    Deposit.Status.ORPHANED: 2,
    Deposit.Status.EXPIRED: 2,
    Deposit.Status.REVERSED: 2,
}
WITHDRAWAL_STATUS: dict[str, int] = {
    Withdrawal.Status.REQUESTED: 4,
    Withdrawal.Status.EMAIL: 0,
    Withdrawal.Status.APPROVAL: 2,
    Withdrawal.Status.HELD: 4,
    Withdrawal.Status.SIGNED: 4,
    Withdrawal.Status.BROADCAST: 4,
    Withdrawal.Status.ENDING: 4,
    Withdrawal.Status.CONFIRMED: 6,
    Withdrawal.Status.CANCELLED: 1,
    Withdrawal.Status.REJECTED: 3,
}
_FAILED = 5
"""Of a rejected withdrawal that was sent, and failed on chain."""
HALTED = "Withdrawals of {} are closed at the moment."
FROZEN = "Withdrawals of your account are stopped. Please ask the operators."
_MINUTES = {Chain.BITCOIN: 10, Chain.ETHEREUM: 5}


async def system_status(_caller: Caller | None, _params: Params) -> object:
    """Say that the wallets work."""
    return {"status": 0, "msg": "normal"}


async def coins(caller: Caller | None, _params: Params) -> object:
    """List assets with their network, fees, limits and the caller's balance."""
    return await _database(_coins, _account(caller))


async def deposit_address(caller: Caller | None, params: Params) -> object:
    """Return the caller's deposit address of a coin."""
    return await _database(_deposit_address, _account(caller), params)


async def deposit_history(caller: Caller | None, params: Params) -> object:
    """List the caller's deposits."""
    return await _database(
        _deposits,
        _account(caller),
        _period(params),
        coin=params.text("coin", ""),
        txid=params.text("txId", ""),
        statuses=_statuses(params, DEPOSIT_STATUS),
        offset=params.integer("offset", 0),
        limit=params.integer("limit", PAGE_ROWS_MAX, low=1, high=PAGE_ROWS_MAX),
    )


async def withdraw_history(caller: Caller | None, params: Params) -> object:
    """List the caller's withdrawals."""
    rows = await _database(
        selectors.withdrawals_in,
        _account(caller),
        _period(params),
        coin=params.text("coin", ""),
        client_id=params.text("withdrawOrderId", ""),
        ids=_ids(params),
        statuses=_withdrawal_statuses(params),
        has_transaction=_has_transaction(params),
        offset=params.integer("offset", 0),
        limit=params.integer("limit", PAGE_ROWS_MAX, low=1, high=PAGE_ROWS_MAX),
    )
    return [_withdrawal(row) for row in rows]


async def withdraw_apply(caller: Caller | None, params: Params) -> object:
    """Request a withdrawal, and wait a moment for the engine to say whether the funds are there."""
    withdrawal = await _database(_withdraw_apply, _account(caller), params)
    deadline = time.monotonic() + _HOLD_WAIT_S
    pause = _HOLD_POLL_S
    while True:
        state = await _database(selectors.hold_state, withdrawal.reference)
        if state == HoldState.REFUSED:
            raise WithdrawalFundsMissing()
        if state is not None or time.monotonic() >= deadline:
            # Without an answer yet it stays requested: workers ask the engine again, and the history tells.
            return {"id": withdrawal.id.hex}
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _HOLD_POLL_LONGEST_S)


async def withdraw_cancel(caller: Caller | None, params: Params) -> object:
    """Cancel a withdrawal that is not signed yet. Its funds are free a moment later."""
    return await _database(_withdraw_cancel, _account(caller), params)


def _database(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "asyncio.Future[T]":
    return database_sync_to_async(function, thread_sensitive=False)(*args, **kwargs)


def _account(caller: Caller | None) -> int:
    assert caller is not None, "wallet operations are signed"
    return caller.account


def _deposits(account: int, period: selectors.Period, **wanted: Any) -> list[dict[str, object]]:
    rows = selectors.deposits_in(account, period, **wanted)
    notes = deposit_notes(rows)
    return [_deposit(row, notes.get(row.pk, "")) for row in rows]


def _deposit_address(account: int, params: Params) -> dict[str, str]:
    asset = selectors.asset_by_code(params.text("coin"), params.text("network", ""))
    row = services.deposit_address_assign(user=User.objects.get(pk=account), asset=asset)
    url = asset.address_url.replace("{address}", row.address)
    return {"address": row.address, "coin": asset.code, "tag": "", "url": url}


def _withdraw_apply(account: int, params: Params) -> Withdrawal:
    asset = selectors.asset_by_code(params.text("coin"), params.text("network", ""))
    return services.withdrawal_request(
        user_id=account,
        asset=asset,
        address=params.text("address"),
        amount=params.units("amount"),
        client_id=params.text("withdrawOrderId", "") or None,
        code=params.text("secondFactor", ""),
    )


def _withdraw_cancel(account: int, params: Params) -> dict[str, object]:
    if params.has("id"):
        pk: uuid.UUID | None = _uuid(params.text("id"), "id")
    else:
        pk = selectors.withdrawal_by_client_id(account, params.text("withdrawOrderId"))
    if pk is None:
        raise WithdrawalUnknown()
    row = withdrawal_cancel(user_id=account, pk=pk)
    return {"id": row.id.hex, "status": _shown_status(row)}


def _period(params: Params) -> selectors.Period:
    start = params.integer("startTime") if params.has("startTime") else None
    end = params.integer("endTime") if params.has("endTime") else None
    return selectors.period_of(start, end)


def _statuses(params: Params, numbers: dict[str, int]) -> list[str] | None:
    if not params.has("status"):
        return None
    number = params.integer("status", high=8)
    return [status for status, shown in numbers.items() if shown == number]


def _withdrawal_statuses(params: Params) -> list[str] | None:
    if params.has("status") and params.integer("status", high=8) == _FAILED:
        return [Withdrawal.Status.REJECTED]
    return _statuses(params, WITHDRAWAL_STATUS)


def _has_transaction(params: Params) -> bool | None:
    """Tell those that failed on chain from those that were rejected before."""
    number = params.integer("status", high=8) if params.has("status") else None
    return {_FAILED: True, WITHDRAWAL_STATUS[Withdrawal.Status.REJECTED]: False}.get(number) if number else None


def _ids(params: Params) -> list[str] | None:
    if not params.has("idList"):
        return None
    words = params.text("idList").split(",")
    if len(words) > _IDS_MAX:
        raise ParameterInvalid("idList")
    return [_uuid(word.strip(), "idList").hex for word in words]


def _uuid(text: str, name: str) -> uuid.UUID:
    try:
        return uuid.UUID(hex=text)
    except ValueError:
        raise ParameterInvalid(name) from None


def _coins(account: int) -> list[dict[str, object]]:
    quotas, is_frozen = quotas_of(account), bool(frozen_because(account))
    return [
        _coin(asset, free, held, _network(asset, quotas.get(asset.pk, NO_LIMIT), is_frozen))
        for asset, free, held in selectors.assets_with_balances(account)
    ]


def _coin(asset: Asset, free: int, held: int, network: dict[str, object]) -> dict[str, object]:
    return {
        "coin": asset.code,
        "depositAllEnable": asset.takes_deposits,
        "withdrawAllEnable": network["withdrawEnable"],
        "name": asset.name,
        "free": format_units(free),
        "locked": format_units(held),
        "freeze": "0",
        "withdrawing": "0",
        "ipoing": "0",
        "ipoable": "0",
        "storage": "0",
        "isLegalMoney": False,
        "trading": True,
        "networkList": [network],
    }


def _network(asset: Asset, quota: Quota, is_frozen: bool) -> dict[str, object]:
    is_halted = bool(withdrawals_halted(asset))
    most = AMOUNT_MAX if quota.daily is None else quota.daily
    return {
        "network": asset.network,
        "coin": asset.code,
        "withdrawIntegerMultiple": format_short(selectors.withdrawal_step(asset)),
        "isDefault": True,
        "depositEnable": asset.takes_deposits,
        "withdrawEnable": not is_halted and not is_frozen,
        "depositDesc": "",
        "withdrawDesc": HALTED.format(asset.code) if is_halted else FROZEN if is_frozen else "",
        "specialTips": "",
        "name": Chain(asset.chain).label,
        "resetAddressStatus": False,
        "addressRegex": PATTERNS[Chain(asset.chain)],
        "memoRegex": "",
        "withdrawFee": format_short(asset.withdrawal_fee),
        "withdrawMin": format_short(asset.withdrawal_min),
        "withdrawMax": format_short(most),
        "withdrawQuota": format_short(most),
        "withdrawQuotaUsed": format_short(quota.used),
        "minConfirm": asset.confirmations,
        "unLockConfirm": asset.confirmations,
        "sameAddress": False,
        "estimatedArrivalTime": _MINUTES[Chain(asset.chain)],
        "busy": False,
        **({"contractAddress": asset.contract} if asset.is_token else {}),
    }


def _deposit(row: Deposit, note: str) -> dict[str, object]:
    needed = row.confirmations_needed
    return {
        "id": str(row.pk),
        "amount": format_units(row.amount),
        "coin": row.asset.code,
        "network": row.asset.network,
        "status": DEPOSIT_STATUS[Deposit.Status(row.status)],
        "address": row.address.address,
        "addressTag": "",
        "txId": row.txid,
        "insertTime": int(row.seen_at.timestamp() * 1000),
        "transferType": 0,
        "confirmTimes": f"{min(max(row.confirmations, 0), needed)}/{needed}",
        "unlockConfirm": needed,
        "walletType": 0,
        **({"note": note} if note else {}),
    }


def _shown_status(row: Withdrawal) -> int:
    if row.status == Withdrawal.Status.REJECTED and row.transaction_id is not None:
        return _FAILED
    return WITHDRAWAL_STATUS[Withdrawal.Status(row.status)]


def _withdrawal(row: Withdrawal) -> dict[str, object]:
    shown: dict[str, object] = {
        "id": row.id.hex,
        "amount": format_units(row.amount - row.fee),
        "transactionFee": format_units(row.fee),
        "coin": row.asset.code,
        "status": _shown_status(row),
        "address": row.address,
        "addressTag": "",
        "txId": row.transaction.txid if row.transaction else "",
        "applyTime": row.requested_at.strftime("%Y-%m-%d %H:%M:%S"),
        "network": row.asset.network,
        "transferType": 0,
        "withdrawOrderId": row.client_id or "",
        "info": row.reject_reason,
        "confirmNo": row.transaction.confirmations if row.transaction else 0,
        "walletType": 0,
        "txKey": "",
    }
    if row.completed_at is not None:
        shown["completeTime"] = row.completed_at.strftime("%Y-%m-%d %H:%M:%S")
    return shown
