"""Orders in the API: from parameters to a command, and from the engine's events to the answer.

Each is `operation(caller, params, catalog)`, shared by REST and the websocket API. Shapes and codes are the Binance
Spot API's. Source: docs/api.md, "Trading rules".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from accounts.authentication import Caller
from mex.errors import MexError, ParameterInvalid, ReplaceFailed, ReplacePartlyFailed
from mex.params import Params
from trading import order_params
from trading.engine.commands import AmendOrder, CancelAll, CancelOrder, Command, PlaceOrder, ReplaceOrder
from trading.engine.enums import Execution, OrderType, ReplaceMode
from trading.engine.events import CancelRejected, Event, ListChanged, Prevented, Rejected
from trading.engine.markets import MarketSpec
from trading.gateway import order_shapes
from trading.gateway.catalog import Catalog
from trading.gateway.client import Done
from trading.gateway.reports import names_in_list
from trading.gateway.shapes import Json
from trading.gateway.steps import Step, steps_of_account
from trading.refusals import amend_refusal, refusal


@dataclass(frozen=True, slots=True)
class Submission:
    """A command to send, and how what became of it is told. `render` raises MexError for a refusal."""

    command: Command
    render: Callable[[Done], object]


def place(caller: Caller, params: Params, catalog: Catalog) -> Submission:
    """Return the submission of a new order. Raises MexError for parameters that do not make an order."""
    market = catalog.market(params.text("symbol"))
    command = order_params.read_order(caller.account, params, market)
    answer_type = _answer_type(params, command)

    def render(done: Done) -> object:
        raise_refusal(done.events)
        return _placed(market, command, done, answer_type, catalog)

    return Submission(command, render)


def cancel(caller: Caller, params: Params, catalog: Catalog) -> Submission:
    """Return the submission of a cancel, by orderId, origClientOrderId, or both when both must match."""
    market = catalog.market(params.text("symbol"))
    order_id, name = order_params.reference(params)
    command = CancelOrder(
        account=caller.account,
        market=market.id,
        order_id=order_id,
        client_order_id=name,
        cancel_id=order_params.client_id(params, "newClientOrderId"),
        restriction=order_params.cancel_restriction(params),
    )

    def render(done: Done) -> object:
        raise_refusal(done.events)
        return canceled(market.symbol, caller.account, done)[0]

    return Submission(command, render)


def cancel_all(caller: Caller, params: Params, catalog: Catalog) -> Submission:
    """Return the submission of a cancel of all of one's open orders in a market."""
    market = catalog.market(params.text("symbol"))
    command = CancelAll(caller.account, market.id, order_params.client_id(params, "newClientOrderId"))

    def render(done: Done) -> object:
        raise_refusal(done.events)
        return canceled(market.symbol, caller.account, done)

    return Submission(command, render)


def replace(caller: Caller, params: Params, catalog: Catalog) -> Submission:
    """Return the submission of a cancel with a new order in one step."""
    market = catalog.market(params.text("symbol"))
    mode = order_params.choice(params, "cancelReplaceMode", ReplaceMode, ParameterInvalid("cancelReplaceMode"))
    order_id, name = order_params.reference(params, "cancelOrderId", "cancelOrigClientOrderId")
    order = order_params.read_order(caller.account, params, market)
    answer_type = _answer_type(params, order)
    cancellation = CancelOrder(
        account=caller.account,
        market=market.id,
        order_id=order_id,
        client_order_id=name,
        cancel_id=order_params.client_id(params, "cancelNewClientOrderId"),
        restriction=order_params.cancel_restriction(params),
    )

    def render(done: Done) -> object:
        return _replaced(market, order, done, answer_type, catalog)

    return Submission(ReplaceOrder(cancellation, order, mode), render)


def amend(caller: Caller, params: Params, catalog: Catalog) -> Submission:
    """Return the submission of an amend. The order keeps its client id, so another one is refused."""
    market = catalog.market(params.text("symbol"))
    order_id, name = order_params.reference(params)
    if params.has("newClientOrderId"):
        kept = order_params.client_id(params, "newClientOrderId")
        if name not in ("", kept):
            raise ParameterInvalid("newClientOrderId")
        name = kept
    command = AmendOrder(caller.account, market.id, order_id, name, order_params.units(params, "newQty"))

    def render(done: Done) -> object:
        first = done.events[0]
        if isinstance(first, Rejected):
            raise amend_refusal(first.reject)
        step = steps_of_account(done.events, caller.account)[0]
        return order_shapes.order_amended(market.symbol, step, done.time_ms, done.sequence)

    return Submission(command, render)


def raise_refusal(events: Sequence[Event]) -> None:
    """Raise what a client is told if a command was refused."""
    first = events[0]
    if isinstance(first, Rejected):
        raise refusal(first.reject)


def canceled(symbol: str, account: int, done: Done) -> list[Json]:
    """Return what a command cancelled, in turn: single orders, and lists with both of their orders."""
    answers: list[Json] = []
    lists = {event.id: event for event in done.events if isinstance(event, ListChanged)}
    reports: dict[int, list[Json]] = {}
    for step in steps_of_account(done.events, account):
        if step.execution is not Execution.CANCELED:
            continue
        answer = order_shapes.order_canceled(symbol, step, done.time_ms)
        changed = lists.get(step.card.list)
        if changed is None:
            answers.append(answer)
        elif changed.id in reports:
            reports[changed.id].append(answer)
        else:
            reports[changed.id] = [answer]
            names = names_in_list(changed, done.events)
            group = order_shapes.order_list(symbol, changed, names, done.time_ms)
            answers.append(group | {"orderReports": reports[changed.id]})
    return answers


def _answer_type(params: Params, order: PlaceOrder) -> str:
    is_plain = order.type is OrderType.LIMIT or order.type is OrderType.MARKET
    return order_params.answer_type(params, "FULL" if is_plain else "ACK")


def _placed(market: MarketSpec, command: PlaceOrder, done: Done, answer_type: str, catalog: Catalog) -> Json:
    """Return the answer to an accepted order, as the command left it."""
    steps = _steps_of_order(command, done)
    if answer_type == "FULL":
        number = steps[0].card.id
        matches = [event for event in done.events if isinstance(event, Prevented) and event.taker.id == number]
        return order_shapes.order_full(market, steps, matches, done.time_ms, catalog.asset_codes)
    if answer_type == "RESULT":
        return order_shapes.order_result(market.symbol, steps[-1], done.time_ms)
    return order_shapes.order_ack(market.symbol, steps[-1], done.time_ms)


def _steps_of_order(command: PlaceOrder, done: Done) -> list[Step]:
    name = command.client_order_id
    steps = steps_of_account(done.events, command.account)
    return [step for step in steps if step.card.order.client_order_id == name]


def _replaced(market: MarketSpec, order: PlaceOrder, done: Done, answer_type: str, catalog: Catalog) -> Json:
    """Return the answer to a cancel-replace of which both parts were carried out. Raises for any other."""
    events = done.events
    cancel_failure: MexError | None = None
    if isinstance(events[0], CancelRejected):
        cancel_failure = refusal(events[0].reject)
    order_failure: MexError | None = None
    if isinstance(events[-1], Rejected):
        order_failure = refusal(events[-1].reject)
    is_attempted = len(events) > 1 or cancel_failure is None
    if isinstance(events[0], Rejected):
        # Neither was tried: the command itself is refused.
        raise refusal(events[0].reject)
    answer: Json = {
        "cancelResult": "SUCCESS" if cancel_failure is None else "FAILURE",
        "newOrderResult": _result(order_failure, is_attempted),
        "cancelResponse": (
            canceled(market.symbol, order.account, done)[0] if cancel_failure is None else _told(cancel_failure)
        ),
        "newOrderResponse": None,
    }
    if order_failure is not None:
        answer["newOrderResponse"] = _told(order_failure)
    elif is_attempted:
        answer["newOrderResponse"] = _placed(market, order, done, answer_type, catalog)
    if cancel_failure is None and order_failure is None:
        return answer
    if cancel_failure is None or (is_attempted and order_failure is None):
        raise ReplacePartlyFailed(answer)
    raise ReplaceFailed(answer)


def _result(failure: MexError | None, is_attempted: bool) -> str:
    if not is_attempted:
        return "NOT_ATTEMPTED"
    return "SUCCESS" if failure is None else "FAILURE"


def _told(error: MexError) -> Json:
    return {"code": error.code, "msg": error.message}
