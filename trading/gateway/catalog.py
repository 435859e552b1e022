"""Markets and assets as a web process needs them: by symbol and by number, without asking the database each time."""

import time
from dataclasses import dataclass

from mex.database import in_database
from mex.errors import SymbolInvalid
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
        """Return a market by its symbol. Raises SymbolInvalid."""
        market = self.by_symbol.get(symbol)
        if market is None:
            raise SymbolInvalid()
        return market

    @property
    def is_fresh(self) -> bool:
        """Return whether an operator's change would show by now."""
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
