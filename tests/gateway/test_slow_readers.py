"""A reader that is too slow is closed in the middle of what it is told: nobody else may notice."""

import asyncio
from collections.abc import Callable
from functools import partial
from time import monotonic

import pytest

from trading.engine.enums import MarketStatus, Side
from trading.engine.events import BalanceChanged, Batch, LevelChanged
from trading.engine.markets import MarketSpec
from trading.gateway.catalog import Catalog
from trading.gateway.feeds import Feeds
from trading.gateway.hub import Hub
from trading.gateway.reports import AccountReports

ANN, BOB = 1, 2
MARKET = MarketSpec(
    id=1,
    symbol="ETHBTC",
    base=2,
    quote=1,
    tick=1_000,
    lot=100_000,
    price_min=1_000,
    price_max=1_000_000,
    quantity_min=100_000,
    quantity_max=100_000_000,
    notional_min=0,
    notional_max=100_000_000,
    maker_fee_ppm=0,
    taker_fee_ppm=0,
    orders_max=10,
    status=MarketStatus.TRADING,
)
CATALOG = Catalog({MARKET.symbol: MARKET}, {MARKET.id: MARKET}, {1: "BTC", 2: "ETH"}, 0.0)


class FullOutbox:
    """A connection that is closed by the first thing that it is told."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.leaving: list[Callable[[], None]] = []

    def close(self) -> None:
        for leave in self.leaving:
            leave()

    def feed(self, stream: str, text: bytes) -> None:
        self.heard.append(stream)
        self.close()

    def account_event(self, text: bytes) -> None:
        self.heard.append(text.decode())
        self.close()

    def feeds_broken(self) -> None:
        raise AssertionError("nothing breaks here")

    def browser_event(self, text: bytes) -> None:
        raise AssertionError("there is no such event here")

    def events_missed(self) -> None:
        raise AssertionError("nothing is missed here")


async def test_a_reader_may_be_closed_by_the_first_of_two_names_of_a_stream() -> None:
    feeds = Feeds()
    feeds.load(CATALOG, {1: 0}, [])
    reader = FullOutbox()
    names = ["ethbtc@depth", "ethbtc@depth@1000ms"]
    for name in names:
        feeds.subscribe(name, reader)
        reader.leaving.append(partial(feeds.unsubscribe, name, reader))
    change = LevelChanged(market=1, update=1, side=Side.BUY, price=1_000, quantity=100_000)
    feeds.take(Batch(1, 0, 1, [], [change], []))

    timer = asyncio.create_task(feeds.run())
    deadline = monotonic() + 15
    while not reader.heard and monotonic() < deadline:
        await asyncio.sleep(0.02)
    await asyncio.sleep(0)

    assert not timer.done(), f"the timer of all depth streams ended: {timer.exception()!r}"
    timer.cancel()
    assert reader.heard == ["ethbtc@depth"]


@pytest.mark.parametrize("accounts", [(ANN, BOB), (BOB, ANN)])
async def test_a_reader_of_two_accounts_may_be_closed_by_an_event_of_the_first(accounts: tuple[int, int]) -> None:
    hub = Hub()
    hub.reports = AccountReports(CATALOG)
    reader = FullOutbox()
    for account in accounts:
        hub.listen(account, reader)
        reader.leaving.append(partial(hub.unlisten, account, reader))
    changes = [BalanceChanged(account, 1, 100, 0) for account in accounts]

    hub._answer(Batch(1, 0, 1, [], [], changes))

    assert len(reader.heard) == 1
    await hub.close()
