"""Load for an engine that dies: `python -m tests.crash.load STOP_FILE SEED ACCOUNTS`.

Several accounts place and cancel orders of every kind through the gateway as a web process does, and note what they
were told. When STOP_FILE appears and everything that was sent is answered, prints one JSON object: what was
acknowledged.
"""

import asyncio
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import django

django.setup()

from mex import limits  # noqa: E402
from trading.engine.commands import CancelOrder, Command, PlaceList, PlaceOrder, ReplaceOrder  # noqa: E402
from trading.engine.enums import OrderStatus, OrderType, ReplaceMode, Side, StpMode, TimeInForce  # noqa: E402
from trading.engine.events import Accepted, Closed, Event, Traded  # noqa: E402
from trading.gateway import client  # noqa: E402
from trading.gateway.hub import Hub, close_hub, get_hub  # noqa: E402

TICK, LOT = 1_000, 100_000

# An engine that was killed hundreds of times may need longer for an answer than people would wait.
client.REPLY_TIMEOUT_S = 600.0  # type: ignore[attr-defined]
assert limits.REPLY_TIMEOUT_S < 600


class Told:
    """What clients were told, and how much was asked."""

    def __init__(self) -> None:
        self.sent = 0
        self.answered = 0
        self.orders: dict[str, int] = {}
        self.filled: dict[int, int] = {}
        self.cancelled: list[int] = []
        self.refused: list[str] = []

    def take(self, command: Command, events: Sequence[Event]) -> None:
        """Note the answer to a command."""
        self.answered += 1
        names = [event.order.client_order_id for event in events if isinstance(event, Accepted)]
        self.refused += [name for name in _names(command) if name not in names]
        for event in events:
            if isinstance(event, Accepted):
                assert event.order.client_order_id not in self.orders
                self.orders[event.order.client_order_id] = event.id
            elif isinstance(event, Traded):
                self.filled[event.taker.id] = event.taker_executed
                self.filled[event.maker.id] = max(event.maker_executed, self.filled.get(event.maker.id, 0))
            elif isinstance(event, Closed) and event.status is OrderStatus.CANCELED:
                self.cancelled.append(event.order.id)


def _names(command: Command) -> list[str]:
    """Return the client order ids that a command would use up."""
    if isinstance(command, PlaceList):
        return [command.above.client_order_id, command.below.client_order_id]
    order = command.order if isinstance(command, ReplaceOrder) else command
    return [order.client_order_id] if isinstance(order, PlaceOrder) else []


class Trader:
    """One account's next command."""

    def __init__(self, chance: random.Random, account: int, market: int, told: Told) -> None:
        self._chance = chance
        self._account = account
        self._market = market
        self._told = told
        self._number = 0

    def next(self) -> Command:
        """Return a random order or list, or a cancel or replacement of a random acknowledged order."""
        self._number += 1
        draw = self._chance.random()
        orders = list(self._told.orders.values())
        if orders and draw < 0.3:
            cancel = CancelOrder(self._account, self._market, self._chance.choice(orders), "", f"c{self._number}")
            return cancel if draw < 0.25 else ReplaceOrder(cancel, self._order(), ReplaceMode.ALLOW_FAILURE)
        return self._list() if draw > 0.95 else self._order()

    def _order(self) -> PlaceOrder:
        chance = self._chance
        kind = chance.choices([OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT], [8, 1, 1])[0]
        quantity = chance.randint(10, 100) * LOT
        force = chance.choice([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK])
        if kind is OrderType.LIMIT:
            iceberg = 20 * LOT if force is TimeInForce.GTC and chance.random() < 0.2 else 0
            return self._of(kind, "", quantity, force=force, price=self._price(), iceberg_quantity=iceberg)
        price = self._price() if kind is OrderType.STOP_LOSS_LIMIT else 0
        return self._of(kind, "", quantity, price=price, stop_price=self._price())

    def _list(self) -> PlaceList:
        quantity = self._chance.randint(10, 100) * LOT
        side, high, low = Side.SELL, 5_025 * TICK, 4_975 * TICK
        above = self._of(OrderType.LIMIT_MAKER, "a", quantity, side=side, price=high)
        below = self._of(OrderType.STOP_LOSS, "b", quantity, side=side, stop_price=low)
        return PlaceList(self._account, self._market, f"l{self._number}", above, below)

    def _of(
        self,
        kind: OrderType,
        leg: str,
        quantity: int,
        *,
        side: Side | None = None,
        force: TimeInForce = TimeInForce.GTC,
        price: int = 0,
        stop_price: int = 0,
        iceberg_quantity: int = 0,
    ) -> PlaceOrder:
        return PlaceOrder(
            self._account,
            self._market,
            f"a{self._account}-{self._number}{leg}",
            side or self._chance.choice(list(Side)),
            kind,
            force,
            quantity,
            price,
            stop_price=stop_price,
            iceberg_quantity=iceberg_quantity,
            stp=self._chance.choice([StpMode.NONE, StpMode.EXPIRE_MAKER, StpMode.DECREMENT]),
        )

    def _price(self) -> int:
        return (5_000 + self._chance.randint(-20, 20)) * TICK


async def work(hub: Hub, account: int, chance: random.Random, stop: Path, told: Told) -> None:
    """Send one command after the other, each in its turn."""
    trader = Trader(chance, account, hub.catalog.market("ETHBTC").id, told)
    while not stop.exists():
        command = trader.next()
        told.sent += 1
        told.take(command, await hub.client.request(command))


async def main(stop: Path, seed: int, accounts: list[int]) -> None:
    """Run all workers until the file appears, then tell what they were told."""
    hub = await get_hub()
    told = Told()
    print("ready", flush=True)
    await asyncio.gather(
        *(
            work(hub, accounts[i % len(accounts)], random.Random(seed * 1000 + i), stop, told)
            for i in range(len(accounts))
        )
    )
    await close_hub()
    print(json.dumps(vars(told)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), [int(word) for word in sys.argv[3].split(",")]))
