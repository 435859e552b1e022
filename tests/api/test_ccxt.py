"""A bot that people have, unchanged but for the URL: ccxt and ccxt.pro."""

import asyncio
import re
from pathlib import Path
from typing import Any

import ccxt
import ccxt.pro
import pytest

from tests.api.client import Trader
from tests.api.exchange import Exchange
from tests.api.test_order_types import trade_at

MARKET = "ETH/BTC"
_ROOT = Path(__file__).resolve().parents[2]


def settings(exchange: Exchange, trader: Trader) -> dict[str, Any]:
    """Return what a user writes: docs/api.md and the README."""
    rest, ws = exchange.web.url, exchange.web.ws
    return {
        "apiKey": trader.key,
        "secret": trader.secret,
        "urls": {
            "api": {
                "public": rest + "/api/v3",
                "private": rest + "/api/v3",
                "v1": rest + "/api/v1",
                "sapi": rest + "/sapi/v1",
                "sapiV2": rest + "/sapi/v2",
                "sapiV3": rest + "/sapi/v3",
                "sapiV4": rest + "/sapi/v4",
                "ws": {"spot": ws + "/ws", "margin": ws + "/ws", "ws-api": {"spot": ws + "/ws-api/v3"}},
            }
        },
        "options": {
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            "fetchMargins": False,
            "adjustForTimeDifference": True,
        },
    }


@pytest.mark.parametrize("document", ["README.md", "docs/api.md"])
def test_the_documents_show_the_settings_that_are_tested(exchange: Exchange, document: str) -> None:
    """An address that they left out would be that of the real exchange."""
    [trader] = exchange.traders(1)
    known = settings(exchange, trader)
    shown = re.search(r"```python\n.*?binance\((\{.*?\})\)\n", (_ROOT / document).read_text(), re.DOTALL)
    assert shown is not None
    names = {"B": exchange.web.url, "W": exchange.web.ws, "KEY": trader.key, "SECRET": trader.secret}

    told = eval(shown[1], names)

    assert (told["urls"], told["options"]) == (known["urls"], known["options"])


@pytest.mark.parametrize(
    ("code", "with_hostname", "without"),
    [
        (-1008, ccxt.OperationFailed, ccxt.ExchangeError),
        (-4012, ccxt.PermissionDenied, ccxt.BadRequest),
        (-4013, ccxt.AuthenticationError, ccxt.BadRequest),
        (-4014, ccxt.OperationRejected, ccxt.BadRequest),
        (-4026, ccxt.InsufficientFunds, ccxt.BadRequest),
        (-1020, ccxt.BadRequest, ccxt.BadRequest),
    ],
)
def test_what_ccxt_makes_of_errors(code: int, with_hostname: type[Exception], without: type[Exception]) -> None:
    """As docs/api.md and docs/errors.md tell it."""
    for hostname, expected in (("mex.test", with_hostname), (None, without)):
        bot = ccxt.binance({"hostname": hostname} if hostname else {})
        body = {"code": code, "msg": "A text that ccxt does not know."}
        with pytest.raises(ccxt.BaseError) as raised:
            bot.handle_errors(503, "", "https://api.mex.test/api/v3/order", "POST", {}, bot.json(body), body, {}, "")
        assert raised.type is expected


def test_ccxt_trades(exchange: Exchange) -> None:
    maker, trader = exchange.traders(2)
    exchange.rest(maker).order("SELL", "2", "0.0522")
    bot = ccxt.binance(settings(exchange, trader))
    bot.session.trust_env = False

    markets = bot.load_markets()
    assert list(markets) == [MARKET, "ETH/USDT", "BTC/USDT"]
    assert markets[MARKET]["limits"]["amount"] == {"min": 0.001, "max": 10000.0}
    assert markets[MARKET]["precision"]["price"] == 0.00001
    assert bot.fetch_balance()["BTC"] == {"free": 10000.0, "used": 0.0, "total": 10000.0}
    assert bot.fetch_order_book(MARKET)["asks"] == [[0.0522, 2.0]]

    assert bot.fetch_bids_asks([MARKET])[MARKET]["ask"] == 0.0522
    with pytest.raises(ccxt.BadRequest, match="not supported"):
        bot.fetch_ohlcv(MARKET)

    resting = bot.create_order(MARKET, "limit", "buy", 1, 0.05)
    bought = bot.create_order(MARKET, "market", "buy", 0.5)
    assert (resting["status"], bought["status"], bought["average"]) == ("open", "closed", 0.0522)
    assert bought["fees"] == [{"currency": "ETH", "cost": 0.001}]
    assert bot.fetch_order(bought["id"], MARKET)["filled"] == 0.5
    assert [order["id"] for order in bot.fetch_open_orders(MARKET)] == [resting["id"]]
    assert bot.cancel_order(resting["id"], MARKET)["status"] == "canceled"
    assert bot.fetch_open_orders(MARKET) == []
    assert [order["status"] for order in bot.fetch_orders(MARKET)] == ["canceled", "closed"]
    assert bot.fetch_trades(MARKET, params={"fetchTradesMethod": "publicGetTrades"})[-1]["price"] == 0.0522
    [trade] = bot.fetch_my_trades(MARKET)
    assert (trade["side"], trade["amount"], trade["price"], trade["takerOrMaker"]) == ("buy", 0.5, 0.0522, "taker")
    assert bot.fetch_balance()["ETH"]["total"] == 10000.499

    with pytest.raises(ccxt.OrderNotFound):
        bot.cancel_order(resting["id"], MARKET)
    with pytest.raises(ccxt.InvalidOrder):
        bot.create_order(MARKET, "limit", "buy", 20000, 0.00001)
    [poor] = exchange.make_traders(1, funds=10**8)
    bot.apiKey, bot.secret = poor.key, poor.secret
    with pytest.raises(ccxt.ExchangeError, match="insufficient balance"):
        bot.create_order(MARKET, "limit", "sell", 2, 0.09)


async def test_ccxt_pro_watches_and_trades_over_websockets(exchange: Exchange) -> None:
    maker, trader = exchange.traders(2)
    exchange.rest(maker).order("SELL", "2", "0.0522")
    bot = ccxt.pro.binance(settings(exchange, trader))
    try:
        await bot.load_markets()
        assert (await bot.watch_order_book(MARKET))["asks"] == [[0.0522, 2.0]]
        watching = asyncio.create_task(bot.watch_orders(MARKET))
        client = bot.client(bot.urls["api"]["ws"]["ws-api"]["spot"])
        async with asyncio.timeout(20):
            while f"orders:{MARKET}" not in client.futures:
                await asyncio.sleep(0.02)
        resting = await bot.create_order_ws(MARKET, "limit", "buy", 1, 0.05)
        async with asyncio.timeout(20):
            [told] = await watching
            while (await bot.watch_order_book(MARKET))["bids"] != [[0.05, 1.0]]:
                pass
        assert (told["id"], told["status"]) == (resting["id"], "open")
        bought = await bot.create_order_ws(MARKET, "limit", "buy", 0.5, 0.0522)
        assert (bought["status"], bought["filled"]) == ("closed", 0.5)
        assert (await bot.cancel_order_ws(resting["id"], MARKET))["status"] == "canceled"
        assert await bot.fetch_open_orders_ws(MARKET) == []
        assert (await bot.fetch_balance())["ETH"]["total"] == 10000.499
        [trade] = await bot.fetch_my_trades_ws(MARKET)
        assert (trade["amount"], trade["price"]) == (0.5, 0.0522)
        best, trades = (asyncio.create_task(work) for work in (bot.watch_bids_asks([MARKET]), bot.watch_trades(MARKET)))
        async with asyncio.timeout(20):
            while not (best.done() and trades.done()):
                await bot.create_order_ws(MARKET, "limit", "buy", 0.01, 0.0522)
        assert (best.result()[MARKET]["ask"], trades.result()[-1]["price"]) == (0.0522, 0.0522)
    finally:
        await bot.close()


def test_ccxt_stop_orders_lists_and_replacements(exchange: Exchange) -> None:
    trade_at(exchange, "0.05")
    [trader] = exchange.traders(1)
    bot = ccxt.binance(settings(exchange, trader))
    bot.session.trust_env = False
    bot.load_markets()

    stop = bot.create_order(MARKET, "STOP_LOSS_LIMIT", "sell", 1, 0.044, {"stopPrice": 0.045})
    loss = bot.create_order(MARKET, "market", "sell", 1, None, {"stopLossPrice": 0.045})
    trailing = bot.create_order(
        MARKET, "limit", "sell", 1, 0.044, {"trailingPercent": 5, "stopLossOrTakeProfit": "stopLoss"}
    )
    found = {order["id"]: order for order in bot.fetch_open_orders(MARKET)}
    assert (found[stop["id"]]["stopPrice"], found[stop["id"]]["price"], found[stop["id"]]["status"]) == (
        0.045,
        0.044,
        "open",
    )
    assert (found[loss["id"]]["type"], found[loss["id"]]["stopPrice"]) == ("market", 0.045)
    assert found[trailing["id"]]["info"]["trailingDelta"] == 500
    with pytest.raises(ccxt.ExchangeError, match="Stop price would trigger immediately"):
        bot.create_order(MARKET, "STOP_LOSS_LIMIT", "sell", 1, 0.05, {"stopPrice": 0.051})

    edited = bot.edit_order(stop["id"], MARKET, "STOP_LOSS_LIMIT", "sell", 2, 0.043, {"stopPrice": 0.0445})
    assert (bot.fetch_order(stop["id"], MARKET)["status"], bot.fetch_order(edited["id"], MARKET)["amount"]) == (
        "canceled",
        2.0,
    )
    group = bot.private_post_orderlist_oco(
        {
            "symbol": "ETHBTC",
            "side": "SELL",
            "quantity": "1",
            "aboveType": "LIMIT_MAKER",
            "abovePrice": "0.06",
            "belowType": "STOP_LOSS",
            "belowStopPrice": "0.045",
        }
    )
    assert (group["contingencyType"], len(group["orderReports"])) == ("OCO", 2)
    old = {"symbol": "ETHBTC", "side": "BUY", "quantity": "1", "price": "0.04", "stopPrice": "0.06"}
    assert bot.private_post_order_oco(old)["listOrderStatus"] == "EXECUTING"
    assert len(bot.private_get_openorderlist()) == 2
    ended = bot.private_delete_orderlist({"symbol": "ETHBTC", "orderListId": group["orderListId"]})
    assert ended["listOrderStatus"] == "ALL_DONE"
    assert len(bot.cancel_all_orders(MARKET)) > 0
    assert bot.fetch_open_orders(MARKET) == []
    with pytest.raises(ccxt.OrderNotFound):
        bot.cancel_all_orders(MARKET)
    assert bot.fetch_balance()["ETH"] == {"free": 10000.0, "used": 0.0, "total": 10000.0}
