"""Every row lock, so that all take them in one order: asset, cursor, withdrawals by id, deposits by id.

To be called inside a transaction. On SQLite the transaction itself is the lock (BEGIN IMMEDIATE, mex/settings.py).
No call to a node happens while one is held: the engine would have to wait for it.
"""

import uuid
from collections.abc import Iterable

from accounts.models import User
from wallets.models import Asset, ChainCursor, Deposit, Withdrawal


def account_lock(user_id: int) -> None:
    """Lock an account: its withdrawals are requested one after the other. Rows that only name it are not held up."""
    User.objects.select_for_update(no_key=True).only("pk").get(pk=user_id)


def asset_lock(pk: int) -> Asset:
    """Lock an asset: who holds it may store a payment of it, and take a nonce of any of its addresses."""
    return Asset.objects.select_for_update().get(pk=pk)


def cursor_lock(chain: str) -> ChainCursor:
    """Lock a chain's cursor."""
    return ChainCursor.objects.select_for_update().get(chain=chain)


def withdrawal_lock(pk: uuid.UUID) -> Withdrawal:
    """Lock a withdrawal."""
    return Withdrawal.objects.select_for_update(of=("self",)).select_related("asset").get(pk=pk)


def withdrawals_lock(pks: Iterable[uuid.UUID]) -> list[Withdrawal]:
    """Lock withdrawals. Those of one asset share its object: made anew for each row, it costs more than the row."""
    rows = Withdrawal.objects.select_for_update(of=("self",)).prefetch_related("asset")
    return list(rows.filter(pk__in=list(pks)).order_by("pk"))


def deposits_lock(pks: Iterable[int]) -> list[Deposit]:
    """Lock deposits. Those of one asset share its object."""
    rows = Deposit.objects.select_for_update(of=("self",)).prefetch_related("asset")
    return list(rows.filter(pk__in=list(pks)).order_by("pk"))
