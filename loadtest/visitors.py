"""People who look at pages, and programs that call REST, at their own rate; latency counts from the intended time."""

import asyncio
import http.client
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from loadtest.arrivals import poisson
from loadtest.histogram import Histogram
from loadtest.messages import Calls, Times, User
from trading.client.errors import ApiRefused, ApiUnavailable
from trading.client.rest import RestClient

_TIMEOUT_S = 15.0
_FAILURES_KEPT = 20
_THREADS = 16
_US = 1_000_000
# The exchange is on loopback, whatever proxy the environment names.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class CallFailed(Exception):
    """Raised when a page or call was not answered as it should."""


Call = Callable[[], object]
"""One request, in a thread. Raises CallFailed, ApiRefused or ApiUnavailable."""


class Journey:
    """Requests of one kind, started at Poisson times whatever became of those before."""

    def __init__(self, calls: Sequence[Call], per_second: float, seed: str, failures: list[str]) -> None:
        self._calls = calls
        self.per_second = per_second
        self._seed = seed
        self._failures = failures
        self._sent = self._failed = 0
        self._times = Histogram()
        self._threads = ThreadPoolExecutor(_THREADS)
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Start requests until cancelled, at a rate above zero."""
        dice = random.Random(self._seed)
        start_s = time.monotonic()
        for offset_s in poisson(self.per_second, self._seed):
            await asyncio.sleep(start_s + offset_s - time.monotonic())
            task = asyncio.create_task(self._make(dice.choice(self._calls), start_s + offset_s))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def take(self) -> Calls:
        """Return what happened since the last time."""
        calls = Calls(self._sent, self._failed, Times.of(self._times))
        self._sent = self._failed = 0
        self._times = Histogram()
        return calls

    def close(self) -> None:
        """Start nothing more; what runs ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _make(self, call: Call, intended_s: float) -> None:
        self._sent += 1
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, call)
        except (ApiRefused, ApiUnavailable, CallFailed) as error:
            self._failed += 1
            if len(self._failures) < _FAILURES_KEPT:
                self._failures.append(str(error))
        else:
            self._times.add(int((time.monotonic() - intended_s) * _US))


def page_calls(url: str, symbols: Sequence[str]) -> list[Call]:
    """Return requests for pages that everybody may see."""
    paths = ["/", "/login", *(f"/trade/{symbol}" for symbol in symbols)]
    return [lambda path=path: _page(f"{url}{path}") for path in paths]  # type: ignore[misc]


def rest_calls(url: str, users: Sequence[User], symbols: Sequence[str], seed: str) -> list[Call]:
    """Return calls of REST: depth of a market, one's account, one's open orders."""
    dice = random.Random(seed)
    public = RestClient(url, timeout_s=_TIMEOUT_S)
    clients = [RestClient(url, user.key, user.secret, timeout_s=_TIMEOUT_S) for user in users]
    return [
        lambda: public.public("/api/v3/depth", symbol=dice.choice(symbols)),
        lambda: dice.choice(clients).signed("GET", "/api/v3/account"),
        lambda: dice.choice(clients).signed("GET", "/api/v3/openOrders"),
    ]


def _page(url: str) -> None:
    try:
        with _DIRECT.open(url, timeout=_TIMEOUT_S) as response:
            response.read()
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        raise CallFailed(f"{url}: {error}") from error
