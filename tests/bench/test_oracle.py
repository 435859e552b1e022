"""The oracle does what a program does that sorts all orders anew for every trade."""

from hypothesis import given
from hypothesis import strategies as st

from bench.oracle import BUY, SELL, Oracle, Resting, Trade

Placed = tuple[int, int, int, bool]
"""Side, price, quantity, and whether the rest stays."""

PLACED = st.tuples(st.sampled_from([BUY, SELL]), st.integers(1, 6), st.integers(1, 5), st.booleans())


class Sorter:
    """A book that is one list."""

    def __init__(self) -> None:
        self.orders: list[list[int]] = []
        """Side, price, order, open quantity, in order of arrival."""

    def place(self, number: int, side: int, price: int, quantity: int, *, rests: bool) -> list[Trade]:
        """Trade with the best of all orders, again and again."""
        trades = []
        sign = 1 if side == BUY else -1
        while quantity:
            meeting = [order for order in self.orders if order[0] != side and order[1] * sign <= price * sign]
            if not meeting:
                break
            best = sorted(meeting, key=lambda order: (order[1] * sign, order[2]))[0]
            part = min(quantity, best[3])
            trades.append((number, best[2], best[1], part))
            quantity -= part
            best[3] -= part
            self.orders = [order for order in self.orders if order[3]]
        if quantity and rests:
            self.orders.append([side, price, number, quantity])
        return trades

    def resting(self, side: int) -> list[Resting]:
        """Return what rests on a side, best first."""
        sign = -1 if side == BUY else 1
        found = sorted((order for order in self.orders if order[0] == side), key=lambda it: (it[1] * sign, it[2]))
        return [(number, price, quantity) for _, price, number, quantity in found]


@given(st.lists(PLACED | st.integers(0, 30), max_size=40))
def test_the_oracle_and_a_program_that_sorts_say_the_same(steps: list[Placed | int]) -> None:
    oracle, sorter = Oracle(), Sorter()

    for number, step in enumerate(steps, 1):
        if isinstance(step, int):
            if not sorter.orders:
                continue
            victim = sorter.orders.pop(step % len(sorter.orders))
            oracle.cancel(victim[2])
        else:
            side, price, quantity, rests = step
            done = oracle.place(number, side, price, quantity, rests=rests)
            assert done == sorter.place(number, side, price, quantity, rests=rests)
        for side in (BUY, SELL):
            assert oracle.resting(side) == sorter.resting(side)
            assert oracle.open_quantity(side) == sum(quantity for _, _, quantity in sorter.resting(side))
        assert oracle.size == len(sorter.orders)
        assert oracle.levels() == len({(side, price) for side, price, _, _ in sorter.orders})
