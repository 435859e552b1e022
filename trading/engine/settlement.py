"""What a trade moves.  [pure]

Trades emit no postings: these follow from the trade and its market, so that the core does not make them and the event
stream does not carry them.
"""

from trading.engine.enums import Reason, Side
from trading.engine.events import Posted, Traded
from trading.engine.markets import MarketSpec
from wallets.ledger.chart import Owner


def postings_of(trade: Traded, spec: MarketSpec) -> list[Posted]:
    """Return a trade's postings: base, quote, the buyer's fee (in base) and the seller's (in quote).

    Nothing is posted of nothing; and between orders of one account only the fees move, for a posting is between two
    owners.
    """
    taker, maker = trade.taker.order.account, trade.maker.order.account
    if trade.taker.order.side is Side.BUY:
        buyer, seller, buyer_fee, seller_fee = taker, maker, trade.taker_fee, trade.maker_fee
    else:
        buyer, seller, buyer_fee, seller_fee = maker, taker, trade.maker_fee, trade.taker_fee
    reference = f"{spec.id}:{trade.id}"
    legs = [
        Posted(seller, buyer, spec.base, trade.quantity, Reason.TRADE_BASE, reference),
        Posted(buyer, seller, spec.quote, trade.quote, Reason.TRADE_QUOTE, reference),
        Posted(buyer, Owner.FEES, spec.base, buyer_fee, Reason.FEE_BUYER, reference),
        Posted(seller, Owner.FEES, spec.quote, seller_fee, Reason.FEE_SELLER, reference),
    ]
    return [leg for leg in legs if leg.amount and leg.debit != leg.credit]
