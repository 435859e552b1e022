from itertools import pairwise

from wallets.deposits.cursors import locator_extend


def test_remembered_blocks_are_few_and_reach_back_to_the_beginning() -> None:
    recent: list[list[int | str]] = []

    for height in range(16_000):
        recent = locator_extend(recent, height, f"hash-{height}")

    heights = [int(entry[0]) for entry in recent]
    assert len(recent) < 150
    assert heights == sorted(heights)
    assert heights[0] == 0
    assert heights[-9:] == list(range(15_991, 16_000))


def test_the_next_older_block_is_never_twice_as_far_back() -> None:
    recent: list[list[int | str]] = []
    for height in range(3_000):
        recent = locator_extend(recent, height, f"hash-{height}")

    distances = [2_999 - int(entry[0]) for entry in recent]

    assert all(older <= 2 * newer + 1 for older, newer in pairwise(distances))
