"""All accounts and all markets, and who is what where.  [pure]"""

from collections.abc import Iterable
from typing import Final

from trading.engine.book import Book
from trading.engine.enums import Reject
from trading.engine.funds import Funds
from trading.engine.markets import MarketSpec
from trading.engine.orders import Account, Order, Trader
from trading.engine.record import Record
from wallets.ledger.chart import Owner

_FEES: Final = int(Owner.FEES)

MARKETS_MAX: Final = 65_536


class Traders:
    """Accounts by number and books by market. Accounts and traders come into being when they are first needed."""

    __slots__ = ("_funds", "_record", "accounts", "books", "by_place")

    _record: Record
    _funds: Funds
    accounts: dict[int, Account]
    books: dict[int, Book]
    by_place: dict[int, Trader]
    """By account x MARKETS_MAX + market, which must be below that: one look-up for what most commands ask first."""

    def __init__(self, record: Record, funds: Funds, markets: Iterable[MarketSpec]) -> None:
        self._record = record
        self._funds = funds
        self.accounts = {}
        self.books = {}
        self.by_place = {}
        for spec in markets:
            self.open_book(spec)

    def open_book(self, spec: MarketSpec) -> Book:
        """Make the book of a new market."""
        assert spec.is_sound, f"the rules of market {spec.symbol} cannot be kept"
        assert spec.id < MARKETS_MAX, f"{spec.id} markets are too many"
        funds = self._funds
        book = Book(spec, funds.purse(_FEES, spec.base), funds.purse(_FEES, spec.quote))
        self.books[spec.id] = book
        return book

    def account(self, number: int) -> Account:
        """Return an account."""
        account = self.accounts.get(number)
        if account is None:
            account = self.accounts[number] = Account(number)
        return account

    def find(self, account: int, market: int) -> Trader | None:
        """Return what an account is in a market, if it has ever been something there."""
        known = self.accounts.get(account)
        return None if known is None else known.traders.get(market)

    def trader(self, account: int, market: int) -> Trader:
        """Return what an account is in a market."""
        owner = self.account(account)
        trader = owner.traders.get(market)
        if trader is None:
            book = self.books[market]
            spec, funds = book.spec, self._funds
            trader = Trader(owner, book, funds.purse(account, spec.base), funds.purse(account, spec.quote))
            owner.traders[market] = book.traders[account] = trader
            self.by_place[account * MARKETS_MAX + market] = trader
        return trader

    def refusal(self, account: int, name: str, market: int) -> Reject | None:
        """Return why an order of this name and market is refused, whatever it is: the first three refusals."""
        known = self.accounts.get(account)
        if known is not None and name in known.names:
            return Reject.DUPLICATE_ORDER
        book = self.books.get(market)
        if book is None:
            return Reject.MARKET_UNKNOWN
        return None if book.is_trading else Reject.MARKET_CLOSED

    def order(self, account: int, market: int, order_id: int, name: str) -> Order | None:
        """Return the account's open order of these ids; 0 and "" mean "not given", and those given must agree."""
        trader = self.find(account, market)
        if trader is None:
            return None
        if order_id:
            order = trader.orders.get(order_id)
            if order is None or name not in ("", order.card.order.client_order_id):
                return None
            return order
        return trader.orders.get(trader.names.get(name, 0))

    def learn(self, rows: Iterable[tuple[int, str, int]]) -> None:
        """Take (account, client order id, order id) as used, until `forget`."""
        for number, name, order_id in rows:
            account = self.account(number)
            if not account.names:
                self._record.named.append(account)
            account.names.setdefault(name, order_id)

    def forget(self) -> None:
        """Drop all client order ids: from now on the database can tell."""
        for account in self._record.named:
            account.names.clear()
        self._record.named = []
