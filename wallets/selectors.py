"""Reads of wallets for the API. Every one that names a user returns that user's rows only."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from mex.clock import now_ms
from mex.errors import AssetUnknown, ParameterInvalid, TimeRangeTooWide
from mex.money import DECIMALS
from wallets.models import Asset, Balance, ChainCursor, Deposit, Hold, Withdrawal

_RANGE_MS = 90 * 24 * 3600 * 1000


class Period(msgspec.Struct, frozen=True):
    """A span of time in ms since the epoch, both ends in it."""

    start_ms: int
    end_ms: int


def period_of(start_ms: int | None, end_ms: int | None) -> Period:
    """Return the span that a history is asked for: the last 90 days by default. Raises TimeRangeTooWide."""
    end = now_ms() if end_ms is None else end_ms
    start = max(end - _RANGE_MS, 0) if start_ms is None else start_ms
    if end - start > _RANGE_MS:
        raise TimeRangeTooWide()
    return Period(start, end)


def asset_by_code(code: str, network: str = "") -> Asset:
    """Return an asset. Raises AssetUnknown, or ParameterInvalid for a network that it is not on."""
    asset = Asset.objects.filter(code=code.upper()).first()
    if asset is None:
        raise AssetUnknown()
    if network and network.upper() != asset.network.upper():
        raise ParameterInvalid("network")
    return asset


def withdrawal_step(asset: Asset) -> int:
    """Return the smallest amount, in units, that the asset's chain can carry."""
    return int(10 ** max(DECIMALS - asset.chain_decimals, 0))


def available(user_id: int, asset: Asset) -> int:
    """Return what a user could withdraw now, in units. The engine decides; this only spares it the obvious."""
    row = Balance.objects.filter(owner=user_id, asset=asset).first()
    return row.balance - row.held if row else 0


def assets_with_balances(user_id: int) -> list[tuple[Asset, int, int]]:
    """Return every asset with what a user has available and held of it, in units."""
    rows = {row.asset_id: row for row in Balance.objects.filter(owner=user_id)}
    result = []
    for asset in Asset.objects.all():
        row = rows.get(asset.pk)
        result.append((asset, row.balance - row.held if row else 0, row.held if row else 0))
    return result


def hold_state(reference: str) -> int | None:
    """Return what became of a withdrawal's hold (HoldState), or None while the engine has not said."""
    return Hold.objects.filter(reference=reference).values_list("state", flat=True).first()


def deposits_in(
    user_id: int,
    period: Period,
    *,
    coin: str = "",
    txid: str = "",
    statuses: Sequence[str] | None = None,
    offset: int = 0,
    limit: int = 1000,
) -> list[Deposit]:
    """Return a user's deposits that were first seen in a period, newest first."""
    rows = Deposit.objects.filter(user_id=user_id, seen_at__range=_times(period))
    if coin:
        rows = rows.filter(asset__code=coin.upper())
    if txid:
        rows = rows.filter(txid=txid)
    if statuses is not None:
        rows = rows.filter(status__in=statuses)
    return list(rows.select_related("asset", "address").order_by("-id")[offset : offset + limit])


def withdrawals_in(
    user_id: int,
    period: Period,
    *,
    coin: str = "",
    client_id: str = "",
    ids: Sequence[str] | None = None,
    statuses: Sequence[str] | None = None,
    has_transaction: bool | None = None,
    offset: int = 0,
    limit: int = 1000,
) -> list[Withdrawal]:
    """Return a user's withdrawals that were requested in a period, newest first."""
    rows = Withdrawal.objects.filter(user_id=user_id, requested_at__range=_times(period))
    if coin:
        rows = rows.filter(asset__code=coin.upper())
    if client_id:
        rows = rows.filter(client_id=client_id)
    if ids is not None:
        rows = rows.filter(pk__in=ids)
    if statuses is not None:
        rows = rows.filter(status__in=statuses)
    if has_transaction is not None:
        rows = rows.filter(transaction__isnull=not has_transaction)
    rows = rows.select_related("asset", "transaction").order_by("-requested_at", "-id")
    return list(rows[offset : offset + limit])


def withdrawal_by_client_id(user_id: int, client_id: str) -> uuid.UUID | None:
    """Return the id of the withdrawal that a user gave a name."""
    return Withdrawal.objects.filter(user_id=user_id, client_id=client_id).values_list("pk", flat=True).first()


def chain_lags() -> dict[str, tuple[int, float]]:
    """Return for each chain how many blocks we are behind, and how many seconds ago its node last answered."""
    now = datetime.now(UTC)
    return {
        row.chain: (max(row.tip_height - row.height, 0), (now - row.seen_at) / timedelta(seconds=1))
        for row in ChainCursor.objects.all()
    }


def _times(period: Period) -> tuple[datetime, datetime]:
    return _time(period.start_ms), _time(period.end_ms)


def _time(ms: int) -> datetime:
    try:
        return datetime.fromtimestamp(ms // 1000, UTC) + timedelta(milliseconds=ms % 1000)
    except (OverflowError, ValueError, OSError):
        raise ParameterInvalid("startTime") from None
