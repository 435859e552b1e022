"""Money that moves without a trade: transfers, and holds for withdrawals.  [pure]"""

from mex.money import AMOUNT_MAX
from trading.engine.commands import HoldFunds, ReleaseHold, SettleHold, Transfer
from trading.engine.enums import HoldState, Reason, Reject
from trading.engine.events import Posted, TransferRepeated
from trading.engine.funds import Funds, Hold
from trading.engine.record import Record
from wallets.ledger.chart import Owner

REFERENCE_CHARS_MAX = 80
"""What a reference's column holds; a longer one would fail the commit, not the command."""

TRANSFER_REASONS = frozenset(
    {Reason.DEPOSIT, Reason.NETWORK_FEE, Reason.ADJUSTMENT, Reason.FUNDING, Reason.REVERSAL, Reason.COLD}
)
"""Why a Transfer may move money. The other reasons belong to trades and holds, whose postings are not transfers: so
that a posting of (reference, reason) in the database always means that this very transfer was applied."""

_SYSTEM_OWNERS = frozenset(int(owner) for owner in Owner)
_CHAIN = int(Owner.CHAIN)
_FEES = int(Owner.FEES)
_LOSS = int(Owner.LOSS)


class Treasury:
    """Applies transfers and holds, each once per reference. What was done before is looked for first."""

    __slots__ = ("_funds", "_record")

    _record: Record
    _funds: Funds

    def __init__(self, record: Record, funds: Funds) -> None:
        self._record = record
        self._funds = funds

    def transfer(self, command: Transfer) -> None:
        """Move funds between two owners. Only users may not go below zero.

        A reversal takes a deposit back that the chain has lost: what its user has not available any more is our loss.
        """
        record, funds = self._record, self._funds
        if command.reason not in TRANSFER_REASONS:
            record.reject(Reject.INVALID)
            return
        key = (command.reference, command.reason)
        if key in funds.transfers:
            record.events.append(TransferRepeated(command.reference))
            return
        if not _is_sound(command):
            record.reject(Reject.INVALID)
            return
        source = funds.purse(command.debit, command.asset)
        target = funds.purse(command.credit, command.asset)
        lost = self._lost(command, source.available)
        if lost and command.reason is not Reason.REVERSAL:
            record.reject(Reject.INSUFFICIENT_FUNDS)
            return
        if lost and funds.purse(_LOSS, command.asset).balance - lost < -AMOUNT_MAX:
            record.reject(Reject.INVALID)
            return
        if source.balance - command.amount < -AMOUNT_MAX or target.balance + command.amount > AMOUNT_MAX:
            record.reject(Reject.INVALID)  # the balance would not fit its column
            return
        funds.transfers.add(key)
        if lost:
            self._post(_LOSS, command.debit, command.asset, lost, Reason.LOSS, command.reference)
        self._post(command.debit, command.credit, command.asset, command.amount, command.reason, command.reference)
        if command.recoup and command.reason is Reason.DEPOSIT:
            self._post(command.credit, _LOSS, command.asset, command.recoup, Reason.RECOUP, command.reference)

    @staticmethod
    def _lost(command: Transfer, available: int) -> int:
        """Return what a user has too little to give, and at least what he was not given."""
        if command.debit <= 0:
            return 0
        least = command.recoup if command.reason is Reason.REVERSAL else 0
        return max(command.amount - available, least)

    def hold(self, command: HoldFunds) -> None:
        """Set funds aside; with too little available the hold is made, but as a refused one."""
        record, funds = self._record, self._funds
        known = funds.hold(command.reference)
        if known is not None:
            record.report_hold(known)
            return
        is_named = 0 < len(command.reference) <= REFERENCE_CHARS_MAX
        if not is_named or command.account <= 0 or command.asset <= 0 or not 0 < command.amount <= AMOUNT_MAX:
            record.reject(Reject.INVALID)
            return
        purse = funds.purse(command.account, command.asset)
        hold = Hold(command.reference, command.account, command.asset, command.amount, HoldState.HELD)
        if purse.available < command.amount:
            hold.state = HoldState.REFUSED
            funds.closed_holds[hold.reference] = hold
        else:
            funds.open_holds[hold.reference] = hold
            purse.held += hold.amount
            record.purses.append(purse)
        record.report_hold(hold)

    def settle(self, command: SettleHold) -> None:
        """Pay an open hold out: amount - fee to the chain, fee to the fees."""
        hold = self._open_hold(command.reference, HoldState.SETTLED)
        if hold is None:
            return
        if not 0 <= command.fee < hold.amount:
            self._record.reject(Reject.INVALID)
            return
        self._close(hold, HoldState.SETTLED)
        account, asset, reference = hold.account, hold.asset, hold.reference
        self._post(account, _CHAIN, asset, hold.amount - command.fee, Reason.WITHDRAWAL, reference)
        if command.fee:
            self._post(account, _FEES, asset, command.fee, Reason.WITHDRAWAL_FEE, reference)
        self._record.report_hold(hold)

    def release(self, command: ReleaseHold) -> None:
        """Give an open hold back to its account."""
        hold = self._open_hold(command.reference, HoldState.RELEASED)
        if hold is not None:
            self._close(hold, HoldState.RELEASED)
            self._record.report_hold(hold)

    def _open_hold(self, reference: str, goal: HoldState) -> Hold | None:
        """Return the open hold that is to become `goal`, or answer the command and return None."""
        hold = self._funds.hold(reference)
        if hold is None:
            self._record.reject(Reject.UNKNOWN_HOLD)
        elif hold.state is HoldState.HELD:
            return hold
        elif hold.state is goal:
            self._record.report_hold(hold)
        else:
            self._record.reject(Reject.HOLD_CLOSED)
        return None

    def _close(self, hold: Hold, state: HoldState) -> None:
        """Take a hold off its purse and remember what became of it."""
        funds = self._funds
        purse = funds.purse(hold.account, hold.asset)
        purse.held -= hold.amount
        self._record.purses.append(purse)
        hold.state = state
        del funds.open_holds[hold.reference]
        funds.closed_holds[hold.reference] = hold

    def _post(self, debit: int, credit: int, asset: int, amount: int, reason: Reason, reference: str) -> None:
        """Move an amount and record it."""
        record, funds = self._record, self._funds
        source, target = funds.purse(debit, asset), funds.purse(credit, asset)
        source.balance -= amount
        target.balance += amount
        record.purses += (source, target)
        record.events.append(Posted(debit, credit, asset, amount, reason, reference))


def _is_sound(command: Transfer) -> bool:
    """Return whether a transfer says something that can be done at all."""
    owners_exist = all(owner > 0 or owner in _SYSTEM_OWNERS for owner in (command.debit, command.credit))
    is_named = 0 < len(command.reference) <= REFERENCE_CHARS_MAX
    has_amount = command.asset > 0 and 0 < command.amount <= AMOUNT_MAX
    goes_back = command.reason is not Reason.REVERSAL or (command.debit > 0 and command.credit == _CHAIN)
    recoups = command.recoup == 0 or (
        0 < command.recoup <= command.amount
        and (command.reason is Reason.REVERSAL or (command.reason is Reason.DEPOSIT and command.credit > 0))
    )
    return owners_exist and is_named and has_amount and command.debit != command.credit and goes_back and recoups
