"""Rows as the engine and the workers write them, for pages to show."""

from accounts.models import User
from trading.engine.enums import HoldState, OrderStatus, OrderType, Reason, Side, TimeInForce
from trading.models import EngineState, Market, MarketState, Order, Trade
from wallets.ledger.chart import Owner
from wallets.models import (
    Asset,
    Balance,
    Chain,
    ChainCursor,
    ChainTransaction,
    Deposit,
    DepositAddress,
    Hold,
    Posting,
    Withdrawal,
)

PASSWORD = "correct horse battery"
BTC_ADDRESS = "bcrt1qs758ursh4q9z627kt3pp5yysm78ddny6txaqgw"
ETH_ADDRESS = "0x52908400098527886E0F7030069857D2E4169EE7"
TIME_MS = 1_790_000_000_000


def give_everything(user: User) -> None:
    """Give a user a row of every kind."""
    btc, eth = Asset.objects.get(code="BTC"), Asset.objects.get(code="ETH")
    give_wallet_rows(user, btc, BTC_ADDRESS)
    give_wallet_rows(user, eth, ETH_ADDRESS)
    give_trading_rows(user, Market.objects.get(symbol="ETHBTC"))


def give_wallet_rows(user: User, asset: Asset, address: str) -> None:
    """Give a user a balance of 1.5 with 0.25 held, a deposit at 7 confirmations, and a withdrawal that was sent."""
    Balance.objects.create(owner=user.pk, asset=asset, balance=150_000_000, held=25_000_000)
    Posting.objects.create(
        sequence=1,
        debit=Owner.CHAIN,
        credit=user.pk,
        asset=asset,
        amount=150_000_000,
        reason=Reason.DEPOSIT,
        reference=f"deposit:{asset.code}",
        time_ms=TIME_MS,
    )
    own = DepositAddress.objects.create(asset=asset, user=user, address=address)
    Deposit.objects.create(
        asset=asset,
        address=own,
        user=user,
        txid=f"{asset.code.lower()}-deposit-of-{user.pk}",
        output=0,
        amount=123_450_000,
        status=Deposit.Status.CONFIRMING,
        confirmations=7,
        confirmations_needed=12,
        block_height=4711,
    )
    sent = ChainTransaction.objects.create(
        asset=asset,
        fee_asset=asset,
        kind=ChainTransaction.Kind.WITHDRAWAL,
        status=ChainTransaction.Status.BROADCAST,
        txid=f"{asset.code.lower()}-withdrawal-of-{user.pk}",
        raw="00",
    )
    withdrawal = Withdrawal.objects.create(
        user=user,
        asset=asset,
        address=address,
        amount=25_000_000,
        fee=asset.withdrawal_fee,
        status=Withdrawal.Status.BROADCAST,
        transaction=sent,
    )
    Hold.objects.create(
        reference=withdrawal.reference, account=user.pk, asset=asset, amount=25_000_000, state=HoldState.HELD
    )
    ChainCursor.objects.get_or_create(chain=Chain(asset.chain), defaults={"height": 4717, "block_hash": "aa"})


def give_trading_rows(user: User, market: Market, first_order: int = 1) -> None:
    """Give a user an open sell order of 2.5 at 0.0531, a filled buy order, and its trade at 0.0522."""
    MarketState.objects.get_or_create(market=market)
    EngineState.objects.get_or_create(shard=0)
    shared = {"account": user, "market": market, "time_in_force": TimeInForce.GTC, "type": OrderType.LIMIT}
    shared |= {"quote_quantity": 0, "created_ms": TIME_MS, "updated_ms": TIME_MS}
    Order.objects.create(
        id=first_order,
        client_order_id="web-open",
        side=Side.SELL,
        status=OrderStatus.NEW,
        price=5_310_000,
        quantity=250_000_000,
        executed=0,
        executed_quote=0,
        **shared,
    )
    Order.objects.create(
        id=first_order + 1,
        client_order_id="web-filled",
        side=Side.BUY,
        status=OrderStatus.FILLED,
        price=5_220_000,
        quantity=60_000_000,
        executed=60_000_000,
        executed_quote=3_132_000,
        **shared,
    )
    Trade.objects.create(
        market=market,
        number=first_order,
        price=5_220_000,
        quantity=60_000_000,
        quote=3_132_000,
        buyer_is_maker=False,
        buyer=user,
        seller_id=user.pk + 1_000,
        buyer_order=first_order + 1,
        seller_order=99,
        buyer_fee=120_000,
        seller_fee=3_132,
        time_ms=TIME_MS,
    )
