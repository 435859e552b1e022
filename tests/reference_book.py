"""The exchange again, written to be obvious and not to be fast: what the core is compared with.

It shares the messages and nothing else with the core. Orders are one list that is scanned and sorted for every fill;
what is held, what a level has and how many orders are open is counted anew each time it is asked; nothing is forgotten.
"""

from dataclasses import dataclass, field

from tests.reference_rules import BIGGEST, WHOLE, makes_sense, reason_to_refuse
from trading.engine.commands import CancelOrder, Command, HoldFunds, PlaceOrder, ReleaseHold, SettleHold, Transfer
from trading.engine.enums import (
    Execution,
    HoldState,
    OrderStatus,
    OrderType,
    Reason,
    Reject,
    Side,
    TimeInForce,
)
from trading.engine.events import (
    BalanceChanged,
    Event,
    Executed,
    HoldChanged,
    LevelChanged,
    Posted,
    Rejected,
    Traded,
    TransferRepeated,
)
from trading.engine.markets import MarketSpec

CHAIN, FEES = -1, -2
TRANSFER_REASONS = (Reason.DEPOSIT, Reason.NETWORK_FEE, Reason.ADJUSTMENT, Reason.FUNDING)


@dataclass
class ReferenceOrder:
    """An order, open or closed."""

    id: int
    command: PlaceOrder
    status: OrderStatus
    quantity: int
    created_ms: int
    executed: int = 0
    executed_quote: int = 0

    @property
    def is_open(self) -> bool:
        return self.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)

    @property
    def rest(self) -> int:
        return self.quantity - self.executed


@dataclass
class ReferenceExchange:
    """All markets and all funds, remembered for ever."""

    markets: list[MarketSpec]
    orders: list[ReferenceOrder] = field(default_factory=list)
    recent: list[ReferenceOrder] = field(default_factory=list)
    """The orders that were open when the command began, and the one it placed: the rest need no scan."""
    balances: dict[tuple[int, int], int] = field(default_factory=dict)
    holds: dict[str, HoldChanged] = field(default_factory=dict)
    transfers: list[tuple[str, Reason]] = field(default_factory=list)
    sequence: int = 0
    executions: int = 0
    trades: dict[int, int] = field(default_factory=dict)
    updates: dict[int, int] = field(default_factory=dict)
    now_ms: int = 0
    events: list[Event] = field(default_factory=list)
    touched: list[tuple[int, int]] = field(default_factory=list)

    # --- looking ------------------------------------------------------------------------------------

    def open_orders(self) -> list[ReferenceOrder]:
        return [order for order in self.recent if order.is_open and order is not self.taker]

    def balance(self, owner: int, asset: int) -> int:
        return self.balances.get((owner, asset), 0)

    def held(self, owner: int, asset: int) -> int:
        total = 0
        for order in self.open_orders():
            spec = self.market(order.command.market)
            if order.command.account == owner and order.command.side == Side.BUY and spec.quote == asset:
                total += order.command.price * order.rest // WHOLE
            if order.command.account == owner and order.command.side == Side.SELL and spec.base == asset:
                total += order.rest
        for hold in self.holds.values():
            if (hold.account, hold.asset, hold.state) == (owner, asset, HoldState.HELD):
                total += hold.amount
        return total

    def available(self, owner: int, asset: int) -> int:
        return self.balance(owner, asset) - self.held(owner, asset)

    def market(self, market_id: int) -> MarketSpec | None:
        return next((spec for spec in self.markets if spec.id == market_id), None)

    def levels(self, market_id: int) -> dict[tuple[Side, int], int]:
        levels: dict[tuple[Side, int], int] = {}
        for order in self.open_orders():
            if order.command.market == market_id:
                key = (order.command.side, order.command.price)
                levels[key] = levels.get(key, 0) + order.rest
        return levels

    def makers(self, command: PlaceOrder) -> list[ReferenceOrder]:
        """The open orders that this one may trade with, best price first, then oldest first."""
        found = [
            order
            for order in self.open_orders()
            if order.command.market == command.market and order.command.side != command.side
        ]
        if command.side == Side.BUY:
            if command.type != OrderType.MARKET:
                found = [order for order in found if order.command.price <= command.price]
            return sorted(found, key=lambda order: (order.command.price, order.id))
        if command.type != OrderType.MARKET:
            found = [order for order in found if order.command.price >= command.price]
        return sorted(found, key=lambda order: (-order.command.price, order.id))

    # --- commands -----------------------------------------------------------------------------------

    taker: ReferenceOrder | None = None
    """The order in hand: not yet in the book."""

    def apply(self, command: Command, now_ms: int) -> list[Event]:
        self.now_ms = now_ms
        self.sequence += 1
        self.events, self.touched, self.taker = [], [], None
        self.recent = self.open_orders()
        before = {spec.id: self.levels(spec.id) for spec in self.markets}
        if isinstance(command, PlaceOrder):
            self.place(command)
        elif isinstance(command, CancelOrder):
            self.cancel(command)
        elif isinstance(command, Transfer):
            self.transfer(command)
        elif isinstance(command, HoldFunds):
            self.hold(command)
        elif isinstance(command, SettleHold):
            self.close_hold(command.reference, HoldState.SETTLED, command.fee)
        elif isinstance(command, ReleaseHold):
            self.close_hold(command.reference, HoldState.RELEASED, 0)
        self.taker = None
        if isinstance(command, PlaceOrder):
            self.tell_levels(before, command)
        elif isinstance(command, CancelOrder):
            self.tell_levels(before, None)
        for owner, asset in self.touched:
            held = self.held(owner, asset) if owner > 0 else 0
            self.events.append(BalanceChanged(owner, asset, self.balance(owner, asset), held))
        return self.events

    def tell_levels(self, before: dict[int, dict[tuple[Side, int], int]], taker: PlaceOrder | None) -> None:
        """Tell each level that differs from before: those the taker ate, best first, then the one where it rests."""
        for spec in self.markets:
            after = self.levels(spec.id)
            keys = [key for key in {**before[spec.id], **after} if before[spec.id].get(key, 0) != after.get(key, 0)]
            eaten = [key for key in keys if taker is not None and key[0] != taker.side]
            eaten.sort(key=lambda key: key[1] if key[0] == Side.SELL else -key[1])
            for key in eaten + [key for key in keys if key not in eaten]:
                self.updates[spec.id] = self.updates.get(spec.id, 0) + 1
                self.events.append(LevelChanged(spec.id, self.updates[spec.id], key[0], key[1], after.get(key, 0)))

    def refuse(self, reject: Reject) -> None:
        self.events.append(Rejected(reject))

    def touch(self, owner: int, asset: int) -> None:
        if (owner, asset) not in self.touched:
            self.touched.append((owner, asset))

    def post(self, debit: int, credit: int, asset: int, amount: int, reason: Reason, reference: str) -> None:
        if amount == 0 or debit == credit:
            return
        self.balances[debit, asset] = self.balance(debit, asset) - amount
        self.balances[credit, asset] = self.balance(credit, asset) + amount
        self.touch(debit, asset)
        self.touch(credit, asset)
        self.events.append(Posted(self.sequence, debit, credit, asset, amount, reason, reference))

    # --- money without trades -----------------------------------------------------------------------

    def transfer(self, command: Transfer) -> None:
        debit, credit, asset, amount = command.debit, command.credit, command.asset, command.amount
        if command.reason not in TRANSFER_REASONS:
            self.refuse(Reject.INVALID)
        elif (command.reference, command.reason) in self.transfers:
            self.events.append(TransferRepeated(command.reference))
        elif not makes_sense(command.reference, asset, amount, debit, credit) or debit == credit:
            self.refuse(Reject.INVALID)
        elif debit > 0 and self.available(debit, asset) < amount:
            self.refuse(Reject.INSUFFICIENT_FUNDS)
        elif self.balance(debit, asset) - amount < -BIGGEST or self.balance(credit, asset) + amount > BIGGEST:
            self.refuse(Reject.INVALID)
        else:
            self.transfers.append((command.reference, command.reason))
            self.post(debit, credit, asset, amount, command.reason, command.reference)

    def hold(self, command: HoldFunds) -> None:
        if command.reference in self.holds:
            self.events.append(self.holds[command.reference])
        elif command.account <= 0 or not makes_sense(command.reference, command.asset, command.amount):
            self.refuse(Reject.INVALID)
        else:
            is_covered = self.available(command.account, command.asset) >= command.amount
            state = HoldState.HELD if is_covered else HoldState.REFUSED
            hold = HoldChanged(command.reference, command.account, command.asset, command.amount, state)
            self.holds[command.reference] = hold
            self.events.append(hold)
            if is_covered:
                self.touch(command.account, command.asset)

    def close_hold(self, reference: str, state: HoldState, fee: int) -> None:
        hold = self.holds.get(reference)
        if hold is None:
            self.refuse(Reject.UNKNOWN_HOLD)
        elif hold.state == state:
            self.events.append(hold)
        elif hold.state != HoldState.HELD:
            self.refuse(Reject.HOLD_CLOSED)
        elif fee < 0 or fee >= hold.amount:
            self.refuse(Reject.INVALID)
        else:
            closed = HoldChanged(hold.reference, hold.account, hold.asset, hold.amount, state)
            self.holds[reference] = closed
            self.touch(hold.account, hold.asset)
            if state == HoldState.SETTLED:
                self.post(hold.account, CHAIN, hold.asset, hold.amount - fee, Reason.WITHDRAWAL, reference)
                self.post(hold.account, FEES, hold.asset, fee, Reason.WITHDRAWAL_FEE, reference)
            self.events.append(closed)

    # --- orders -------------------------------------------------------------------------------------

    def cancel(self, command: CancelOrder) -> None:
        if self.market(command.market) is None:
            self.refuse(Reject.MARKET_UNKNOWN)
            return
        for order in self.open_orders():
            is_named = command.order_id != 0 or command.client_order_id != ""
            is_id = command.order_id in (0, order.id)
            is_client_id = command.client_order_id in ("", order.command.client_order_id)
            is_owned = order.command.account == command.account and order.command.market == command.market
            if is_named and is_id and is_client_id and is_owned:
                order.status = OrderStatus.CANCELED
                spec = self.market(command.market)
                self.touch(command.account, spec.quote if order.command.side == Side.BUY else spec.base)
                self.tell(order, Execution.CANCELED, cancel_id=command.cancel_id)
                return
        self.refuse(Reject.UNKNOWN_ORDER)

    def place(self, command: PlaceOrder) -> None:
        reject = reason_to_refuse(self, command)
        if reject is not None:
            self.refuse(reject)
            return
        order = ReferenceOrder(len(self.orders) + 1, command, OrderStatus.NEW, command.quantity, self.now_ms)
        self.orders.append(order)
        self.recent.append(order)
        self.taker = order
        self.tell(order, Execution.NEW)
        is_done = self.fill(order)
        if is_done:
            return
        if command.type != OrderType.MARKET and command.time_in_force == TimeInForce.GTC:
            spec = self.market(command.market)
            self.touch(command.account, spec.quote if command.side == Side.BUY else spec.base)
        else:
            order.status = OrderStatus.EXPIRED
            self.tell(order, Execution.EXPIRED)

    def would_trade(self, command: PlaceOrder) -> tuple[int, int]:
        """Base and quote units that the order would trade now."""
        plan = self.plan(command)
        return sum(part for _, part in plan), sum(maker.command.price * part // WHOLE for maker, part in plan)

    def plan(self, command: PlaceOrder) -> list[tuple[ReferenceOrder, int]]:
        """Whom the order would trade with and how much. An order by quote quantity counts one lot after another."""
        plan = []
        spec = self.market(command.market)
        wanted, budget = command.quantity, command.quote_quantity
        for maker in self.makers(command):
            if command.quote_quantity:
                part = 0
                price_of_lot = maker.command.price * spec.lot // WHOLE
                while part < maker.rest and budget >= price_of_lot:
                    part += spec.lot
                    budget -= price_of_lot
                is_last = part < maker.rest
            else:
                part = min(wanted, maker.rest)
                wanted -= part
                is_last = wanted == 0
            if part:
                plan.append((maker, part))
            if is_last:
                break
        return plan

    def fill(self, taker: ReferenceOrder) -> bool:
        """Trade an accepted order as far as it goes, and return whether nothing of it is left to do."""
        command = taker.command
        plan = self.plan(command)
        if command.time_in_force == TimeInForce.FOK and sum(part for _, part in plan) < command.quantity:
            return False
        has_all = self.has_all(command, plan)
        for index, (maker, part) in enumerate(plan):
            self.trade(maker, taker, part, is_filled=has_all and index == len(plan) - 1)
        return has_all

    def has_all(self, command: PlaceOrder, plan: list[tuple[ReferenceOrder, int]]) -> bool:
        """Whether the plan gives the order all it wants; a quote quantity too small for one more lot is all used."""
        if not command.quote_quantity:
            return sum(part for _, part in plan) == command.quantity
        if not plan:
            return False
        untouched = [maker for maker in self.makers(command) if all(maker is not planned for planned, _ in plan)]
        last, part = plan[-1]
        next_price = last.command.price if part < last.rest or not untouched else untouched[0].command.price
        left = command.quote_quantity - sum(maker.command.price * part // WHOLE for maker, part in plan)
        return left < next_price * self.market(command.market).lot // WHOLE

    def trade(self, maker: ReferenceOrder, taker: ReferenceOrder, quantity: int, is_filled: bool) -> None:
        """One fill: both orders, two to four postings, the balances in the order buyer, seller, fees."""
        spec = self.market(taker.command.market)
        price = maker.command.price
        quote = price * quantity // WHOLE
        for order in (maker, taker):
            order.executed += quantity
            order.executed_quote += quote
        if taker.command.quote_quantity:
            taker.quantity = taker.executed
        maker.status = OrderStatus.FILLED if maker.rest == 0 else OrderStatus.PARTIALLY_FILLED
        taker.status = OrderStatus.FILLED if is_filled else OrderStatus.PARTIALLY_FILLED
        self.trades[spec.id] = number = self.trades.get(spec.id, 0) + 1
        buyer, seller = (taker, maker) if taker.command.side == Side.BUY else (maker, taker)
        buyer_fee = self.fee(quantity, spec, buyer is maker)
        seller_fee = self.fee(quote, spec, seller is maker)
        buyer_id, seller_id = buyer.command.account, seller.command.account
        self.events.append(
            Traded(
                market=spec.id,
                id=number,
                price=price,
                quantity=quantity,
                quote=quote,
                buyer_is_maker=buyer is maker,
                buyer=buyer_id,
                seller=seller_id,
                buyer_order=buyer.id,
                seller_order=seller.id,
                buyer_fee=buyer_fee,
                seller_fee=seller_fee,
                time_ms=self.now_ms,
            )
        )
        for order in (maker, taker):
            self.tell(
                order,
                Execution.TRADE,
                trade=number,
                last_quantity=quantity,
                last_price=price,
                last_quote=quote,
                fee=buyer_fee if order is buyer else seller_fee,
                fee_asset=spec.base if order is buyer else spec.quote,
                is_maker=order is maker,
            )
        for owner, asset in (
            (buyer_id, spec.base),
            (buyer_id, spec.quote),
            (seller_id, spec.base),
            (seller_id, spec.quote),
        ):
            self.touch(owner, asset)
        reference = f"{spec.id}:{number}"
        self.post(seller_id, buyer_id, spec.base, quantity, Reason.TRADE_BASE, reference)
        self.post(buyer_id, seller_id, spec.quote, quote, Reason.TRADE_QUOTE, reference)
        self.post(buyer_id, FEES, spec.base, buyer_fee, Reason.FEE_BUYER, reference)
        self.post(seller_id, FEES, spec.quote, seller_fee, Reason.FEE_SELLER, reference)

    def fee(self, amount: int, spec: MarketSpec, is_maker: bool) -> int:
        rate = spec.maker_fee_ppm if is_maker else spec.taker_fee_ppm
        return (amount * rate + 999_999) // 1_000_000

    def tell(self, order: ReferenceOrder, kind: Execution, **details: object) -> None:
        self.executions += 1
        command = order.command
        self.events.append(
            Executed(
                id=self.executions,
                kind=kind,
                account=command.account,
                market=command.market,
                order=order.id,
                client_order_id=command.client_order_id,
                side=command.side,
                type=command.type,
                time_in_force=command.time_in_force,
                status=order.status,
                quantity=order.quantity,
                quote_quantity=command.quote_quantity,
                price=command.price,
                executed=order.executed,
                executed_quote=order.executed_quote,
                created_ms=order.created_ms,
                time_ms=self.now_ms,
                **details,
            )
        )
