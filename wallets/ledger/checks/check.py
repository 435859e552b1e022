"""What a check of the audit is, and the words of SQL that all of them share.

Each check is one set-based query that both databases understand and that finds nothing when all is well; or, for the
few rows that operators write, a function that compares them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from trading.engine.enums import OrderStatus
from wallets.ledger.chart import Owner


class Scope(StrEnum):
    """What the first column of a difference names: the asset or market whose coins it concerns; NULL means all."""

    ASSET = "asset"
    MARKET = "market"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that must hold.

    `examined` counts the rows looked at, called `noun`. `differences` finds the rows that are wrong: a scope, then the
    values that `says` puts into a sentence.
    """

    name: str
    noun: str
    examined: str
    differences: str | Callable[[], Sequence[tuple[object, ...]]]
    says: str
    scope: Scope = Scope.ASSET


OPEN = f"status <= {int(OrderStatus.PARTIALLY_FILLED)}"
CONDITIONED = "trading_order o LEFT JOIN trading_ordercondition c ON c.order_id = o.id"
"""Orders with what only some of them have."""
REST = "(o.quantity - o.executed - o.prevented)"
"""The open quantity of order `o`."""
SYSTEM_OWNERS = f"({', '.join(str(int(owner)) for owner in Owner)})"
WITHDRAWAL_REFERENCE = "REPLACE(CAST(w.id AS varchar), '-', '')"
"""The ledger's name of withdrawal `w`: a UUID's 32 digits, however the database keeps it."""

_LEG = "reference, reason, debit, credit, asset_id, amount"


def count(table: str, where: str = "1 = 1") -> str:
    """Return the query that counts a table's rows."""
    return f"SELECT COUNT(*) FROM {table} WHERE {where}"


def notional(price: str, quantity: str) -> str:
    """Return the expression of price x quantity / 10^8, without a product that would leave 64 bits.

    SQLite turns an integer that grows too large into a float, silently; in steps of 10^4 nothing does.
    """
    ph, pl, qh, ql = f"({price} / 10000)", f"({price} % 10000)", f"({quantity} / 10000)", f"({quantity} % 10000)"
    return f"({ph} * {qh} + ({ph} * {ql} + {pl} * {qh} + {pl} * {ql} / 10000) / 10000)"


def notional_up(price: str, quantity: str) -> str:
    """Return the expression of price x quantity / 10^8, rounded up."""
    rest = f"({price} % 100000000) * ({quantity} % 100000000) % 100000000"
    return f"({notional(price, quantity)} + CASE WHEN {rest} > 0 THEN 1 ELSE 0 END)"


def gapless(noun: str, *, found: str, number: str, last: str) -> Check:
    """Return the check that a table's numbers are 1 to a counter of the engine's row."""
    return Check(
        name=f"{noun} are numbered without a gap",
        noun=noun,
        examined=count(found),
        differences=(
            "SELECT NULL, last, found, low, high FROM (SELECT"
            f" COALESCE((SELECT {last} FROM trading_enginestate WHERE shard = 0), 0) AS last,"
            f" (SELECT COUNT(DISTINCT {number}) FROM {found}) AS found, (SELECT MIN({number}) FROM {found}) AS low,"
            f" (SELECT MAX({number}) FROM {found}) AS high) AS counters"
            " WHERE found <> last OR (found > 0 AND (low <> 1 OR high <> last))"
        ),
        says=f"there should be {noun} 1 to {{0}}, and there are {{1}} of them, from {{2}} to {{3}}",
    )


def gapless_by_market(noun: str, *, found: str, last: str) -> Check:
    """Return the check that a table's numbers are, in each market, 1 to a counter of the market."""
    return Check(
        name=f"{noun} are numbered without a gap",
        noun=noun,
        examined=count(found),
        differences=(
            f"SELECT m.id, m.symbol, COALESCE(s.{last}, 0), COUNT(t.number), MIN(t.number), MAX(t.number)"
            " FROM trading_market m LEFT JOIN trading_marketstate s ON s.market_id = m.id"
            f" LEFT JOIN {found} t ON t.market_id = m.id GROUP BY m.id, m.symbol, s.{last}"
            f" HAVING COUNT(t.number) <> COALESCE(s.{last}, 0)"
            f" OR COUNT(DISTINCT t.number) <> COALESCE(s.{last}, 0)"
            f" OR (COUNT(t.number) > 0 AND (MIN(t.number) <> 1 OR MAX(t.number) <> s.{last}))"
        ),
        says=f"{{0}} should have {noun} 1 to {{1}}, and has {{2}} of them, from {{3}} to {{4}}",
        scope=Scope.MARKET,
    )


def leg(source: str, *, reference: str, reason: int, debit: str, credit: str, asset: str, amount: str) -> str:
    """Return the query of one posting that each row of a source (table and conditions) asks for."""
    return (
        f"SELECT {reference} AS reference, {int(reason)} AS reason, {debit} AS debit, {credit} AS credit,"
        f" {asset} AS asset_id, {amount} AS amount FROM {source}"
    )


def postings(*reasons: int) -> str:
    """Return the query of all postings with these reasons."""
    numbers = ", ".join(str(int(reason)) for reason in reasons)
    return f"SELECT {_LEG} FROM wallets_posting WHERE reason IN ({numbers})"


def without(left: str, right: str) -> str:
    """Return the query of the legs on the left that are not on the right: the asset first, as a difference wants it."""
    return (
        "SELECT asset_id, reference, reason, debit, credit, amount"
        f" FROM (SELECT {_LEG} FROM ({left}) AS wanted EXCEPT SELECT {_LEG} FROM ({right}) AS found) AS missing"
        " ORDER BY reference, reason"
    )


LEG_SAYS = "{0}, reason {1}: {2} to {3}, {4} units"
