"""`python -m loadtest.background`: everything around the orders — market data, pages, REST, deposits and withdrawals.

The first line on standard input is a `Wish`; on standard output come `Ready`, and each second an `Around`. It ends with
its input. It runs in the environment of the instance, because the faucet is a service and not in the public API.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from loadtest.arrivals import poisson
from loadtest.histogram import Histogram
from loadtest.messages import Around, Ready, Times, Wish
from loadtest.pipes import lines, say
from loadtest.subscribers import Subscribers
from loadtest.visitors import Journey, page_calls, rest_calls
from trading.client.errors import ApiRefused, ApiUnavailable

if TYPE_CHECKING:
    from loadtest.coins import Coins

_LOOK_EVERY_S = 2.0
_FAILURES_KEPT = 20


class Background:
    """All of it."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._failures: list[str] = []
        self._subscribers = Subscribers(wish.url, wish.symbols)
        seed = wish.seed
        pages = page_calls(wish.url, wish.symbols)
        rest = rest_calls(wish.url, wish.users, wish.symbols, f"{seed}:rest calls")
        self._pages = Journey(pages, wish.pages_per_second, f"{seed}:pages", self._failures)
        self._rest = Journey(rest, wish.rest_per_second, f"{seed}:rest", self._failures)
        self._coins = self._make_coins()
        # Django's connections belong to threads, and the counts of coins to one at a time.
        self._thread = ThreadPoolExecutor(1)
        self._told = [0, 0, 0, 0]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin with everything."""
        begun = [self._subscribers.keep() for _ in range(self._wish.subscribers)]
        begun.append(self._tell())
        wish = self._wish
        begun += [journey.run() for journey in (self._pages, self._rest) if journey.per_second]
        if self._coins is not None:
            begun.append(self._look(self._coins))
            acts = {"deposits": self._coins.deposit, "withdrawals": self._coins.withdraw}
            per_minute = {"deposits": wish.deposits_per_minute, "withdrawals": wish.withdrawals_per_minute}
            begun += [self._keep_doing(acts[name], rate, name) for name, rate in per_minute.items() if rate]
        self._tasks = [asyncio.create_task(each) for each in begun]

    async def end_of(self, reader: asyncio.StreamReader) -> None:
        """Go on until the input ends. Raises what a task raised."""
        ended = asyncio.ensure_future(reader.read())
        done, _ = await asyncio.wait([ended, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._pages.close()
        self._rest.close()
        self._thread.shutdown(wait=False, cancel_futures=True)
        for each in done:
            each.result()

    def _make_coins(self) -> "Coins | None":
        if not self._wish.deposits_per_minute and not self._wish.withdrawals_per_minute:
            return None
        import django

        django.setup()
        from loadtest.coins import Coins

        return Coins(self._wish.url, self._wish.users, f"{self._wish.seed}:coins")

    async def _keep_doing(self, act: Callable[[], None], per_minute: float, name: str) -> None:
        start_s = time.monotonic()
        for offset_s in poisson(per_minute / 60, f"{self._wish.seed}:{name}"):
            await asyncio.sleep(start_s + offset_s - time.monotonic())
            await self._try(act)

    async def _look(self, coins: "Coins") -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            await self._try(coins.look)

    async def _try(self, act: Callable[[], None]) -> None:
        from loadtest.coins import FaucetRefused
        from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable

        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, act)
        except (ApiRefused, ApiUnavailable, FaucetRefused, ChainRefused, ChainUnavailable) as error:
            if len(self._failures) < _FAILURES_KEPT:
                self._failures.append(str(error))

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            say(self._take())

    def _take(self) -> Around:
        market = self._subscribers
        around = Around(
            readers=self._wish.subscribers,
            frames=market.frames,
            gaps=market.gaps,
            closes=market.closes,
            lag=Times.of(market.lag),
            pages=self._pages.take(),
            rest=self._rest.take(),
            failures=list(self._failures),
        )
        market.frames = market.gaps = market.closes = 0
        market.lag = Histogram()
        self._failures.clear()
        if self._coins is not None:
            coins = self._coins
            now = [coins.sent, coins.credited, coins.requested, coins.confirmed]
            grown = [after - before for after, before in zip(now, self._told, strict=True)]
            around.deposits_sent, around.deposits_credited = grown[:2]
            around.withdrawals_requested, around.withdrawals_confirmed = grown[2:]
            self._told = now
        return around


async def _serve() -> int:
    reader = await lines()
    wish = msgspec.json.decode(await reader.readline(), type=Wish)
    background = Background(wish)
    background.start()
    say(Ready(wish.subscribers))
    await background.end_of(reader)
    return 0


def main(arguments: Sequence[str]) -> int:
    """Serve standard input until it ends."""
    with suppress(KeyboardInterrupt):
        return asyncio.run(_serve())
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
