"""How the reference moves money without trades."""

from tests.reference_rules import BIGGEST
from tests.reference_state import ReferenceState
from trading.engine.commands import HoldFunds, Transfer
from trading.engine.enums import HoldState, Reason, Reject
from trading.engine.events import HoldChanged, Posted, TransferRepeated

CHAIN, FEES = -1, -2
LOSS = -6
SYSTEM_OWNERS = (-1, -2, -3, -4, -5, -6, -7)
TRANSFER_REASONS = (
    Reason.DEPOSIT,
    Reason.NETWORK_FEE,
    Reason.ADJUSTMENT,
    Reason.FUNDING,
    Reason.REVERSAL,
    Reason.COLD,
)


def makes_sense(reference: str, asset: int, amount: int, *owners: int) -> bool:
    """Whether a movement of money has a name, an asset, an amount and owners that there can be."""
    owners_exist = all(owner > 0 or owner in SYSTEM_OWNERS for owner in owners)
    return owners_exist and 1 <= len(reference) <= 80 and asset >= 1 and 1 <= amount <= BIGGEST


def post(
    exchange: ReferenceState, debit: int, credit: int, asset: int, amount: int, reason: Reason, reference: str
) -> None:
    """Move an amount, if there is one, and tell it."""
    if amount:
        exchange.move(debit, credit, asset, amount)
        exchange.tell(Posted(debit, credit, asset, amount, reason, reference))


def transfer(exchange: ReferenceState, command: Transfer) -> None:
    debit, credit, asset, amount = command.debit, command.credit, command.asset, command.amount
    if command.reason not in TRANSFER_REASONS:
        exchange.refuse(Reject.INVALID)
    elif (command.reference, command.reason) in exchange.transfers:
        exchange.tell(TransferRepeated(command.reference))
    elif (
        not makes_sense(command.reference, asset, amount, debit, credit)
        or debit == credit
        or (command.recoup and not recoups_something(command))
    ):
        exchange.refuse(Reject.INVALID)
    elif command.reason is Reason.REVERSAL:
        reverse(exchange, command)
    elif debit > 0 and exchange.available(debit, asset) < amount:
        exchange.refuse(Reject.INSUFFICIENT_FUNDS)
    elif exchange.balance(debit, asset) - amount < -BIGGEST or exchange.balance(credit, asset) + amount > BIGGEST:
        exchange.refuse(Reject.INVALID)
    else:
        exchange.transfers.add((command.reference, command.reason))
        post(exchange, debit, credit, asset, amount, command.reason, command.reference)
        post(exchange, credit, LOSS, asset, command.recoup, Reason.RECOUP, command.reference)


def recoups_something(command: Transfer) -> bool:
    """Whether it is a deposit, or one that is taken back, and no more of it goes back to the losses than there is."""
    is_users_deposit = command.reason is Reason.DEPOSIT and command.credit > 0
    return 1 <= command.recoup <= command.amount and (is_users_deposit or command.reason is Reason.REVERSAL)


def reverse(exchange: ReferenceState, command: Transfer) -> None:
    """Take a deposit back: first make the user whole, from the losses, then take all of it."""
    user, asset, amount = command.debit, command.asset, command.amount
    missing = amount - min(amount, exchange.available(user, asset)) if user > 0 else 0
    missing = max(missing, command.recoup)
    losses, outside = exchange.balance(LOSS, asset) - missing, exchange.balance(CHAIN, asset) + amount
    if user <= 0 or command.credit != CHAIN or outside > BIGGEST or (missing and losses < -BIGGEST):
        exchange.refuse(Reject.INVALID)
    else:
        exchange.transfers.add((command.reference, command.reason))
        post(exchange, LOSS, user, asset, missing, Reason.LOSS, command.reference)
        post(exchange, user, CHAIN, asset, amount, Reason.REVERSAL, command.reference)


def hold(exchange: ReferenceState, command: HoldFunds) -> None:
    if command.reference in exchange.holds:
        exchange.tell(exchange.holds[command.reference])
    elif command.account <= 0 or not makes_sense(command.reference, command.asset, command.amount):
        exchange.refuse(Reject.INVALID)
    else:
        is_covered = exchange.available(command.account, command.asset) >= command.amount
        state = HoldState.HELD if is_covered else HoldState.REFUSED
        made = HoldChanged(command.reference, command.account, command.asset, command.amount, state)
        exchange.holds[command.reference] = made
        if is_covered:
            exchange.open_holds[command.reference] = made
        exchange.tell(made)


def close_hold(exchange: ReferenceState, reference: str, state: HoldState, fee: int) -> None:
    """Pay a hold out or give it back."""
    open_hold = exchange.holds.get(reference)
    if open_hold is None:
        exchange.refuse(Reject.UNKNOWN_HOLD)
    elif open_hold.state is state:
        exchange.tell(open_hold)
    elif open_hold.state is not HoldState.HELD:
        exchange.refuse(Reject.HOLD_CLOSED)
    elif not 0 <= fee < open_hold.amount:
        exchange.refuse(Reject.INVALID)
    else:
        account, asset, amount = open_hold.account, open_hold.asset, open_hold.amount
        closed = HoldChanged(reference, account, asset, amount, state)
        exchange.holds[reference] = closed
        del exchange.open_holds[reference]
        if state is HoldState.SETTLED:
            post(exchange, account, CHAIN, asset, amount - fee, Reason.WITHDRAWAL, reference)
            post(exchange, account, FEES, asset, fee, Reason.WITHDRAWAL_FEE, reference)
        exchange.tell(closed)
