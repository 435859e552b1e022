"""Where orders go: the seeded markets, with sizes just above the smallest allowed, so that balances last.

Source: trading/migrations/0002_seed.py and 0004_dollar_markets.py.
"""

from loadtest.messages import Market
from mex.money import parse_units
from trading.client.rest import RestClient

_UNITS = 10**8
MARKETS = {
    "ETHBTC": Market("ETHBTC", _UNITS // 20, 1_000, [400_000, 500_000, 600_000, 900_000]),
    "ETHUSDT": Market("ETHUSDT", 3_000 * _UNITS, 1_000_000, [300_000, 400_000, 500_000, 800_000]),
    "BTCUSDT": Market("BTCUSDT", 60_000 * _UNITS, 1_000_000, [15_000, 20_000, 30_000, 40_000]),
}


def around_the_touch(url: str, symbols: list[str]) -> list[Market]:
    """Return the markets, with the middle of the book where there is one. Raises ApiRefused or ApiUnavailable."""
    api = RestClient(url)
    found: list[Market] = []
    for symbol in symbols:
        market = MARKETS[symbol]
        book = api.public("/api/v3/depth", symbol=symbol, limit="5")
        if book["bids"] and book["asks"]:
            middle = (parse_units(book["bids"][0][0]) + parse_units(book["asks"][0][0])) // 2
            market = Market(symbol, middle // market.tick * market.tick, market.tick, market.quantities)
        found.append(market)
    return found
