"""Solvency in public through the API (docs/api.md, "Solvency"): for everybody, and the proof for its owner."""

from accounts.authentication import Caller
from accounts.models import User
from mex.database import in_database
from mex.errors import ReportMissing
from mex.limits import PAGE_ROWS_MAX, SOLVENCY_ADDRESSES_SHOWN
from mex.money import format_short, format_units
from mex.params import Params
from wallets.models import SolvencyAddress, SolvencyReport
from wallets.solvency.proofs import AssetLine, addresses_of, latest_report, lines_of, proof_of


async def solvency(_caller: Caller | None, _params: Params) -> object:
    """Tell what all users are owed, and the coins that are there."""
    return await in_database(_report)


async def solvency_addresses(_caller: Caller | None, params: Params) -> object:
    """List the addresses of one coin, those with most first."""
    return await in_database(
        _addresses,
        params.text("coin"),
        params.integer("offset", 0),
        params.integer("limit", PAGE_ROWS_MAX, low=1, high=PAGE_ROWS_MAX),
    )


async def solvency_proof(caller: Caller | None, _params: Params) -> object:
    """Return the proof that the caller is counted."""
    assert caller is not None, "a proof is its owner's"
    return await in_database(_proof, caller.account)


def _newest() -> SolvencyReport:
    report = latest_report()
    if report is None:
        raise ReportMissing()
    return report


def _report() -> dict[str, object]:
    report = _newest()
    return {
        "report": report.name,
        "time": int(report.taken_at.timestamp() * 1000),
        "sequence": report.sequence,
        "root": report.root,
        "assets": [_line(line) for line in lines_of(report, addresses_max=SOLVENCY_ADDRESSES_SHOWN)],
    }


def _line(line: AssetLine) -> dict[str, object]:
    row = line.row
    return {
        "coin": row.asset.code,
        "liabilities": format_units(row.liabilities),
        "coins": None if row.coins is None else format_units(row.coins),
        "inFlight": None if row.in_flight is None else format_units(row.in_flight),
        # A decimal number: 1 is all of it. 10^-6 is the smallest step, and rounded down.
        "ratio": None if line.ratio_ppm is None else format_short(line.ratio_ppm * 100),
        "unknown": row.unknown,
        "blockHeight": row.height,
        "blockHash": row.block_hash,
        "treeHash": row.tree_hash,
        "addressCount": line.addresses_count,
        "addresses": [_address(one) for one in line.addresses],
    }


def _address(row: SolvencyAddress) -> dict[str, object]:
    return {"address": row.address, "role": row.role, "amount": format_units(row.units)}


def _addresses(coin: str, offset: int, limit: int) -> list[dict[str, object]]:
    return [_address(row) for row in addresses_of(_newest(), coin, offset=offset, limit=limit)]


def _proof(account: int) -> dict[str, object]:
    proof = proof_of(User.objects.get(pk=account), _newest())
    if proof is None:
        raise ReportMissing()
    return proof
