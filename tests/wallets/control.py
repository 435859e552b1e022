"""Withdrawals for the tests of what controls them: asked for, taken on, and signed, without a node."""

import itertools

from django.db import transaction

from accounts.models import User
from accounts.services import account_register
from tests.wallets.books import Books
from wallets import services
from wallets.lock_objects import asset_lock
from wallets.models import Asset, ChainTransaction, TierLimit, Withdrawal, WithdrawalTier
from wallets.payouts.progress import withdrawals_advance
from wallets.payouts.records import payable, withdrawal_claim, withdrawal_signed

ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
OTHER = "bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6"
ONE = 10**8
_numbers = itertools.count(1)


def ask(user: User, asset: Asset, books: Books, amount: int = 20_000, **changes: object) -> Withdrawal:
    """Ask for a withdrawal; the engine holds its funds at once, unless the books are closed."""
    wanted: dict[str, object] = {"address": ADDRESS, "amount": amount}
    return services.withdrawal_request(user_id=user.pk, asset=asset, send=books.send, **(wanted | changes))  # type: ignore[arg-type]


def advance(books: Books, *rows: Withdrawal) -> None:
    """Do what a worker does every second, as often as it takes, and read rows again."""
    for _ in range(3):
        withdrawals_advance(send=books.send)
    for row in rows:
        row.refresh_from_db()


def sign(pk: object) -> bool:
    """Claim and sign a withdrawal as a signer does; return whether it could."""
    row = Withdrawal.objects.get(pk=pk)
    with transaction.atomic():
        asset_lock(row.asset_id)
        claimed = withdrawal_claim(row.pk)
        if claimed is None:
            return False
        asset = claimed.asset
        number = next(_numbers)
        record = ChainTransaction(
            asset=asset, fee_asset=asset, kind="withdrawal", txid=f"signed-{number}", raw="00", network_fee=0
        )
        withdrawal_signed(claimed, record)
    return True


def waiting(asset: Asset) -> list[object]:
    """Return the ids of what a signer would take next."""
    return [row.pk for row in payable(Asset.objects.get(pk=asset.pk), 25)]


def limit(asset: Asset, daily: int) -> None:
    """Let accounts without a tier of their own withdraw so many units in 24 hours."""
    tier, _ = WithdrawalTier.objects.get_or_create(is_default=True, defaults={"name": "Standard"})
    TierLimit.objects.update_or_create(tier=tier, asset=asset, defaults={"daily": daily})


def operator(name: str) -> User:
    """Return someone who may decide about withdrawals."""
    user = account_register(email=f"{name}@example.com", password="correct horse battery staple", verified=True)
    user.is_staff = user.is_superuser = True
    user.save()
    return user
