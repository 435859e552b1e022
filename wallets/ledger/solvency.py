"""Are the coins there? What the ledger says we hold, and what we owe to users, against the coins on chain.

Chain and database cannot be read at one instant. So the books are read before and after the chain, and only a
comparison during which they did not move counts. What our own unfinished transactions took off the chain before the
ledger has it is counted exactly, transaction by transaction.
"""

import time
from dataclasses import dataclass

from django.db import connection

from mex.database import read_snapshot
from trading.engine.enums import HoldState, Reason
from wallets.chains.holdings import ChainBusy, Coins, coins_read
from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable
from wallets.ledger.chart import Owner
from wallets.ledger.checks.check import WITHDRAWAL_REFERENCE
from wallets.models import Asset

_ATTEMPTS = 20
_PAUSE_S = 0.25


@dataclass(frozen=True, slots=True)
class Books:
    """An asset as the ledger has it, in units, and our transactions that it has not booked in full.

    `unbooked` maps a transaction's id to the units that are booked of it already.
    """

    held_outside: int
    owed_to_users: int
    unbooked: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Solvency:
    """The result for one asset, in units; `unknown` says why it could not be compared."""

    code: str
    coins: int = 0
    shortfalls: tuple[str, ...] = ()
    unknown: str = ""


def check_chains() -> list[Solvency]:
    """Compare every asset with its chain; one whose node does not answer is unknown, not fine."""
    return [_check(asset) for asset in Asset.objects.order_by("pk")]


def books_read(asset: Asset) -> Books:
    """Return an asset's books as of one commit."""
    with read_snapshot(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT COALESCE(SUM(CASE WHEN owner = %s THEN -balance END), 0),"
            " COALESCE(SUM(CASE WHEN owner > 0 THEN balance END), 0) FROM wallets_balance WHERE asset_id = %s",
            [int(Owner.CHAIN), asset.pk],
        )
        held_outside, owed_to_users = cursor.fetchone()
        cursor.execute(_UNBOOKED, [int(Reason.NETWORK_FEE), int(HoldState.SETTLED), asset.pk])
        unbooked = tuple((str(txid), int(booked)) for txid, booked in cursor.fetchall())
    return Books(int(held_outside), int(owed_to_users), unbooked)


_UNBOOKED = (
    "SELECT txid, fee + paid FROM (SELECT c.txid, COALESCE(MAX(p.amount), 0) AS fee,"
    " COALESCE(SUM(CASE WHEN h.reference IS NOT NULL THEN w.amount - w.fee END), 0) AS paid,"
    " COUNT(p.id) AS fees, COUNT(w.id) AS payments, COUNT(h.reference) AS settled, MAX(c.status) AS status"
    " FROM wallets_chaintransaction c"
    " LEFT JOIN wallets_posting p ON p.reference = 'network-fee:' || c.id AND p.reason = %s"
    " LEFT JOIN wallets_withdrawal w ON w.transaction_id = c.id"
    f" LEFT JOIN wallets_hold h ON h.reference = {WITHDRAWAL_REFERENCE} AND h.state = %s"
    " WHERE c.asset_id = %s GROUP BY c.id, c.txid) AS sent"
    " WHERE fees = 0 OR (settled < payments AND status <> 'failed') ORDER BY txid"
)


def _check(asset: Asset) -> Solvency:
    try:
        books, coins = _read_both(asset)
    except ChainUnavailable as error:
        return Solvency(code=asset.code, unknown=f"the {asset.chain} node does not answer: {error}")
    except (ChainRefused, ChainBusy) as error:
        return Solvency(code=asset.code, unknown=str(error))
    booked = dict(books.unbooked)
    # A transaction takes coins off the chain when the node sees it, and off the ledger when it is settled.
    in_flight = sum(units - booked[txid] for txid, units in coins.sent.items() if units)
    covered = coins.units + in_flight
    shortfalls = []
    for what, needed in (
        ("the ledger says we hold", books.held_outside),
        ("we owe to users", books.owed_to_users),
    ):
        if needed > covered:
            shortfalls.append(
                f"{asset.code} {what} {needed} units, on chain are {coins.units}"
                f" and in flight {in_flight}: {needed - covered} are missing"
            )
    return Solvency(code=asset.code, coins=coins.units, shortfalls=tuple(shortfalls))


def _read_both(asset: Asset) -> tuple[Books, Coins]:
    """Return books and coins that belong together. Raises ChainUnavailable, ChainRefused or ChainBusy."""
    reason = ""
    for _ in range(_ATTEMPTS):
        books = books_read(asset)
        try:
            coins = coins_read(asset, [txid for txid, _ in books.unbooked])
        except ChainBusy as error:
            reason = str(error)
        else:
            if books_read(asset) == books:
                return books, coins
            reason = "the ledger moved each time while the chain was read"
        time.sleep(_PAUSE_S)  # a command for people and timers, not a request: it may wait for a quiet moment
    raise ChainBusy(reason)
