"""The search finds the knee of an exchange that has one, and ends where there is none."""

import math

import pytest

from loadtest.search import Knee, search


def find(knee: float, **options: float) -> tuple[Knee, list[tuple[str, float]]]:
    """Search on an exchange that breaks above `knee`; return what was found and what was tried."""
    rates = search(**{"start": 100.0, "factor": 2.0, "bisections": 4, **options})  # type: ignore[arg-type]
    tried = [next(rates)]
    while True:
        try:
            tried.append(rates.send(tried[-1][1] > knee))
        except StopIteration as found:
            return found.value, tried


@pytest.mark.parametrize("knee", [130.0, 1_000.0, 1_599.0, 1_600.0, 54_321.0])
def test_the_knee_lies_between_what_held_and_what_broke(knee: float) -> None:
    found, _ = find(knee)

    assert found.held <= knee < found.broke
    # Four halvings of a factor of two.
    assert found.broke / found.held == pytest.approx(2 ** (1 / 2**4))


def test_the_ramp_ends_at_the_first_rate_that_breaks() -> None:
    _, tried = find(700.0, bisections=2)

    assert tried[:4] == [("ramp", 100.0), ("ramp", 200.0), ("ramp", 400.0), ("ramp", 800.0)]
    assert [kind for kind, _ in tried[4:]] == ["search", "search"]
    assert tried[4][1] == pytest.approx(math.sqrt(400 * 800))
    assert tried[5][1] == pytest.approx(math.sqrt(math.sqrt(400 * 800) * 800))


def test_it_goes_down_where_the_first_rate_breaks() -> None:
    found, tried = find(30.0, bisections=0)

    assert tried == [("ramp", 100.0), ("ramp", 50.0), ("ramp", 25.0)]
    assert found == Knee(held=25.0, broke=50.0)


def test_an_exchange_that_holds_nothing_ends_the_search() -> None:
    found, tried = find(0.0)

    assert found.held == 0
    assert found.broke == tried[-1][1] < 2


def test_nothing_is_tried_above_the_highest_rate() -> None:
    found, tried = find(math.inf, highest=700.0)

    assert [rate for _, rate in tried] == [100.0, 200.0, 400.0, 700.0]
    assert found == Knee(held=700.0, broke=0.0)


def test_the_highest_rate_may_be_below_the_first() -> None:
    assert find(math.inf, highest=50.0) == (Knee(held=50.0, broke=0.0), [("ramp", 50.0)])
