"""Markets and assets as a web process needs them: by symbol and by number, without asking the database each time."""

import time
from dataclasses import dataclass, replace

from mex.database import in_database
from mex.errors import SymbolInvalid
from trading.engine.enums import MarketStatus
from trading.engine.markets import MarketSpec
from trading.models import Market
from trading.selectors import market_spec
from wallets.models import Asset

_KEEP_S = 5.0


@dataclass(frozen=True, slots=True)
class Catalog:
    """A consistent view of markets and assets."""

    by_symbol: dict[str, MarketSpec]
    by_id: dict[int, MarketSpec]
    asset_codes: dict[int, str]
    read_at: float

    def market(self, symbol: str) -> MarketSpec:
        """Return a market by its symbol, delisted ones too: their histories stay. Raises SymbolInvalid."""
        market = self.by_symbol.get(symbol)
        if market is None:
            raise SymbolInvalid()
        return market

    def listed_market(self, symbol: str) -> MarketSpec:
        """Return a market that is not delisted by its symbol. Raises SymbolInvalid."""
        market = self.market(symbol)
        if market.status is MarketStatus.DELISTED:
            raise SymbolInvalid()
        return market

    def listed(self) -> list[MarketSpec]:
        """Return all markets that are not delisted."""
        return [market for market in self.by_symbol.values() if market.status is not MarketStatus.DELISTED]

    def knows_assets_of(self, spec: MarketSpec) -> bool:
        """Return whether a market's assets have names here."""
        return spec.base in self.asset_codes and spec.quote in self.asset_codes

    def with_market(self, spec: MarketSpec) -> "Catalog":
        """Return the catalog with a market added or changed."""
        return replace(self, by_symbol={**self.by_symbol, spec.symbol: spec}, by_id={**self.by_id, spec.id: spec})

    @property
    def is_fresh(self) -> bool:
        """Return whether a change that came by no event, such as an asset's name, would show by now."""
        return time.monotonic() - self.read_at < _KEEP_S


def _read() -> Catalog:
    specs = [market_spec(market) for market in Market.objects.all()]
    return Catalog(
        by_symbol={spec.symbol: spec for spec in specs},
        by_id={spec.id: spec for spec in specs},
        asset_codes=dict(Asset.objects.values_list("id", "code")),
        read_at=time.monotonic(),
    )


async def load() -> Catalog:
    """Read markets and assets from the database."""
    return await in_database(_read)
