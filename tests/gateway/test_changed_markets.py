"""A market that an operator changed is known from the batch on that says so, without a look at the database."""

from dataclasses import replace

import msgspec
import pytest

from mex.errors import SymbolInvalid
from tests.gateway.test_slow_readers import CATALOG, MARKET
from trading.engine.enums import MarketStatus, Reason, Side
from trading.engine.events import BalanceChanged, Batch, LevelChanged, MarketChanged, Outcome, Posted
from trading.engine.markets import MarketSpec
from trading.gateway.catalog import Catalog
from trading.gateway.hub import Hub

NEW = msgspec.structs.replace(MARKET, id=2, symbol="BTCETH", base=1, quote=2)


def batch(number: int, spec: MarketSpec) -> Batch:
    """Return a batch in which a market is changed, and in which its book changes at once."""
    changed = MarketChanged("reference", "actor", "note", spec, spec.id == NEW.id)
    level = LevelChanged(spec.id, number, Side.BUY, 1_000, 100_000)
    return Batch(number, 5, number, [Outcome("", 0, [changed])], [level], [])


async def test_a_new_market_has_a_book_and_a_changed_one_its_rules() -> None:
    hub = Hub()
    hub._use_catalog(CATALOG)
    hub.feeds.load(CATALOG, {1: 0}, [])

    await hub._take_batch(batch(1, NEW))
    await hub._take_batch(batch(2, msgspec.structs.replace(MARKET, status=MarketStatus.HALT)))

    assert hub.catalog.market("BTCETH") == NEW
    assert hub.feeds.book(2).levels(Side.BUY, 5) == [(1_000, 100_000)]
    assert hub.catalog.market("ETHBTC").status is MarketStatus.HALT
    assert [spec.symbol for spec in hub.catalog.listed()] == ["ETHBTC", "BTCETH"]
    await hub.close()


async def test_a_delisted_market_is_not_listed_and_keeps_its_name() -> None:
    hub = Hub()
    hub._use_catalog(CATALOG)
    hub.feeds.load(CATALOG, {1: 0}, [])

    await hub._take_batch(batch(1, msgspec.structs.replace(MARKET, status=MarketStatus.DELISTED)))

    assert hub.catalog.listed() == []
    assert hub.catalog.market("ETHBTC").id == 1
    with pytest.raises(SymbolInvalid):
        hub.catalog.listed_market("ETHBTC")
    await hub.close()


async def test_the_first_balance_of_a_new_asset_is_told_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ended the web process."""
    heard: list[bytes] = []

    class Listener:
        def account_event(self, text: bytes) -> None:
            heard.append(text)

    async def load() -> Catalog:
        return replace(CATALOG, asset_codes={**CATALOG.asset_codes, 9: "NEW"})

    monkeypatch.setattr("trading.gateway.catalog.load", load)
    hub = Hub()
    hub._use_catalog(CATALOG)
    hub.feeds.load(CATALOG, {1: 0}, [])
    deposit = Posted(-1, 7, 9, 100, Reason.DEPOSIT, "d")

    await hub._take_batch(Batch(1, 5, 1, [Outcome("", 0, [deposit])], [], [BalanceChanged(7, 9, 100, 0)]))
    assert heard == []  # nobody listens: nothing is looked up
    hub.listen(7, Listener())  # type: ignore[arg-type]
    await hub._take_batch(Batch(2, 5, 2, [Outcome("", 0, [deposit])], [], [BalanceChanged(7, 9, 200, 0)]))

    assert any(b'"NEW"' in text for text in heard)
    await hub.close()
