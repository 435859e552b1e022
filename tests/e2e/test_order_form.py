"""Somebody places orders of every kind with the form, sees what each waits for, and cancels them."""

import secrets
from collections.abc import Callable

import pytest
from selenium.webdriver.support.ui import Select

from mex.money import fee_of, parse_units
from tests.e2e.conftest import RunningServer
from tests.e2e.test_two_people import order
from tests.e2e.visitor import Visitor


@pytest.fixture
def trader(instance: RunningServer, new_visitor: Callable[[], Visitor]) -> Visitor:
    """A visitor with 20 ETH and 2 BTC on the trade page, after a trade with the market maker."""
    visitor = new_visitor()
    email = f"ida-{secrets.token_hex(4)}@example.com"
    visitor.register(email)
    for asset, amount in (("BTC", "2"), ("ETH", "20")):
        ended = instance.manage("faucet", email, asset, amount)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    visitor.open("/trade/ETHBTC")
    visitor.see("[data-live]", "Live")
    order(visitor, "buy", "market", quantity="0.1")
    visitor.see(".note-toast", "Order filled")
    return visitor


def choose(visitor: Visitor, selector: str, value: str) -> None:
    """Choose an option of a select."""
    [select] = visitor.find(selector)
    Select(select).select_by_value(value)


def test_orders_of_every_kind(trader: Visitor) -> None:
    trader.click("label[for=side-sell]")
    trader.click("label[for=type-stop]")
    trader.fill("#stop", "0.03")
    assert trader.see("#stop-hint", "when the price falls to it (stop loss)")
    trader.fill("#price", "0.029")
    trader.fill("#quantity", "1")
    trader.click("#place")
    trader.see_row("#orders tr", "Sell", "Stop limit\n≤ 0.03000", "0.02900", "1.000")

    choose(trader, "#then", "MARKET")
    choose(trader, "#trigger", "BOTH")
    trader.fill("#stop", "0.09")
    assert trader.see("#stop-hint", "when the price rises to it (take profit)")
    trader.fill("#trail", "0.05")
    trader.fill("#quantity", "1")
    trader.click("#place")
    assert trader.see("#trail-error", "The distance must be 0.1% to 20%.")
    trader.fill("#trail", "1.5")
    trader.click("#place")
    trader.see_row("#orders tr", "Sell", "Profit market\n1.5% back, ≥ 0.09000", "market", "1.000")

    choose(trader, "#trigger", "TRAIL")
    trader.fill("#trail", "10")
    trader.fill("#quantity", "0.5")
    trader.click("#place")
    trader.see_row("#orders tr", "Sell", "Stop market\n10% back", "market", "0.500")

    order(trader, "sell", "limit", price="0.08", quantity="")
    trader.click("#advanced summary")
    choose(trader, "#stp", "EXPIRE_MAKER")
    trader.fill("#iceberg", "0.5")
    trader.fill("#quantity", "3")
    trader.click("#place")
    trader.see_row("#orders tr", "Sell", "Limit\nshows 0.500", "0.08000", "3.000")
    trader.see_row("#asks tr", "0.08000", "0.500")
    trader.see_exactly("#balances [data-asset=ETH] [data-locked]", "5.50000000")

    trader.click("label[for=type-oco]")
    trader.fill("#price", "0.07")
    trader.fill("#stop", "0.02")
    trader.fill("#stop-limit", "0.019")
    trader.fill("#quantity", "2")
    trader.click("#place")
    trader.see(".note-toast", "Both orders placed")
    trader.see_exactly("#orders-count", "6")
    # Both orders of the list sell the same coins.
    trader.see_exactly("#balances [data-asset=ETH] [data-locked]", "7.50000000")

    # The page as the server renders it, and the history, say the same.
    shown = trader.rows("#orders tr")
    trader.open("/trade/ETHBTC")
    trader.see("[data-live]", "Live")
    assert trader.rows("#orders tr") == shown
    assert [row[2].split("\n")[0] for row in shown] == [
        "Stop limit",
        "Post only",
        "Limit",
        "Stop market",
        "Profit market",
        "Stop limit",
    ]
    trader.open("/history?show=orders")
    conditions = [row[7] for row in trader.rows("main table tbody tr")]
    assert [text.split(" OCO")[0] for text in conditions] == [
        "≤ 0.02000",
        conditions[1],
        "shows 0.500",
        "10% back",
        "1.5% back, ≥ 0.09000",
        "≤ 0.03000",
        "",
    ]
    assert conditions[1].startswith("OCO ")

    trader.open("/trade/ETHBTC")
    trader.see("[data-live]", "Live")
    trader.click("#cancel-all")
    trader.see_gone("#orders tr")
    trader.see_exactly("#balances [data-asset=ETH] [data-locked]", "0.00000000")
    assert trader.console() == []


def test_the_markets_can_be_switched(trader: Visitor) -> None:
    trader.click("#markets-menu summary")
    trader.click("#markets-menu a[href='/trade/BTCUSDT']")

    trader.see_exactly("h1", "BTC-USDT")
    trader.see("[data-live]", "Live")
    assert trader.console() == []


def test_what_is_wrong_with_an_order_is_seen(trader: Visitor) -> None:
    """Also in the part of the form that was closed again, and where the field that is missing has no row."""
    trader.click("label[for=side-sell]")
    trader.click("label[for=type-limit]")
    trader.fill("#price", "0.08")
    trader.fill("#quantity", "3")
    trader.click("#advanced summary")
    trader.fill("#iceberg", "0.0001")
    trader.click("#advanced summary")
    trader.click("#place")
    assert trader.see("#iceberg-error", "The amount shown must be a multiple of 0.001.")

    trader.click("label[for=side-buy]")
    trader.click("label[for=type-stop]")
    choose(trader, "#trigger", "TRAIL")
    choose(trader, "#then", "MARKET")
    trader.click("[data-share='50']")
    assert trader.see("#quantity-error", "The price is not known yet: write an amount.")
    assert trader.console() == []


def test_the_fee_that_is_told_is_the_most(trader: Visitor) -> None:
    """A sale below the best bid brings what is bid, and so costs a share of that."""
    trader.click("label[for=side-sell]")
    trader.click("label[for=type-limit]")
    trader.fill("#quantity", "1")
    trader.fill("#price", "0.01")
    least = fee_of(parse_units("0.01"), 2_000)
    assert parse_units(trader.see("#fee")) > 2 * least, "the market maker bids more than twice as much"

    trader.fill("#price", "1")
    trader.see_exactly("#fee", "0.002")
