"""What a database would have after a session: the rows that follow from its events, and a new core made of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from trading.engine.core import Core
from trading.engine.enums import HoldState, ListStatus, OrderState, OrderType, Reason, Side
from trading.engine.events import (
    Accepted,
    Amended,
    BalanceChanged,
    Closed,
    Event,
    HoldChanged,
    LevelChanged,
    ListChanged,
    MarketChanged,
    Posted,
    Prevented,
    TermsChanged,
    Traded,
    TrailStarted,
    Triggered,
)
from trading.engine.markets import MarketSpec
from trading.engine.settlement import postings_of

STOPS = (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)


@dataclass
class OrderRow:
    """An open order."""

    card: Accepted
    executed: int = 0
    executed_quote: int = 0
    prevented: int = 0
    state: OrderState = OrderState.WORKING
    trail_from: int = 0
    rank: tuple[int, int] = (0, 0)
    """Its place in its queue: (last accepted order when it came to stand there, a number that rises)."""

    @property
    def open(self) -> int:
        return self.card.order.quantity - self.executed - self.prevented


@dataclass
class Rows:
    """The tables that an engine starts from."""

    markets: dict[int, MarketSpec]
    orders: dict[int, OrderRow] = field(default_factory=dict)
    lists: dict[int, ListChanged] = field(default_factory=dict)
    terms: dict[int, TermsChanged] = field(default_factory=dict)
    balances: dict[tuple[int, int], int] = field(default_factory=dict)
    holds: dict[str, HoldChanged] = field(default_factory=dict)
    trades: dict[int, list[int]] = field(default_factory=dict)
    """Prices by market; the first is that of trade 1."""
    updates: dict[int, int] = field(default_factory=dict)
    prevented: dict[int, int] = field(default_factory=dict)
    names: dict[tuple[int, str], int] = field(default_factory=dict)
    """Order ids by account and client order id."""
    transfers: set[tuple[str, Reason]] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    """References of changed markets and terms."""
    last_order: int = 0
    last_list: int = 0
    rank_number: int = 0

    def store(self, events: Iterable[Event]) -> None:
        """Store what one command did."""
        for event in events:
            if isinstance(event, Traded):
                self._store_trade(event)
            elif isinstance(event, Accepted):
                self._store_accepted(event)
            elif isinstance(event, Prevented):
                self._store_prevented(event)
            elif isinstance(event, Closed):
                self.orders.pop(event.order.id, None)
            elif isinstance(event, Triggered):
                row = self.orders[event.order.id]
                row.card, row.state = event.order, OrderState.WORKING
                self._rank(row)
            elif isinstance(event, TrailStarted):
                row = self.orders[event.order.id]
                row.card, row.state, row.trail_from = event.order, OrderState.TRAILING, event.trade
            elif isinstance(event, Amended):
                self.orders[event.order.id].card = event.order
            else:
                self._store_other(event)

    def store_levels(self, levels: Iterable[LevelChanged]) -> None:
        """Store the number of the last update of each market."""
        for level in levels:
            self.updates[level.market] = level.update

    def restored(self, sequence: int, time_ms: int) -> Core:
        """Return a new core with the state of these rows."""
        core = Core([self.markets[market] for market in sorted(self.markets)])
        core.restore_counters(sequence=sequence, last_order=self.last_order, last_list=self.last_list, time_ms=time_ms)
        for market in self.markets:
            trades = self.trades.get(market, [])
            core.restore_market(
                market,
                last_trade=len(trades),
                last_update=self.updates.get(market, 0),
                last_price=trades[-1] if trades else 0,
                last_prevented=self.prevented.get(market, 0),
            )
        for terms in self.terms.values():
            core.restore_terms(terms.account, terms.maker_fee_ppm, terms.taker_fee_ppm, terms.stp)
        for (owner, asset), balance in self.balances.items():
            core.restore_balance(owner, asset, balance)
        for hold in self.holds.values():
            if hold.state is HoldState.HELD:
                core.restore_hold(hold.reference, hold.account, hold.asset, hold.amount)
        for group in self.lists.values():
            core.restore_list(
                group.id, group.account, group.market, group.client_list_id, group.created_ms, group.above, group.below
            )
        for row in sorted(self.orders.values(), key=lambda row: row.rank):
            core.restore_order(
                row.card,
                executed=row.executed,
                executed_quote=row.executed_quote,
                prevented=row.prevented,
                state=row.state,
                best_price=self._best_price(row),
            )
        return core

    def _best_price(self, row: OrderRow) -> int:
        """The best price of the trades that a trailing order has followed."""
        if row.state is not OrderState.TRAILING:
            return 0
        followed = self.trades.get(row.card.order.market, [])[row.trail_from - 1 :]
        return (max if row.card.order.side is Side.SELL else min)(followed, default=0)

    # --- orders -------------------------------------------------------------------------------------

    def _store_accepted(self, card: Accepted) -> None:
        self.last_order = card.id
        self.names[card.order.account, card.order.client_order_id] = card.id
        row = OrderRow(card, rank=(card.id, 0))
        if card.order.type in STOPS or card.order.iceberg_quantity or card.list:
            self._rank(row)
        if card.order.type in STOPS:
            row.state = OrderState.WAITING
        self.orders[card.id] = row

    def _rank(self, row: OrderRow) -> None:
        """Let an order stand behind all others."""
        self.rank_number += 1
        row.rank = (self.last_order, self.rank_number)

    def _store_trade(self, trade: Traded) -> None:
        market = trade.maker.order.market
        prices = self.trades.setdefault(market, [])
        prices.append(trade.price)
        assert trade.id == len(prices)
        for posting in postings_of(trade, self.markets[market]):
            self._post(posting)
        maker, taker = self.orders[trade.maker.id], self.orders[trade.taker.id]
        maker.executed, maker.executed_quote = trade.maker_executed, trade.maker_executed_quote
        taker.executed, taker.executed_quote = trade.taker_executed, trade.taker_executed_quote
        slice_quantity = maker.card.order.iceberg_quantity
        assert trade.is_maker_done == (maker.open == 0)
        if trade.is_maker_done:
            del self.orders[trade.maker.id]
        elif slice_quantity and maker.executed % slice_quantity == 0:
            self._rank(maker)
        if trade.is_done:
            del self.orders[trade.taker.id]

    def _store_prevented(self, event: Prevented) -> None:
        market = event.maker.order.market
        self.prevented[market] = event.id
        self.orders[event.maker.id].prevented = event.maker_prevented
        self.orders[event.taker.id].prevented = event.taker_prevented

    # --- all else -----------------------------------------------------------------------------------

    def _store_other(self, event: Event) -> None:
        if isinstance(event, Posted):
            self.transfers.add((event.reference, event.reason))
            self._post(event)
        elif isinstance(event, HoldChanged):
            self.holds[event.reference] = event
        elif isinstance(event, ListChanged):
            self.last_list = max(self.last_list, event.id)
            if event.status is ListStatus.EXECUTING:
                self.lists[event.id] = event
            else:
                del self.lists[event.id]
        elif isinstance(event, MarketChanged):
            self.markets[event.spec.id] = event.spec
            self.changes.add(event.reference)
        elif isinstance(event, TermsChanged):
            self.terms[event.account] = event
            self.changes.add(event.reference)

    def _post(self, posting: Posted) -> None:
        for owner, amount in ((posting.debit, -posting.amount), (posting.credit, posting.amount)):
            self.balances[owner, posting.asset] = self.balances.get((owner, posting.asset), 0) + amount


def balances_agree(rows: Rows, changes: Sequence[BalanceChanged]) -> bool:
    """Return whether the balances that a batch tells are the sums of all postings."""
    return all(rows.balances.get((change.account, change.asset), 0) == change.balance for change in changes)
