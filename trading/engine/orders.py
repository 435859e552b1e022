"""Orders, order lists, and the accounts that placed them.  [pure]"""

from math import gcd
from typing import TYPE_CHECKING, Final, Optional

from mex.money import PPM, UNITS
from trading.engine.enums import OrderState, OrderType, Side, StpMode
from trading.engine.events import Accepted
from trading.engine.funds import Purse
from trading.engine.levels import Ladder, Level

if TYPE_CHECKING:  # a book knows its traders, and a trader its book
    from trading.engine.book import Book
    from trading.engine.triggers import Bucket

# Tuples, not sets: they are asked by identity, while an enum's hash is a Python function.
STOPS: Final = (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT)
"""Types that wait for a price."""

PRICELESS: Final = (OrderType.MARKET, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT)
"""Types that trade at any price."""


class Account:
    """One account: its client order ids, its open lists, and what it is in each market."""

    __slots__ = ("id", "lists", "maker_fee_ppm", "names", "stp", "taker_fee_ppm", "traders")

    id: int
    names: dict[str, int]
    """Orders by client order id: those accepted since the last `forget`, and those that the shell has looked up."""
    traders: dict[int, "Trader"]
    """By market."""
    lists: dict[str, "OrderList"]
    """Its open order lists by client id."""
    maker_fee_ppm: int
    """-1: the market's own."""
    taker_fee_ppm: int
    stp: StpMode

    def __init__(self, id: int) -> None:
        self.id = id
        self.names = {}
        self.traders = {}
        self.lists = {}
        self.maker_fee_ppm = -1
        self.taker_fee_ppm = -1
        self.stp = StpMode.NONE


class Trader:
    """One account in one market: its purses, its fee rates there and its open orders."""

    __slots__ = (
        "account",
        "base",
        "book",
        "buying",
        "is_touched",
        "lot",
        "maker_fee",
        "market",
        "names",
        "orders",
        "orders_max",
        "quote",
        "selling",
        "stp",
        "taker_fee",
        "waiting",
    )

    account: Account
    names: dict[str, int]
    """The account's."""
    book: "Book"
    market: int
    lot: int
    """The market's, as is `orders_max`: what every order asks for is here, to save a step."""
    orders_max: int
    base: Purse
    quote: Purse
    buying: tuple[Ladder, Ladder, Purse]
    """What an order to buy deals with: its own side, the other side, and the purse that it pays from."""
    selling: tuple[Ladder, Ladder, Purse]
    maker_fee: tuple[int, int, int]
    """What a maker pays of what he receives: (received x first + third) // second, which is rounded up."""
    taker_fee: tuple[int, int, int]
    stp: StpMode
    """The account's default."""
    orders: dict[int, "Order"]
    """Its open orders, waiting ones too, by id."""
    waiting: int
    """How many of them wait for a stop price."""
    is_touched: bool
    """Whether this batch may have changed one of its purses."""

    def __init__(self, account: Account, book: "Book", base: Purse, quote: Purse) -> None:
        self.account = account
        self.names = account.names
        self.book = book
        self.market = book.spec.id
        self.base = base
        self.quote = quote
        self.buying = (book.bids, book.asks, quote)
        self.selling = (book.asks, book.bids, base)
        self.orders = {}
        self.waiting = 0
        self.is_touched = False
        self.take_terms()

    def take_terms(self) -> None:
        """Read the terms anew: the account's own fee rates, else the market's."""
        self.stp = self.account.stp
        spec = self.book.spec
        self.lot = spec.lot
        self.orders_max = spec.orders_max
        own_maker, own_taker = self.account.maker_fee_ppm, self.account.taker_fee_ppm
        self.maker_fee = _fraction(own_maker if own_maker >= 0 else spec.maker_fee_ppm)
        self.taker_fee = _fraction(own_taker if own_taker >= 0 else spec.taker_fee_ppm)


def _fraction(ppm: int) -> tuple[int, int, int]:
    """Return a rate as a fraction in lowest terms, for small numbers divide faster, and what rounds up."""
    divisor = gcd(ppm, PPM)
    return ppm // divisor, PPM // divisor, PPM // divisor - 1


class Special:
    """What most orders do not have: hidden quantity, a stop condition, a list.

    An order has one of these or None, so that a plain order pays for none of it.
    """

    __slots__ = ("bucket", "group", "hidden", "slice", "state")

    slice: int
    """What an iceberg shows at once, base units; 0: it hides nothing."""
    hidden: int
    """Its open quantity that the book does not show, while it rests."""
    state: OrderState
    bucket: "Bucket | None"
    """While it trails: where, with the best price that it has followed."""
    group: "OrderList | None"
    """The open list that it is in."""

    def __init__(self, slice: int, group: "OrderList | None") -> None:
        self.slice = slice
        self.hidden = 0
        self.state = OrderState.WORKING
        self.bucket = None
        self.group = group


class Order:
    """An accepted order. While it rests in the book it is also a link of its level's queue.

    Made without `__init__`, because one call less per order is worth it: whoever makes one sets every attribute but
    the links, which `Ladder.append` sets.
    """

    __slots__ = (
        "card",
        "executed",
        "executed_quote",
        "level",
        "next",
        "previous",
        "rest",
        "special",
        "trader",
    )

    card: Accepted
    trader: Trader
    rest: int
    """What is open of it: neither executed nor taken by self-trade prevention. Meaningless with a quote quantity."""
    executed: int
    executed_quote: int
    special: Special | None
    level: Optional["Level"]
    previous: "Order | None"
    next: "Order | None"

    @property
    def id(self) -> int:
        """Its number."""
        return self.card.id

    @property
    def price(self) -> int:
        """Its limit, in quote units per whole base; 0 if it trades at any price."""
        return self.card.order.price

    @property
    def is_buy(self) -> bool:
        """Whether it buys."""
        return self.card.order.side is Side.BUY

    @property
    def size(self) -> int:
        """Its quantity without what self-trade prevention took."""
        return self.rest + self.executed

    @property
    def prevented(self) -> int:
        """What self-trade prevention took from it, base units. An order by quote quantity began with none."""
        return self.card.order.quantity - self.size

    @property
    def state(self) -> OrderState:
        """What it is doing."""
        return OrderState.WORKING if self.special is None else self.special.state

    @property
    def pays_from(self) -> Purse:
        """The purse of what this order gives: quote to buy, base to sell."""
        return self.trader.quote if self.is_buy else self.trader.base

    @property
    def needs(self) -> int:
        """What its open rest must hold when it stands alone, in units of what it gives; see docs/engine.md, "Funds".

        That is what it holds while it is open; in an open list, the list holds for both orders.
        """
        if not self.is_buy:
            return self.rest
        return -(-(self.price or self.card.hold_price) * self.rest // UNITS)

    @property
    def held(self) -> int:
        """What it holds while it is open."""
        return self.needs if self.special is None or self.special.group is None else 0

    @property
    def shown(self) -> int:
        """The open quantity that the book shows of it."""
        return self.rest if self.special is None else self.rest - self.special.hidden


class OrderList:
    """An open OCO list. Its hold stands for both orders."""

    __slots__ = ("above", "below", "client_list_id", "created_ms", "held", "id")

    id: int
    client_list_id: str
    created_ms: int
    held: int
    above: Order
    below: Order

    def __init__(self, id: int, client_list_id: str, created_ms: int) -> None:
        self.id = id
        self.client_list_id = client_list_id
        self.created_ms = created_ms
        self.held = 0

    def other(self, order: Order) -> Order:
        """Return the other order of the list."""
        return self.below if order is self.above else self.above

    @property
    def needs(self) -> int:
        """What the dearer of its orders needs."""
        return max(self.above.needs, self.below.needs)
