"""Reads reports: what everybody may know, and for a user the proof that he is counted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from accounts.models import User
from wallets.models import SolvencyAddress, SolvencyAsset, SolvencyLeaves, SolvencyReport
from wallets.solvency.reports import LEAVES_PER_ROW
from wallets.solvency.tree import Node, levels_of, salt_of, way_up

FORMAT = "mex inclusion 1"
_OWNER_BYTES = _UNITS_BYTES = 8
_HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class AssetLine:
    """One asset of a report, with the largest of its addresses."""

    row: SolvencyAsset
    addresses: Sequence[SolvencyAddress]
    addresses_count: int

    @property
    def covered(self) -> int | None:
        """Return the units that stand against what is owed; None when the coins are not known."""
        return None if self.row.coins is None else self.row.coins + (self.row.in_flight or 0)

    @property
    def ratio_ppm(self) -> int | None:
        """Return how much of what is owed is there, in parts per million, rounded down; None when that says nothing."""
        if self.covered is None or self.row.liabilities == 0:
            return None
        return self.covered * 1_000_000 // self.row.liabilities


def latest_report() -> SolvencyReport | None:
    """Return the newest report."""
    return SolvencyReport.objects.order_by("-pk").first()


def lines_of(report: SolvencyReport, *, addresses_max: int) -> list[AssetLine]:
    """Return the assets of a report, each with its largest addresses."""
    lines = []
    for row in report.assets.select_related("asset").order_by("asset_id"):
        addresses = row.addresses.order_by("-units", "address")
        lines.append(AssetLine(row, list(addresses[:addresses_max]), addresses.count()))
    return lines


def addresses_of(report: SolvencyReport, code: str, *, offset: int, limit: int) -> list[SolvencyAddress]:
    """Return addresses of one asset of a report, largest first."""
    rows = SolvencyAddress.objects.filter(of__report=report, of__asset__code=code.upper())
    return list(rows.order_by("-units", "address")[offset : offset + limit])


def proof_of(user: User, report: SolvencyReport) -> dict[str, object] | None:
    """Return what shows a user that he is counted in a report: JSON for script/verify_inclusion.

    None when the report is so old that what proofs are made from is deleted.
    """
    assets = list(report.assets.select_related("asset").order_by("asset_id"))
    if not SolvencyLeaves.objects.filter(of__in=assets).exists():
        return None
    return {
        "format": FORMAT,
        "report": report.name,
        "root": report.root,
        "email": user.email,
        "assets": [
            {
                "asset": row.asset.code,
                "liabilities": row.liabilities,
                "tree": row.tree_hash,
                "pieces": list(_pieces(user, row)),
            }
            for row in assets
        ],
    }


def _pieces(user: User, asset: SolvencyAsset) -> Iterator[dict[str, object]]:
    """Yield each piece of a user's balance with its way to the top."""
    rows = list(asset.leaves.order_by("number").defer("hashes", "units"))
    upper = levels_of([Node(bytes(row.top_hash), row.top_units) for row in rows])
    for row in rows:
        places = list(_places(bytes(row.owners), user.pk))
        if not places:
            continue
        nodes = _nodes(asset.leaves.get(pk=row.pk))
        lower = levels_of(nodes)
        for place in places:
            whole = row.number * LEAVES_PER_ROW + place
            yield {
                "place": whole,
                "salt": salt_of(bytes(row.secret), asset.asset.code, whole).hex(),
                "units": nodes[place].units,
                "path": [
                    {
                        "side": "left" if step.is_left else "right",
                        "units": step.neighbour.units,
                        "hash": step.neighbour.hash.hex(),
                    }
                    for step in (*way_up(lower, place), *way_up(upper, row.number))
                ],
            }


def _places(owners: bytes, user: int) -> Iterator[int]:
    needle = user.to_bytes(_OWNER_BYTES, "big")
    at = owners.find(needle)
    while at >= 0:
        if at % _OWNER_BYTES == 0:
            yield at // _OWNER_BYTES
        at = owners.find(needle, at + 1)


def _nodes(row: SolvencyLeaves) -> list[Node]:
    units, hashes = bytes(row.units), bytes(row.hashes)
    return [
        Node(
            hashes[place * _HASH_BYTES : (place + 1) * _HASH_BYTES],
            int.from_bytes(units[place * _UNITS_BYTES : (place + 1) * _UNITS_BYTES], "big"),
        )
        for place in range(len(units) // _UNITS_BYTES)
    ]
