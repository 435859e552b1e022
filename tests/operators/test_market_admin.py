"""The admin changes markets and terms through the engine, while it runs, and shows its refusals."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts.models import User
from tests.operators.conftest import browser_of
from tests.operators.engine import RunningEngine, Trader
from tests.pages.markup import Page
from trading.engine.enums import Reject, Side
from trading.engine.events import Rejected, Traded
from trading.engine.markets import MarketSpec
from trading.gateway import ask
from trading.models import Market, OperatorChange, Order, Terms
from trading.rules import differences
from trading.selectors import market_spec
from wallets.models import Asset

WHOLE = 10**8
PRICE = 20 * WHOLE
MARKETS = "/admin/trading/market/"
TERMS = "/admin/trading/terms/"


def fields(html: str) -> dict[str, str]:
    """Return the fields of a form as a browser sends them back, those that it hides included."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", html):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name is not None and "submit" not in tag:
            found[name[1]] = value[1] if value is not None else ""
    for name, body in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', html, flags=re.S):
        chosen = re.search(r'value="([^"]*)" selected', body)
        found[name] = chosen[1] if chosen is not None else ""
    return found


def submit(operator: Client, url: str, **changes: str) -> str:
    """Open a form, change fields, send it, and return the page that it leads to."""
    form = fields(operator.get(url).text)
    assert changes.keys() <= form.keys()
    return operator.post(url, form | changes, follow=True).text


def last_change() -> OperatorChange:
    """Return the newest row of the audit trail."""
    return OperatorChange.objects.order_by("-id")[0]


@pytest.fixture
def change_url(btceth: MarketSpec) -> str:
    """Return the page of the market."""
    return f"{MARKETS}{btceth.id}/change/"


def new_market_form() -> dict[str, str]:
    """Return what an operator writes to open a market."""
    btc, eth = Asset.objects.get(code="BTC"), Asset.objects.get(code="ETH")
    return {
        "symbol": "BTCETH",
        "base": str(btc.pk),
        "quote": str(eth.pk),
        "status": "1",
        "tick": "0.01",
        "lot": "0.0001",
        "price_min": "0.01",
        "price_max": "1000",
        "quantity_min": "0.0001",
        "quantity_max": "10000",
        "notional_min": "0.001",
        "notional_max": "900",
        "maker_fee_ppm": "1000",
        "taker_fee_ppm": "2000",
        "orders_max": "200",
        "note": "asked for",
    }


def test_a_market_is_opened_and_trades(engine: RunningEngine, operator: Client) -> None:
    page = submit(operator, f"{MARKETS}add/", **new_market_form())

    assert "was added successfully" in page
    spec = market_spec(Market.objects.get(symbol="BTCETH"))
    assert (spec.tick, spec.lot, spec.notional_max, spec.algo_orders_max) == (1_000_000, 10_000, 900 * WHOLE, 200)
    ann, bob = Trader("ann", spec), Trader("bob", spec)
    ann.rest(spec, Side.SELL, PRICE, WHOLE)
    assert isinstance(bob.order(spec, Side.BUY, PRICE, WHOLE)[1], Traded)
    change = last_change()
    assert (change.actor, change.note, change.before) == ("operator@example.org", "asked for", None)
    assert LogEntry.objects.get().object_id == str(spec.id)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lot": "0.0000001", "quantity_min": "0.0000001"}, "Price x quantity would round"),
        ({"tick": "0"}, "This must be more than zero."),
        ({"quote": "1"}, "A market is of two assets."),
        ({"symbol": "btceth"}, "A symbol has 1 to 20 capital letters and digits."),
        ({"symbol": "ETHBTC"}, "There is a market ETHBTC already."),
        ({"maker_fee_ppm": "-1"}, "Ensure this value is greater than or equal to 0."),
        ({"price_max": "much"}, "Write a decimal number with at most eight decimals."),
        ({"note": "x" * 1_001}, "at most 1000 characters"),
    ],
)
def test_a_market_that_cannot_be_is_not_opened(
    engine: RunningEngine, operator: Client, changes: dict[str, str], message: str
) -> None:
    markets = Market.objects.count()

    page = submit(operator, f"{MARKETS}add/", **new_market_form() | changes)

    assert message in page
    assert "correct the error" in page
    assert (Market.objects.count(), OperatorChange.objects.count(), LogEntry.objects.count()) == (markets, 0, 0)


def test_only_what_was_changed_is_changed(btceth: MarketSpec, change_url: str, operator: Client) -> None:
    page = submit(operator, change_url, notional_min="0.5", position_max="7.5", trailing_max="500", note="safer")

    assert "was changed successfully" in page
    change = last_change()
    assert (change.actor, change.note) == ("operator@example.org", "safer")
    assert differences(change.before, change.after) == [
        ("notional_min", "0.0001", "0.5"),
        ("position_max", "0", "7.5"),
        ("trailing_max", "2000", "500"),
    ]
    assert market_spec(Market.objects.get(pk=btceth.id)).notional_min == WHOLE // 2


def test_what_another_operator_changed_meanwhile_stays(btceth: MarketSpec, change_url: str, operator: Client) -> None:
    """Both opened the page; the second one sends the old fee along, which he has not touched."""
    other = browser_of("omar@example.org")
    seen = fields(other.get(change_url).text)
    submit(operator, change_url, maker_fee_ppm="100")
    operator.post(MARKETS, {"action": "halt", "_selected_action": [str(btceth.id)], "confirmed": "yes"})

    other.post(change_url, seen | {"taker_fee_ppm": "3000"})

    market = Market.objects.get(pk=btceth.id)
    assert (market.maker_fee_ppm, market.taker_fee_ppm, market.status) == (100, 3_000, 2)
    change = last_change()
    assert differences(change.before, change.after) == [("taker_fee_ppm", "2000", "3000")]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantity_max": "10000000.001"}, "The sum of a price level would not fit: at most 10000000."),
        ({"lot": "0.0000001", "quantity_min": "0.0000001"}, "Price x quantity would round"),
        ({"price_min": "0.015"}, "This must be a multiple of the tick."),
        ({"quantity_min": "0"}, "This must be more than zero."),
        ({"price_max": "0.001"}, "The maximum must not be below the minimum."),
        ({"taker_fee_ppm": "1000000"}, "A fee must be less than 1000000 ppm."),
        ({"bid_up_ppm": "1", "bid_down_ppm": "2"}, "No price would be between the two"),
        ({}, "BTCETH is like that already: nothing was changed."),
        ({"tick": "0.00001", "lot": "0.001", "quantity_min": "0.001"}, "Open orders are off these steps"),
    ],
)
def test_a_refusal_is_shown_in_the_form_as_it_was_filled_in(
    btceth: MarketSpec, change_url: str, operator: Client, changes: dict[str, str], message: str
) -> None:
    Trader("ann", btceth).rest(btceth, Side.SELL, PRICE + 1_000_000, 10_000)

    page = submit(operator, change_url, **changes, note="a try")

    assert message in page
    assert Page(page).blocked == []
    shown = fields(page)
    assert {name: shown[name] for name in changes} == changes
    assert shown["note"] == "a try"
    assert market_spec(Market.objects.get(pk=btceth.id)) == btceth
    assert OperatorChange.objects.count() == 1
    assert LogEntry.objects.count() == 0


def test_symbol_assets_and_status_are_not_changed_by_the_form(
    btceth: MarketSpec, change_url: str, operator: Client
) -> None:
    form = fields(operator.get(change_url).text)
    assert not {"symbol", "base", "quote", "status"} & form.keys()

    operator.post(change_url, form | {"symbol": "XXX", "base": "2", "status": "3", "maker_fee_ppm": "5"})

    market = Market.objects.get(pk=btceth.id)
    assert (market.symbol, market.base_id, market.status, market.maker_fee_ppm) == ("BTCETH", btceth.base, 1, 5)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that is asked and says nothing in time."""
    monkeypatch.setattr(ask.ask, "__defaults__", (0.05,))


def test_an_engine_that_is_silent_is_shown_in_the_form(
    transactional_db: None, pipe: None, silent: None, operator: Client
) -> None:
    market = Market.objects.get(symbol="ETHBTC")
    before = market_spec(market)

    page = submit(operator, f"{MARKETS}{market.pk}/change/", maker_fee_ppm="5")

    assert "The engine did not answer within 0.05 s." in page
    assert market_spec(Market.objects.get(symbol="ETHBTC")) == before


def act(operator: Client, action: str, spec: MarketSpec, **fields: str) -> str:
    """Choose an action for a market, and return the page that comes."""
    form = {"action": action, "_selected_action": [str(spec.id)], **fields}
    return operator.post(MARKETS, form, follow=True).text


def test_halting_resuming_and_delisting_are_confirmed_first(btceth: MarketSpec, operator: Client) -> None:
    ann = Trader("ann", btceth)
    order = ann.rest(btceth, Side.SELL, PRICE, WHOLE)

    page = act(operator, "delist", btceth)

    assert "All their open orders expire" in page
    assert "BTCETH, trading, with open orders" in page
    assert Page(page).blocked == []
    assert Page(page).nameless_fields == []
    assert market_spec(Market.objects.get(pk=btceth.id)) == btceth
    assert "BTCETH is now: HALT." in act(operator, "halt", btceth, confirmed="yes", note="the news")
    assert ann.order(btceth, Side.SELL, PRICE, WHOLE) == [Rejected(Reject.MARKET_CLOSED)]
    assert "BTCETH is like that already" in act(operator, "halt", btceth, confirmed="yes")
    assert "BTCETH is now: TRADING." in act(operator, "resume", btceth, confirmed="yes")
    assert "BTCETH is now: DELISTED." in act(operator, "delist", btceth, confirmed="yes")
    assert Order.objects.get(pk=order).status == 5
    assert ann.funds(btceth.base) == (10**12, 0)
    rows = OperatorChange.objects.order_by("id")[1:]
    assert [(row.actor, row.note, row.after["status"]) for row in rows] == [
        ("operator@example.org", "the news", 2),
        ("operator@example.org", "", 1),
        ("operator@example.org", "", 3),
    ]
    assert LogEntry.objects.count() == 3


def test_who_may_only_look_changes_nothing(btceth: MarketSpec, change_url: str) -> None:
    viewer, client = User.objects.create(email="viewer@example.org", is_staff=True), Client()
    client.force_login(viewer)

    assert client.post(change_url, {"maker_fee_ppm": "5"}).status_code == 403
    assert client.post(f"{MARKETS}add/", new_market_form()).status_code == 403
    assert client.post(MARKETS, {"action": "halt", "_selected_action": "4", "confirmed": "yes"}).status_code == 403

    assert market_spec(Market.objects.get(pk=btceth.id)) == btceth


def test_a_form_from_elsewhere_is_refused(btceth: MarketSpec, change_url: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create(email="omar@example.org", is_staff=True, is_superuser=True))

    assert client.post(change_url, {"maker_fee_ppm": "5"}).status_code == 403


def test_terms_are_given_and_changed(btceth: MarketSpec, operator: Client) -> None:
    ann, bob = Trader("ann", btceth), Trader("bob", btceth)
    ann.rest(btceth, Side.SELL, PRICE, 2 * WHOLE)

    added = submit(operator, f"{TERMS}add/", account=str(bob.account), taker_fee_ppm="500", stp="2", note="a tier")

    assert "was added successfully" in added
    _, traded = bob.order(btceth, Side.BUY, PRICE, WHOLE)
    assert isinstance(traded, Traded)
    assert traded.taker_fee == 50_000
    changed = submit(operator, f"{TERMS}{bob.account}/change/", maker_fee_ppm="0")
    assert "was changed successfully" in changed
    row = Terms.objects.get()
    assert (row.account_id, row.maker_fee_ppm, row.taker_fee_ppm, row.stp) == (bob.account, 0, 500, 2)
    change = last_change()
    assert (change.kind, change.subject, change.actor) == ("terms", bob.account, "operator@example.org")
    assert differences(change.before, change.after) == [("maker_fee_ppm", "the market's", "0")]
    again = submit(operator, f"{TERMS}add/", account=str(bob.account), stp="1")
    assert "This account has terms already: change those." in again
    assert last_change() == change


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"maker_fee_ppm": "-2"}, "A fee must be 0 to 999999 ppm, or -1 for the market&#x27;s."),
        ({"taker_fee_ppm": "1000000"}, "A fee must be 0 to 999999 ppm"),
        ({"stp": "9"}, "Select a valid choice."),
        ({"account": "4711"}, "Select a valid choice."),
        ({}, "ann@example.org is like that already: nothing was changed."),
    ],
)
def test_bad_terms_are_refused_in_the_form(
    btceth: MarketSpec, operator: Client, changes: dict[str, str], message: str
) -> None:
    ann = Trader("ann", btceth)

    page = submit(operator, f"{TERMS}add/", **{"account": str(ann.account), "stp": "1"} | changes)

    assert message in page
    assert Page(page).blocked == []
    assert Terms.objects.count() == 0
    assert OperatorChange.objects.filter(kind="terms").count() == 0
