"""The tree that commits to what users are owed: sums, shuffled pieces, and what a proof gives away."""

import secrets
from collections import Counter

import pytest

from wallets.solvency import tree
from wallets.solvency.tree import Leaves, Node, leaves_of, levels_of, parent, pieces_of, root_of, way_up

SECRET = b"s" * 32
USERS = [(1, "ann@example.com", 5 * 10**8), (2, "ben@example.com", 1), (3, "cat@example.com", 123_456_789)]


def nodes_of(leaves: Leaves) -> list[Node]:
    return [Node(*pair) for pair in zip(leaves.hashes, leaves.units, strict=True)]


@pytest.mark.parametrize(("units", "cap"), [(1, 1), (1, 10**9), (10, 3), (9, 3), (10**18, 10**16 + 7)])
def test_pieces_come_to_the_whole_and_none_is_larger_than_the_cap(units: int, cap: int) -> None:
    pieces = pieces_of(units, cap)

    assert sum(pieces) == units
    assert max(pieces) <= cap
    assert min(pieces) >= 0
    assert len(pieces) == tree.PIECES_MIN + units // cap


@pytest.mark.parametrize("units", [0, -1])
def test_a_balance_that_is_not_above_zero_is_not_cut(units: int) -> None:
    with pytest.raises(AssertionError, match="less than nothing"):
        pieces_of(units, 5)


def test_the_top_is_the_sum_of_all_balances() -> None:
    leaves = leaves_of(USERS, code="BTC", secret=SECRET)

    top = levels_of(nodes_of(leaves))[-1][0]

    assert top.units == 5 * 10**8 + 1 + 123_456_789
    assert len(leaves.owners) & (len(leaves.owners) - 1) == 0  # a power of two
    owed: Counter[int] = Counter()
    for owner, units in zip(leaves.owners, leaves.units, strict=True):
        owed[owner] += units
    assert owed == {0: 0, 1: 5 * 10**8, 2: 1, 3: 123_456_789}


def test_nobody_is_owed_anything() -> None:
    leaves = leaves_of([], code="BTC", secret=SECRET)

    assert levels_of(nodes_of(leaves))[-1][0].units == 0


def test_two_trees_of_the_same_balances_have_nothing_in_common() -> None:
    one = leaves_of(USERS, code="BTC", secret=secrets.token_bytes(32))
    other = leaves_of(USERS, code="BTC", secret=secrets.token_bytes(32))

    assert one.owners != other.owners
    assert set(one.hashes).isdisjoint(other.hashes)


def test_no_whole_balance_stands_in_a_large_tree() -> None:
    """What a neighbour's proof shows is a piece: at most a 256th of all, and nobody's whole balance but by chance."""
    users = [(number, f"user{number}@example.com", 10**15 + secrets.randbelow(10**15)) for number in range(1, 1001)]
    leaves = leaves_of(users, code="BTC", secret=SECRET)

    whole = {units for _, _, units in users}

    assert whole.isdisjoint(leaves.units)
    assert max(leaves.units) <= -(-sum(whole_units for _, _, whole_units in users) // tree.PIECES_OF_ALL)


def test_the_largest_owner_shows_as_many_like_pieces_only() -> None:
    leaves = leaves_of([(1, "whale@example.com", 10**15), (2, "ben@example.com", 7)], code="BTC", secret=SECRET)

    cap = -(-(10**15 + 7) // tree.PIECES_OF_ALL)

    assert max(leaves.units) == cap
    assert Counter(leaves.units)[cap] == 10**15 // cap


def test_a_way_leads_from_each_leaf_to_the_top() -> None:
    nodes = nodes_of(leaves_of(USERS, code="BTC", secret=SECRET))
    levels = levels_of(nodes)

    for place, node in enumerate(nodes):
        here = node
        for step in way_up(levels, place):
            here = parent(step.neighbour, here) if step.is_left else parent(here, step.neighbour)
        assert here == levels[-1][0]


def test_a_node_of_less_than_nothing_has_no_parent() -> None:
    with pytest.raises(AssertionError, match="hide"):
        parent(Node(b"a" * 32, 5), Node(b"b" * 32, -5))


def test_moving_a_sum_from_one_child_to_the_other_changes_the_hash() -> None:
    """The trap of sum trees: a hash over the total alone lets each child claim another share of it."""
    one = parent(Node(b"a" * 32, 5), Node(b"b" * 32, 7))
    other = parent(Node(b"a" * 32, 7), Node(b"b" * 32, 5))

    assert one.units == other.units
    assert one.hash != other.hash


def test_the_root_binds_every_asset_its_sum_and_the_report() -> None:
    tops = {"BTC": Node(b"a" * 32, 5), "ETH": Node(b"b" * 32, 7)}

    roots = {
        root_of(tops, report="one"),
        root_of(tops, report="two"),
        root_of(tops | {"ETH": Node(b"b" * 32, 8)}, report="one"),
        root_of({"BTC": tops["BTC"]}, report="one"),
    }

    assert len(roots) == 4
    assert root_of(dict(reversed(tops.items())), report="one") == root_of(tops, report="one")
