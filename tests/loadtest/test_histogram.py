"""Percentiles are those of the times themselves, to under one percent, also after adding up and sending."""

import math
import random

import pytest

from loadtest.histogram import QUANTILES, Histogram
from loadtest.messages import Times


def times(seed: int) -> list[int]:
    dice = random.Random(seed)
    return [int(dice.lognormvariate(9, 2)) for _ in range(5_000)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("part", [0.0, 0.5, 0.9, 0.99, 0.999, 1.0])
def test_a_percentile_is_right_to_under_one_percent(seed: int, part: float) -> None:
    all_times = sorted(times(seed))
    histogram = Histogram()
    for us in all_times:
        histogram.add(us)

    exact = all_times[max(math.ceil(part * len(all_times)) - 1, 0)]

    assert exact <= histogram.quantile_us(part) <= exact * 1.008


@pytest.mark.parametrize("us", [0, 1, 127, 128, 255, 256, 257, 511, 512, 1_000_000, 2**40 + 12345])
def test_the_only_time_is_every_percentile_and_the_maximum(us: int) -> None:
    histogram = Histogram()
    histogram.add(us)

    assert histogram.as_ms() == dict.fromkeys([*QUANTILES, "max"], us / 1000)


def test_a_time_before_the_start_counts_as_none() -> None:
    histogram = Histogram()
    histogram.add(-5)

    assert (histogram.total, histogram.max_us, histogram.quantile_us(1.0)) == (1, 0, 0)


def test_nothing_has_no_percentiles() -> None:
    assert Histogram().as_ms() == {}
    assert Histogram().quantile_us(0.99) == 0


def test_parts_add_up_to_the_whole() -> None:
    whole, first, second = Histogram(), Histogram(), Histogram()
    for number, us in enumerate(times(7)):
        whole.add(us)
        (first if number % 3 else second).add(us)

    first.merge(Times.of(second).histogram())

    assert (first.counts, first.max_us) == (whole.counts, whole.max_us)
