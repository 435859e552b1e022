"""The market maker: keeps ladders of LIMIT_MAKER orders around its reference prices, through the public API alone.

Its markets share one account's balances, as those of anybody do.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mex.money import format_units, parse_units
from trading.client.errors import ApiRefused, ApiUnavailable
from trading.client.rest import RestClient
from trading.client.socket import SocketClient, open_socket
from trading.market_maker.ladder import PLANS, Plan, Quote
from trading.market_maker.stall import Stall, quote_of

log = logging.getLogger(__name__)

MOVE_EVERY_S = 15.0
_BACKOFF_FIRST_S, _BACKOFF_MAX_S = 0.5, 10.0
_SETTLE_S = 0.2
"""After a fill, wait so long for further ones before quoting again."""
_LOOK_EVERY_S = 60.0
"""Look at rules, orders and balances again, should an event have been missed or a market have changed."""
_FUNDS_EVERY_S = 5.0
_UNKNOWN_ORDER, _ORDER_REFUSED = -2011, -2010
_RULES_CHANGED = (-1013, -1121)
"""A filter's refusal, or that there is no such market (any more)."""

TopUp = Callable[[dict[str, int]], Awaitable[None]]
"""Called with the free units of each asset, now and then: brings in more of what is short."""


@dataclass(frozen=True, slots=True)
class Account:
    """Where and as whom to quote."""

    url: str
    key: str
    secret: str


class MarketMaker:
    """All quotes of one account. Survives restarts of itself and of the exchange: a session begins by cancelling."""

    def __init__(self, account: Account, top_up: TopUp, plans: Sequence[Plan] = PLANS) -> None:
        self._account = account
        self._top_up = top_up
        self._stalls = {plan.symbol: Stall(plan) for plan in plans}
        self._free: dict[str, int] = {}
        self._topped_up_at = 0.0

    async def run(self) -> None:
        """Quote until cancelled; whenever the exchange is not there, wait and begin again."""
        pause = _BACKOFF_FIRST_S
        while True:
            try:
                async with open_socket(self._account.url, self._account.key, self._account.secret) as api:
                    await self._begin(api)
                    quoted = [symbol for symbol, stall in self._stalls.items() if stall.rules is not None]
                    log.info("quoting %s at %s", ", ".join(quoted) or "nothing", self._account.url)
                    pause = _BACKOFF_FIRST_S
                    await self._quote(api)
            except (ApiUnavailable, ApiRefused) as error:
                log.info("%s; trying again in %.1f s", error, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _BACKOFF_MAX_S)

    async def _begin(self, api: SocketClient) -> None:
        # Subscribed first, so that nothing happens between looking and listening.
        await api.signed("userDataStream.subscribe.signature")
        await self._look(api)
        for stall in self._stalls.values():
            for order in list(stall.orders):
                await self._cancel(api, stall, order)

    async def _quote(self, api: SocketClient) -> None:
        moved_at = looked_at = time.monotonic()
        while True:
            await self._fill_up()
            for stall in self._stalls.values():
                await self._place_ladder(api, stall)
            now = time.monotonic()
            event = await api.next_event(max(0.0, min(moved_at + MOVE_EVERY_S - now, _FUNDS_EVERY_S)))
            while event is not None:
                self._note(event)
                event = await api.next_event(_SETTLE_S)
            now = time.monotonic()
            if now - moved_at >= MOVE_EVERY_S:
                for stall in self._stalls.values():
                    stall.move()
                moved_at = now
            if now - looked_at >= _LOOK_EVERY_S:
                await self._look(api)
                looked_at = now

    async def _look(self, api: SocketClient) -> None:
        """Take rules, open orders and free balances from the exchange, as they are now."""
        answer = await asyncio.to_thread(RestClient(self._account.url).public, "/api/v3/exchangeInfo")
        markets = {row["symbol"]: row for row in answer["symbols"]}
        rows = await api.signed("openOrders.status")
        for symbol, stall in self._stalls.items():
            stall.learn(markets.get(symbol))
            stall.orders = {row["clientOrderId"]: quote_of(row) for row in rows if row["symbol"] == symbol}
        account = await api.signed("account.status")
        self._free = {row["asset"]: parse_units(row["free"]) for row in account["balances"]}

    async def _fill_up(self) -> None:
        now = time.monotonic()
        if now - self._topped_up_at >= _FUNDS_EVERY_S:
            self._topped_up_at = now
            await self._top_up(dict(self._free))

    async def _place_ladder(self, api: SocketClient, stall: Stall) -> None:
        surplus, missing = stall.steps(self._free)
        for order in surplus:
            await self._cancel(api, stall, order)
        for quote in missing:
            if not await self._place(api, stall, quote):
                return

    async def _place(self, api: SocketClient, stall: Stall, quote: Quote) -> bool:
        """Place a quote, and return whether this market takes further ones."""
        try:
            answer = await api.signed(
                "order.place",
                symbol=stall.plan.symbol,
                side=quote.side,
                type="LIMIT_MAKER",
                price=format_units(quote.price),
                quantity=format_units(quote.quantity),
            )
        except ApiRefused as refusal:
            # It would have matched somebody's better price, or the funds have just been spent: next time round.
            if refusal.code == _ORDER_REFUSED:
                return True
            if refusal.code not in _RULES_CHANGED:
                raise
            # It rests until the next look, and the others go on.
            log.info("%s takes no quotes for now: %s", stall.plan.symbol, refusal)
            stall.rules = None
            return False
        stall.orders[answer["clientOrderId"]] = quote
        self._change(stall.asset_of(quote), -quote.cost)
        return True

    async def _cancel(self, api: SocketClient, stall: Stall, order: str) -> None:
        try:
            await api.signed("order.cancel", symbol=stall.plan.symbol, origClientOrderId=order)
        except ApiRefused as refusal:
            if refusal.code != _UNKNOWN_ORDER:  # filled meanwhile
                raise
            stall.orders.pop(order, None)
            return
        quote = stall.orders.pop(order)
        self._change(stall.asset_of(quote), quote.cost)

    def _change(self, asset: str, units: int) -> None:
        """Count what an order of ours holds, until the exchange's next event tells: the next market shares the rest."""
        self._free[asset] = max(self._free.get(asset, 0) + units, 0)

    def _note(self, event: dict[str, Any]) -> None:
        if event["e"] == "executionReport":
            stall = self._stalls.get(event["s"])
            if stall is not None:
                stall.note(event)
        elif event["e"] == "outboundAccountPosition":
            self._free |= {row["a"]: parse_units(row["f"]) for row in event["B"]}
