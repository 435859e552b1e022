"""Withdrawals that are asked about: confirmed, approved of, cancelled. Added to the small exchange."""

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from accounts.models import User
from trading.engine.enums import HoldState
from wallets.models import Hold, Withdrawal, WithdrawalDecision

if TYPE_CHECKING:
    from tests.audit.exchange import Exchange

AGREED = uuid.UUID("55555555-5555-4555-8555-555555555551")
ENDING = uuid.UUID("55555555-5555-4555-8555-555555555552")
CANCELLED = uuid.UUID("55555555-5555-4555-8555-555555555553")
UNCONFIRMED = uuid.UUID("55555555-5555-4555-8555-555555555554")
UNDECIDED = uuid.UUID("55555555-5555-4555-8555-555555555555")
TURNED_DOWN = uuid.UUID("55555555-5555-4555-8555-555555555556")
ALICE_WAITS = 30_000 + 40_000 + 60_000 + 70_000
"""Units of BTC that are held for them."""
_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def consents_create(there: "Exchange") -> None:
    """Add one withdrawal of each kind, and an operator."""
    olga = User.objects.create(email="olga@example.com", is_staff=True)
    held, released = HoldState.HELD, HoldState.RELEASED
    both: dict[str, object] = {"needs_email": True, "needs_approval": True}
    rows: list[tuple[uuid.UUID, int, str, HoldState, dict[str, object]]] = [
        (AGREED, 30_000, "held", held, both | {"email_confirmed_at": _TIME}),
        (ENDING, 40_000, "ending", held, {"ends_as": "cancelled"}),
        (CANCELLED, 50_000, "cancelled", released, {"ends_as": "cancelled"}),
        (UNCONFIRMED, 60_000, "email", held, both),
        (UNDECIDED, 70_000, "approval", held, {"needs_approval": True}),
        (TURNED_DOWN, 80_000, "rejected", released, {"needs_approval": True, "ends_as": "rejected"}),
    ]
    for name, amount, status, state, columns in rows:
        row = Withdrawal.objects.create(
            id=name,
            user=there.alice,
            asset=there.btc,
            address="consent",
            amount=amount,
            fee=2_000,
            status=status,
            **columns,
        )
        Hold.objects.create(
            reference=row.reference, account=there.alice.pk, asset=there.btc, amount=amount, state=int(state)
        )
    WithdrawalDecision.objects.create(withdrawal_id=AGREED, operator=olga, approves=True)
    WithdrawalDecision.objects.create(withdrawal_id=TURNED_DOWN, operator=olga, approves=False, reason="no")
