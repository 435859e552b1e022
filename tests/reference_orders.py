"""How the reference places, cancels, replaces and amends orders and lists."""

import msgspec

from tests.reference_matching import new_taker
from tests.reference_rules import mode_of, refusals_of_list, refusals_of_order
from tests.reference_state import STOPS, WHOLE, ReferenceOrder, ReferenceState
from tests.reference_triggers import carry_out_and_look, hold_price, wait
from trading.engine.commands import (
    AmendOrder,
    CancelAll,
    CancelList,
    CancelOrder,
    PlaceList,
    PlaceOrder,
    ReplaceOrder,
)
from trading.engine.enums import CancelRestriction, ListStatus, OrderStatus, OrderType, Reject, ReplaceMode
from trading.engine.events import Accepted, Amended, CancelRejected, ListChanged


def place(exchange: ReferenceState, wish: PlaceOrder) -> None:
    reject = next(refusals_of_order(exchange, wish), None)
    if reject is not None:
        exchange.refuse(reject)
        return
    order = accept(exchange, wish, list_id=0)
    if wish.type not in STOPS:
        carry_out_and_look(exchange, order)


def place_list(exchange: ReferenceState, wish: PlaceList) -> None:
    reject = next(refusals_of_list(exchange, wish), None)
    if reject is not None:
        exchange.refuse(reject)
        return
    exchange.last_list += 1
    group = ListChanged(
        id=exchange.last_list,
        account=wish.account,
        market=wish.market,
        client_list_id=wish.client_list_id,
        status=ListStatus.EXECUTING,
        above=exchange.last_order + 1,
        below=exchange.last_order + 2,
        created_ms=exchange.now_ms,
    )
    exchange.lists.append(group)
    exchange.tell(group)
    for one in (wish.above, wish.below):
        order = accept(exchange, one, group.id)
        if one.type is OrderType.LIMIT_MAKER:
            exchange.put_in_book(order)


def accept(exchange: ReferenceState, wish: PlaceOrder, list_id: int) -> ReferenceOrder:
    """Let an order come into being; a stop order goes to wait."""
    exchange.last_order += 1
    card = Accepted(
        id=exchange.last_order,
        created_ms=exchange.now_ms,
        order=wish,
        stp=mode_of(exchange, wish),
        list=list_id,
        hold_price=hold_price(exchange, wish) or 0,
    )
    order = new_taker(card)
    exchange.orders.append(order)
    exchange.names.add((wish.account, wish.client_order_id))
    exchange.tell(card)
    if wish.type in STOPS:
        wait(exchange, order)
    return order


# --- cancelling -------------------------------------------------------------------------------------


def named(
    exchange: ReferenceState, account: int, market: int, order_id: int, client_order_id: str
) -> ReferenceOrder | None:
    """The account's open order with this id, this client id, or both."""
    if order_id == 0 and client_order_id == "":
        return None
    for order in exchange.orders_of(account, market):
        if order_id in (0, order.id) and client_order_id in ("", order.wish.client_order_id):
            return order
    return None


def refusal_of_cancel(exchange: ReferenceState, command: CancelOrder) -> Reject | None:
    if exchange.market(command.market) is None:
        return Reject.MARKET_UNKNOWN
    order = named(exchange, command.account, command.market, command.order_id, command.client_order_id)
    if order is None:
        return Reject.UNKNOWN_ORDER
    is_wrong_one = {
        CancelRestriction.NONE: False,
        CancelRestriction.ONLY_NEW: order.executed > 0,
        CancelRestriction.ONLY_PARTIALLY_FILLED: order.executed == 0,
    }[command.restriction]
    return Reject.CANCEL_RESTRICTED if is_wrong_one else None


def cancel(exchange: ReferenceState, command: CancelOrder) -> None:
    reject = refusal_of_cancel(exchange, command)
    if reject is not None:
        exchange.refuse(reject)
        return
    order = named(exchange, command.account, command.market, command.order_id, command.client_order_id)
    assert order is not None
    end_all(exchange, [order], OrderStatus.CANCELED, command.cancel_id)


def cancel_all(exchange: ReferenceState, command: CancelAll) -> None:
    orders = exchange.orders_of(command.account, command.market)
    if exchange.market(command.market) is None:
        exchange.refuse(Reject.MARKET_UNKNOWN)
    elif not orders:
        exchange.refuse(Reject.UNKNOWN_ORDER)
    else:
        end_all(exchange, orders, OrderStatus.CANCELED, command.cancel_id)


def cancel_list(exchange: ReferenceState, command: CancelList) -> None:
    if exchange.market(command.market) is None:
        exchange.refuse(Reject.MARKET_UNKNOWN)
        return
    for group in exchange.lists:
        is_named = command.list_id != 0 or command.client_list_id != ""
        is_this = command.list_id in (0, group.id) and command.client_list_id in ("", group.client_list_id)
        if is_named and is_this and (group.account, group.market) == (command.account, command.market):
            end_all(exchange, exchange.orders_in(group), OrderStatus.CANCELED, command.cancel_id)
            return
    exchange.refuse(Reject.UNKNOWN_ORDER)


def end_all(exchange: ReferenceState, orders: list[ReferenceOrder], status: OrderStatus, cancel_id: str = "") -> None:
    """End orders in turn; one of two in a list takes the other with it."""
    for order in orders:
        if order not in exchange.orders:
            continue
        group = exchange.list_of(order)
        exchange.close(order, status, cancel_id)
        if group is not None:
            for other in exchange.orders_in(group):
                exchange.close(other, status, cancel_id)
            exchange.finish_list(group)


# --- changing ---------------------------------------------------------------------------------------


def replace_order(exchange: ReferenceState, command: ReplaceOrder) -> None:
    old, new = command.cancel, command.order
    if (old.account, old.market) != (new.account, new.market):
        exchange.refuse(Reject.INVALID)
        return
    reject = refusal_of_cancel(exchange, old)
    if reject is not None:
        exchange.tell(CancelRejected(reject))
        if command.mode is ReplaceMode.STOP_ON_FAILURE:
            return
    else:
        cancel(exchange, old)
    place(exchange, new)


def amend(exchange: ReferenceState, command: AmendOrder) -> None:
    """Make an order smaller, and, if it is in a list, the other one with it."""
    if exchange.market(command.market) is None:
        exchange.refuse(Reject.MARKET_UNKNOWN)
        return
    order = named(exchange, command.account, command.market, command.order_id, command.client_order_id)
    if order is None:
        exchange.refuse(Reject.UNKNOWN_ORDER)
        return
    group = exchange.list_of(order)
    both = [order] if group is None else [order, *(one for one in exchange.orders_in(group) if one is not order)]
    for reason in (Reject.LOT_SIZE, Reject.AMEND_QUANTITY, Reject.NOTIONAL):
        if any(reason in refusals_of_amend(exchange, one, command.quantity) for one in both):
            exchange.refuse(reason)
            return
    for one in both:
        smaller = msgspec.structs.replace(one.wish, quantity=command.quantity)
        one.card = msgspec.structs.replace(one.card, order=smaller)
        exchange.tell(Amended(one.card, one.executed, one.executed_quote, one.prevented))


def refusals_of_amend(exchange: ReferenceState, order: ReferenceOrder, quantity: int) -> list[Reject]:
    spec = exchange.spec_of(order)
    found = []
    if quantity % spec.lot != 0 or quantity < spec.quantity_min:
        found.append(Reject.LOT_SIZE)
    if not order.executed + order.prevented < quantity < order.wish.quantity:
        found.append(Reject.AMEND_QUANTITY)
    if order.wish.price and order.wish.price * quantity < spec.notional_min * WHOLE:
        found.append(Reject.NOTIONAL)
    return found
