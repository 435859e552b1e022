"""What clients want done: each errand is one command, or one after the other, asked for until there is an answer.

Workers note what they do in the database as the real ones do, so that the audit can hold what was posted against it.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.simulation.database import SimulatedDatabase
from trading.engine.commands import (
    Command,
    HoldFunds,
    PlaceOrder,
    ReleaseHold,
    SettleHold,
    Transfer,
)
from trading.engine.enums import HoldState, Reason, Reject
from trading.engine.events import Event, HoldChanged, Posted, Rejected, TransferRepeated
from wallets.ledger.chart import Owner


class Broken(Exception):
    """Raised when something that must hold does not."""


def require(holds: bool, message: str) -> None:
    """Raise Broken unless something holds."""
    if not holds:
        raise Broken(message)


_ANSWERS: dict[type, tuple[HoldState, ...]] = {
    HoldFunds: (HoldState.HELD, HoldState.REFUSED),
    SettleHold: (HoldState.SETTLED,),
    ReleaseHold: (HoldState.RELEASED,),
}
"""What may be said of a hold, to whoever does one thing after the other."""


@dataclass(slots=True)
class Errand:
    """A command that somebody wants done."""

    command: Command | None
    """What to ask for next; None when all is done."""
    asked: int = 0
    """How often it was asked for."""

    def look(self, database: SimulatedDatabase) -> bool:
        """Return whether the database shows that it was done, for whoever got no answer."""
        return False

    def answered(self, events: Sequence[Event], database: SimulatedDatabase) -> None:
        """Take the answer to `command`."""
        self.command = None


class OrderErrand(Errand):
    """An order: its client order id tells whether it came through."""

    def look(self, database: SimulatedDatabase) -> bool:
        order = self.command
        assert isinstance(order, PlaceOrder)
        return bool(_named(order, database))

    def answered(self, events: Sequence[Event], database: SimulatedDatabase) -> None:
        order = self.command
        assert isinstance(order, PlaceOrder)
        if list(events) == [Rejected(Reject.DUPLICATE_ORDER)]:
            require(bool(_named(order, database)), f"refused as a repeat, but there is no such order: {order}")
        self.command = None


@dataclass(slots=True)
class DepositErrand(Errand):
    """A deposit that has its confirmations: it is credited."""

    deposit: int = 0

    def answered(self, events: Sequence[Event], database: SimulatedDatabase) -> None:
        require(len(events) == 1 and isinstance(events[0], Posted | TransferRepeated), f"not credited: {events}")
        database.write("UPDATE wallets_deposit SET status = 'credited' WHERE id = ?", (self.deposit,))
        self.command = None


@dataclass(slots=True)
class WithdrawalErrand(Errand):
    """A withdrawal: funds are held, then paid out with a network fee, or given back."""

    reference: str = ""
    asset: int = 0
    is_sent: bool = True
    """Whether it will be sent, and not be given back."""
    transaction: int = 0

    def answered(self, events: Sequence[Event], database: SimulatedDatabase) -> None:
        command = self.command
        if isinstance(command, Transfer):
            require(isinstance(events[0], Posted | TransferRepeated), f"network fee not posted: {events}")
            database.write("UPDATE wallets_chaintransaction SET status = 'confirmed' WHERE id = ?", (self.transaction,))
            self._end(database, "confirmed")
            return
        last = events[-1]
        require(isinstance(last, HoldChanged), f"{command} was answered with {events}")
        assert isinstance(last, HoldChanged)
        require(last.state in _ANSWERS[type(command)], f"{command} was answered with {last}")
        if last.state is HoldState.HELD:
            self._send(database)
        elif last.state is HoldState.SETTLED:
            self._settled(database)
        else:
            self._end(database, "rejected")

    def _send(self, database: SimulatedDatabase) -> None:
        if not self.is_sent:
            self._note(database, "held")
            self.command = ReleaseHold(self.reference)
            return
        database.write(
            "INSERT INTO wallets_chaintransaction"
            " (asset_id, fee_asset_id, kind, status, txid, raw, sender, recipient, confirmations, created_at)"
            " VALUES (?, ?, 'withdrawal', 'broadcast', ?, '', '', '', 0, '2026-01-01 00:00:00')",
            (self.asset, self.asset, self.reference),
        )
        [(self.transaction,)] = database.rows(
            "SELECT id FROM wallets_chaintransaction WHERE txid = ?", (self.reference,)
        )
        database.write(
            "UPDATE wallets_withdrawal SET transaction_id = ? WHERE id = ?", (self.transaction, self.reference)
        )
        self._note(database, "broadcast")
        self.command = SettleHold(self.reference, 2)

    def _settled(self, database: SimulatedDatabase) -> None:
        database.write("UPDATE wallets_chaintransaction SET network_fee = 3 WHERE id = ?", (self.transaction,))
        reference = f"network-fee:{self.transaction}"
        self.command = Transfer(reference, Owner.NETWORK_FEES, Owner.CHAIN, self.asset, 3, Reason.NETWORK_FEE)

    def _end(self, database: SimulatedDatabase, status: str) -> None:
        self._note(database, status)
        self.command = None

    def _note(self, database: SimulatedDatabase, status: str) -> None:
        database.write("UPDATE wallets_withdrawal SET status = ? WHERE id = ?", (status, self.reference))


def new_deposit(chance: random.Random, database: SimulatedDatabase, account: int) -> DepositErrand:
    """Return a deposit that a worker has seen."""
    asset, amount = chance.choice([1, 2]), chance.choice([1, 50, 400])
    [(number, address)] = database.rows(
        "SELECT (SELECT COUNT(*) + 1 FROM wallets_deposit), id FROM wallets_depositaddress"
        " WHERE asset_id = ? AND user_id = ?",
        (asset, account),
    )
    database.write(
        "INSERT INTO wallets_deposit (id, asset_id, address_id, user_id, txid, output, amount, dust, status,"
        " confirmations, confirmations_needed, block_hash, reversals, seen_at, credited_at)"
        " VALUES (?, ?, ?, ?, ?, 0, ?, 0, 'confirming', 1, 1, '', 0, '2026-01-01 00:00:00', '2026-01-01 00:00:01')",
        (number, asset, address, account, f"t{number}", amount),
    )
    command = Transfer(f"deposit:{number}", Owner.CHAIN, account, asset, amount, Reason.DEPOSIT)
    return DepositErrand(command, deposit=number)


def new_withdrawal(chance: random.Random, database: SimulatedDatabase, account: int) -> WithdrawalErrand:
    """Return a withdrawal that a trader has asked for."""
    reference, asset = f"{chance.getrandbits(128):032x}", chance.choice([1, 2])
    amount = chance.choice([10, 100, 300, 100_000])
    database.write(
        "INSERT INTO wallets_withdrawal (id, user_id, asset_id, address, amount, fee, status, reject_reason,"
        " ends_as, needs_email, needs_approval, requested_at)"
        " VALUES (?, ?, ?, 'there', ?, 2, 'requested', '', '', 0, 0, '2026-01-01 00:00:00')",
        (reference, account, asset, amount),
    )
    command = HoldFunds(reference, account, asset, amount)
    return WithdrawalErrand(command, reference=reference, asset=asset, is_sent=chance.random() < 0.7)


def _named(order: PlaceOrder, database: SimulatedDatabase) -> list[tuple[Any, ...]]:
    return database.rows(
        "SELECT id FROM trading_order WHERE account_id = ? AND client_order_id = ?",
        (order.account, order.client_order_id),
    )
