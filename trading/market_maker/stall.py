"""One market as the market maker sees it: its rules, a price of reference, and the orders that he has there.  [pure]"""

from collections.abc import Mapping
from typing import Any

from mex.money import parse_units
from trading.market_maker.ladder import Plan, Quote, Reference, Rules, changes, wanted_quotes

_OPEN = ("NEW", "PARTIALLY_FILLED")


class Stall:
    """A market's quotes. Without rules it is closed, or unknown, and nothing is quoted there."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rules: Rules | None = None
        self.orders: dict[str, Quote] = {}
        self._reference: Reference | None = None

    def learn(self, market: Mapping[str, Any] | None) -> None:
        """Take a market's rules from its row of exchangeInfo, or that there is none."""
        self.rules = None
        if market is None or market["status"] != "TRADING":
            return
        filters = {row["filterType"]: row for row in market["filters"]}
        self.rules = Rules(
            tick=parse_units(filters["PRICE_FILTER"]["tickSize"]),
            lot=parse_units(filters["LOT_SIZE"]["stepSize"]),
            notional_min=parse_units(filters["NOTIONAL"]["minNotional"]),
        )
        if self._reference is None:
            self._reference = Reference(self.plan.start, self.rules.tick)

    def move(self) -> None:
        """Let the price of reference take a step."""
        if self._reference is not None:
            self._reference.move()

    def asset_of(self, quote: Quote) -> str:
        """Return the asset that a quote holds."""
        return self.plan.quote if quote.side == "BUY" else self.plan.base

    def steps(self, free: Mapping[str, int]) -> tuple[list[str], list[Quote]]:
        """Return (names of orders to cancel, quotes to place), for funds that other markets may share."""
        if self.rules is None or self._reference is None:
            return [], []
        own = {asset: free.get(asset, 0) for asset in (self.plan.base, self.plan.quote)}
        for quote in self.orders.values():
            own[self.asset_of(quote)] += quote.cost
        price = self._reference.price // self.rules.tick * self.rules.tick
        want = wanted_quotes(price, self.rules, self.plan, base=own[self.plan.base], quote=own[self.plan.quote])
        surplus, missing = changes(self.orders.values(), want)
        names = []
        for quote in surplus:
            names.append(next(name for name, there in self.orders.items() if there == quote and name not in names))
        return names, missing

    def note(self, report: Mapping[str, Any]) -> None:
        """Take what an executionReport says about one of the orders."""
        order = report["C"] or report["c"]
        if report["X"] not in _OPEN:
            self.orders.pop(order, None)
        elif order in self.orders:
            left = parse_units(report["q"]) - parse_units(report["z"])
            self.orders[order] = Quote(report["S"], parse_units(report["p"]), left)


def quote_of(row: Mapping[str, Any]) -> Quote:
    """Return the quote that an open order is."""
    left = parse_units(row["origQty"]) - parse_units(row["executedQty"])
    return Quote(row["side"], parse_units(row["price"]), left)
