"""Wallet operations of the API (docs/api.md, "Wallet"): parse, call a service or a selector, answer."""

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from channels.db import database_sync_to_async

from accounts.authentication import Caller
from accounts.models import User
from mex.errors import ParameterInvalid, WithdrawalFundsMissing
from mex.limits import PAGE_ROWS_MAX
from mex.money import AMOUNT_MAX, format_short, format_units
from mex.params import Params
from trading.engine.enums import HoldState
from wallets import selectors, services
from wallets.chains.addresses import PATTERNS
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
    Deposit.Status.CREDITED: 1,
    Deposit.Status.ORPHANED: 2,
}
WITHDRAWAL_STATUS: dict[str, int] = {
    Withdrawal.Status.REQUESTED: 4,
    Withdrawal.Status.HELD: 4,
    Withdrawal.Status.SIGNED: 4,
    Withdrawal.Status.BROADCAST: 4,
    Withdrawal.Status.CONFIRMED: 6,
    Withdrawal.Status.REJECTED: 3,
}
TOKENS_STAY = "Withdrawals of {} open with the next release."
_MINUTES = {Chain.BITCOIN: 10, Chain.ETHEREUM: 5}


async def system_status(_caller: Caller | None, _params: Params) -> object:
    """Say that the wallets work."""
    return {"status": 0, "msg": "normal"}


async def coins(caller: Caller | None, _params: Params) -> object:
    """List assets with their network, fees, limits and the caller's balance."""
    rows = await _database(selectors.assets_with_balances, _account(caller))
    return [_coin(asset, free, held) for asset, free, held in rows]


async def deposit_address(caller: Caller | None, params: Params) -> object:
    """Return the caller's deposit address of a coin."""
    return await _database(_deposit_address, _account(caller), params)


async def deposit_history(caller: Caller | None, params: Params) -> object:
    """List the caller's deposits."""
    rows = await _database(
        selectors.deposits_in,
        _account(caller),
        _period(params),
        coin=params.text("coin", ""),
        txid=params.text("txId", ""),
        statuses=_statuses(params, DEPOSIT_STATUS),
        offset=params.integer("offset", 0),
        limit=params.integer("limit", PAGE_ROWS_MAX, low=1, high=PAGE_ROWS_MAX),
    )
    return [_deposit(row) for row in rows]


async def withdraw_history(caller: Caller | None, params: Params) -> object:
    """List the caller's withdrawals."""
    rows = await _database(
        selectors.withdrawals_in,
        _account(caller),
        _period(params),
        coin=params.text("coin", ""),
        client_id=params.text("withdrawOrderId", ""),
        ids=_ids(params),
        statuses=_statuses(params, WITHDRAWAL_STATUS),
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


def _database(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "asyncio.Future[T]":
    return database_sync_to_async(function, thread_sensitive=False)(*args, **kwargs)


def _account(caller: Caller | None) -> int:
    assert caller is not None, "wallet operations are signed"
    return caller.account


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
    )


def _period(params: Params) -> selectors.Period:
    start = params.integer("startTime") if params.has("startTime") else None
    end = params.integer("endTime") if params.has("endTime") else None
    return selectors.period_of(start, end)


def _statuses(params: Params, numbers: dict[str, int]) -> list[str] | None:
    if not params.has("status"):
        return None
    number = params.integer("status", high=8)
    return [status for status, shown in numbers.items() if shown == number]


def _ids(params: Params) -> list[str] | None:
    if not params.has("idList"):
        return None
    words = params.text("idList").split(",")
    if len(words) > _IDS_MAX:
        raise ParameterInvalid("idList")
    try:
        return [uuid.UUID(hex=word.strip()).hex for word in words]
    except ValueError:
        raise ParameterInvalid("idList") from None


def _coin(asset: Asset, free: int, held: int) -> dict[str, object]:
    return {
        "coin": asset.code,
        "depositAllEnable": asset.takes_deposits,
        "withdrawAllEnable": asset.takes_withdrawals,
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
        "networkList": [_network(asset)],
    }


def _network(asset: Asset) -> dict[str, object]:
    return {
        "network": asset.network,
        "coin": asset.code,
        "withdrawIntegerMultiple": format_short(selectors.withdrawal_step(asset)),
        "isDefault": True,
        "depositEnable": asset.takes_deposits,
        "withdrawEnable": asset.takes_withdrawals,
        "depositDesc": "",
        "withdrawDesc": TOKENS_STAY.format(asset.code) if asset.is_token else "",
        "specialTips": "",
        "name": Chain(asset.chain).label,
        "resetAddressStatus": False,
        "addressRegex": PATTERNS[Chain(asset.chain)],
        "memoRegex": "",
        "withdrawFee": format_short(asset.withdrawal_fee),
        "withdrawMin": format_short(asset.withdrawal_min),
        "withdrawMax": format_short(AMOUNT_MAX),
        "minConfirm": asset.confirmations,
        "unLockConfirm": asset.confirmations,
        "sameAddress": False,
        "estimatedArrivalTime": _MINUTES[Chain(asset.chain)],
        "busy": False,
        **({"contractAddress": asset.contract} if asset.is_token else {}),
    }


def _deposit(row: Deposit) -> dict[str, object]:
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
    }


def _withdrawal(row: Withdrawal) -> dict[str, object]:
    shown: dict[str, object] = {
        "id": row.id.hex,
        "amount": format_units(row.amount - row.fee),
        "transactionFee": format_units(row.fee),
        "coin": row.asset.code,
        "status": WITHDRAWAL_STATUS[Withdrawal.Status(row.status)],
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
