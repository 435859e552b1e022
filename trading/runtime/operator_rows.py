"""What a batch did beside orders, as rows: postings of commands, holds, markets, terms, and the operators' trail."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from trading.engine.book import Book
from trading.engine.events import BalanceChanged, HoldChanged, MarketChanged, Posted, TermsChanged
from trading.engine.markets import MarketSpec
from trading.runtime import schema
from trading.runtime.tables import How, Row, Work

Terms = tuple[int, int, int]
"""An account's maker and taker fee in ppm, and its default self-trade prevention."""

_encode = msgspec.json.Encoder().encode


class OperatorRows:
    """Collects events that are not of orders; `works` empties it again."""

    def __init__(
        self,
        specs: dict[int, MarketSpec],
        terms: dict[int, Terms],
        counters: dict[int, Row],
        balances: set[tuple[int, int]],
    ) -> None:
        self.specs = specs
        self.sequence = 0
        self.time_ms = 0
        self._terms = terms
        self._counters = counters
        self._known_balances = balances
        self._clear()

    def _clear(self) -> None:
        self._postings: list[Row] = []
        self._holds: dict[str, Row] = {}
        self._markets: dict[int, MarketSpec] = {}
        self._changed_terms: dict[int, Row] = {}
        self._trail: list[Row] = []

    # --- events -------------------------------------------------------------------------------------

    def posted(self, event: Posted) -> None:
        """Note a posting that a command asked for."""
        self._postings.append(
            (
                self.sequence,
                event.debit,
                event.credit,
                event.asset,
                event.amount,
                int(event.reason),
                event.reference,
                self.time_ms,
            )
        )

    def hold_changed(self, event: HoldChanged) -> None:
        """Note what became of funds set aside."""
        self._holds[event.reference] = (event.reference, event.account, event.asset, event.amount, int(event.state))

    def market_changed(self, event: MarketChanged) -> None:
        """Note a market's rules, and who gave them."""
        spec = event.spec
        before = None if event.is_new else self.specs[spec.id]
        self.specs[spec.id] = self._markets[spec.id] = spec
        self._note(event, "market", spec.id, spec.symbol, _shown(before), _shown(spec))

    def terms_changed(self, event: TermsChanged) -> None:
        """Note an account's terms, and who gave them."""
        before = self._terms.get(event.account)
        after = (event.maker_fee_ppm, event.taker_fee_ppm, int(event.stp))
        self._terms[event.account] = after
        self._changed_terms[event.account] = (event.account, *after)
        self._note(event, "terms", event.account, "", _terms_shown(before), _terms_shown(after))

    # --- rows ---------------------------------------------------------------------------------------

    def references(self) -> set[tuple[str, int]]:
        """Return references and reasons of what commands had posted."""
        return {(row[6], row[5]) for row in self._postings}

    def holds(self) -> dict[str, Row]:
        """Return the rows of holds by reference."""
        return dict(self._holds)

    def changes(self) -> set[str]:
        """Return the references of operators' changes."""
        return {row[0] for row in self._trail}

    def works(self, books: Iterable[Book], balances: Iterable[BalanceChanged]) -> Iterator[Work]:
        """Yield what is to be written of a batch, and begin anew."""
        yield from self._balances(balances)
        yield Work(How.UPSERT, schema.COUNTERS, list(self._moved_counters(books)))
        if self._postings or self._holds or self._trail:  # most batches are orders only
            yield Work(How.INSERT, schema.POSTINGS, self._postings)
            yield Work(How.UPSERT, schema.HOLDS, list(self._holds.values()))
            yield Work(How.UPSERT, schema.MARKETS, [_market_row(spec) for spec in self._markets.values()])
            yield Work(How.UPSERT, schema.TERMS, list(self._changed_terms.values()))
            yield Work(How.INSERT, schema.OPERATOR_CHANGES, self._trail)
            self._clear()

    def _balances(self, changed: Iterable[BalanceChanged]) -> Iterator[Work]:
        """Tell new balances from those that have a row: PostgreSQL updates faster than it resolves conflicts."""
        new, known = [], []
        for event in changed:
            row = (event.account, event.asset, event.balance, event.held)
            if row[:2] in self._known_balances:
                known.append(row)
            else:
                self._known_balances.add(row[:2])
                new.append(row)
        yield Work(How.INSERT, schema.BALANCES, new)
        yield Work(How.UPDATE, schema.BALANCES, known)

    def _moved_counters(self, books: Iterable[Book]) -> Iterator[Row]:
        for book in books:
            row = (book.spec.id, book.last_trade, book.last_update, book.last_price, book.last_prevented)
            if self._counters.get(book.spec.id) != row:
                self._counters[book.spec.id] = row
                yield row

    def _note(
        self, event: MarketChanged | TermsChanged, kind: str, subject: int, symbol: str, before: str | None, after: Any
    ) -> None:
        self._trail.append(
            (
                event.reference,
                kind,
                subject,
                symbol,
                event.actor,
                event.note,
                self.sequence,
                self.time_ms,
                before,
                after,
            )
        )


def _market_row(spec: MarketSpec) -> Row:
    return tuple(int(value) if isinstance(value, int) else value for value in msgspec.structs.astuple(spec))


def _shown(spec: MarketSpec | None) -> str | None:
    return None if spec is None else _encode(msgspec.structs.asdict(spec)).decode()


def _terms_shown(terms: Terms | None) -> str | None:
    if terms is None:
        return None
    return _encode(dict(zip(("maker_fee_ppm", "taker_fee_ppm", "stp"), terms, strict=True))).decode()
