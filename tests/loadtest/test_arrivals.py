"""Arrivals are a Poisson process that the seed decides."""

import math
from itertools import islice, pairwise

from loadtest.arrivals import poisson


def test_the_same_seed_gives_the_same_times_and_another_one_others() -> None:
    first = list(poisson(100, "seed:1", 10))

    assert list(poisson(100, "seed:1", 10)) == first
    assert list(poisson(100, "seed:2", 10)) != first


def test_times_rise_and_end_with_the_step() -> None:
    found = list(poisson(1_000, "seed", 3))

    assert all(before < after for before, after in pairwise(found))
    assert found[0] > 0
    assert found[-1] < 3


def test_gaps_are_distributed_as_those_of_a_poisson_process() -> None:
    rate, count = 250, 20_000
    gaps = [after - before for before, after in pairwise([0.0, *islice(poisson(rate, "seed"), count)])]

    # Mean and deviation of an exponential distribution are both 1/rate; e⁻ᵏ of the gaps exceed k times the mean.
    mean = sum(gaps) / count
    deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / count)
    assert 0.97 < mean * rate < 1.03
    assert 0.96 < deviation * rate < 1.04
    for times in (0.5, 1, 2, 3):
        part = sum(gap > times / rate for gap in gaps) / count
        assert math.isclose(part, math.exp(-times), abs_tol=0.012)


def test_counts_of_seconds_vary_as_much_as_they_are_large() -> None:
    counts = [0] * 400
    for at in poisson(100, "seed", 400):
        counts[int(at)] += 1

    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / len(counts)
    assert 0.8 < variance / mean < 1.2
