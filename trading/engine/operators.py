"""What operators change while the engine runs: markets and the terms of accounts.  [pure]"""

import msgspec

from mex.money import PPM
from trading.engine.book import Book
from trading.engine.changes import ChangeDesk
from trading.engine.commands import SetMarket, SetTerms
from trading.engine.enums import MarketStatus, OrderStatus, Reject, StpMode
from trading.engine.events import MarketChanged, TermsChanged
from trading.engine.markets import MarketSpec
from trading.engine.orders import Order
from trading.engine.record import Record
from trading.engine.traders import Traders
from trading.engine.treasury import REFERENCE_CHARS_MAX


class Operators:
    """Applies the commands of operators."""

    __slots__ = ("_changes", "_record", "_traders", "references")

    references: set[str]
    """Applied since the last `forget`, or learned since then."""
    _record: Record
    _traders: Traders
    _changes: ChangeDesk

    def __init__(self, record: Record, traders: Traders, changes: ChangeDesk) -> None:
        self._record = record
        self._traders = traders
        self._changes = changes
        self.references = set()

    def set_market(self, command: SetMarket) -> None:
        """Create a market or change its rules. A repeat of a creation is a change."""
        spec, books = command.spec, self._traders.books
        if spec.id == 0:
            known = next((book.spec.id for book in books.values() if book.spec.symbol == spec.symbol), 0)
            spec = msgspec.structs.replace(spec, id=known)
        reject = self._market_refusal(spec)
        if not _can_be_kept(command):
            reject = Reject.INVALID
        if command.reference in self.references:
            reject = Reject.DUPLICATE_REFERENCE
        if reject is not None:
            self._record.reject(reject)
            return
        self.references.add(command.reference)
        is_new = spec.id == 0
        if is_new:
            spec = msgspec.structs.replace(spec, id=max(books, default=0) + 1)
            self._traders.open_book(spec)
        else:
            book = books[spec.id]
            if spec.status is MarketStatus.DELISTED:
                self._changes.close_all(open_orders(book), OrderStatus.EXPIRED)
            book.take_rules(spec)
        self._record.events.append(MarketChanged(command.reference, command.actor, command.note, spec, is_new))

    def set_terms(self, command: SetTerms) -> None:
        """Give an account fee rates of its own and a default of self-trade prevention."""
        rates = (command.maker_fee_ppm, command.taker_fee_ppm)
        if command.reference in self.references:
            self._record.reject(Reject.DUPLICATE_REFERENCE)
            return
        if not _can_be_kept(command) or command.account <= 0 or not all(-1 <= rate < PPM for rate in rates):
            self._record.reject(Reject.INVALID)
            return
        self.references.add(command.reference)
        self.take_terms(command.account, command.maker_fee_ppm, command.taker_fee_ppm, command.stp)
        self._record.events.append(
            TermsChanged(command.reference, command.actor, command.note, command.account, *rates, command.stp)
        )

    def take_terms(self, number: int, maker_fee_ppm: int, taker_fee_ppm: int, stp: StpMode) -> None:
        """Put an account's terms in force."""
        account = self._traders.account(number)
        account.maker_fee_ppm = maker_fee_ppm
        account.taker_fee_ppm = taker_fee_ppm
        account.stp = stp if stp is not StpMode.DEFAULT else StpMode.NONE
        for trader in account.traders.values():
            trader.take_terms()

    def _market_refusal(self, spec: MarketSpec) -> Reject | None:
        books = self._traders.books
        if not spec.is_sound:
            return Reject.INVALID
        if spec.id == 0:
            return None
        book = books.get(spec.id)
        if book is None:
            return Reject.MARKET_UNKNOWN
        old = book.spec
        if (spec.symbol, spec.base, spec.quote) != (old.symbol, old.base, old.quote):
            return Reject.INVALID
        if (spec.tick, spec.lot) == (old.tick, old.lot):
            return None
        are_on_them = all(_is_on_steps(order, spec.tick, spec.lot) for order in open_orders(book))
        return None if are_on_them else Reject.STEPS_IN_USE


def _can_be_kept(command: SetMarket | SetTerms) -> bool:
    """Return whether the audit trail can hold what is said: PostgreSQL takes no NUL, and a failed commit ends us."""
    has_nul = any("\0" in text for text in (command.reference, command.actor, command.note))
    return 0 < len(command.reference) <= REFERENCE_CHARS_MAX and not has_nul


def _is_on_steps(order: Order, tick: int, lot: int) -> bool:
    """Return whether an open order, and whatever may become of it, is on these steps."""
    placed = order.card.order
    prices = (placed.price, placed.stop_price)
    # Not only what is open: slices trade alone, and an amended order may come to any of these.
    quantities = (placed.quantity, order.executed, order.prevented, placed.iceberg_quantity)
    return not any(price % tick for price in prices) and not any(quantity % lot for quantity in quantities)


def open_orders(book: Book) -> list[Order]:
    """Return the open orders of a market, waiting ones too."""
    return [order for trader in book.traders.values() for order in trader.orders.values()]
