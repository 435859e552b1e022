"""What operators changed: every change follows from the one before, and the last one is what is in force."""

from collections.abc import Iterator, Sequence

import msgspec

from trading.models import Market, OperatorChange, Terms
from trading.selectors import market_spec
from wallets.ledger.checks.check import Check, Scope, count
from wallets.models import Asset

State = dict[str, int | str] | None
"""A market's rules or an account's terms, as the audit trail keeps them; None: there were none."""


def _differences(kind: str, now: dict[int, State]) -> Iterator[tuple[int, State, State, int]]:
    """Yield (subject, what the last change left, what there is, number of the change) where the two differ."""
    left: dict[int, State] = {}
    last: dict[int, int] = {}
    for change in OperatorChange.objects.filter(kind=kind).order_by("id"):
        subject = change.subject
        if subject in left and left[subject] != change.before:
            yield subject, left[subject], change.before, change.pk
        left[subject] = change.after
        last[subject] = change.pk
    for subject, state in left.items():
        if state != now.get(subject):
            yield subject, state, now.get(subject), last[subject]


def _markets() -> Sequence[tuple[object, ...]]:
    # What a migration seeded has no change of an operator until one is made.
    now: dict[int, State] = {market.pk: _shown(market) for market in Market.objects.all()}
    return [(subject, subject, change) for subject, _, _, change in _differences("market", now)]


def _terms() -> Sequence[tuple[object, ...]]:
    now: dict[int, State] = {
        account: {"maker_fee_ppm": maker, "taker_fee_ppm": taker, "stp": stp}
        for account, maker, taker, stp in Terms.objects.values_list(
            "account_id", "maker_fee_ppm", "taker_fee_ppm", "stp"
        )
    }
    changed = set(OperatorChange.objects.filter(kind="terms").values_list("subject", flat=True))
    given = [(None, account, "none") for account in sorted(now.keys() - changed)]
    return given + [(None, subject, change) for subject, _, _, change in _differences("terms", now)]


def _shown(market: Market) -> dict[str, int | str]:
    return {name: _plain(value) for name, value in msgspec.structs.asdict(market_spec(market)).items()}


def _plain(value: int | str) -> int | str:
    return int(value) if isinstance(value, int) else value


def _unsound() -> Sequence[tuple[object, ...]]:
    assets = set(Asset.objects.values_list("id", flat=True))
    return [
        (market.pk, market.symbol)
        for market in Market.objects.all()
        if not {market.base_id, market.quote_id} <= assets or not market_spec(market).is_sound
    ]


CHECKS = (
    Check(
        name="markets have rules that can be kept",
        noun="markets",
        examined=count("trading_market"),
        differences=_unsound,
        says="{0} trades an asset that does not exist, or has rules that contradict each other",
        scope=Scope.MARKET,
    ),
    Check(
        name="markets are as operators left them",
        noun="changes",
        examined=count("trading_operatorchange", "kind = 'market'"),
        differences=_markets,
        says="what change {1} of market {0} left is not what was found after it",
        scope=Scope.MARKET,
    ),
    Check(
        name="terms are as operators left them",
        noun="changes",
        examined=count("trading_operatorchange", "kind = 'terms'"),
        differences=_terms,
        says="what change {1} left as the terms of account {0} is not what was found after it",
    ),
    Check(
        name="changes of operators come from commands of the engine",
        noun="changes",
        examined=count("trading_operatorchange"),
        differences=(
            "SELECT NULL, id, sequence FROM trading_operatorchange WHERE sequence < 1 OR sequence >"
            " COALESCE((SELECT sequence FROM trading_enginestate WHERE shard = 0), 0) ORDER BY id"
        ),
        says="change {0} names command {1}, which the engine has not applied",
    ),
)
