"""What the small exchange has besides plain orders: stops, an iceberg, lists, a prevented match, terms, changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from trading.engine.enums import ListStatus, OrderState, OrderStatus, OrderType, Side, StpMode, TimeInForce
from trading.models import OperatorChange, Order, OrderCondition, OrderList, PreventedMatch, Terms
from trading.selectors import market_spec

if TYPE_CHECKING:
    from tests.audit.exchange import Exchange

GTC = TimeInForce.GTC
NEW, EXPIRED, IN_MATCH = OrderStatus.NEW, OrderStatus.EXPIRED, OrderStatus.EXPIRED_IN_MATCH
WORKING, WAITING, TRAILING = OrderState
ALICE_HELD = 4_000_000 * 180 // 100 + 7_575_002 + 5_600_000
"""BTC that her orders hold: a limit order of which some was prevented, a stop that is rounded up, a list once."""
BOB_HELD = 100_000_000 + 50_000_000 + 30_000_000 + 200_000_000
"""ETH that his orders here hold."""


def rules_create(there: Exchange) -> None:
    """Add all of it."""
    _waiting(there)
    _lists(there)
    _prevented(there)
    Terms.objects.create(account=there.alice, maker_fee_ppm=0, taker_fee_ppm=500, stp=StpMode.DECREMENT)
    _changes(there)


def _order(
    there: Exchange, number: int, side: Side, kind: OrderType, quantity: int, price: int, status: OrderStatus = NEW
) -> None:
    Order.objects.create(
        id=number,
        account=there.alice if side is Side.BUY else there.bob,
        market=there.market,
        client_order_id=f"order-{number}",
        side=side,
        type=kind,
        time_in_force=GTC,
        status=status,
        price=price,
        quantity=quantity,
        quote_quantity=0,
        executed=0,
        executed_quote=0,
        created_ms=number,
        updated_ms=number,
    )


def _condition(number: int, state: OrderState, **columns: int) -> None:
    OrderCondition.objects.create(
        order_id=number,
        state=state,
        working_ms=number if state is WORKING else 0,
        rank_after=columns.pop("rank_after", number),
        rank_number=number,
        **columns,
    )


def _waiting(there: Exchange) -> None:
    _order(there, 7, Side.SELL, OrderType.STOP_LOSS_LIMIT, 100_000_000, 3_900_000)
    _condition(7, WAITING, stop_price=3_900_000)
    _order(there, 8, Side.BUY, OrderType.STOP_LOSS, 150_000_000, 0)
    _condition(8, TRAILING, trailing_delta=100, trail_from=2, trail_ms=8, hold_price=5_050_001)
    _order(there, 15, Side.SELL, OrderType.LIMIT, 200_000_000, 5_500_000)
    _condition(15, WORKING, iceberg_quantity=50_000_000)


def _lists(there: Exchange) -> None:
    """One that sells, one that buys, and one of which an order was triggered and rests."""
    _order(there, 9, Side.SELL, OrderType.LIMIT_MAKER, 50_000_000, 6_000_000)
    _condition(9, WORKING, list_id=1)
    _order(there, 10, Side.SELL, OrderType.STOP_LOSS, 50_000_000, 0)
    _condition(10, WAITING, list_id=1, stop_price=4_500_000)
    _order(there, 11, Side.BUY, OrderType.STOP_LOSS_LIMIT, 100_000_000, 5_600_000)
    _condition(11, WAITING, list_id=2, stop_price=5_500_000)
    _order(there, 12, Side.BUY, OrderType.LIMIT_MAKER, 100_000_000, 3_800_000)
    _condition(12, WORKING, list_id=2)
    _order(there, 13, Side.SELL, OrderType.LIMIT_MAKER, 30_000_000, 6_100_000, EXPIRED)
    _condition(13, WORKING, list_id=3)
    _order(there, 14, Side.SELL, OrderType.STOP_LOSS_LIMIT, 30_000_000, 5_200_000)
    _condition(14, WORKING, list_id=3, stop_price=5_100_000, rank_after=16)
    for number, account, above, below, status in (
        (1, there.bob, 9, 10, ListStatus.EXECUTING),
        (2, there.alice, 11, 12, ListStatus.EXECUTING),
        (3, there.bob, 13, 14, ListStatus.ALL_DONE),
    ):
        OrderList.objects.create(
            id=number,
            account=account,
            market=there.market,
            client_list_id=f"list-{number}",
            status=status,
            above=above,
            below=below,
            created_ms=number,
            updated_ms=number,
        )


def _prevented(there: Exchange) -> None:
    """Alice's order 16 would have traded with her order 3: both lost 0.2 ETH."""
    _order(there, 16, Side.SELL, OrderType.LIMIT, 20_000_000, 4_000_000, IN_MATCH)
    Order.objects.filter(pk=16).update(account=there.alice, stp=StpMode.DECREMENT, prevented=20_000_000)
    Order.objects.filter(pk=3).update(prevented=20_000_000)
    PreventedMatch.objects.create(
        market=there.market,
        number=1,
        account=there.alice,
        taker_order=16,
        maker_order=3,
        mode=StpMode.DECREMENT,
        price=4_000_000,
        taker_quantity=20_000_000,
        maker_quantity=20_000_000,
        time_ms=16,
    )


def _changes(there: Exchange) -> None:
    """The market was halted and taken up again, and Alice was given terms."""
    now = msgspec.to_builtins(msgspec.structs.asdict(market_spec(there.market)))
    halted = now | {"status": 2}
    terms = {"maker_fee_ppm": 0, "taker_fee_ppm": 500, "stp": 5}
    for number, (kind, subject, before, after) in enumerate(
        (
            ("market", there.market.pk, now, halted),
            ("market", there.market.pk, halted, now),
            ("terms", there.alice.pk, None, terms),
        ),
        1,
    ):
        OperatorChange.objects.create(
            reference=f"change-{number}",
            kind=kind,
            subject=subject,
            symbol=there.market.symbol if kind == "market" else "",
            actor="ops",
            note="",
            sequence=number,
            time_ms=number,
            before=before,
            after=after,
        )
