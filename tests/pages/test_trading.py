"""Home, the trade page, histories."""

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from tests.pages.rows import TIME_MS
from trading.engine.enums import OrderStatus, OrderType, Side, TimeInForce
from trading.models import Market, Order
from trading.page_selectors import PAGE_ROWS, decimals_of


def test_home_lists_markets_with_their_last_price(browser: Client) -> None:
    html = browser.get("/").text

    assert 'data-symbol="ETHBTC"' in html
    assert "data-last>0.05220000<" in html
    assert "0.1% / 0.2%" in html
    assert "Test coins only." in html


def test_the_trade_page_carries_the_markets_rules(browser: Client) -> None:
    html = browser.get("/trade/ethbtc").text

    for rule in (
        'data-symbol="ETHBTC"',
        'data-tick="0.00001000"',
        'data-lot="0.00100000"',
        'data-price-decimals="5"',
        'data-quantity-decimals="3"',
        'data-taker-ppm="2000"',
    ):
        assert rule in html


def test_the_trade_page_starts_with_ones_open_orders_and_balances(browser: Client) -> None:
    html = browser.get("/trade/ETHBTC").text

    assert 'data-order="1" ' in html
    assert 'data-order="2"' not in html
    assert 'data-price="0.05310000"' in html
    assert "data-free>1.25000000<" in html


@pytest.mark.django_db
def test_a_guest_sees_the_market_and_no_order_form(client: Client) -> None:
    html = client.get("/trade/ETHBTC").text

    assert 'href="/login?next=/trade/ETHBTC"' in html
    assert 'id="order-form"' not in html
    assert "data-user" not in html


@pytest.mark.django_db
@pytest.mark.parametrize("is_local", [True, False])
def test_a_faucet_is_promised_where_there_is_one(client: Client, settings: Settings, is_local: bool) -> None:
    settings.MEX_LOCAL_CHAINS = is_local

    html = client.get("/trade/ETHBTC", {"page": f"of its own, {is_local}"}).text

    assert ("New accounts get test coins from the faucet." in html) is is_local


def test_what_orders_and_withdrawals_hold_is_called_so(browser: Client) -> None:
    html = browser.get("/trade/ETHBTC").text

    assert '<th scope="col" class="num">Held</th>' in html
    assert "In orders" not in html


@pytest.mark.parametrize(
    ("show", "expected"),
    [
        ("deposits", ["1.2345 ETH", "Confirming", "7/12", "4711"]),
        ("withdrawals", ["0.25 ETH", "Sent"]),
        ("orders", ["0.05310", "2.500", "Sell", "New", "0.05220", "Filled"]),
        ("trades", ["0.05220", "0.600 ETH", "0.03132 BTC", "0.0012 ETH", "taker"]),
        ("nonsense", ["1.2345 ETH"]),
    ],
)
def test_a_history_shows_its_rows(browser: Client, show: str, expected: list[str]) -> None:
    html = browser.get(f"/history?show={show}").text

    assert [text for text in expected if text not in html] == []


def test_a_long_history_has_pages_without_gaps(browser: Client, alice: User) -> None:
    market = Market.objects.get(symbol="ETHBTC")
    Order.objects.bulk_create(
        Order(
            id=number,
            account=alice,
            market=market,
            client_order_id=f"order-{number}",
            side=Side.BUY,
            type=OrderType.LIMIT,
            time_in_force=TimeInForce.GTC,
            status=OrderStatus.CANCELED,
            price=1_000 * number,
            quantity=100_000_000,
            quote_quantity=0,
            executed=0,
            executed_quote=0,
            created_ms=TIME_MS,
            updated_ms=TIME_MS,
        )
        for number in range(100, 100 + PAGE_ROWS)
    )

    first = browser.get("/history?show=orders")
    second = browser.get("/history?show=orders&page=2")

    assert [order.pk for order in first.context["page"].rows] == list(range(99 + PAGE_ROWS, 99, -1))
    assert [order.pk for order in second.context["page"].rows] == [2, 1]
    assert "Older" in first.text
    assert "Older" not in second.text
    assert "Newer" in second.text


@pytest.mark.parametrize("page", ["0", "-1", "x", "99999", "²"])
def test_a_page_number_that_makes_no_sense_is_harmless(browser: Client, page: str) -> None:
    assert browser.get("/history", {"show": "orders", "page": page}).status_code == 200


@pytest.mark.parametrize(("step", "decimals"), [(1, 8), (1_000, 5), (100_000, 3), (100_000_000, 0), (250_000, 4)])
def test_decimals_follow_the_step(step: int, decimals: int) -> None:
    assert decimals_of(step) == decimals
