"""Reads of the wallet pages."""

from dataclasses import dataclass

from django.http import Http404

from wallets.models import Asset, Balance, Deposit, Withdrawal

RECENT_ROWS = 10
"""Rows under the form of a deposit or withdrawal page; the history has the rest."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What someone has of an asset, in units. `held` is part of `balance`."""

    asset: Asset
    balance: int
    held: int

    @property
    def available(self) -> int:
        """Return what can be ordered with or withdrawn."""
        return self.balance - self.held


def asset_of(code: str) -> Asset:
    """Return an asset by its code, in any case. Raises Http404."""
    asset = Asset.objects.filter(code=code.upper()).first()
    if asset is None:
        raise Http404("no such asset")
    return asset


def transaction_of(user_id: int, asset: Asset, txid: str) -> tuple[list[Deposit], list[Withdrawal]]:
    """Return what a transaction did for a user: deposits it made, withdrawals it paid. Raises Http404 for nothing."""
    deposits = list(Deposit.objects.filter(user_id=user_id, asset=asset, txid=txid).select_related("asset"))
    withdrawals = list(
        Withdrawal.objects.filter(user_id=user_id, asset=asset, transaction__txid=txid).select_related(
            "asset", "transaction"
        )
    )
    if not deposits and not withdrawals:
        raise Http404("no such transaction of yours")
    return deposits, withdrawals


def holdings_of(user_id: int) -> list[Holding]:
    """Return what a user has of every asset, also where it is nothing."""
    rows = {row.asset_id: row for row in Balance.objects.filter(owner=user_id)}
    holdings = []
    for asset in Asset.objects.all():
        row = rows.get(asset.pk)
        holdings.append(Holding(asset, row.balance if row else 0, row.held if row else 0))
    return holdings


def holding_of(user_id: int, asset: Asset) -> Holding:
    """Return what a user has of one asset."""
    row = Balance.objects.filter(owner=user_id, asset=asset).first()
    return Holding(asset, row.balance if row else 0, row.held if row else 0)


def deposits_of(user_id: int, *, asset: Asset | None = None, start: int = 0, end: int = RECENT_ROWS) -> list[Deposit]:
    """Return rows `start` to `end` of a user's deposits, newest first."""
    rows = Deposit.objects.filter(user_id=user_id).select_related("asset", "address").order_by("-id")
    return list((rows if asset is None else rows.filter(asset=asset))[start:end])


def withdrawals_of(
    user_id: int, *, asset: Asset | None = None, start: int = 0, end: int = RECENT_ROWS
) -> list[Withdrawal]:
    """Return rows `start` to `end` of a user's withdrawals, newest first."""
    rows = Withdrawal.objects.filter(user_id=user_id).select_related("asset", "user", "transaction")
    rows = rows.order_by("-requested_at")
    return list((rows if asset is None else rows.filter(asset=asset))[start:end])
