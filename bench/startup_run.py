"""Fills a database with a history, for bench/startup.py: `python -m bench.startup_run HISTORY OPEN`.

The rows are those that the engine writes: orders that have ended, a trade for every second of them, orders that rest,
and balances that hold what these need. Postings are left out: nothing reads them at a start.
"""

import itertools
import json
import sys
from collections.abc import Iterator, Sequence

import django

django.setup()

from django.conf import settings  # noqa: E402  # after Django's set-up, as all that follow

from accounts.models import User  # noqa: E402
from bench.workloads import ACCOUNTS, MID  # noqa: E402
from mex.money import UNITS  # noqa: E402
from trading.engine.enums import OrderStatus, OrderType, Side, StpMode, TimeInForce  # noqa: E402
from trading.models import EngineState, Market, MarketState  # noqa: E402
from trading.runtime import schema  # noqa: E402
from trading.runtime.tables import How, Row, Table, Work, writer  # noqa: E402

SYMBOL = "BTCUSDT"
LEVELS = 9_000
FUNDS = 10**16
START_MS = 1_780_000_000_000
ORDER_MS = 1_000
"""An order a second: as much falls into a day however long the history is."""
CHUNK = 50_000
FENCE = "UPDATE trading_enginestate SET epoch = epoch WHERE shard = %s"


def fill(history: int, open_orders: int) -> None:
    """Write all rows, and set the counters as the engine would have left them."""
    User.objects.bulk_create(User(email=f"user{number}@bench.test") for number in range(1, ACCOUNTS + 1))
    market = Market.objects.get(symbol=SYMBOL)
    Market.objects.filter(pk=market.pk).update(orders_max=10**9)
    held: dict[tuple[int, int], int] = {}
    _write(schema.ORDERS, (_order(number, market, is_open=False) for number in range(1, history + 1)))
    _write(schema.TRADES, (_trade(number, market) for number in range(1, history // 2 + 1)))
    _write(schema.ORDERS, _resting(range(history + 1, history + open_orders + 1), market, held))
    balances = [
        (account, asset, FUNDS, held.get((account, asset), 0))
        for account in range(1, ACCOUNTS + 1)
        for asset in (market.base_id, market.quote_id)
    ]
    _write(schema.BALANCES, iter(balances))
    last = history + open_orders
    EngineState.objects.filter(shard=settings.MEX_SHARD).update(
        sequence=last, last_order=last, time_ms=time_of(last), batch=last // 100 + 1
    )
    MarketState.objects.filter(market=market).update(last_trade=history // 2, last_price=MID * market.tick)


def time_of(order: int) -> int:
    """Return when an order was placed and, if it did, traded, in milliseconds since the epoch."""
    return START_MS + ORDER_MS * order


def _order(number: int, market: Market, *, is_open: bool) -> Row:
    is_buy = number % 2 == 0
    distance = 1 + number * 7919 % LEVELS
    quantity = (1 + number % 100) * 10 * market.lot
    price = (MID - distance if is_buy else MID + distance) * market.tick
    done = quantity if number % 3 and not is_open else 0
    return (
        number,
        number % ACCOUNTS + 1,
        market.pk,
        f"order-{number}",
        int(Side.BUY if is_buy else Side.SELL),
        int(OrderType.LIMIT),
        int(TimeInForce.GTC),
        int(OrderStatus.NEW if is_open else OrderStatus.FILLED if done else OrderStatus.CANCELED),
        price,
        quantity,
        0,
        done,
        done * price // UNITS,
        0,
        int(StpMode.EXPIRE_TAKER),
        time_of(number),
        time_of(number),
    )


def _resting(numbers: range, market: Market, held: dict[tuple[int, int], int]) -> Iterator[Row]:
    """Yield orders that rest, and add up what they hold."""
    columns = {name: place for place, name in enumerate(schema.ORDERS.columns)}
    for number in numbers:
        row = _order(number, market, is_open=True)
        quantity = row[columns["quantity"]]
        if row[columns["side"]] == Side.BUY:
            key, needed = (row[columns["account_id"]], market.quote_id), row[columns["price"]] * quantity // UNITS
        else:
            key, needed = (row[columns["account_id"]], market.base_id), quantity
        held[key] = held.get(key, 0) + needed
        yield row


def _trade(number: int, market: Market) -> Row:
    price, quantity = MID * market.tick, 10 * market.lot
    buyer, seller = 2 * number, 2 * number - 1
    return (
        market.pk,
        number,
        price,
        quantity,
        price * quantity // UNITS,
        number % 2 == 0,
        buyer % ACCOUNTS + 1,
        seller % ACCOUNTS + 1,
        buyer,
        seller,
        0,
        0,
        time_of(buyer),
    )


def _write(table: Table, rows: Iterator[Row]) -> None:
    while chunk := list(itertools.islice(rows, CHUNK)):
        writer().write(FENCE, [settings.MEX_SHARD], [Work(How.INSERT, table, chunk)]).commit()


def main(arguments: Sequence[str]) -> None:
    """Fill and answer."""
    history, open_orders = map(int, arguments)
    fill(history, open_orders)
    sys.stdout.write(json.dumps({"history": history, "open": open_orders}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
