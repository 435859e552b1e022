"""The demo's trades: a limit order and a market order of two people meet, over the websocket API."""

import asyncio
from dataclasses import dataclass
from typing import Any

from mex.money import UNITS, fee_of, format_units, notional, parse_units
from trading.client.rest import RestClient
from trading.client.socket import SocketClient, open_socket
from trading.demo.outcome import DemoFailed, demand
from trading.demo.person import Person, Say

_EVENT_TIMEOUT_S = 15.0
_PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Deal:
    """What is traded where, in units, and the price to take where nobody quotes."""

    base: str
    quote: str
    quantity: int
    price_if_empty: int

    @property
    def symbol(self) -> str:
        """The market."""
        return self.base + self.quote


FOR_BITCOIN = Deal("ETH", "BTC", quantity=UNITS, price_if_empty=UNITS // 20)
FOR_DOLLARS = Deal("ETH", "USDT", quantity=UNITS, price_if_empty=3_000 * UNITS)


@dataclass(frozen=True, slots=True)
class Fill:
    """What was traded, in units; fees in what each side received."""

    trade: int
    price: int
    quote: int
    buyer_fee: int
    seller_fee: int


def inside_price(api: RestClient, deal: Deal) -> int:
    """Return a price between the best bid and ask, so that two orders there meet each other and nobody else's."""
    rules = api.public("/api/v3/exchangeInfo", symbol=deal.symbol)["symbols"][0]["filters"]
    tick = parse_units(next(row["tickSize"] for row in rules if row["filterType"] == "PRICE_FILTER"))
    book = api.public("/api/v3/depth", symbol=deal.symbol, limit="5")
    if not book["bids"] or not book["asks"]:
        return deal.price_if_empty
    bid, ask = parse_units(book["bids"][0][0]), parse_units(book["asks"][0][0])
    price = (bid + ask) // 2 // tick * tick
    demand(bid < price < ask, f"there is no room between the bid {format_units(bid)} and the ask {format_units(ask)}")
    return price


def trade(url: str, deal: Deal, seller: Person, buyer: Person, say: Say) -> Fill:
    """Let one sell and the other buy, check what both are told, and return what happened."""
    return asyncio.run(_trade(url, deal, seller, buyer, say))


async def _trade(url: str, deal: Deal, seller: Person, buyer: Person, say: Say) -> Fill:
    async with (
        open_socket(url, seller.key, seller.secret) as selling,
        open_socket(url, buyer.key, buyer.secret) as buying,
    ):
        for api in (selling, buying):
            await api.signed("userDataStream.subscribe.signature")
        price = await asyncio.to_thread(inside_price, seller.api, deal)
        text, quantity = format_units(price), format_units(deal.quantity)
        resting = await selling.signed(
            "order.place",
            symbol=deal.symbol,
            side="SELL",
            type="LIMIT",
            timeInForce="GTC",
            price=text,
            quantity=quantity,
            newOrderRespType="FULL",
        )
        demand(resting["status"] == "NEW", f"the limit order should rest, but is {resting['status']}")
        say(
            f"{seller.name}: limit order {resting['orderId']} to sell {quantity} {deal.base}"
            f" at {text} {deal.quote} waits in the book"
        )
        taking = await buying.signed(
            "order.place", symbol=deal.symbol, side="BUY", type="MARKET", quantity=quantity, newOrderRespType="FULL"
        )
        demand(taking["status"] == "FILLED", f"the market order should be filled, but is {taking['status']}")
        report = await _trade_report(selling)
        demand(report["X"] == "FILLED", f"the limit order should be filled, but is {report['X']}")
        fill = _fill(deal, price, taking["fills"], report)
    say(
        f"{buyer.name}: market order {taking['orderId']} bought it: trade {fill.trade} at {text} {deal.quote},"
        f" fees {format_units(fill.buyer_fee)} {deal.base} and {format_units(fill.seller_fee)} {deal.quote}"
    )
    await asyncio.to_thread(_compare_histories, deal, seller, buyer, fill)
    return fill


async def _trade_report(api: SocketClient) -> dict[str, Any]:
    while True:
        event = await api.next_event(_EVENT_TIMEOUT_S)
        if event is None:
            raise DemoFailed(f"the seller was not told of his trade within {_EVENT_TIMEOUT_S:.0f} s")
        if event["e"] == "executionReport" and event["x"] == "TRADE":
            return event


def _fill(deal: Deal, price: int, fills: list[dict[str, Any]], report: dict[str, Any]) -> Fill:
    demand(len(fills) == 1, f"one fill was expected, there were {len(fills)}")
    fill = Fill(
        trade=int(fills[0]["tradeId"]),
        price=parse_units(fills[0]["price"]),
        quote=parse_units(report["Y"]),
        buyer_fee=parse_units(fills[0]["commission"]),
        seller_fee=parse_units(report["n"]),
    )
    demand(fill.price == price, f"traded at {format_units(fill.price)}, not at {format_units(price)}")
    demand(int(report["t"]) == fill.trade, f"the seller was told of trade {report['t']}, the buyer of {fill.trade}")
    demand(fill.quote == notional(price, deal.quantity), f"the trade cost {fill.quote} units")
    return fill


def _compare_histories(deal: Deal, seller: Person, buyer: Person, fill: Fill) -> None:
    for person, is_buyer, received, fee in (
        (buyer, True, deal.quantity, fill.buyer_fee),
        (seller, False, fill.quote, fill.seller_fee),
    ):
        rows = person.api.signed("GET", "/api/v3/myTrades", symbol=deal.symbol)
        demand(len(rows) == 1, f"{person.name} traded once in {deal.symbol}, {len(rows)} trades are listed")
        row = rows[0]
        told = (row["id"], row["isBuyer"], parse_units(row["price"]), parse_units(row["qty"]))
        demand(told == (fill.trade, is_buyer, fill.price, deal.quantity), f"{person.name}'s trades say {row}")
        demand(parse_units(row["commission"]) == fee, f"{person.name}'s trades say a fee of {row['commission']}")
        rates = person.api.signed("GET", "/api/v3/account")["commissionRates"]
        rate = parse_units(rates["taker" if is_buyer else "maker"]) * _PPM // 10**8
        demand(fee == fee_of(received, rate), f"{person.name} paid {fee} units, at a rate of {rate} ppm")
