"""A whole exchange, with an engine and a web process of their own: an operator's commands reach traders at once."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.client import Rest
from tests.api.exchange import Exchange

STEPS = ("--tick", "0.01", "--lot", "0.0001")


@pytest.fixture
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """A running exchange of its own."""
    exchange = Exchange(tmp_path_factory.mktemp("exchange"))
    try:
        yield exchange
    finally:
        exchange.close()


def market(exchange: Exchange, *arguments: str) -> Any:
    """Run `manage.py market` and return what it printed."""
    return json.loads(exchange.stack.manage("market", *arguments, "--json").stdout)


def order(rest: Rest, side: str, **changes: str) -> Any:
    """Place an order of one BTC for 20 ETH, and return the answer."""
    fields = {"symbol": "BTCETH", "side": side, "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "20"}
    return rest.post("/api/v3/order", newOrderRespType="FULL", **fields | changes).json()


def symbols(exchange: Exchange) -> dict[str, str]:
    """Return the status of every market that traders are shown."""
    rows = exchange.rest().get("/api/v3/exchangeInfo").json()["symbols"]
    return {row["symbol"]: row["status"] for row in rows}


def test_a_markets_life_while_everything_runs(exchange: Exchange) -> None:
    ann, bob = (exchange.rest(trader) for trader in exchange.make_traders(2))
    assert order(ann, "SELL") == {"code": -1121, "msg": "Invalid symbol."}

    market(exchange, "create", "BTCETH", "--base", "BTC", "--quote", "ETH", *STEPS)

    exchange.eventually(lambda: symbols(exchange).get("BTCETH") == "TRADING", "the new market in exchangeInfo")
    order(ann, "SELL", quantity="2")
    (fill,) = order(bob, "BUY")["fills"]
    assert (fill["price"], fill["commission"]) == ("20.00000000", "0.00200000")

    market(exchange, "change", "BTCETH", "--taker-fee-ppm", "5000")
    (fill,) = order(bob, "BUY", quantity="0.5")["fills"]
    assert fill["commission"] == "0.00250000"

    market(exchange, "halt", "BTCETH", "--note", "the news")
    assert order(bob, "BUY") == {"code": -2010, "msg": "Market is closed."}
    exchange.eventually(lambda: symbols(exchange)["BTCETH"] != "TRADING", "the halt in exchangeInfo")
    market(exchange, "resume", "BTCETH")
    assert ann.balances()["BTC"] == ("9998.00000000", "0.50000000")

    market(exchange, "delist", "BTCETH")
    exchange.eventually(lambda: "BTCETH" not in symbols(exchange), "the market gone from exchangeInfo")
    assert ann.balances()["BTC"] == ("9998.50000000", "0.00000000")
    assert exchange.rest().get("/api/v3/depth", symbol="ETHBTC").status_code == 200
    rows = market(exchange, "history", "BTCETH")
    assert [list(row["changes"]) for row in rows[:-1]] == [["status"], ["status"], ["status"], ["taker_fee_ppm"]]


def test_a_refused_command_ends_with_status_1_and_one_line(exchange: Exchange) -> None:
    ended = exchange.stack.manage("market", "halt", "NONE", check=False)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "CommandError: There is no market NONE. (-9001)\n"
