"""Are the coins there? What the ledger says we hold, and what we owe to users, against the coins on chain.

Chain and database cannot be read at one instant. So what the books say about the chain is read before and after it, and
only a comparison during which that did not move counts; trades may go on. What our own transactions took off the chain
before the ledger has it is counted exactly, transaction by transaction.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from django.db import connection

from mex.database import read_snapshot
from trading.engine.enums import HoldState, Reason
from wallets.chains.holdings import ChainBusy, Coins, coins_read
from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable
from wallets.ledger.chart import Owner
from wallets.ledger.checks.check import WITHDRAWAL_REFERENCE
from wallets.models import Asset, ChainTransaction

_ATTEMPTS = 20
_PAUSE_S = 0.25
_Extra = TypeVar("_Extra")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbooked:
    """Versions of one transaction of ours that the ledger does not have in full.

    versions: (id on chain, network fee as far as it is known). Units: `moves` leave us when it succeeds, `cold` of them
    for a cold address; `booked` of moves and fee is in the ledger already. `pays_fee`: its fee is paid in this asset.
    """

    versions: tuple[tuple[str, int], ...]
    pays_fee: bool
    moves: int
    cold: int
    booked: int
    cold_booked: int


@dataclass(frozen=True, slots=True)
class Books:
    """An asset as the ledger has it, in units, and our transactions that it has not booked in full."""

    held_outside: int
    held_cold: int
    owed_to_users: int
    unbooked: tuple[Unbooked, ...]

    @property
    def txids(self) -> list[str]:
        """Return the ids on chain of everything that is not booked in full."""
        return [txid for transaction in self.unbooked for txid, _ in transaction.versions]

    def agree_with(self, later: "Books") -> bool:
        """Return whether nothing that concerns the chain was booked between these books and later ones."""
        mine = (self.held_outside, self.held_cold, self.unbooked)
        return mine == (later.held_outside, later.held_cold, later.unbooked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Solvency:
    """The result for one asset, in units; `unknown` says why it could not be compared.

    `coins` are all that are ours on chain, with as many cold ones as the ledger knows of.
    """

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
            " COALESCE(SUM(CASE WHEN owner = %s THEN -balance END), 0),"
            " COALESCE(SUM(CASE WHEN owner > 0 THEN balance END), 0) FROM wallets_balance WHERE asset_id = %s",
            [int(Owner.CHAIN), int(Owner.COLD), asset.pk],
        )
        held_outside, held_cold, owed_to_users = cursor.fetchone()
        cursor.execute(_UNBOOKED.replace("%asset", str(int(asset.pk))))
        families = {int(row[0]): tuple(int(value) for value in row[1:]) for row in cursor.fetchall()}
    rows = ChainTransaction.objects.filter(pk__in=families) | ChainTransaction.objects.filter(
        first_version__in=families
    )
    versions: dict[int, list[tuple[str, int]]] = {family: [] for family in families}
    for row in rows.order_by("pk"):
        versions[row.family].append((row.txid, row.network_fee or 0))
    unbooked = tuple(
        Unbooked(
            versions=tuple(versions[family]),
            pays_fee=bool(pays_fee),
            moves=moves,
            cold=cold,
            booked=booked,
            cold_booked=cold_booked,
        )
        for family, (pays_fee, moves, cold, booked, cold_booked) in sorted(families.items())
    )
    return Books(int(held_outside), int(held_cold), int(owed_to_users), unbooked)


_ENDED = f"('{ChainTransaction.Status.CONFIRMED}', '{ChainTransaction.Status.FAILED}')"
_PAYMENTS = (
    "SELECT COALESCE(c.first_version_id, c.id) AS family,"
    f" SUM(CASE WHEN c.status = '{ChainTransaction.Status.FAILED}' THEN 0 ELSE w.amount - w.fee END) AS moves,"
    " SUM(CASE WHEN h.reference IS NULL THEN 0 ELSE w.amount - w.fee END) AS settled,"
    f" SUM(CASE WHEN h.reference IS NULL AND c.status <> '{ChainTransaction.Status.FAILED}' THEN 1 ELSE 0 END) AS owed"
    " FROM wallets_withdrawal w JOIN wallets_chaintransaction c ON c.id = w.transaction_id"
    f" LEFT JOIN wallets_hold h ON h.reference = {WITHDRAWAL_REFERENCE} AND h.state = {int(HoldState.SETTLED)}"
    " WHERE c.asset_id = %asset GROUP BY COALESCE(c.first_version_id, c.id)"
)
_COLD = f"(c.kind = '{ChainTransaction.Kind.COLD}' AND c.asset_id = %asset)"
_VERSIONS = (
    "SELECT COALESCE(c.first_version_id, c.id) AS family,"
    " MAX(CASE WHEN c.fee_asset_id = %asset THEN 1 ELSE 0 END) AS pays_fee,"
    " COALESCE(SUM(p.amount), 0) AS fee,"
    f" MAX(CASE WHEN p.id IS NOT NULL OR (c.status IN {_ENDED} AND c.network_fee = 0) THEN 1 ELSE 0 END) AS has_fee,"
    f" MAX(CASE WHEN {_COLD} THEN c.amount ELSE 0 END) AS cold, COALESCE(SUM(k.amount), 0) AS cold_booked,"
    f" MAX(CASE WHEN {_COLD} AND c.status <> '{ChainTransaction.Status.FAILED}' THEN 1 ELSE 0 END) AS goes_cold,"
    " MAX(CASE WHEN c.fee_in_doubt THEN 1 ELSE 0 END) AS in_doubt"
    " FROM wallets_chaintransaction c"
    " LEFT JOIN wallets_posting p ON p.reference = 'network-fee:' || c.id AND p.asset_id = %asset"
    f" AND p.reason = {int(Reason.NETWORK_FEE)}"
    " LEFT JOIN wallets_posting k ON k.reference = 'cold:' || c.id AND k.asset_id = %asset"
    f" AND k.reason = {int(Reason.COLD)}"
    " WHERE c.asset_id = %asset OR c.fee_asset_id = %asset GROUP BY COALESCE(c.first_version_id, c.id)"
)
# What was booked to correct the fee of a final transaction, which the chain mined again at another price.
_CORRECTED = (
    f"(SELECT COALESCE(SUM(CASE WHEN q.debit = {int(Owner.NETWORK_FEES)} THEN q.amount ELSE -q.amount END), 0)"
    " FROM wallets_feecorrection f JOIN wallets_posting q ON q.reference = 'network-fee:' || f.transaction_id || ':' ||"
    f" f.number AND q.reason = {int(Reason.NETWORK_FEE)} AND q.asset_id = %asset WHERE f.transaction_id = v.family)"
)
# At most one version gets into the chain: a family is done when one of them has its fee in the ledger.
_UNBOOKED = (
    "SELECT v.family, v.pays_fee, COALESCE(paid.moves, 0) + v.cold, v.cold,"
    f" v.fee + {_CORRECTED} + COALESCE(paid.settled, 0) + v.cold_booked, v.cold_booked"
    f" FROM ({_VERSIONS}) AS v LEFT JOIN ({_PAYMENTS}) AS paid ON paid.family = v.family"
    " WHERE (v.pays_fee = 1 AND (v.has_fee = 0 OR v.in_doubt = 1)) OR COALESCE(paid.owed, 0) > 0"
    " OR (v.goes_cold = 1 AND v.cold_booked = 0)"
)


@dataclass(frozen=True, slots=True)
class Cover:
    """What stands against the books, in units: what is at hand, with what is under way; and what is cold for certain.

    `in_flight`: our own transactions took so much off the chain that the ledger still has; `cold_in_flight` of it has
    reached a cold address. `cold` counts no more than we sent there: a cold address is a text that somebody typed, and
    may be a stranger's. `cold_unexplained` is what else is there: it covers nothing.
    """

    at_hand: int
    in_flight: int
    cold: int
    cold_in_flight: int
    cold_unexplained: int

    @property
    def hot(self) -> int:
        """Return what the balance of CHAIN must not exceed."""
        return self.at_hand + self.in_flight

    @property
    def whole(self) -> int:
        """Return what users must not be owed more than."""
        return self.at_hand + self.in_flight - self.cold_in_flight + self.cold


def cover_of(books: Books, coins: Coins) -> Cover:
    """Return what stands against the books, exact to the unit."""
    in_flight = cold = 0
    for transaction in books.unbooked:
        version = next(((txid, fee) for txid, fee in transaction.versions if txid in coins.seen), None)
        if version is None:
            continue  # in no block: it took nothing
        sighting = coins.seen[version[0]]
        fee = (version[1] if sighting.fee is None else sighting.fee) if transaction.pays_fee else 0
        in_flight += fee + (transaction.moves if sighting.succeeded else 0) - transaction.booked
        cold += (transaction.cold if sighting.succeeded else 0) - transaction.cold_booked
    counted = max(min(coins.cold, books.held_cold + cold), 0)
    return Cover(coins.units, in_flight, counted, cold, coins.cold - counted)


def shortfalls_of(code: str, books: Books, cover: Cover) -> tuple[str, ...]:
    """Return a sentence for each promise of the books that the coins do not keep."""
    under_way = f"on chain are {cover.at_hand} and in flight {cover.in_flight}"
    with_cold = f"{under_way}, of which {cover.cold_in_flight} are cold, and cold are {cover.cold}"
    compared = [
        ("the ledger says we hold", books.held_outside, cover.hot, under_way),
        ("the ledger says are cold", books.held_cold, cover.cold - cover.cold_in_flight, f"on chain are {cover.cold}"),
        ("we owe to users", books.owed_to_users, cover.whole, with_cold if cover.cold else under_way),
    ]
    return tuple(
        f"{code} {what} {needed} units, {there}: {needed - has} are missing"
        for what, needed, has, there in compared
        if needed > has
    )


def _check(asset: Asset) -> Solvency:
    try:
        books, coins, _ = read_together(asset, lambda: None)
    except ChainUnavailable as error:
        return Solvency(code=asset.code, unknown=f"the {asset.chain} node does not answer: {error}")
    except (ChainRefused, ChainBusy) as error:
        return Solvency(code=asset.code, unknown=str(error))
    cover = cover_of(books, coins)
    shortfalls = shortfalls_of(asset.code, books, cover)
    return Solvency(code=asset.code, coins=cover.at_hand + cover.cold, shortfalls=shortfalls)


def read_together(
    asset: Asset, also: Callable[[], _Extra], *, attempts: Iterable[int] = range(_ATTEMPTS)
) -> tuple[Books, Coins, _Extra]:
    """Return books and coins that belong together, and what else is to be read as of the books' commit.

    Raises ChainUnavailable, ChainRefused or ChainBusy.
    """
    reason = ""
    for _ in attempts:
        before = books_read(asset)
        try:
            coins = coins_read(asset, before.txids)
        except ChainBusy as error:
            reason = str(error)
        else:
            with read_snapshot():
                books, extra = books_read(asset), also()
            if before.agree_with(books):
                return books, coins, extra
            reason = "the ledger moved each time while the chain was read"
        time.sleep(_PAUSE_S)  # a command for people and timers, not a request: it may wait for a quiet moment
    raise ChainBusy(reason)
