"""Markets, orders and trades: columns and constraints, no behaviour.

All of it is written by the engine only (trading/runtime/store.py), but for what migrations seed.
Choices are the integers of trading/engine/enums.py; times are milliseconds since the epoch, UTC, as in the API.
"""

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class Market(models.Model):
    """A pair of assets. Price x quantity must be whole: tick x lot divisible by 10^8 (mex/money.py)."""

    symbol = models.CharField(max_length=20, unique=True)
    # No constraint of the database: what the core has done must always be possible to commit. The audit looks at it.
    base = models.ForeignKey("wallets.Asset", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    quote = models.ForeignKey("wallets.Asset", on_delete=models.PROTECT, related_name="+", db_constraint=False)
    status = models.PositiveSmallIntegerField(choices=[(1, "Trading"), (2, "Halted"), (3, "Delisted")], default=1)
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
    orders_max = models.BigIntegerField(help_text="Open orders that one account may have here.")
    algo_orders_max = models.BigIntegerField(default=200, help_text="Of these, orders that wait for a stop price.")
    iceberg_parts_max = models.BigIntegerField(default=100, help_text="Slices that one iceberg order may have.")
    position_max = models.BigIntegerField(default=0, help_text="Base units that a buyer may have. 0: any.")
    bid_up_ppm = models.BigIntegerField(
        default=0, help_text="A limit price to buy may be at most this part of the last price, in ppm. 0: any."
    )
    bid_down_ppm = models.BigIntegerField(default=0)
    ask_up_ppm = models.BigIntegerField(default=0)
    ask_down_ppm = models.BigIntegerField(default=0)
    trailing_min = models.PositiveIntegerField(default=10, help_text="Basis points.")
    trailing_max = models.PositiveIntegerField(default=2_000, help_text="Basis points.")

    class Meta:
        ordering = ["id"]
        constraints = [models.CheckConstraint(condition=~Q(base=F("quote")), name="market_of_two_assets")]

    def __str__(self) -> str:
        return self.symbol


class MarketState(models.Model):
    """Where a market's counters stand."""

    market = models.OneToOneField(Market, on_delete=models.PROTECT, primary_key=True, related_name="state")
    last_trade = models.BigIntegerField(default=0, help_text="Number of the last trade.")
    last_update = models.BigIntegerField(default=0, help_text="Number of the last change of a price level.")
    last_price = models.BigIntegerField(default=0, help_text="Price of the last trade.")
    last_prevented = models.BigIntegerField(default=0, help_text="Number of the last prevented match.")

    def __str__(self) -> str:
        return str(self.market_id)


class Order(models.Model):
    """An accepted order. Ids rise by one per order. Its open quantity is quantity - executed - prevented."""

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="orders"
    )
    market = models.ForeignKey(Market, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    client_order_id = models.CharField(max_length=36)
    side = models.PositiveSmallIntegerField(choices=[(1, "Buy"), (2, "Sell")])
    type = models.PositiveSmallIntegerField(
        choices=[
            (1, "Limit"),
            (2, "Market"),
            (3, "Limit maker"),
            (4, "Stop loss"),
            (5, "Stop loss limit"),
            (6, "Take profit"),
            (7, "Take profit limit"),
        ]
    )
    time_in_force = models.PositiveSmallIntegerField(choices=[(1, "GTC"), (2, "IOC"), (3, "FOK")])
    status = models.PositiveSmallIntegerField(
        choices=[
            (1, "New"),
            (2, "Partially filled"),
            (3, "Filled"),
            (4, "Canceled"),
            (5, "Expired"),
            (6, "Expired in match"),
        ]
    )
    stp = models.PositiveSmallIntegerField(
        choices=[(1, "None"), (2, "Expire taker"), (3, "Expire maker"), (4, "Expire both"), (5, "Decrement")],
        default=1,
        help_text="Self-trade prevention in force.",
    )
    price = models.BigIntegerField()
    quantity = models.BigIntegerField()
    quote_quantity = models.BigIntegerField()
    executed = models.BigIntegerField()
    executed_quote = models.BigIntegerField()
    prevented = models.BigIntegerField(default=0, help_text="Base units lost to self-trade prevention.")
    created_ms = models.BigIntegerField()
    updated_ms = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "client_order_id"], name="order_client_id_once"),
            models.CheckConstraint(
                condition=Q(executed__gte=0, prevented__gte=0, quantity__gte=F("executed") + F("prevented")),
                name="order_not_overfilled",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "market", "id"], name="order_by_account"),
            models.Index(fields=["account", "market", "id"], name="order_open", condition=Q(status__lte=2)),
        ]

    def __str__(self) -> str:
        return str(self.id)


class OrderCondition(models.Model):
    """What only stops, trailing stops, icebergs and orders of a list have.

    An order stands in its queue at (id, 0), one with a condition at (rank_after, rank_number): behind the orders that
    had been accepted when it came to stand there. An iceberg comes to stand anew with each slice.
    """

    order = models.OneToOneField(
        Order, on_delete=models.PROTECT, primary_key=True, db_constraint=False, related_name="condition"
    )
    stop_price = models.BigIntegerField(default=0)
    trailing_delta = models.PositiveIntegerField(default=0, help_text="Basis points.")
    iceberg_quantity = models.BigIntegerField(default=0)
    hold_price = models.BigIntegerField(
        default=0, help_text="What a waiting BUY without a price of its own holds for a whole base, quote units."
    )
    list_id = models.BigIntegerField(default=0)
    state = models.PositiveSmallIntegerField(choices=[(0, "Working"), (1, "Waiting"), (2, "Trailing")], default=0)
    working_ms = models.BigIntegerField(default=0, help_text="Since when it works; 0 while it waits.")
    trail_from = models.BigIntegerField(
        default=0, help_text="Number of the trade from which on it follows prices; 0 while it does not."
    )
    trail_ms = models.BigIntegerField(default=0, help_text="Since when it follows.")
    rank_after = models.BigIntegerField()
    rank_number = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["list_id"], name="condition_of_list", condition=Q(list_id__gt=0))]

    def __str__(self) -> str:
        return str(self.order_id)


class OrderList(models.Model):
    """Two orders of which one can trade. Ids rise by one per list."""

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    market = models.ForeignKey(Market, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    client_list_id = models.CharField(max_length=36)
    status = models.PositiveSmallIntegerField(choices=[(1, "Executing"), (2, "All done")])
    above = models.BigIntegerField(help_text="Id of the order above the market.")
    below = models.BigIntegerField(help_text="Id of the order below the market.")
    created_ms = models.BigIntegerField()
    updated_ms = models.BigIntegerField()

    class Meta:
        indexes = [
            models.Index(fields=["account", "id"], name="list_by_account"),
            models.Index(fields=["account", "client_list_id"], name="list_by_client_id"),
            models.Index(fields=["account", "market", "id"], name="list_open", condition=Q(status=1)),
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


class PreventedMatch(models.Model):
    """Two orders of one account that did not trade. `number` counts from 1 in each market."""

    market = models.ForeignKey(Market, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    number = models.BigIntegerField()
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    taker_order = models.BigIntegerField()
    maker_order = models.BigIntegerField()
    mode = models.PositiveSmallIntegerField(
        choices=[(2, "Expire taker"), (3, "Expire maker"), (4, "Expire both"), (5, "Decrement")]
    )
    price = models.BigIntegerField()
    taker_quantity = models.BigIntegerField(help_text="What the taker lost, base units.")
    maker_quantity = models.BigIntegerField(help_text="What the maker lost, base units.")
    time_ms = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "prevented matches"
        constraints = [models.UniqueConstraint(fields=["market", "number"], name="prevented_number")]
        indexes = [models.Index(fields=["account", "market", "number"], name="prevented_by_account")]

    def __str__(self) -> str:
        return f"{self.market_id}:{self.number}"


class Terms(models.Model):
    """What an account has agreed on for itself. Most have no row: the market's fees, no self-trade prevention."""

    account = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        primary_key=True,
        db_constraint=False,
        related_name="terms",
    )
    maker_fee_ppm = models.IntegerField(default=-1, help_text="Parts per million; -1: the market's.")
    taker_fee_ppm = models.IntegerField(default=-1, help_text="Parts per million; -1: the market's.")
    stp = models.PositiveSmallIntegerField(
        choices=[
            (0, "Default"),
            (1, "None"),
            (2, "Expire taker"),
            (3, "Expire maker"),
            (4, "Expire both"),
            (5, "Decrement"),
        ],
        default=0,
        help_text="Self-trade prevention of orders that name none.",
    )

    class Meta:
        verbose_name_plural = "terms"

    def __str__(self) -> str:
        return str(self.account_id)


class OperatorChange(models.Model):
    """What an operator changed, who, and why. Never updated, never deleted (the database refuses)."""

    reference = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=10, choices=[("market", "Market"), ("terms", "Terms")])
    subject = models.BigIntegerField(help_text="Id of the market or of the account.")
    symbol = models.CharField(max_length=20, blank=True)
    actor = models.TextField()
    note = models.TextField(blank=True)
    sequence = models.BigIntegerField(help_text="The engine's command number.")
    time_ms = models.BigIntegerField()
    before = models.JSONField(null=True)
    after = models.JSONField()

    class Meta:
        indexes = [models.Index(fields=["kind", "subject", "id"], name="change_by_subject")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}: {self.reference}"


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
    last_list = models.BigIntegerField(default=0)
    rank_number = models.BigIntegerField(default=0, help_text="The last one given to an order with a condition.")
    time_ms = models.BigIntegerField(default=0)
    last_batch = models.BinaryField(default=b"", help_text="The last batch as it is published.")
    state_hash = models.CharField(
        max_length=64, blank=True, default="", help_text="Hash of the state after command `hash_sequence`."
    )
    hash_sequence = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"shard {self.shard}"
