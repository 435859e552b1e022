"""What the users of a load test do: the mix of requests, and prices in a narrow band so that balances last.  [pure]"""

import random
from typing import NamedTuple

from loadtest.messages import Market

KINDS = ("place", "cancel", "cross", "replace")
DEFAULT_MIX = "place=60,cancel=25,cross=10,replace=5"
LEVELS = 20
"""Orders rest up to so many ticks from the middle."""
_CROSSING_TICKS = 2 * LEVELS
"""A crossing limit order may go through every level there is."""
_UNITS = 10**8

Pairs = list[tuple[str, str]]


class Order(NamedTuple):
    """An open order of one's own."""

    number: int
    market: int


class Wanted(NamedTuple):
    """A request that is to be sent; `target` is the order it cancels."""

    kind: str
    method: str
    params: Pairs
    market: int
    target: Order | None


class MixWrong(ValueError):
    """Raised when a mix cannot be read: the text says why."""


def parse_mix(text: str) -> dict[str, int]:
    """Return the shares by kind of a text such as "place=60,cancel=25". Raises MixWrong."""
    mix = dict.fromkeys(KINDS, 0)
    for word in text.split(","):
        name, equals, share = word.strip().partition("=")
        if name not in KINDS or not equals or not share.isdecimal():
            raise MixWrong(f"{word.strip()!r} is not one of {', '.join(KINDS)} with a whole share, such as place=60")
        mix[name] = int(share)
    if mix["place"] + mix["cross"] == 0:
        raise MixWrong("a mix needs a share of place or cross: there would be nothing to cancel")
    return mix


def decimal(units: int) -> str:
    """Return units of 10⁻⁸ as a decimal text."""
    return f"{units // _UNITS}.{units % _UNITS:08d}"


class Prices:
    """The texts of prices and quantities of a market, made once."""

    def __init__(self, market: Market) -> None:
        self.symbol = market.symbol
        self.at = {
            ticks: decimal(market.mid + ticks * market.tick) for ticks in range(-_CROSSING_TICKS, _CROSSING_TICKS + 1)
        }
        self.quantities = [decimal(quantity) for quantity in market.quantities]


class Trader:
    """One user: knows his open orders as far as he was told, and decides what he asks for next."""

    def __init__(self, prices: list[Prices], mix: dict[str, int], open_orders_max: int, dice: random.Random) -> None:
        self._prices = prices
        self._kinds = [kind for kind in KINDS if mix[kind]]
        self._weights = [mix[kind] for kind in self._kinds]
        self._open_orders_max = open_orders_max
        self._dice = dice
        self._open: list[Order] = []
        self._numbers: set[int] = set()

    @property
    def open_orders(self) -> int:
        """How many open orders he knows of."""
        return len(self._numbers)

    def opened(self, order: Order) -> None:
        """Note that an order rests, or still does because it could not be cancelled."""
        if order.number not in self._numbers:
            self._numbers.add(order.number)
            self._open.append(order)

    def closed(self, number: int) -> None:
        """Note that an order was filled."""
        self._numbers.discard(number)

    def decide(self, client_id: str) -> Wanted:
        """Return his next request; whoever has too many open orders cancels, whoever has none places."""
        kind = self._dice.choices(self._kinds, self._weights)[0]
        if kind == "place" and len(self._numbers) >= self._open_orders_max:
            kind = "cancel"
        target = self._take() if kind in ("cancel", "replace") else None
        if kind == "cancel" and target is not None:
            params = [("orderId", str(target.number)), ("symbol", self._prices[target.market].symbol)]
            return Wanted("cancel", "order.cancel", params, target.market, target)
        if kind == "replace" and target is not None:
            extra = [("cancelOrderId", str(target.number)), ("cancelReplaceMode", "STOP_ON_FAILURE")]
            resting = self._resting(target.market, client_id)
            return Wanted("replace", "order.cancelReplace", extra + resting, target.market, target)
        market = self._dice.randrange(len(self._prices))
        if kind == "cross":
            return Wanted("cross", "order.place", self._crossing(market, client_id), market, None)
        return Wanted("place", "order.place", self._resting(market, client_id), market, None)

    def _take(self) -> Order | None:
        while self._open:
            place = self._dice.randrange(len(self._open))
            order = self._open[place]
            self._open[place] = self._open[-1]
            self._open.pop()
            if order.number in self._numbers:
                self._numbers.remove(order.number)
                return order
        return None

    def _resting(self, market: int, client_id: str) -> Pairs:
        is_buy = self._dice.random() < 0.5
        distance = self._dice.randint(1, LEVELS)
        return self._limit(market, client_id, is_buy, -distance if is_buy else distance, "GTC")

    def _crossing(self, market: int, client_id: str) -> Pairs:
        is_buy = self._dice.random() < 0.5
        if self._dice.random() < 0.5:
            return self._limit(market, client_id, is_buy, _CROSSING_TICKS if is_buy else -_CROSSING_TICKS, "IOC")
        prices = self._prices[market]
        return [
            ("newClientOrderId", client_id),
            ("quantity", self._dice.choice(prices.quantities)),
            ("side", "BUY" if is_buy else "SELL"),
            ("symbol", prices.symbol),
            ("type", "MARKET"),
        ]

    def _limit(self, market: int, client_id: str, is_buy: bool, ticks: int, time_in_force: str) -> Pairs:
        prices = self._prices[market]
        return [
            ("newClientOrderId", client_id),
            ("price", prices.at[ticks]),
            ("quantity", self._dice.choice(prices.quantities)),
            ("side", "BUY" if is_buy else "SELL"),
            ("symbol", prices.symbol),
            ("timeInForce", time_in_force),
            ("type", "LIMIT"),
        ]
