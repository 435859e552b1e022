"""Markets, orders and trades: columns and constraints, no behaviour.

Orders, trades, market and engine state are written by the engine only (trading/runtime/store.py).
Choices are the integers of trading/engine/enums.py; times are milliseconds since the epoch, UTC, as in the API.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q


class Market(models.Model):
    """A pair of assets. Price x quantity must be whole: tick x lot divisible by 10^8 (mex/money.py)."""

    symbol = models.CharField(max_length=20, unique=True)
    base = models.ForeignKey("wallets.Asset", on_delete=models.PROTECT, related_name="+")
    quote = models.ForeignKey("wallets.Asset", on_delete=models.PROTECT, related_name="+")
    status = models.PositiveSmallIntegerField(choices=[(1, "Trading"), (2, "Halted")], default=1)
    tick = models.BigIntegerField(help_text="Quote units per whole base asset.")
    lot = models.BigIntegerField(help_text="Base units.")
    price_min = models.BigIntegerField()
    price_max = models.BigIntegerField()
    quantity_min = models.BigIntegerField()
    quantity_max = models.BigIntegerField()
    notional_min = models.BigIntegerField(help_text="Quote units.")
    notional_max = models.BigIntegerField(help_text="Quote units.")
    maker_fee_ppm = models.PositiveIntegerField(help_text="Parts per million of what the maker receives.")
    taker_fee_ppm = models.PositiveIntegerField(help_text="Parts per million of what the taker receives.")
    orders_max = models.PositiveIntegerField(help_text="Open orders that one account may have here.")

    class Meta:
        ordering = ["id"]
        constraints = [models.CheckConstraint(condition=~Q(base=models.F("quote")), name="market_of_two_assets")]

    def __str__(self) -> str:
        return self.symbol


class MarketState(models.Model):
    """Where a market's counters stand."""

    market = models.OneToOneField(Market, on_delete=models.PROTECT, primary_key=True, related_name="state")
    last_trade = models.BigIntegerField(default=0, help_text="Number of the last trade.")
    last_update = models.BigIntegerField(default=0, help_text="Number of the last change of a price level.")

    def __str__(self) -> str:
        return str(self.market_id)


class Order(models.Model):
    """An accepted order. Ids rise by one per order, so they are also time priority."""

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="orders"
    )
    market = models.ForeignKey(Market, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    client_order_id = models.CharField(max_length=36)
    side = models.PositiveSmallIntegerField(choices=[(1, "Buy"), (2, "Sell")])
    type = models.PositiveSmallIntegerField(choices=[(1, "Limit"), (2, "Market"), (3, "Limit maker")])
    time_in_force = models.PositiveSmallIntegerField(choices=[(1, "GTC"), (2, "IOC"), (3, "FOK")])
    status = models.PositiveSmallIntegerField(
        choices=[(1, "New"), (2, "Partially filled"), (3, "Filled"), (4, "Canceled"), (5, "Expired")]
    )
    price = models.BigIntegerField()
    quantity = models.BigIntegerField()
    quote_quantity = models.BigIntegerField()
    executed = models.BigIntegerField()
    executed_quote = models.BigIntegerField()
    created_ms = models.BigIntegerField()
    updated_ms = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "client_order_id"], name="order_client_id_once"),
            models.CheckConstraint(
                condition=Q(executed__gte=0) & Q(executed__lte=models.F("quantity")), name="order_not_overfilled"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "market", "id"], name="order_by_account"),
            models.Index(fields=["id"], name="order_open", condition=Q(status__lte=2)),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Trade(models.Model):
    """A fill between two orders. `number` counts from 1 in each market and is the API's trade id."""

    market = models.ForeignKey(Market, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    number = models.BigIntegerField()
    price = models.BigIntegerField()
    quantity = models.BigIntegerField()
    quote = models.BigIntegerField()
    buyer_is_maker = models.BooleanField()
    buyer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    seller = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    buyer_order = models.BigIntegerField()
    seller_order = models.BigIntegerField()
    buyer_fee = models.BigIntegerField(help_text="Base units.")
    seller_fee = models.BigIntegerField(help_text="Quote units.")
    time_ms = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["market", "number"], name="trade_number"),
            models.CheckConstraint(condition=Q(quantity__gt=0) & Q(quote__gt=0), name="trade_positive"),
        ]
        indexes = [
            models.Index(fields=["buyer", "market", "number"], name="trade_by_buyer"),
            models.Index(fields=["seller", "market", "number"], name="trade_by_seller"),
        ]

    def __str__(self) -> str:
        return f"{self.market_id}:{self.number}"


class EngineState(models.Model):
    """The one row per shard that each commit updates, if its epoch is still the writer's own.

    `position` is the last entry of the command stream whose effects are committed; `batch` and `published` let a new
    engine publish what the old one committed and did not get to publish.
    """

    shard = models.PositiveSmallIntegerField(primary_key=True)
    epoch = models.BigIntegerField(default=0)
    leader = models.CharField(
        max_length=120, blank=True, help_text="host:pid:start time of the process that may commit."
    )
    lease_until_ms = models.BigIntegerField(default=0)
    position = models.CharField(max_length=40, default="0-0")
    batch = models.BigIntegerField(default=0)
    sequence = models.BigIntegerField(default=0, help_text="Commands applied.")
    last_order = models.BigIntegerField(default=0)
    last_execution = models.BigIntegerField(default=0)
    time_ms = models.BigIntegerField(default=0)
    last_batch = models.BinaryField(default=b"", help_text="The last batch as it is published.")

    def __str__(self) -> str:
        return f"shard {self.shard}"
