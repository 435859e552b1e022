"""Trades: an incoming order against the orders that rest, by price and then by time.  [pure]"""

from mex.money import fee_of, notional
from trading.engine.book import Book
from trading.engine.enums import Execution, OrderStatus, Reason, Side
from trading.engine.events import Executed, Posted, Traded
from trading.engine.levels import Ladder, Level
from trading.engine.orders import OpenOrders, Order
from trading.engine.record import Record
from wallets.ledger.chart import Owner

_BUY = Side.BUY
_TRADE = Execution.TRADE
_PARTIALLY_FILLED = OrderStatus.PARTIALLY_FILLED
_FILLED = OrderStatus.FILLED
_TRADE_BASE = Reason.TRADE_BASE
_TRADE_QUOTE = Reason.TRADE_QUOTE
_FEE_BUYER = Reason.FEE_BUYER
_FEE_SELLER = Reason.FEE_SELLER
_FEES = int(Owner.FEES)


class Matcher:
    """Matches orders of any book, and settles each trade at once."""

    __slots__ = ("_open", "_record")

    _record: Record
    _open: OpenOrders

    def __init__(self, record: Record, open_orders: OpenOrders) -> None:
        self._record = record
        self._open = open_orders

    def match(self, book: Book, taker: Order, ladder: Ladder, limit_key: int, want: int, fills: bool) -> list[Level]:
        """Trade `want` base units of `taker` on levels not worse than `limit_key`; return the levels it changed.

        `fills` says whether a taker that got all of `want` is filled by it.
        """
        changed = []
        keys, by_id, by_key = ladder.keys, self._open.by_id, self._open.by_key
        while want and keys and keys[-1] >= limit_key:
            level = ladder.levels[keys[-1]]
            changed.append(level)
            taken = 0
            maker = level.head
            while want and maker is not None:
                rest = maker.quantity - maker.executed
                quantity = want if want < rest else rest
                want -= quantity
                taken += quantity
                following = maker.next
                maker.status = _PARTIALLY_FILLED if quantity < rest else _FILLED
                taker.status = _FILLED if want == 0 and fills else _PARTIALLY_FILLED
                self._trade(book, taker, maker, quantity)
                if quantity == rest:
                    del by_id[maker.id], by_key[maker.key]
                    maker.trader.open_orders -= 1
                    maker.next = maker.level = None
                    maker = following
                    level.head = maker
            level.quantity -= taken
            if maker is None:
                level.tail = None
                ladder.drop(level)
            else:
                maker.previous = None
        return changed

    def _trade(self, book: Book, taker: Order, maker: Order, quantity: int) -> None:
        """Trade `quantity` at the maker's price: change both orders and all funds, and record it."""
        record, spec, price = self._record, book.spec, maker.price
        quote = notional(price, quantity)
        maker.executed += quantity
        maker.executed_quote += quote
        taker.executed += quantity
        taker.executed_quote += quote
        if taker.quote_quantity:
            taker.quantity = taker.executed  # an order by quote quantity is as large as what it has traded
        book.last_trade += 1
        maker_ppm, taker_ppm = spec.maker_fee_ppm, spec.taker_fee_ppm
        if taker.side is _BUY:
            buyer, seller = taker, maker
            buyer_fee = taker_fee = fee_of(quantity, taker_ppm)
            seller_fee = maker_fee = fee_of(quote, maker_ppm)
            maker.trader.base.held -= quantity
            taker_asset, maker_asset = spec.base, spec.quote
        else:
            buyer, seller = maker, taker
            buyer_fee = maker_fee = fee_of(quantity, maker_ppm)
            seller_fee = taker_fee = fee_of(quote, taker_ppm)
            maker.trader.quote.held -= quote
            taker_asset, maker_asset = spec.quote, spec.base
        number = book.last_trade
        record.events.append(
            Traded(
                spec.id,
                number,
                price,
                quantity,
                quote,
                buyer is maker,
                buyer.account,
                seller.account,
                buyer.id,
                seller.id,
                buyer_fee,
                seller_fee,
                record.now_ms,
            )
        )
        self._report(maker, number, quantity, price, quote, maker_fee, maker_asset, True)
        self._report(taker, number, quantity, price, quote, taker_fee, taker_asset, False)
        self._settle(book, buyer, seller, quantity, quote, buyer_fee, seller_fee)

    def _report(
        self,
        order: Order,
        trade: int,
        quantity: int,
        price: int,
        quote: int,
        fee: int,
        fee_asset: int,
        is_maker: bool,
    ) -> None:
        """Add the execution report of one side of a trade."""
        record = self._record
        record.last_execution += 1
        record.events.append(
            Executed(
                record.last_execution,
                _TRADE,
                order.account,
                order.market,
                order.id,
                order.client_order_id,
                order.side,
                order.type,
                order.time_in_force,
                order.status,
                order.quantity,
                order.quote_quantity,
                order.price,
                order.executed,
                order.executed_quote,
                order.created_ms,
                record.now_ms,
                trade,
                quantity,
                price,
                quote,
                fee,
                fee_asset,
                is_maker,
            )
        )

    def _settle(
        self, book: Book, buyer: Order, seller: Order, quantity: int, quote: int, buyer_fee: int, seller_fee: int
    ) -> None:
        """Move base, quote and fees of a trade. Between orders of one account only the fees move."""
        record, spec = self._record, book.spec
        bought, paid = buyer.trader.base, buyer.trader.quote
        sold, received = seller.trader.base, seller.trader.quote
        sequence, events, touched = record.sequence, record.events, record.touched
        for purse in (bought, paid, sold, received):
            if purse.touched_in != sequence:  # Record.touch, without a call for each purse of each trade
                purse.touched_in = sequence
                touched.append(purse)
        bought.balance += quantity - buyer_fee
        paid.balance -= quote
        sold.balance -= quantity
        received.balance += quote - seller_fee
        reference = f"{spec.id}:{book.last_trade}"
        if buyer.account != seller.account:
            events.append(Posted(sequence, seller.account, buyer.account, spec.base, quantity, _TRADE_BASE, reference))
            events.append(Posted(sequence, buyer.account, seller.account, spec.quote, quote, _TRADE_QUOTE, reference))
        if buyer_fee:
            book.base_fees.balance += buyer_fee
            record.touch(book.base_fees)
            events.append(Posted(sequence, buyer.account, _FEES, spec.base, buyer_fee, _FEE_BUYER, reference))
        if seller_fee:
            book.quote_fees.balance += seller_fee
            record.touch(book.quote_fees)
            events.append(Posted(sequence, seller.account, _FEES, spec.quote, seller_fee, _FEE_SELLER, reference))
