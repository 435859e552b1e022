"""The market maker: keeps a ladder of LIMIT_MAKER orders around its reference price, through the public API alone."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from mex.money import format_units, parse_units
from trading.client.errors import ApiRefused, ApiUnavailable
from trading.client.rest import RestClient
from trading.client.socket import SocketClient, open_socket
from trading.market_maker.ladder import REFERENCE_START, Quote, Reference, Rules, changes, wanted_quotes

log = logging.getLogger(__name__)

SYMBOL, BASE, QUOTE = "ETHBTC", "ETH", "BTC"
MOVE_EVERY_S = 15.0
_BACKOFF_FIRST_S, _BACKOFF_MAX_S = 0.5, 10.0
_SETTLE_S = 0.2
"""After a fill, wait so long for further ones before quoting again."""
_LOOK_EVERY_S = 60.0
"""Look at orders and balances again, should an event have been missed."""
_FUNDS_EVERY_S = 5.0
_UNKNOWN_ORDER, _ORDER_REFUSED = -2011, -2010

TopUp = Callable[[dict[str, int]], Awaitable[None]]
"""Called with the free units of each asset, now and then: brings in more of what is short."""


@dataclass(frozen=True, slots=True)
class Account:
    """Where and as whom to quote."""

    url: str
    key: str
    secret: str


class MarketMaker:
    """One market's quotes. Survives restarts of itself and of the exchange: each session begins by cancelling all."""

    def __init__(self, account: Account, top_up: TopUp) -> None:
        self._account = account
        self._top_up = top_up
        self._orders: dict[str, Quote] = {}
        self._free: dict[str, int] = {}
        self._reference: Reference | None = None
        self._topped_up_at = 0.0

    async def run(self) -> None:
        """Quote until cancelled; whenever the exchange is not there, wait and begin again."""
        pause = _BACKOFF_FIRST_S
        while True:
            try:
                rules = await asyncio.to_thread(self._rules)
                async with open_socket(self._account.url, self._account.key, self._account.secret) as api:
                    await self._begin(api)
                    log.info("quoting %s at %s", SYMBOL, self._account.url)
                    pause = _BACKOFF_FIRST_S
                    await self._quote(api, rules)
            except (ApiUnavailable, ApiRefused) as error:
                log.info("%s; trying again in %.1f s", error, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _BACKOFF_MAX_S)

    def _rules(self) -> Rules:
        answer = RestClient(self._account.url).public("/api/v3/exchangeInfo", symbol=SYMBOL)
        filters = {row["filterType"]: row for row in answer["symbols"][0]["filters"]}
        rules = Rules(
            tick=parse_units(filters["PRICE_FILTER"]["tickSize"]),
            lot=parse_units(filters["LOT_SIZE"]["stepSize"]),
            notional_min=parse_units(filters["NOTIONAL"]["minNotional"]),
        )
        if self._reference is None:
            self._reference = Reference(REFERENCE_START, rules.tick)
        return rules

    async def _begin(self, api: SocketClient) -> None:
        # Subscribed first, so that nothing happens between looking and listening.
        await api.signed("userDataStream.subscribe.signature")
        await self._look(api)
        for order in list(self._orders):
            await self._cancel(api, order)

    async def _quote(self, api: SocketClient, rules: Rules) -> None:
        assert self._reference is not None
        moved_at = looked_at = time.monotonic()
        while True:
            await self._fill_up()
            await self._place_ladder(api, rules, self._reference.price)
            now = time.monotonic()
            event = await api.next_event(max(0.0, min(moved_at + MOVE_EVERY_S - now, _FUNDS_EVERY_S)))
            while event is not None:
                self._note(event)
                event = await api.next_event(_SETTLE_S)
            now = time.monotonic()
            if now - moved_at >= MOVE_EVERY_S:
                self._reference.move()
                moved_at = now
            if now - looked_at >= _LOOK_EVERY_S:
                await self._look(api)
                looked_at = now

    async def _look(self, api: SocketClient) -> None:
        """Take open orders and free balances from the exchange, as they are now."""
        rows = await api.signed("openOrders.status", symbol=SYMBOL)
        self._orders = {row["clientOrderId"]: _quote_of(row) for row in rows}
        account = await api.signed("account.status")
        self._free = {row["asset"]: parse_units(row["free"]) for row in account["balances"]}

    async def _fill_up(self) -> None:
        now = time.monotonic()
        if now - self._topped_up_at >= _FUNDS_EVERY_S:
            self._topped_up_at = now
            await self._top_up(dict(self._free))

    async def _place_ladder(self, api: SocketClient, rules: Rules, reference: int) -> None:
        held_base = sum(quote.quantity for quote in self._orders.values() if quote.side == "SELL")
        held_quote = sum(
            quote.price * quote.quantity // 10**8 for quote in self._orders.values() if quote.side == "BUY"
        )
        want = wanted_quotes(
            reference,
            rules,
            base=self._free.get(BASE, 0) + held_base,
            quote=self._free.get(QUOTE, 0) + held_quote,
        )
        surplus, missing = changes(self._orders.values(), want)
        for quote in surplus:
            order = next((name for name, there in self._orders.items() if there == quote), None)
            if order is not None:
                await self._cancel(api, order)
        for quote in missing:
            await self._place(api, quote)

    async def _place(self, api: SocketClient, quote: Quote) -> None:
        try:
            answer = await api.signed(
                "order.place",
                symbol=SYMBOL,
                side=quote.side,
                type="LIMIT_MAKER",
                price=format_units(quote.price),
                quantity=format_units(quote.quantity),
            )
        except ApiRefused as refusal:
            # It would have matched somebody's better price, or the funds have just been spent: next time round.
            if refusal.code != _ORDER_REFUSED:
                raise
            return
        self._orders[answer["clientOrderId"]] = quote

    async def _cancel(self, api: SocketClient, order: str) -> None:
        try:
            await api.signed("order.cancel", symbol=SYMBOL, origClientOrderId=order)
        except ApiRefused as refusal:
            if refusal.code != _UNKNOWN_ORDER:  # filled meanwhile
                raise
        self._orders.pop(order, None)

    def _note(self, event: dict[str, Any]) -> None:
        if event["e"] == "executionReport":
            order = event["C"] or event["c"]
            if event["X"] not in ("NEW", "PARTIALLY_FILLED"):
                self._orders.pop(order, None)
            elif order in self._orders:
                left = parse_units(event["q"]) - parse_units(event["z"])
                self._orders[order] = Quote(event["S"], parse_units(event["p"]), left)
        elif event["e"] == "outboundAccountPosition":
            self._free |= {row["a"]: parse_units(row["f"]) for row in event["B"]}


def _quote_of(row: dict[str, Any]) -> Quote:
    left = parse_units(row["origQty"]) - parse_units(row["executedQty"])
    return Quote(row["side"], parse_units(row["price"]), left)
