"""manage.py market: decimals in, decimals or JSON out, and the user of the machine on the audit trail."""

import json
import os
import pwd
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.operators.engine import RunningEngine, Trader
from trading.engine.enums import Reject, Side
from trading.engine.events import Rejected
from trading.engine.markets import MarketSpec
from trading.models import Market, OperatorChange
from trading.selectors import market_spec

WHOLE = 10**8


def market(*arguments: str) -> str:
    """Run the command and return what it printed."""
    out = StringIO()
    call_command("market", *arguments, stdout=out)
    return out.getvalue()


def market_json(*arguments: str) -> Any:
    """Run the command with --json and return what it printed."""
    return json.loads(market(*arguments, "--json"))


def me() -> str:
    """Return the user of this machine."""
    return pwd.getpwuid(os.getuid()).pw_name


def test_a_market_is_created_with_decimals_and_sensible_rules(engine: RunningEngine) -> None:
    steps = ("--tick", "0.01", "--lot", "0.0001", "--maker-fee-ppm", "500", "--notional-min", "5")

    rules = market_json("create", "BTCETH", "--base", "BTC", "--quote", "eth", *steps, "--note", "asked for")

    row = Market.objects.get(symbol="BTCETH")
    assert (row.tick, row.lot, row.price_min, row.quantity_min) == (1_000_000, 10_000, 1_000_000, 10_000)
    assert (row.maker_fee_ppm, row.taker_fee_ppm, row.notional_min, row.status) == (500, 2_000, 5 * WHOLE, 1)
    assert rules == {
        "id": str(row.pk),
        "symbol": "BTCETH",
        "base": "BTC",
        "quote": "ETH",
        "tick": "0.01",
        "lot": "0.0001",
        "price_min": "0.01",
        "price_max": "10000000",
        "quantity_min": "0.0001",
        "quantity_max": "10000000",
        "notional_min": "5",
        "notional_max": "90000000",
        "maker_fee_ppm": "500",
        "taker_fee_ppm": "2000",
        "orders_max": "200",
        "status": "TRADING",
        "algo_orders_max": "200",
        "iceberg_parts_max": "100",
        "position_max": "0",
        "bid_up_ppm": "0",
        "bid_down_ppm": "0",
        "ask_up_ppm": "0",
        "ask_down_ppm": "0",
        "trailing_min": "10",
        "trailing_max": "2000",
    }
    change = OperatorChange.objects.get()
    assert (change.actor, change.note) == (me(), "asked for")


def test_a_market_can_be_created_halted(engine: RunningEngine) -> None:
    pair = ("--base", "BTC", "--quote", "ETH", "--tick", "0.01", "--lot", "0.0001")

    assert market_json("create", "BTCETH", *pair, "--halted")["status"] == "HALT"
    assert market_json("resume", "BTCETH")["status"] == "TRADING"


def test_a_market_is_changed_halted_resumed_and_delisted(btceth: MarketSpec) -> None:
    ann = Trader("ann", btceth)

    assert market_json("change", "BTCETH", "--position-max", "20000.5")["position_max"] == "20000.5"
    assert market_json("halt", "BTCETH", "--note", "why not")["status"] == "HALT"
    assert ann.order(btceth, Side.BUY, WHOLE, WHOLE) == [Rejected(Reject.MARKET_CLOSED)]
    assert "status             TRADING\n" in market("resume", "BTCETH")
    ann.rest(btceth, Side.BUY, WHOLE, WHOLE)
    assert market_json("delist", "BTCETH")["status"] == "DELISTED"
    assert ann.funds(btceth.quote) == (10**12, 0)

    rows = market_json("history", "BTCETH", "--limit", "4")
    assert [row["changes"] for row in rows] == [
        {"status": {"before": "TRADING", "after": "DELISTED"}},
        {"status": {"before": "HALT", "after": "TRADING"}},
        {"status": {"before": "TRADING", "after": "HALT"}},
        {"position_max": {"before": "0", "after": "20000.5"}},
    ]
    assert [(row["actor"], row["note"]) for row in rows] == [(me(), ""), (me(), ""), (me(), "why not"), (me(), "")]


def test_people_read_lines(btceth: MarketSpec) -> None:
    market("halt", "BTCETH", "--note", "the news")

    shown, listed, history = market("show", "BTCETH"), market("list"), market("history")

    assert "tick               0.01\n" in shown
    assert "base               BTC\n" in shown
    assert listed.splitlines()[0].split() == ["symbol", "status", "tick", "lot", "maker_fee_ppm", "taker_fee_ppm"]
    assert listed.splitlines()[-1].split() == ["BTCETH", "HALT", "0.01", "0.0001", "1000", "2000"]
    assert f"BTCETH  {me()}  the news\n    status: TRADING → HALT\n" in history
    assert "BTCETH  opener  new\n    id: " in history


def test_the_list_has_all_markets_for_programs_too(btceth: MarketSpec) -> None:
    rows = market_json("list")

    assert [row["symbol"] for row in rows] == list(Market.objects.values_list("symbol", flat=True))
    assert rows[-1] == market_json("show", "BTCETH")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("halt", "XXX"), r"There is no market XXX\. \(-9001\)"),
        (("show", "XXX"), r"There is no market XXX\. \(-9001\)"),
        (("history", "XXX"), r"There is no market XXX\. \(-9001\)"),
        (("history", "--limit", "0"), "the limit must be at least 1"),
        (("resume", "BTCETH"), r"BTCETH is like that already: nothing was changed\. \(-9005\)"),
        (("change", "BTCETH", "--lot", "0.00000001"), r"lot: Price x quantity would round: .* \(-9003\)"),
        (("change", "BTCETH", "--tick", "cheap"), "'cheap' is not a decimal number with at most eight decimals"),
        (("change", "BTCETH", "--tick", "0.000000001"), "is not a decimal number with at most eight decimals"),
        (("change", "BTCETH", "--maker-fee-ppm", "0.1"), "invalid int value: '0.1'"),
        (("change", "BTCETH", "--orders-max=-1"), r"orders_max: This must be between 0 and .* \(-9003\)"),
        (("create", "BTCETH", "--base", "BTC"), "the following arguments are required: --quote, --tick, --lot"),
        (
            ("create", "BTCETH", "--base", "BTC", "--quote", "ETH", "--tick", "0.01", "--lot", "0.0001"),
            r"There is a market BTCETH already\. \(-9002\)",
        ),
        (
            ("create", "NEW", "--base", "DOGE", "--quote", "ETH", "--tick", "0.01", "--lot", "0.0001"),
            "there is no asset DOGE; there are: BTC, ETH",
        ),
        (
            ("create", "n-w", "--base", "ETH", "--quote", "ETH", "--tick", "0.01", "--lot", "0.0001"),
            r"symbol: A symbol has 1 to 20 capital letters and digits\. quote: A market is of two assets\. \(-9003\)",
        ),
        (("halt", "BTCETH", "--note", "a\0b"), r"without control characters\. \(-9007\)"),
        ((), "the following arguments are required: ACTION"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(
    btceth: MarketSpec, arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        market(*arguments)

    assert market_spec(Market.objects.get(symbol="BTCETH")) == btceth
    assert OperatorChange.objects.count() == 1
