"""One market: its rules, its two ladders, its traders and its counters.  [pure]"""

from mex.money import UNITS, notional
from trading.engine.enums import Side
from trading.engine.events import LevelChanged
from trading.engine.funds import Funds, Purse
from trading.engine.levels import Ladder, Level
from trading.engine.markets import MarketSpec
from trading.engine.orders import Trader
from wallets.ledger.chart import Owner

_BUY = Side.BUY

ANY_PRICE = -(2**63)
"""A key below that of every price: the limit of an order that takes any."""


class Walk:
    """What an order would trade now: base and quote units, and whether it would then have all that it asked for."""

    __slots__ = ("complete", "quantity", "quote")

    quantity: int
    quote: int
    complete: bool

    def __init__(self, quantity: int, quote: int, complete: bool) -> None:
        self.quantity = quantity
        self.quote = quote
        self.complete = complete


class Book:
    """The order book of one market."""

    __slots__ = ("_funds", "_traders", "asks", "base_fees", "bids", "last_trade", "last_update", "quote_fees", "spec")

    spec: MarketSpec
    bids: Ladder
    asks: Ladder
    last_trade: int
    last_update: int
    base_fees: Purse
    quote_fees: Purse
    _funds: Funds
    _traders: dict[int, Trader]

    def __init__(self, spec: MarketSpec, funds: Funds) -> None:
        self.spec = spec
        self.bids = Ladder(1)
        self.asks = Ladder(-1)
        self.last_trade = 0
        self.last_update = 0
        self.base_fees = funds.purse(Owner.FEES, spec.base)
        self.quote_fees = funds.purse(Owner.FEES, spec.quote)
        self._funds = funds
        self._traders = {}

    def trader(self, account: int) -> Trader:
        """Return what this market knows of an account."""
        trader = self._traders.get(account)
        if trader is None:
            spec = self.spec
            trader = Trader(self._funds.purse(account, spec.base), self._funds.purse(account, spec.quote))
            self._traders[account] = trader
        return trader

    def traders(self) -> dict[int, Trader]:
        """Return the traders by account."""
        return self._traders

    def ladder(self, side: Side) -> Ladder:
        """Return the resting orders of a side."""
        return self.bids if side is _BUY else self.asks

    def opposite(self, side: Side) -> Ladder:
        """Return the resting orders that an order of this side trades with."""
        return self.asks if side is _BUY else self.bids

    def levels(self, side: Side, limit: int) -> list[tuple[int, int]]:
        """Return at most `limit` levels of a side as (price, quantity), best first."""
        return self.ladder(side).best_first(limit)

    def change(self, side: Side, level: Level) -> LevelChanged:
        """Return the event that tells a level's quantity as it is now, under the next update number."""
        self.last_update += 1
        return LevelChanged(self.spec.id, self.last_update, side, level.price, level.quantity)

    def walk(self, ladder: Ladder, limit_key: int, quantity: int) -> Walk:
        """Return what an order for `quantity` base units would trade on levels not worse than `limit_key`."""
        rest, quote = quantity, 0
        for key in reversed(ladder.keys):
            if rest == 0 or key < limit_key:
                break
            level = ladder.levels[key]
            take = min(rest, level.quantity)
            rest -= take
            quote += notional(level.price, take)
        return Walk(quantity - rest, quote, rest == 0)

    def walk_budget(self, ladder: Ladder, budget: int) -> Walk:
        """Return what an order for `budget` quote units would trade, in whole lots and never for more than that.

        It stops where what is left cannot pay for a lot at the best price there is. It is complete when it traded and
        what is left is less than the price of a lot at the last level seen: then it was not liquidity that was missing.
        """
        lot = self.spec.lot
        rest, quantity, price = budget, 0, 0
        for key in reversed(ladder.keys):
            level = ladder.levels[key]
            price = level.price
            take = min(rest * UNITS // price // lot * lot, level.quantity)
            if take == 0:
                break
            quantity += take
            rest -= notional(price, take)
            if take < level.quantity:
                break
        return Walk(quantity, budget - rest, quantity > 0 and rest < notional(price, lot))
