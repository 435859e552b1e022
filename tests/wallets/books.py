"""A ledger for tests: applies commands as the engine does, at once and to the database."""

from collections.abc import Sequence

from trading.engine.commands import Command, HoldFunds, ReleaseHold, SettleHold, Transfer
from trading.engine.enums import HoldState, Reason
from wallets.ledger.chart import Owner
from wallets.models import Balance, Hold, Posting


class Books:
    """Keeps postings, balances and holds. While `closed`, it only collects commands, as if the engine were down."""

    def __init__(self) -> None:
        self.closed = False
        self.sent: list[Command] = []

    def send(self, commands: Sequence[Command]) -> None:
        self.sent.extend(commands)
        if not self.closed:
            for command in commands:
                self._apply(command)

    def give(self, user_id: int, asset_id: int, amount: int) -> None:
        """Let a user own something, as after a deposit."""
        reference = f"gift:{user_id}:{asset_id}:{len(self.sent)}"
        self._apply(Transfer(reference, Owner.ADJUSTMENT, user_id, asset_id, amount, Reason.ADJUSTMENT))

    def take(self, user_id: int, asset_id: int, amount: int) -> None:
        """Let a user have spent something."""
        reference = f"spent:{user_id}:{asset_id}:{len(self.sent)}"
        self._apply(Transfer(reference, user_id, Owner.ADJUSTMENT, asset_id, amount, Reason.ADJUSTMENT))

    def balance(self, owner: int, asset_id: int) -> tuple[int, int]:
        """Return (balance, held)."""
        row = Balance.objects.filter(owner=owner, asset_id=asset_id).first()
        return (row.balance, row.held) if row else (0, 0)

    def _apply(self, command: Command) -> None:
        if isinstance(command, Transfer):
            if not Posting.objects.filter(reference=command.reference, reason=command.reason).exists():
                if command.reason == Reason.REVERSAL:
                    self._make_whole(command)
                self._post(
                    command.debit, command.credit, command.asset, command.amount, command.reason, command.reference
                )
                if command.recoup and command.reason == Reason.DEPOSIT:
                    self._post(
                        command.credit, Owner.LOSS, command.asset, command.recoup, Reason.RECOUP, command.reference
                    )
        elif isinstance(command, HoldFunds):
            self._hold(command)
        elif isinstance(command, SettleHold):
            self._settle(command)
        elif isinstance(command, ReleaseHold):
            self._release(command)

    def _make_whole(self, command: Transfer) -> None:
        balance, held = self.balance(command.debit, command.asset)
        lost = max(command.amount - (balance - held), command.recoup)
        if lost:
            self._post(Owner.LOSS, command.debit, command.asset, lost, Reason.LOSS, command.reference)

    def _hold(self, command: HoldFunds) -> None:
        if Hold.objects.filter(pk=command.reference).exists():
            return
        balance, held = self.balance(command.account, command.asset)
        state = HoldState.HELD if balance - held >= command.amount else HoldState.REFUSED
        Hold.objects.create(
            reference=command.reference,
            account=command.account,
            asset_id=command.asset,
            amount=command.amount,
            state=state,
        )
        if state == HoldState.HELD:
            self._change(command.account, command.asset, held=command.amount)

    def _settle(self, command: SettleHold) -> None:
        hold = Hold.objects.get(pk=command.reference)
        if hold.state != HoldState.HELD:
            return
        self._change(hold.account, hold.asset_id, held=-hold.amount)
        paid = hold.amount - command.fee
        self._post(hold.account, Owner.CHAIN, hold.asset_id, paid, Reason.WITHDRAWAL, hold.reference)
        if command.fee:
            self._post(hold.account, Owner.FEES, hold.asset_id, command.fee, Reason.WITHDRAWAL_FEE, hold.reference)
        Hold.objects.filter(pk=hold.pk).update(state=HoldState.SETTLED)

    def _release(self, command: ReleaseHold) -> None:
        hold = Hold.objects.get(pk=command.reference)
        if hold.state == HoldState.HELD:
            self._change(hold.account, hold.asset_id, held=-hold.amount)
            Hold.objects.filter(pk=hold.pk).update(state=HoldState.RELEASED)

    def _post(self, debit: int, credit: int, asset_id: int, amount: int, reason: Reason, reference: str) -> None:
        Posting.objects.create(
            sequence=0,
            debit=debit,
            credit=credit,
            asset_id=asset_id,
            amount=amount,
            reason=reason,
            reference=reference,
            time_ms=0,
        )
        self._change(debit, asset_id, balance=-amount)
        self._change(credit, asset_id, balance=amount)

    def _change(self, owner: int, asset_id: int, *, balance: int = 0, held: int = 0) -> None:
        row, _ = Balance.objects.get_or_create(owner=owner, asset_id=asset_id, defaults={"balance": 0, "held": 0})
        row.balance += balance
        row.held += held
        row.save()
