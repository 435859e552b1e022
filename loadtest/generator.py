"""`python -m loadtest.generator`: offers orders at a rate, whatever becomes of them, and tells each second what did.

It knows only the public API. The first line on standard input is a `Setup`, each further one a `Run`; on the output
come `Ready`, and `Second` by `Second`. It ends with its input.
"""

import asyncio
import random
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from loadtest import wire
from loadtest.acks import AckFile
from loadtest.arrivals import poisson
from loadtest.connection import Connection
from loadtest.messages import Ready, Run, Second, Setup
from loadtest.mix import Order, Prices, Trader, Wanted
from loadtest.pipes import lines, say
from loadtest.tally import Tally

LOST_AFTER_S = 20.0
"""mex answers within ten seconds whatever happens (-1007); one that is not answered by now never will be."""
_SENDS_AT_ONCE = 50
"""A generator that is behind sends so many before it looks at answers again."""
_US = 1_000_000


class Asked(NamedTuple):
    """A request that is not answered yet."""

    intended_s: float
    wanted: Wanted
    connection: Connection


class Generator:
    """The connections of a run, and what is in flight on them. Times are those of the monotonic clock."""

    def __init__(self, setup: Setup, acks: AckFile) -> None:
        self._setup = setup
        self._acks = acks
        self._dice = random.Random(setup.seed)
        self._asked: dict[int, Asked] = {}
        self._given_up: dict[int, Asked] = {}
        self._number = 0
        self._sends = 0
        self._tally = Tally()
        prices = [Prices(market) for market in setup.markets]
        self._connections = [
            Connection(
                setup.url,
                setup.users[index % len(setup.users)],
                Trader(prices, setup.mix, setup.open_orders, self._dice),
                self._answered,
                self._lost,
            )
            for index in range(setup.connections)
        ]
        self._symbols = [market.symbol for market in setup.markets]
        self._keepers: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Open all connections. Raises OSError if one cannot be opened."""
        for connection in self._connections:
            keeper = asyncio.create_task(connection.keep(user_stream=self._setup.user_streams))
            self._keepers.append(keeper)
            opened = asyncio.create_task(connection.wait_open())
            await asyncio.wait([keeper, opened], return_when=asyncio.FIRST_COMPLETED)
            if keeper.done():
                opened.cancel()
                await keeper

    async def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            connection.close()
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._acks.end()

    async def run(self, run: Run) -> None:
        """Do one step, and tell of each second of it."""
        start_s = time.monotonic()
        teller = asyncio.create_task(self._tell(start_s, run.seconds))
        # Not the same dice as for what is asked: when something is sent does not depend on what came back.
        for offset_s in poisson(run.rate, f"{self._setup.seed}:{run.number}", run.seconds):
            await self._wait(start_s + offset_s)
            self._send(start_s + offset_s)
        await self._wait(start_s + run.seconds)
        await teller
        deadline_s = time.monotonic() + run.drain_s
        while self._asked and time.monotonic() < deadline_s:
            await asyncio.sleep(min(0.1, run.drain_s))
            self._give_up()
        self._acks.flush()
        say(self._second(start_s, draining=True, done=True))

    async def _wait(self, until_s: float) -> None:
        self._sends += 1
        missing_s = until_s - time.monotonic()
        if missing_s > 0:
            self._sends = 0
            await asyncio.sleep(missing_s)
        elif self._sends >= _SENDS_AT_ONCE:
            self._sends = 0
            await asyncio.sleep(0)

    def _send(self, intended_s: float) -> None:
        connection = self._connections[self._dice.randrange(len(self._connections))]
        self._number += 1
        wanted = connection.trader.decide(f"{self._setup.prefix}{self._number}")
        self._tally.note_sent(wanted.kind, int((time.monotonic() - intended_s) * _US))
        if not connection.is_open:
            self._tally.note_error("disconnected")
            self._give_back(connection, wanted)
            return
        self._asked[self._number] = Asked(intended_s, wanted, connection)
        connection.send(self._number, wanted.method, wanted.params)

    def _answered(self, answer: wire.Answer) -> None:
        asked = self._asked.pop(answer.id, None) if isinstance(answer.id, int) else None
        if asked is None:
            self._answered_late(answer)
            return
        us = int((time.monotonic() - asked.intended_s) * _US)
        if answer.error is not None:
            self._failed(asked, answer.error, us)
            return
        self._tally.note_answer(asked.wanted.kind, us)
        if answer.result is None:
            return
        if answer.result.status == "FILLED":
            self._tally.fill_latency.add(us)
        self._note_ack(asked, answer.result)

    def _note_ack(self, asked: Asked, result: wire.Placed) -> None:
        """Write down what was acknowledged. What rests can be cancelled from now on."""
        wanted = asked.wanted
        if wanted.target is not None:
            canceled = result if wanted.kind == "cancel" else result.cancelResponse or wire.Placed()
            self._acks.canceled(wanted.target.number, dict(wanted.params)["symbol"], canceled)
        if wanted.kind == "cancel":
            return
        placed = result.newOrderResponse or result
        self._acks.placed(placed, wanted.params)
        if placed.status in ("NEW", "PARTIALLY_FILLED"):
            asked.connection.trader.opened(Order(placed.orderId, wanted.market))

    def _note_refusal(self, wanted: Wanted) -> None:
        """Write down a new order with which nothing was done: were it there, sending it again would make it twice."""
        if wanted.kind != "cancel":
            self._acks.refused(wanted.params)

    def _answered_late(self, answer: wire.Answer) -> None:
        """Take an answer to what was told as lost before. An error it stays, but what is acknowledged must be kept."""
        asked = self._given_up.pop(answer.id, None) if isinstance(answer.id, int) else None
        if asked is None:
            self._tally.note_error("unasked")
        elif answer.result is not None:
            self._note_ack(asked, answer.result)
        elif answer.error is not None and answer.error.code in wire.REFUSALS:
            self._note_refusal(asked.wanted)

    def _failed(self, asked: Asked, error: wire.Error, us: int) -> None:
        if asked.wanted.target is not None and wire.came_too_late(error):
            self._tally.note_answer(asked.wanted.kind, us, is_late_cancel=True)
            return
        if error.code in wire.REFUSALS:
            self._tally.note_refused(error.code)
            self._note_refusal(asked.wanted)
        else:
            self._tally.note_error(str(error.code))
        self._give_back(asked.connection, asked.wanted)

    def _give_back(self, connection: Connection, wanted: Wanted) -> None:
        if wanted.target is not None:
            connection.trader.opened(wanted.target)

    def _lost(self, connection: Connection) -> None:
        for number in [number for number, asked in self._asked.items() if asked.connection is connection]:
            asked = self._asked.pop(number)
            self._tally.note_error("connection lost")
            self._give_back(connection, asked.wanted)

    def _give_up(self) -> None:
        limit_s = time.monotonic() - LOST_AFTER_S
        while self._asked:
            number, asked = next(iter(self._asked.items()))
            if asked.intended_s > limit_s:
                return
            self._given_up[number] = self._asked.pop(number)
            self._tally.note_error("no answer")
            self._give_back(asked.connection, asked.wanted)

    async def _tell(self, start_s: float, seconds: float) -> None:
        """Tell of each second, at its end; the last may be a part of one."""
        ended_s = 0.0
        while ended_s < seconds:
            ended_s = min(ended_s + 1, seconds)
            await asyncio.sleep(start_s + ended_s - time.monotonic())
            self._give_up()
            say(self._second(start_s))

    def _second(self, start_s: float, *, draining: bool = False, done: bool = False) -> Second:
        now_s = time.monotonic()
        second = self._tally.take(now_s - start_s)
        second.in_flight = len(self._asked)
        oldest = next(iter(self._asked.values()), None)
        second.oldest_ms = (now_s - oldest.intended_s) * 1000 if oldest else 0.0
        second.draining, second.done = draining, done
        return second


async def _obey(generator: Generator, reader: asyncio.StreamReader) -> None:
    """Do the steps that are told, until the input ends: also in the middle of one."""
    line = await reader.readline()
    while line:
        running = asyncio.create_task(generator.run(msgspec.json.decode(line, type=Run)))
        following = asyncio.create_task(reader.readline())
        await asyncio.wait([running, following], return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            # Nothing is told during a step: it is the end.
            running.cancel()
            return
        await running
        line = await following


async def _serve() -> int:
    reader = await lines()
    setup = msgspec.json.decode(await reader.readline(), type=Setup)
    with Path(setup.acks).open("a", buffering=1 << 16) as acks:
        generator = Generator(setup, AckFile(acks))
        try:
            await generator.open()
        except OSError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        say(Ready(len(setup.users)))
        await _obey(generator, reader)
        await generator.close()
    return 0


def main(arguments: Sequence[str]) -> int:
    """Serve standard input until it ends."""
    with suppress(KeyboardInterrupt):
        return asyncio.run(_serve())
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
