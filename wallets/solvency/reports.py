"""Takes the reports that everybody may read: what users are owed as of one commit, against coins as of a block."""

import logging
import secrets
import struct
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from mex.database import read_snapshot
from mex.limits import SOLVENCY_PROOFS_KEPT
from wallets.chains.holdings import AddressCoins, ChainBusy, Coins, Role, coins_read, cold_recipients
from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable
from wallets.control.switch import halt
from wallets.ledger.solvency import Books, books_read, cover_of, shortfalls_of
from wallets.models import (
    Asset,
    Deposit,
    HotWallet,
    SolvencyAddress,
    SolvencyAsset,
    SolvencyLeaves,
    SolvencyReport,
)
from wallets.solvency.tree import SALT_BYTES, Leaves, Node, leaves_of, levels_of, root_of

log = logging.getLogger(__name__)
LEAVES_PER_ROW = 4096
_ATTEMPTS = 8
_ADDRESS_ROWS = 2_000
_REASON_CHARS_MAX = 200

Reading = tuple[Books, Coins | str]
"""An asset's books, and its coins as far as they belong to these; else why they are not known."""
Debts = dict[int, list[tuple[int, str, int]]]
"""By asset: (user's id, e-mail, units) of everyone who is owed something."""


def is_report_due() -> bool:
    """Return whether the newest report is as old as the next one may be."""
    newest = SolvencyReport.objects.order_by("-pk").first()
    every = timedelta(seconds=settings.SOLVENCY_EVERY_S)
    return newest is None or timezone.now() - newest.taken_at >= every


def report_take() -> SolvencyReport:
    """Read books and chains, store a report with all that proofs need, and forget what old proofs needed.

    A chain that cannot be read does not keep it back: its asset is published with what is owed and why its coins are
    not known. Where users are owed more than there is, withdrawals are halted. A balance below zero, which the database
    refuses, ends it.
    """
    assets = list(Asset.objects.order_by("pk"))
    sequence, readings, debts = _read(assets)
    secret = secrets.token_bytes(SALT_BYTES)
    trees = {asset.pk: leaves_of(debts.get(asset.pk, []), code=asset.code, secret=secret) for asset in assets}
    rows = {asset.pk: _rows_of(trees[asset.pk], secret) for asset in assets}
    tops = {asset.code: _top(rows[asset.pk]) for asset in assets}
    report = SolvencyReport(sequence=sequence, taken_at=_to_milliseconds(timezone.now()))
    report.root = root_of(tops, report=report.name).hex()
    with transaction.atomic():
        report.save(force_insert=True)
        for asset in assets:
            row = _asset_row(report, asset, tops[asset.code], *readings[asset.pk])
            _addresses_store(row, *readings[asset.pk])
            for leaves in rows[asset.pk]:
                leaves.of = row
            SolvencyLeaves.objects.bulk_create(rows[asset.pk], batch_size=16)
    for asset in assets:
        _judge(asset, *readings[asset.pk])
    _thin()
    log.info("solvency report %s as of command %d has the root %s", report.pk, sequence, report.root)
    return report


def _read(assets: Sequence[Asset]) -> tuple[int, dict[int, Reading], Debts]:
    """Return the engine's command, books, coins and debts, those of all assets as of that command."""
    for attempt in range(_ATTEMPTS):
        before = {asset.pk: books_read(asset) for asset in assets}
        coins = {asset.pk: _coins_or_why(asset, before[asset.pk]) for asset in assets}
        with read_snapshot():
            books = {asset.pk: books_read(asset) for asset in assets}
            moved = {pk for pk, mine in before.items() if not mine.agree_with(books[pk])}
            if not moved or attempt == _ATTEMPTS - 1:
                sequence, debts = _debts()
                break
    why = "the ledger moved each time while the chain was read"
    return sequence, {pk: (books[pk], why if pk in moved else coins[pk]) for pk in books}, debts


def _coins_or_why(asset: Asset, books: Books) -> Coins | str:
    try:
        return coins_read(asset, books.txids)
    except ChainUnavailable:
        return f"the {asset.chain} node does not answer"
    except ChainBusy as error:
        return str(error)
    except ChainRefused as refusal:
        log.warning("coins of %s are not known: %s", asset.code, refusal)
        return f"the {asset.chain} node refuses to tell"


def _debts() -> tuple[int, Debts]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(MAX(sequence), 0) FROM trading_enginestate WHERE shard = 0")
        sequence = int(cursor.fetchone()[0])
        # Not an inner join: what nobody is known for is owed all the same.
        cursor.execute(
            "SELECT b.asset_id, b.owner, COALESCE(u.email, ''), b.balance FROM wallets_balance b"
            " LEFT JOIN accounts_user u ON u.id = b.owner WHERE b.owner > 0 AND b.balance <> 0"
        )
        debts: Debts = {}
        for asset, owner, email, units in cursor.fetchall():
            debts.setdefault(int(asset), []).append((int(owner), str(email), int(units)))
    return sequence, debts


def _rows_of(tree: Leaves, secret: bytes) -> list[SolvencyLeaves]:
    rows = []
    for number, start in enumerate(range(0, len(tree.hashes), LEAVES_PER_ROW)):
        part = slice(start, start + LEAVES_PER_ROW)
        nodes = [Node(*pair) for pair in zip(tree.hashes[part], tree.units[part], strict=True)]
        top = levels_of(nodes)[-1][0]
        rows.append(
            SolvencyLeaves(
                number=number,
                owners=struct.pack(f">{len(nodes)}q", *tree.owners[part]),
                units=struct.pack(f">{len(nodes)}q", *tree.units[part]),
                hashes=b"".join(tree.hashes[part]),
                top_hash=top.hash,
                top_units=top.units,
                secret=secret,
            )
        )
    return rows


def _top(rows: Sequence[SolvencyLeaves]) -> Node:
    return levels_of([Node(bytes(row.top_hash), row.top_units) for row in rows])[-1][0]


def _asset_row(report: SolvencyReport, asset: Asset, top: Node, books: Books, coins: Coins | str) -> SolvencyAsset:
    row = SolvencyAsset(report=report, asset=asset, liabilities=top.units, tree_hash=top.hash.hex())
    if isinstance(coins, str):
        row.unknown = coins[:_REASON_CHARS_MAX]
    else:
        cover = cover_of(books, coins)
        row.coins = cover.at_hand + cover.cold
        row.in_flight = cover.in_flight - cover.cold_in_flight
        row.height, row.block_hash = coins.height, coins.block_hash
    row.save(force_insert=True)
    return row


def _addresses_store(row: SolvencyAsset, books: Books, coins: Coins | str) -> None:
    if not isinstance(coins, str):
        told = _told(coins.addresses, cover_of(books, coins).cold, cold_recipients(row.asset))
        rows = [SolvencyAddress(of=row, address=one.address, role=one.role, units=one.units) for one in told]
        SolvencyAddress.objects.bulk_create(rows, batch_size=_ADDRESS_ROWS)


def _told(addresses: Sequence[AddressCoins], cold: int, recipients: set[str]) -> list[AddressCoins]:
    """Return what is told of addresses: at cold ones no more than counts, beginning with those that we sent to."""
    told = [one for one in addresses if one.role != Role.COLD]
    for one in sorted(addresses, key=lambda one: one.address not in recipients):
        if one.role == Role.COLD and cold > 0:
            told.append(AddressCoins(one.address, one.role, min(one.units, cold)))
            cold -= min(one.units, cold)
    return told


def _judge(asset: Asset, books: Books, coins: Coins | str) -> None:
    """Halt the withdrawals of an asset that users are owed more of than there is, and note what nothing explains."""
    if isinstance(coins, str):
        return
    cover = cover_of(books, coins)
    if books.owed_to_users > cover.whole:
        log.error("%s", "; ".join(shortfalls_of(asset.code, books, cover)))
        halt(asset, f"users are owed more {asset.code} than there is")
    in_a_block = (Deposit.Status.CONFIRMING, Deposit.Status.COLLECTING)
    deposits = Deposit.objects.filter(asset=asset, status__in=in_a_block)
    expected = deposits.aggregate(total=Sum("amount"))["total"] or 0
    unexplained = cover.hot - books.held_outside - expected + cover.cold_unexplained
    HotWallet.objects.filter(asset=asset).update(unexplained=unexplained)


def _thin() -> None:
    """Delete what proofs of old reports would be made from; the reports themselves stay for ever."""
    kept = SolvencyReport.objects.order_by("-pk").values_list("pk", flat=True)[:SOLVENCY_PROOFS_KEPT]
    oldest = min(kept)
    SolvencyLeaves.objects.filter(of__report__lt=oldest).delete()
    SolvencyAddress.objects.filter(of__report__lt=oldest).delete()


def _to_milliseconds(time: datetime) -> datetime:
    return time.replace(microsecond=time.microsecond // 1000 * 1000)
