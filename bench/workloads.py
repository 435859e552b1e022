"""Streams of orders, made from a seed: a busy market of 4,000 orders, a deep book that is built and eaten, worst cases.

Every cancel hits an order that rests and every aggressive order fills within its limit, so engines with and without
immediate-or-cancel do the same work. No order meets one of its own account, so self-trade prevention changes nothing.
Orders are numbered from 1 in the order in which they come, as our engine and its peers would.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from bench.oracle import BUY, CANCEL, REST, SELL, TAKE, Command, Oracle, Trade

MID: Final = 6_000_000
"""Where prices begin, in ticks: 60,000.00 at a tick of 0.01."""
ACCOUNTS: Final = 100
LOTS_MAX: Final = 100
TAKE_LOTS_MAX: Final = 118
"""Chosen so that as much comes into the busy market as leaves it."""

_OFFSET_MEAN = 13
_OFFSET_MAX = 50
_DEEP_LEVELS = 9_000
_SEEDS = {"active": 2_601, "deep": 2_602, "one price": 2_603, "many prices": 2_604}


@dataclass(frozen=True, slots=True)
class Workload:
    """Commands to be timed, those that go before them, and what all of them lead to."""

    name: str
    before: list[Command]
    commands: list[Command]
    phases: dict[str, int]
    """What is timed apart, in turn: names, and how many of the commands."""
    trades: list[Trade]
    """Taker, maker, price in ticks, quantity in lots."""
    resting: list[tuple[int, int, int]]
    """Order, price, open quantity at the end: bids best first, then asks best first, and then as in the queue."""


def workload(name: str, *, part: int = 1) -> Workload:
    """Return a workload by name, or its `part`-th part for a quick look."""
    makers = {"active": active, "deep": deep, "one price": one_price, "many prices": many_prices}
    return makers[name](part)


def active(part: int = 1) -> Workload:
    """Return 4,000 resting orders, then 200,000 commands: 55 % limits, 35 % cancels, 10 % aggressive orders.

    The middle walks at random; limits stand 13 ticks from it on average and 50 at most, and some of them cross.
    """
    maker = _Maker(Random(_SEEDS["active"]))
    maker.rest_many(4_000 // part)
    before, maker.commands = maker.commands, []
    plan = [REST] * (110_000 // part) + [CANCEL] * (70_000 // part) + [TAKE] * (20_000 // part)
    maker.random.shuffle(plan)
    for op in plan:
        if op == REST:
            maker.walk()
            maker.rest(maker.near())
        elif op == CANCEL:
            maker.cancel_any()
        else:
            maker.take(maker.random.randint(1, TAKE_LOTS_MAX))
    return maker.result("active", before, {"all": len(maker.commands)})


def deep(part: int = 1) -> Workload:
    """Return 200,000 orders that do not cross, on nearly 18,000 prices, then 80,000 cancels among 4,000 sweeps.

    A sweep takes 25 makers on average.
    """
    maker = _Maker(Random(_SEEDS["deep"]))
    for _ in range(200_000 // part):
        maker.rest(1 + int(_DEEP_LEVELS * maker.random.random() ** 2))
    load = len(maker.commands)
    plan = [CANCEL] * (80_000 // part) + [TAKE] * (4_000 // part)
    maker.random.shuffle(plan)
    for op in plan:
        if op == CANCEL:
            maker.cancel_any()
        else:
            maker.take(maker.random.randint(1, 25 * LOTS_MAX))
    return maker.result("deep", [], {"load": load, "drain": len(maker.commands) - load})


def one_price(part: int = 1) -> Workload:
    """Return 50,000 orders at one price; half of them are cancelled, from the middle outwards, the others taken."""
    maker = _Maker(Random(_SEEDS["one price"]))
    count = 50_000 // part
    for _ in range(count):
        maker.place(REST, SELL, MID, maker.random.randint(1, LOTS_MAX))
    middle = range(count // 4 + 1, count // 4 + count // 2 + 1)
    for order in sorted(middle, key=lambda number: (2 * number - count - 1) ** 2):
        maker.cancel(order)
    for quantity in [quantity for _, _, quantity in maker.oracle.resting(SELL)]:
        maker.place(TAKE, BUY, MID, quantity)
    return maker.result("one price", [], {"insert": count, "cancel": len(middle), "take one": count - len(middle)})


def many_prices(part: int = 1) -> Workload:
    """Return 200,000 orders of one side, each at a price of its own, that come and are cancelled in random order."""
    maker = _Maker(Random(_SEEDS["many prices"]))
    prices = list(range(MID, MID + 200_000 // part))
    maker.random.shuffle(prices)
    for price in prices:
        maker.place(REST, SELL, price, maker.random.randint(1, LOTS_MAX))
    orders = list(range(1, len(prices) + 1))
    maker.random.shuffle(orders)
    for order in orders:
        maker.cancel(order)
    return maker.result("many prices", [], {"insert": len(prices), "cancel": len(orders)})


@dataclass
class _Maker:
    """Makes commands, with an oracle at hand that knows what rests."""

    random: Random
    commands: list[Command] = field(default_factory=list)
    oracle: Oracle = field(default_factory=Oracle)
    mid: int = MID
    orders: int = 0
    placed: dict[int, Command] = field(default_factory=dict)
    live: list[int] = field(default_factory=list)
    where: dict[int, int] = field(default_factory=dict)
    """Where in `live` an order is."""

    def walk(self) -> None:
        """Let the middle take a step now and then."""
        self.mid += self.random.choices((-1, 0, 1), (1, 60, 1))[0]

    def near(self) -> int:
        """Return a distance from the middle, geometric, as far as the limit."""
        distance = 1
        while distance < _OFFSET_MAX and self.random.random() >= 1 / _OFFSET_MEAN:
            distance += 1
        return distance

    def rest_many(self, count: int) -> None:
        """Place orders around a middle that stands still."""
        for _ in range(count):
            self.rest(self.near())

    def rest(self, distance: int) -> None:
        """Place an order at a distance from the middle; if it crosses, it trades first."""
        side = self.random.choice((BUY, SELL))
        price = self.mid - distance if side == BUY else self.mid + distance
        quantity = self.random.randint(1, LOTS_MAX)
        trades = self.place(REST, side, price, quantity)
        self._forget(trades)
        if self.oracle.is_open(self.orders):
            self.where[self.orders] = len(self.live)
            self.live.append(self.orders)

    def take(self, quantity: int) -> None:
        """Place an order that fills, and whose limit is its last price."""
        side = self.random.choice((BUY, SELL))
        if self.oracle.open_quantity(SELL if side == BUY else BUY) < quantity:
            side = SELL if side == BUY else BUY
        trades = self.place(TAKE, side, 2 * MID if side == BUY else 1, quantity)
        assert sum(part for _, _, _, part in trades) == quantity
        self._forget(trades)
        op, order, _, _, _, account = self.commands[-1]
        self.commands[-1] = (op, order, side, trades[-1][2], quantity, account)

    def cancel_any(self) -> None:
        """Cancel one of the live orders."""
        order = self.random.choice(self.live)
        self._remove(order)
        self.cancel(order)

    def cancel(self, order: int) -> None:
        """Cancel an order."""
        _, _, side, price, quantity, account = self.placed[order]
        self.oracle.cancel(order)
        self.commands.append((CANCEL, order, side, price, quantity, account))

    def place(self, op: int, side: int, price: int, quantity: int) -> list[Trade]:
        """Place an order of an account that has none of those it trades with."""
        self.orders += 1
        trades = self.oracle.place(self.orders, side, price, quantity, rests=op == REST)
        others = {self.placed[maker][5] for _, maker, _, _ in trades}
        account = self.random.randint(1, ACCOUNTS)
        while account in others:
            account = self.random.randint(1, ACCOUNTS)
        command = (op, self.orders, side, price, quantity, account)
        self.placed[self.orders] = command
        self.commands.append(command)
        return trades

    def result(self, name: str, before: list[Command], phases: dict[str, int]) -> Workload:
        """Return the commands, and what the oracle says of them."""
        oracle = self.oracle
        resting = oracle.resting(BUY) + oracle.resting(SELL)
        return Workload(name, before, self.commands, phases, oracle.trades, resting)

    def _forget(self, trades: Iterable[Trade]) -> None:
        for _, maker, _, _ in trades:
            if not self.oracle.is_open(maker):
                self._remove(maker)

    def _remove(self, order: int) -> None:
        """Take an order out of the live ones; the last of them takes its place."""
        at = self.where.pop(order)
        last = self.live.pop()
        if last != order:
            self.live[at] = last
            self.where[last] = at
