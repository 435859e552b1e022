"""A small exchange in the database, consistent to the last unit, written by hand."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection

from accounts.models import User
from tests.audit.consents import ALICE_WAITS, consents_create
from tests.audit.rules import ALICE_HELD, BOB_HELD, rules_create
from trading.engine.enums import HoldState, OrderStatus, OrderType, Reason, Side, TimeInForce
from trading.models import EngineState, Market, MarketState, Order, Trade
from wallets.ledger.chart import Owner
from wallets.models import (
    Asset,
    Balance,
    ChainCursor,
    ChainTransaction,
    Deposit,
    DepositAddress,
    FeeCorrection,
    Hold,
    Posting,
    Withdrawal,
)

CHAIN, FEES, NETWORK_FEES = int(Owner.CHAIN), int(Owner.FEES), int(Owner.NETWORK_FEES)
COLD = int(Owner.COLD)
PAID = uuid.UUID("11111111-1111-4111-8111-111111111111")
SENT = uuid.UUID("22222222-2222-4222-8222-222222222222")
REFUSED = uuid.UUID("33333333-3333-4333-8333-333333333333")
WAITING = uuid.UUID("44444444-4444-4444-8444-444444444444")


@dataclass(frozen=True)
class Exchange:
    """Who and what there is."""

    alice: User
    bob: User
    btc: Asset
    eth: Asset
    market: Market


def exchange_create() -> Exchange:
    """Return two people who deposited, traded, withdrew and wait for more."""
    alice = User.objects.create(email="alice@example.com")
    bob = User.objects.create(email="bob@example.com")
    there = Exchange(
        alice, bob, Asset.objects.get(code="BTC"), Asset.objects.get(code="ETH"), Market.objects.get(symbol="ETHBTC")
    )
    _deposits(there)
    _orders(there)
    _trades(there)
    rules_create(there)
    _withdrawals(there)
    consents_create(there)
    _cold(there)
    _corrections(there)
    _balances(there)
    MarketState.objects.filter(market=there.market).update(last_trade=2, last_price=5_000_000, last_prevented=1)
    EngineState.objects.update(sequence=20, last_order=16, last_list=3, rank_number=20)
    return there


def guards_remove() -> None:
    """Let the database take what must never be: what a test of the audit has to break."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER posting_no_update")
            cursor.execute("DROP TRIGGER posting_no_delete")
            cursor.execute("DROP TRIGGER operatorchange_no_update")
            cursor.execute("DROP TRIGGER operatorchange_no_delete")
            cursor.execute("DROP TRIGGER withdrawaldecision_no_update")
            cursor.execute("DROP TRIGGER withdrawaldecision_no_delete")
            cursor.execute("PRAGMA ignore_check_constraints = ON")
        else:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE wallets_posting DISABLE TRIGGER USER")
            cursor.execute("ALTER TABLE trading_operatorchange DISABLE TRIGGER USER")
            cursor.execute("ALTER TABLE wallets_withdrawaldecision DISABLE TRIGGER USER")
            cursor.execute("ALTER TABLE wallets_balance DROP CONSTRAINT balance_never_overdrawn")
            cursor.execute("ALTER TABLE trading_order DROP CONSTRAINT order_not_overfilled")


def constraints_restore() -> None:
    """Undo what a rollback does not: SQLite's checks are a setting of the connection."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints = OFF")


def deposit_time(day: int) -> datetime:
    """Return a time that does not matter."""
    return datetime(2026, 1, day, tzinfo=UTC)


def post(debit: int, credit: int, asset: Asset, amount: int, reason: Reason, reference: str) -> None:
    """Write a posting."""
    Posting.objects.create(
        sequence=1,
        debit=debit,
        credit=credit,
        asset=asset,
        amount=amount,
        reason=int(reason),
        reference=reference,
        time_ms=1,
    )


def _deposits(there: Exchange) -> None:
    for user, asset, amount in ((there.alice, there.btc, 200_000_000), (there.bob, there.eth, 1_000_000_000)):
        address = DepositAddress.objects.create(asset=asset, user=user, address=f"address of {user.email}")
        deposit = Deposit.objects.create(
            asset=asset,
            address=address,
            user=user,
            txid=f"deposit of {user.email}",
            output=0,
            amount=amount,
            status=Deposit.Status.CREDITED,
            confirmations=asset.confirmations,
            confirmations_needed=asset.confirmations,
            credited_at=deposit_time(1),
        )
        post(CHAIN, user.pk, asset, amount, Reason.DEPOSIT, deposit.reference)
    _lost_deposits(there)


def _lost_deposits(there: Exchange) -> None:
    """Add one that was taken back twice, and one that is gone from the chain and may come back."""
    columns = {"asset": there.eth, "user": there.bob, "address": DepositAddress.objects.get(user=there.bob)}
    columns |= {"output": 0, "amount": 70_000, "confirmations": -1, "confirmations_needed": 3}
    taken_back = Deposit.objects.create(txid="taken back", status=Deposit.Status.REVERSED, reversals=2, **columns)
    for reference in (f"deposit:{taken_back.pk}", f"deposit:{taken_back.pk}:1"):
        post(CHAIN, there.bob.pk, there.eth, 70_000, Reason.DEPOSIT, reference)
        post(there.bob.pk, CHAIN, there.eth, 70_000, Reason.REVERSAL, reference)
    came_back = Deposit.objects.create(
        txid="came back",
        status=Deposit.Status.CREDITED,
        credited_at=deposit_time(1),
        reversals=1,
        **columns | {"confirmations": 9},
    )
    before, bob = came_back.reference_before, there.bob.pk
    post(CHAIN, bob, there.eth, 70_000, Reason.DEPOSIT, before)
    post(int(Owner.LOSS), bob, there.eth, 30_000, Reason.LOSS, before)
    post(bob, CHAIN, there.eth, 70_000, Reason.REVERSAL, before)
    post(CHAIN, bob, there.eth, 70_000, Reason.DEPOSIT, came_back.reference)
    post(bob, int(Owner.LOSS), there.eth, 30_000, Reason.RECOUP, came_back.reference)
    lost = Deposit.objects.create(
        txid="lost",
        status=Deposit.Status.ORPHANED,
        credited_at=deposit_time(2),
        lost_at_height=100,
        **columns | {"asset": there.btc, "address": DepositAddress.objects.get(user=there.alice), "user": there.alice},
    )
    post(CHAIN, there.alice.pk, there.btc, 70_000, Reason.DEPOSIT, lost.reference)
    ChainCursor.objects.create(chain="bitcoin", height=105, block_hash="block 105", tip_height=105)


def _orders(there: Exchange) -> None:
    gtc, ioc = TimeInForce.GTC, TimeInForce.IOC
    limit, at_market = OrderType.LIMIT, OrderType.MARKET
    new, part, filled = OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED
    rows = [
        (1, there.bob, Side.SELL, limit, gtc, part, 5_000_000, 300_000_000, 150_000_000, 7_500_000),
        (2, there.alice, Side.BUY, at_market, gtc, filled, 0, 100_000_000, 100_000_000, 5_000_000),
        (3, there.alice, Side.BUY, limit, gtc, new, 4_000_000, 200_000_000, 0, 0),
        (4, there.alice, Side.BUY, limit, ioc, OrderStatus.EXPIRED, 3_000_000, 100_000_000, 0, 0),
        (5, there.bob, Side.SELL, limit, gtc, OrderStatus.CANCELED, 9_000_000, 100_000_000, 0, 0),
        (6, there.bob, Side.BUY, limit, ioc, filled, 5_000_000, 50_000_000, 50_000_000, 2_500_000),
    ]
    for number, user, side, kind, force, status, price, quantity, executed, executed_quote in rows:
        Order.objects.create(
            id=number,
            account=user,
            market=there.market,
            client_order_id=f"order-{number}",
            side=side,
            type=kind,
            time_in_force=force,
            status=status,
            price=price,
            quantity=quantity,
            quote_quantity=0,
            executed=executed,
            executed_quote=executed_quote,
            created_ms=number,
            updated_ms=number,
        )


def _trades(there: Exchange) -> None:
    alice, bob, market = there.alice, there.bob, there.market
    rows = [
        (1, 100_000_000, 5_000_000, alice, 2, 200_000, 5_000),
        (2, 50_000_000, 2_500_000, bob, 6, 100_000, 2_500),  # with himself: only the fees move
    ]
    for number, quantity, quote, buyer, order, buyer_fee, seller_fee in rows:
        Trade.objects.create(
            market=market,
            number=number,
            price=5_000_000,
            quantity=quantity,
            quote=quote,
            buyer_is_maker=False,
            buyer=buyer,
            seller=bob,
            buyer_order=order,
            seller_order=1,
            buyer_fee=buyer_fee,
            seller_fee=seller_fee,
            time_ms=number,
        )
        reference = f"{market.pk}:{number}"
        if buyer != bob:
            post(bob.pk, buyer.pk, there.eth, quantity, Reason.TRADE_BASE, reference)
            post(buyer.pk, bob.pk, there.btc, quote, Reason.TRADE_QUOTE, reference)
        post(buyer.pk, FEES, there.eth, buyer_fee, Reason.FEE_BUYER, reference)
        post(bob.pk, FEES, there.btc, seller_fee, Reason.FEE_SELLER, reference)


def _withdrawals(there: Exchange) -> None:
    status, sent = Withdrawal.Status, ChainTransaction.Status
    rows = [
        (PAID, there.bob, there.eth, 200_000_000, 50_000, status.CONFIRMED, HoldState.SETTLED, sent.CONFIRMED),
        (SENT, there.alice, there.btc, 10_000_000, 2_000, status.BROADCAST, HoldState.HELD, sent.BROADCAST),
        (REFUSED, there.alice, there.btc, 900_000_000, 2_000, status.REJECTED, HoldState.REFUSED, None),
        (WAITING, there.alice, there.btc, 20_000, 2_000, status.REQUESTED, None, None),
    ]
    for name, user, asset, amount, fee, state, hold, on_chain in rows:
        transaction = None
        if on_chain is not None:
            transaction = ChainTransaction.objects.create(
                asset=asset,
                fee_asset=asset,
                kind="withdrawal",
                status=on_chain,
                txid=f"tx {name}",
                raw="00",
                network_fee=2_100,
            )
        withdrawal = Withdrawal.objects.create(
            id=name,
            user=user,
            asset=asset,
            address="outside",
            amount=amount,
            fee=fee,
            status=state,
            transaction=transaction,
        )
        if hold is not None:
            Hold.objects.create(
                reference=withdrawal.reference, account=user.pk, asset=asset, amount=amount, state=int(hold)
            )
        if hold is HoldState.SETTLED:
            assert transaction is not None
            post(user.pk, CHAIN, asset, amount - fee, Reason.WITHDRAWAL, withdrawal.reference)
            post(user.pk, FEES, asset, fee, Reason.WITHDRAWAL_FEE, withdrawal.reference)
            post(NETWORK_FEES, CHAIN, asset, 2_100, Reason.NETWORK_FEE, transaction.fee_reference)


def _corrections(there: Exchange) -> None:
    """Add a sweep that cost 300 units less when it was mined again, and then 100 more, and one that is in doubt."""
    columns = {"asset": there.eth, "fee_asset": there.eth, "kind": "sweep", "raw": "00", "status": "confirmed"}
    sweep = ChainTransaction.objects.create(txid="mined three times", network_fee=1_000, **columns)
    post(NETWORK_FEES, CHAIN, there.eth, 1_000, Reason.NETWORK_FEE, sweep.fee_reference)
    less = FeeCorrection.objects.create(transaction=sweep, number=1, amount=-300)
    post(CHAIN, NETWORK_FEES, there.eth, 300, Reason.NETWORK_FEE, less.reference)
    more = FeeCorrection.objects.create(transaction=sweep, number=2, amount=100)
    post(NETWORK_FEES, CHAIN, there.eth, 100, Reason.NETWORK_FEE, more.reference)
    doubtful = ChainTransaction.objects.create(txid="in doubt", network_fee=0, fee_in_doubt=True, **columns)
    FeeCorrection.objects.create(transaction=doubtful, number=1, amount=50)  # on its way to the ledger


def _cold(there: Exchange) -> None:
    """Add half a coin that went to the cold address, of which 0.2 came back, and one that is on its way."""
    columns = {"asset": there.btc, "fee_asset": there.btc, "kind": "cold", "raw": "00", "recipient": "cold"}
    sent = ChainTransaction.objects.create(
        txid="to the cold address", status="confirmed", amount=50_000_000, network_fee=0, **columns
    )
    ChainTransaction.objects.create(txid="on its way", status="broadcast", amount=7_000, network_fee=300, **columns)
    post(COLD, CHAIN, there.btc, 50_000_000, Reason.COLD, f"cold:{sent.pk}")
    post(CHAIN, COLD, there.btc, 20_000_000, Reason.COLD, "cold-return:back")


def _balances(there: Exchange) -> None:
    rows = [
        # Alice's orders, a withdrawal of 0.1 BTC, and those that somebody has to agree to.
        (there.alice.pk, there.btc, 195_070_000, ALICE_HELD + 10_000_000 + ALICE_WAITS),
        (there.alice.pk, there.eth, 99_800_000, 0),
        (there.bob.pk, there.btc, 4_992_500, 0),
        (there.bob.pk, there.eth, 699_970_000, 150_000_000 + BOB_HELD),
        (FEES, there.btc, 7_500, 0),
        (FEES, there.eth, 350_000, 0),
        (CHAIN, there.btc, -170_070_000, 0),
        (COLD, there.btc, -30_000_000, 0),
        (CHAIN, there.eth, -800_117_100, 0),
        (NETWORK_FEES, there.eth, -2_900, 0),
    ]
    for owner, asset, balance, held in rows:
        Balance.objects.create(owner=owner, asset=asset, balance=balance, held=held)
