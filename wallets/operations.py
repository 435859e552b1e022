"""How the wallets stand, for operators: the same figures for the page in the admin and for /metrics."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Sum
from django.utils import timezone

from wallets.control.switch import withdrawals_halted
from wallets.deposits.lost import lost_deposits
from wallets.models import (
    Asset,
    ChainCursor,
    ChainTransaction,
    ColdOffer,
    Deposit,
    HotWallet,
    SolvencyReport,
    Withdrawal,
    WithdrawalSwitch,
)
from wallets.payouts.contradictions import contradictions_open, subject
from wallets.payouts.records import FINAL

_W = Withdrawal.Status
UNFINISHED = (_W.REQUESTED, _W.EMAIL, _W.APPROVAL, _W.HELD, _W.SIGNED, _W.BROADCAST, _W.ENDING)
_SENT = (ChainTransaction.Status.SIGNED, ChainTransaction.Status.BROADCAST)
_ROWS = 25


@dataclass(frozen=True, slots=True)
class QueueLine:
    """Withdrawals of an asset in one status. `units`: their sum; `oldest`: when the first of them was requested."""

    code: str
    status: str
    count: int
    units: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class WalletLine:
    """The hot wallet of an asset, why nothing is paid from it ("" if it is), and the open offer."""

    asset: Asset
    wallet: HotWallet | None
    halted: str
    offer: ColdOffer | None

    @property
    def is_low(self) -> bool:
        """Return whether less than the floor is free."""
        return self.wallet is not None and self.wallet.low_since is not None

    @property
    def is_short(self) -> bool:
        """Return whether it cannot pay what waits."""
        return self.wallet is not None and self.wallet.short_since is not None


@dataclass(frozen=True, slots=True)
class ChainLine:
    """How far a chain was looked at, and how long its node has been silent."""

    cursor: ChainCursor
    lag: int
    silent_s: int


@dataclass(frozen=True, slots=True)
class FamilyLine:
    """A transaction that is not final, with how many versions of it there are. `age_s`: since the first was signed."""

    record: ChainTransaction
    versions: int
    age_s: int


def queue_lines() -> list[QueueLine]:
    """Return what is in the queue, by asset and status in the order of a withdrawal's life."""
    rows = (
        Withdrawal.objects.filter(status__in=UNFINISHED)
        .values("asset_id", "asset__code", "status")
        .annotate(count=Count("pk"), units=Sum("amount"), oldest=Min("requested_at"))
    )
    ordered = sorted(rows, key=lambda row: (row["asset_id"], UNFINISHED.index(row["status"])))
    return [
        QueueLine(row["asset__code"], str(_W(row["status"]).label), row["count"], row["units"], row["oldest"])
        for row in ordered
    ]


def wallet_lines() -> list[WalletLine]:
    """Return how each hot wallet stood when it was last looked at."""
    wallets = {row.asset_id: row for row in HotWallet.objects.all()}
    offers = {row.asset_id: row for row in ColdOffer.objects.filter(transaction=None, withdrawn_at=None)}
    return [
        WalletLine(asset, wallets.get(asset.pk), withdrawals_halted(asset), offers.get(asset.pk))
        for asset in Asset.objects.order_by("pk")
    ]


def chain_lines() -> list[ChainLine]:
    """Return how far each chain was looked at."""
    now = timezone.now()
    return [
        ChainLine(row, max(row.tip_height - row.height, 0), int((now - row.seen_at).total_seconds()))
        for row in ChainCursor.objects.order_by("chain")
    ]


def family_lines(limit: int = _ROWS) -> list[FamilyLine]:
    """Return transactions that are not final, those first that were signed first; of each the newest version."""
    now = timezone.now()
    families: dict[int, list[ChainTransaction]] = {}
    rows = ChainTransaction.objects.filter(status__in=_SENT).select_related("asset", "first_version")
    for row in rows.order_by("pk"):
        families.setdefault(row.family, []).append(row)
    lines = [
        FamilyLine(
            versions[-1],
            len(versions),
            int((now - (versions[0].first_version or versions[0]).created_at).total_seconds()),
        )
        for versions in families.values()
    ]
    return sorted(lines, key=lambda line: -line.age_s)[:limit]


def lost_rows(limit: int = _ROWS) -> list[Deposit]:
    """Return credited deposits whose coins are gone from the chain, oldest first."""
    return list(lost_deposits().select_related("asset", "user").order_by("pk")[:limit])


@dataclass(frozen=True, slots=True)
class QuestionLine:
    """A settled transaction that is not, or may not be, what the chain has. `what`: in words what it was for."""

    record: ChainTransaction
    what: str
    state: str


def question_lines(limit: int = _ROWS) -> list[QuestionLine]:
    """Return settled transactions that operators have to decide about, and those that the chain has lost so far."""
    columns = ("asset", "first_version")
    contradicted = contradictions_open().select_related(*columns).order_by("pk")[:limit]
    lines = [QuestionLine(row, subject(row), "the chain says otherwise: to be decided") for row in contradicted]
    lost = ChainTransaction.objects.filter(fee_in_doubt=True, status__in=FINAL).select_related(*columns).order_by("pk")
    lines += [QuestionLine(row, subject(row), "gone from its block, not deep enough again") for row in lost[:limit]]
    return lines[:limit]


def switch_reason() -> str:
    """Return why all withdrawals are halted, or ""."""
    switch = WithdrawalSwitch.objects.filter(is_halted=True).first()
    return "" if switch is None else switch.because or "halted"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number for /metrics, with its labels."""

    name: str
    text: str
    labels: tuple[tuple[str, str], ...]
    value: float


def figures() -> list[Figure]:
    """Return the figures of the wallets. Amounts are units of 10^-8."""
    return [*_queue_figures(), *_wallet_figures(), *_other_figures()]


def _queue_figures() -> Iterator[Figure]:
    now = timezone.now()
    for line in queue_lines():
        labels = (("asset", line.code), ("status", line.status))
        yield Figure("mex_withdrawals", "Withdrawals that are not over.", labels, line.count)
        age = (now - line.oldest).total_seconds()
        yield Figure("mex_withdrawals_oldest_seconds", "Age of the oldest of them.", labels, age)


def _wallet_figures() -> Iterator[Figure]:
    for line in wallet_lines():
        labels = (("asset", line.asset.code),)
        yield Figure("mex_withdrawals_halted", "1 while nothing of an asset is paid out.", labels, bool(line.halted))
        if line.wallet is None:
            continue
        numbers = {
            "mex_hot_wallet_units": ("Coins in the hot wallet.", line.wallet.units),
            "mex_hot_wallet_promised_units": ("Of these promised to signed transactions.", line.wallet.promised),
            "mex_hot_wallet_waiting_units": ("What withdrawals wait for.", line.wallet.waiting),
            "mex_hot_wallet_offered_units": ("What is offered to the cold address.", line.wallet.offered),
            "mex_hot_wallet_low": ("1 while less than the floor is free.", int(line.is_low)),
            "mex_hot_wallet_short": ("1 while it cannot pay what waits.", int(line.is_short)),
        }
        for name, (text, value) in numbers.items():
            yield Figure(name, text, labels, value)
        if line.wallet.unexplained is not None:
            text = "Coins that nothing explains."
            yield Figure("mex_hot_wallet_unexplained_units", text, labels, line.wallet.unexplained)


def _other_figures() -> Iterator[Figure]:
    families = family_lines(limit=1)
    oldest = families[0].age_s if families else 0
    count = ChainTransaction.objects.filter(status__in=_SENT, first_version=None).count()
    yield Figure("mex_transactions_unfinished", "Transactions of ours that are not final.", (), count)
    yield Figure("mex_transactions_oldest_seconds", "Age of the oldest of them.", (), oldest)
    yield Figure("mex_deposits_lost", "Credited deposits whose coins are gone.", (), lost_deposits().count())
    text = "Settled transactions whose outcome on chain is another one: operators have to decide."
    yield Figure("mex_transactions_contradicted", text, (), contradictions_open().count())
    count = ChainTransaction.objects.filter(fee_in_doubt=True, status__in=FINAL).count()
    yield Figure("mex_transactions_in_doubt", "Settled transactions that are gone from their block.", (), count)
    report = SolvencyReport.objects.order_by("-pk").first()
    if report is not None:
        age = (timezone.now() - report.taken_at).total_seconds()
        yield Figure("mex_solvency_report_age_seconds", "Age of the newest report of solvency.", (), age)
        for row in report.assets.exclude(coins=None).select_related("asset"):
            cover = (row.coins or 0) + (row.in_flight or 0) - row.liabilities
            labels = (("asset", row.asset.code),)
            yield Figure("mex_solvency_surplus_units", "Coins beyond what users are owed.", labels, cover)
