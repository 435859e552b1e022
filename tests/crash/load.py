"""Load for an engine that dies: `python -m tests.crash.load STOP_FILE SEED`.

Several accounts place and cancel orders through the gateway as a web process does, and note what they were told. When
STOP_FILE appears and everything that was sent is answered, prints one JSON object: what was acknowledged.
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
from trading.engine.commands import CancelOrder, Command, PlaceOrder  # noqa: E402
from trading.engine.enums import Execution, OrderType, Side, TimeInForce  # noqa: E402
from trading.engine.events import Event, Executed  # noqa: E402
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
        self.filled: dict[str, int] = {}
        self.cancelled: list[int] = []
        self.refused: list[str] = []

    def take(self, command: Command, events: Sequence[Event]) -> None:
        """Note the answer to a command."""
        self.answered += 1
        own = [event for event in events if isinstance(event, Executed)]
        if isinstance(command, PlaceOrder):
            if not own:
                self.refused.append(command.client_order_id)
                return
            order = own[0].order
            assert command.client_order_id not in self.orders
            self.orders[command.client_order_id] = order
            self.filled[command.client_order_id] = max(e.executed for e in own if e.order == order)
        elif own and own[0].kind is Execution.CANCELED:
            self.cancelled.append(own[0].order)


def next_command(chance: random.Random, account: int, number: int, market: int, told: Told) -> Command:
    """Return a random order, or a cancel of a random acknowledged one."""
    if told.orders and chance.random() < 0.3:
        order = chance.choice(list(told.orders.values()))
        return CancelOrder(account, market, order, "", f"c{number}")
    side = chance.choice(list(Side))
    price = (5_000 + chance.randint(-20, 20)) * TICK
    return PlaceOrder(
        account=account,
        market=market,
        client_order_id=f"a{account}-{number}",
        side=side,
        type=OrderType.LIMIT,
        time_in_force=chance.choice([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK]),
        quantity=chance.randint(10, 100) * LOT,
        price=price,
    )


async def work(hub: Hub, account: int, chance: random.Random, stop: Path, told: Told) -> None:
    """Send one command after the other, each in its turn."""
    market = hub.catalog.market("ETHBTC").id
    number = 0
    while not stop.exists():
        number += 1
        command = next_command(chance, account, number, market, told)
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
