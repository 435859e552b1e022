"""What an order would trade if it came in now, without trading: for FOK, and for the funds of MARKET orders.  [pure]"""

from typing import Final

from mex.money import UNITS
from trading.engine.enums import StpMode
from trading.engine.levels import Ladder, Level, hidden_of
from trading.engine.orders import Trader

_NONE: Final = StpMode.NONE
_EXPIRE_MAKER: Final = StpMode.EXPIRE_MAKER
_DECREMENT: Final = StpMode.DECREMENT


class Walk:
    """What an order would trade: base and quote units, and whether it would then have all that it asked for."""

    __slots__ = ("is_complete", "quantity", "quote")

    quantity: int
    quote: int
    is_complete: bool

    def __init__(self, quantity: int, quote: int, is_complete: bool) -> None:
        self.quantity = quantity
        self.quote = quote
        self.is_complete = is_complete


def walk(trader: Trader, ladder: Ladder, stp: StpMode, limit_key: int, quantity: int) -> Walk:
    """Return what an order for `quantity` base units would trade on levels not worse than `limit_key`.

    Under DECREMENT an order that meets one of its own account is never complete: something of it is lost.
    """
    if stp is not _NONE and trader.orders:
        return _walk_guarded(trader, ladder, stp, limit_key, quantity)
    rest, quote = quantity, 0
    for key in reversed(ladder.keys):
        if rest == 0 or key < limit_key:
            break
        level = ladder.levels[key]
        take = min(rest, level.quantity + level.hidden)
        rest -= take
        quote += level.price * take // UNITS
    return Walk(quantity - rest, quote, rest == 0)


def walk_budget(trader: Trader, ladder: Ladder, stp: StpMode, budget: int) -> Walk:
    """Return what an order for `budget` quote units would trade, in whole lots and never for more than that.

    `is_complete` is not told: only trading tells it.
    """
    lot = trader.book.lot
    is_guarded = stp is not _NONE and bool(trader.orders)
    left, quantity, quote = budget, 0, 0
    for key in reversed(ladder.keys):
        level = ladder.levels[key]
        want = left * UNITS // level.price // lot * lot
        if is_guarded:
            taken, lost, is_stopped, is_left = _take_guarded(trader, level, stp, want)
        else:
            total = level.quantity + level.hidden
            taken, lost, is_stopped, is_left = min(want, total), 0, False, want < total
        quantity += taken
        quote += level.price * taken // UNITS
        left -= level.price * (taken + lost) // UNITS
        if is_stopped or is_left:
            break
    return Walk(quantity, quote, False)


def _walk_guarded(trader: Trader, ladder: Ladder, stp: StpMode, limit_key: int, quantity: int) -> Walk:
    rest, quote, traded, is_lost = quantity, 0, 0, False
    for key in reversed(ladder.keys):
        if rest == 0 or key < limit_key:
            break
        level = ladder.levels[key]
        taken, lost, is_stopped, _ = _take_guarded(trader, level, stp, rest)
        traded += taken
        quote += level.price * taken // UNITS
        rest -= taken + lost
        is_lost = is_lost or lost > 0
        if is_stopped:
            return Walk(traded, quote, False)
    return Walk(traded, quote, rest == 0 and not is_lost)


def _take_guarded(trader: Trader, level: Level, stp: StpMode, want: int) -> tuple[int, int, bool, bool]:
    """Return what an order that wants so much would trade and lose at one level, order by order and slice by slice.

    And whether an order of its own ends it, and whether something is left at the level when it has all it wants.
    """
    queue: list[tuple[Trader, int, int, int]] = []  # whose, open, executed, slice
    order = level.head
    while order is not None:
        slice = 0 if order.special is None else order.special.slice
        queue.append((order.trader, order.rest, order.executed, slice))
        order = order.next
    taken = lost = at = 0
    while want and at < len(queue):
        owner, rest, executed, slice = queue[at]
        at += 1
        if owner is trader:
            if stp is _DECREMENT:
                part = min(want, rest)
                lost += part
                want -= part
                if want == 0:
                    return taken, lost, True, False
            elif stp is not _EXPIRE_MAKER:
                return taken, lost, True, False
            continue
        part = min(want, rest - hidden_of(slice, executed, rest))
        taken += part
        want -= part
        if part < rest:
            queue.append((owner, rest - part, executed + part, slice))
    return taken, lost, False, at < len(queue)
