"""Private events: what each account is told of an outcome, in the user data stream's words."""

from collections.abc import Container, Iterator

import msgspec

from mex.clock import now_ms
from trading.engine.enums import Reason
from trading.engine.events import BalanceChanged, Executed, Outcome, Posted
from trading.gateway import shapes
from trading.gateway.catalog import Catalog

_OUTSIDE = frozenset({Reason.DEPOSIT, Reason.WITHDRAWAL, Reason.WITHDRAWAL_FEE, Reason.ADJUSTMENT, Reason.FUNDING})
"""Reasons that are told as balanceUpdate; trades are told as executionReport."""


class AccountReports:
    """Turns outcomes into JSON for the accounts that somebody listens to."""

    def __init__(self, catalog: Catalog) -> None:
        self._markets = catalog.by_id
        self._codes = catalog.asset_codes
        self._encode = msgspec.json.Encoder().encode

    def of(self, outcome: Outcome, accounts: Container[int]) -> Iterator[tuple[int, list[bytes]]]:
        """Yield (account, events as JSON): execution reports, then balance updates, then one position."""
        concerned: dict[int, _Account] = {}
        for event in outcome.events:
            if isinstance(event, Executed | BalanceChanged):
                if event.account in accounts:
                    concerned.setdefault(event.account, _Account()).add(event)
            elif isinstance(event, Posted) and event.reason in _OUTSIDE:
                for account, delta in ((event.debit, -event.amount), (event.credit, event.amount)):
                    if account in accounts:
                        concerned.setdefault(account, _Account()).move(event.asset, delta)
        if concerned:
            event_ms = now_ms()
            for account, what in concerned.items():
                yield account, self._texts(what, event_ms)

    def _texts(self, what: "_Account", event_ms: int) -> list[bytes]:
        reports = [
            shapes.execution_report(self._markets[event.market].symbol, event, self._codes, event_ms)
            for event in what.executed
        ]
        reports += [
            shapes.balance_update(self._codes[asset], delta, event_ms, event_ms) for asset, delta in what.deltas.items()
        ]
        if what.balances:
            balances = [(self._codes[event.asset], event.balance, event.held) for event in what.balances]
            time_ms = what.executed[-1].time_ms if what.executed else event_ms
            reports.append(shapes.account_position(balances, time_ms, event_ms))
        return [self._encode(report) for report in reports]


class _Account:
    """What one outcome did to one account."""

    __slots__ = ("balances", "deltas", "executed")

    def __init__(self) -> None:
        self.executed: list[Executed] = []
        self.balances: list[BalanceChanged] = []
        self.deltas: dict[int, int] = {}

    def add(self, event: Executed | BalanceChanged) -> None:
        if isinstance(event, Executed):
            self.executed.append(event)
        else:
            self.balances.append(event)

    def move(self, asset: int, delta: int) -> None:
        self.deltas[asset] = self.deltas.get(asset, 0) + delta
