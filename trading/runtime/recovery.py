"""Database → core. Start-up and recovery are this one path, so it is exercised at every start."""

from django.db import transaction

from trading.engine.core import Core
from trading.engine.enums import HoldState, OrderStatus
from trading.models import EngineState, Market, MarketState, Order
from trading.selectors import market_spec
from wallets.models import Balance, Hold


class StateMismatch(Exception):
    """Raised when what the database keeps and what follows from it differ: the engine must not start on it."""


def load(shard: int) -> tuple[Core, EngineState]:
    """Return the core as the last commit left it, and where that was. Raises StateMismatch."""
    with transaction.atomic():
        state = EngineState.objects.get(shard=shard)
        core = Core([market_spec(market) for market in Market.objects.all()])
        for market in Market.objects.all():
            counters = MarketState.objects.get_or_create(market=market)[0]
            core.restore_market(market.pk, last_trade=counters.last_trade, last_update=counters.last_update)
        core.restore_counters(
            sequence=state.sequence,
            last_order=state.last_order,
            last_execution=state.last_execution,
            time_ms=state.time_ms,
        )
        for balance in Balance.objects.iterator():
            core.restore_balance(balance.owner, balance.asset_id, balance.balance)
        for order in Order.objects.filter(status__lte=OrderStatus.PARTIALLY_FILLED).order_by("id").iterator():
            core.restore_order(
                id=order.pk,
                account=order.account_id,
                market=order.market_id,
                client_order_id=order.client_order_id,
                side=order.side,
                type=order.type,
                time_in_force=order.time_in_force,
                status=order.status,
                price=order.price,
                quantity=order.quantity,
                quote_quantity=order.quote_quantity,
                executed=order.executed,
                executed_quote=order.executed_quote,
                created_ms=order.created_ms,
                updated_ms=order.updated_ms,
            )
        for hold in Hold.objects.filter(state=HoldState.HELD).iterator():
            core.restore_hold(hold.reference, hold.account, hold.asset_id, hold.amount)
        _compare(core)
    return core, state


def _compare(core: Core) -> None:
    for balance in Balance.objects.iterator():
        held = core.held_of(balance.owner, balance.asset_id)
        if held != balance.held:
            raise StateMismatch(
                f"account {balance.owner}, asset {balance.asset_id}: {balance.held} is kept as held,"
                f" but orders and withdrawals need {held}"
            )
