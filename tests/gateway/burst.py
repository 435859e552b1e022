"""A web process under a burst: `python -m tests.gateway.burst ENGINE_PID ACCOUNT,ACCOUNT,…`.

Stops the engine, submits half of 100,000 orders, lets the engine go on, and submits the other half. Prints one JSON
object: what became of them.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter

import django

django.setup()

from mex.errors import EngineBusy  # noqa: E402
from trading.engine.commands import AmendOrder, CancelAll, CancelOrder, PlaceOrder  # noqa: E402
from trading.engine.enums import OrderType, Side, TimeInForce  # noqa: E402
from trading.gateway.client import CommandClient, Done  # noqa: E402
from trading.gateway.hub import close_hub, get_hub  # noqa: E402

ORDERS = 100_000
TURN = 500
"""Orders submitted in one turn of the event loop."""
PRICE, QUANTITY = 3_000_000, 1_000_000
DEADLINE_S = 60.0


class Burst:
    """Submits orders and counts what became of each."""

    def __init__(self, client: CommandClient, market: int, accounts: list[int]) -> None:
        self.client = client
        self.market = market
        self.accounts = accounts
        self.answers: list[list[str]] = [[] for _ in range(ORDERS)]
        self.most = 0

    async def submit(self, first: int, last: int) -> None:
        """Submit the orders from one number up to another."""
        for number in range(first, last):
            self._submit(number)
            self.most = max(self.most, self.client.unanswered)
            if number % TURN == 0:
                await asyncio.sleep(0)

    def _submit(self, number: int) -> None:
        account = self.accounts[number % len(self.accounts)]
        order = PlaceOrder(
            account, self.market, f"b{number}", Side.BUY, OrderType.LIMIT, TimeInForce.GTC, QUANTITY, PRICE
        )
        told = self.answers[number]

        def on_done(done: Done | None) -> None:
            told.append("unknown" if done is None else type(done.events[0]).__name__)

        try:
            self.client.submit(order, on_done)
        except EngineBusy:
            told.append("busy")


async def main(engine: int, accounts: list[int]) -> None:
    """Run the burst."""
    hub = await get_hub()
    burst = Burst(hub.client, hub.catalog.market("ETHBTC").id, accounts)
    os.kill(engine, signal.SIGSTOP)
    await burst.submit(0, ORDERS // 2)
    stalled = Counter(told[0] if told else "waiting" for told in burst.answers[: ORDERS // 2])
    # What lessens risk has room of its own.
    account = accounts[0]
    urgent = [
        CancelOrder(account, burst.market, 0, "b0", "c"),
        AmendOrder(account, burst.market, 0, f"b{len(accounts)}", QUANTITY // 2),
        CancelAll(account, burst.market, "c"),
    ]
    passing = [asyncio.create_task(hub.client.ask(command)) for command in urgent]
    await asyncio.sleep(0)
    os.kill(engine, signal.SIGCONT)
    await burst.submit(ORDERS // 2, ORDERS)
    urgent_told = [type((await done).events[0]).__name__ for done in passing]
    deadline = time.monotonic() + DEADLINE_S
    while hub.client.unanswered and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    after = await hub.client.request(
        PlaceOrder(accounts[1], burst.market, "after", Side.BUY, OrderType.LIMIT, TimeInForce.IOC, QUANTITY, PRICE)
    )
    told = Counter(told[0] for told in burst.answers if told)
    print(
        json.dumps(
            {
                "answers": sorted({len(told) for told in burst.answers}),
                "stalled": stalled,
                "told": told,
                "urgent": urgent_told,
                "most": burst.most,
                "left": hub.client.unanswered,
                "after": type(after[0]).__name__,
            }
        ),
        flush=True,
    )
    await close_hub()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), [int(word) for word in sys.argv[2].split(",")]))
