"""Our whole core, as the engine process drives it: accounts with funds, fees, self-trade prevention, batches."""

from collections.abc import Sequence

from bench.engines import Row
from bench.oracle import BUY, CANCEL, REST, Command, Resting, Trade
from bench.workloads import ACCOUNTS
from trading.engine.commands import CancelOrder, PlaceOrder
from trading.engine.core import Core
from trading.engine.enums import MarketStatus, OrderType, Side, StpMode, TimeInForce
from trading.engine.events import Event, Traded
from trading.engine.levels import Ladder
from trading.engine.markets import MarketSpec

TICK = 1_000_000
"""0.01 USDT."""
LOT = 10_000
"""0.0001 BTC, ten lots of the market: an order of one is worth six dollars, and so enough for it."""
BTC, ETH, USDT = 1, 2, 3
BATCH = 1_000
"""Commands in one batch: what the engine takes at once under full load (BATCH_COMMANDS_MAX)."""
NOW_MS = 1_790_000_000_000
FUNDS = 10**16
"""A hundred million of each, which is more than any account needs."""


def markets() -> list[MarketSpec]:
    """Return three markets that share their assets, with rules like those of our own; all commands go to the first."""
    return [
        MarketSpec(
            id=number,
            symbol=symbol,
            base=base,
            quote=quote,
            tick=TICK,
            lot=1_000,
            price_min=TICK,
            price_max=10**14,
            quantity_min=1_000,
            quantity_max=10**11,
            notional_min=5 * 10**8,
            notional_max=9 * 10**14,
            maker_fee_ppm=1_000,
            taker_fee_ppm=2_000,
            orders_max=1_000_000,
            status=MarketStatus.TRADING,
        )
        for number, symbol, base, quote in (
            (1, "BTCUSDT", BTC, USDT),
            (2, "ETHUSDT", ETH, USDT),
            (3, "ETHBTC", ETH, BTC),
        )
    ]


def funded_core(accounts: int = ACCOUNTS) -> Core:
    """Return a core whose accounts have funds."""
    core = Core(markets())
    for account in range(1, accounts + 1):
        for asset in (BTC, ETH, USDT):
            core.restore_balance(account, asset, FUNDS)
    return core


class MexCore:
    """Places and cancels through `Core.apply`; a batch ends every thousand commands."""

    batch = BATCH

    def __init__(self) -> None:
        self.core = funded_core()
        self._answers: list[Sequence[Event]] = []
        self._batches: list[object] = []
        self._now_ms = NOW_MS

    def prepare(self, commands: Sequence[Command]) -> list[Row]:
        """Return what the engine's decoder would give: numbers in units, enums, and client ids as texts."""
        return [
            (
                op == CANCEL,
                account,
                f"cancel-{order}" if op == CANCEL else f"order-{order}",
                order,
                Side.BUY if side == BUY else Side.SELL,
                TimeInForce.GTC if op == REST else TimeInForce.IOC,
                quantity * LOT,
                price * TICK,
            )
            for op, order, side, price, quantity, account in commands
        ]

    def run(self, rows: Sequence[Row]) -> None:
        """Apply all commands, batch by batch."""
        core = self.core
        apply, close_batch, forget = core.apply, core.close_batch, core.forget
        keep, keep_batch = self._answers.append, self._batches.append
        limit, mode = OrderType.LIMIT, StpMode.EXPIRE_TAKER
        for start in range(0, len(rows), self.batch):
            self._now_ms = now_ms = self._now_ms + 1
            for is_cancel, account, name, order, side, time_in_force, quantity, price in rows[
                start : start + self.batch
            ]:
                if is_cancel:
                    keep(apply(CancelOrder(account, 1, order, "", name), now_ms))
                else:
                    keep(
                        apply(
                            PlaceOrder(account, 1, name, side, limit, time_in_force, quantity, price, 0, 0, 0, 0, mode),
                            now_ms,
                        )
                    )
            keep_batch(close_batch())
            forget()

    def rest(self, order: int, is_buy: bool, price: int, quantity: int) -> None:
        """Place an order that stays."""
        side = Side.BUY if is_buy else Side.SELL
        account = order % ACCOUNTS + 1
        name = f"order-{order}"
        command = PlaceOrder(account, 1, name, side, OrderType.LIMIT, TimeInForce.GTC, quantity * LOT, price * TICK)
        self.core.apply(command, self._now_ms)
        if order % BATCH == 0:
            self.core.close_batch()
            self.core.forget()

    def handed_over(self) -> list[Trade]:
        """Return the trades since the last call, and let go of all answers."""
        trades = [
            (event.taker.id, event.maker.id, event.price // TICK, event.quantity // LOT)
            for events in self._answers
            for event in events
            if isinstance(event, Traded)
        ]
        self._answers.clear()
        self._batches.clear()
        return trades

    def resting(self) -> list[Resting] | None:
        """Return what rests, from the queues of the levels."""
        book = self.core.book(1)
        return _queue(book.bids) + _queue(book.asks)


class MexCoreInHundreds(MexCore):
    """The same with a batch every hundred commands: what the engine takes at once on a busy day."""

    batch = 100


def _queue(ladder: Ladder) -> list[Resting]:
    resting = []
    for key in reversed(ladder.keys):
        order = ladder.levels[key].head
        while order is not None:
            resting.append((order.id, order.price // TICK, order.rest // LOT))
            order = order.next
    return resting
