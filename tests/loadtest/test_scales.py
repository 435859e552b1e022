"""Values lie where they must, ticks are 1, 2 or 5 times a power of ten, and numbers are written for people."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.scales import (
    Scale,
    columns,
    figure,
    linear_ends,
    linear_ticks,
    log_ends,
    log_ticks,
    tick_text,
    time_unit,
)

measured = st.floats(min_value=1e-6, max_value=1e12)


def test_a_linear_scale_goes_through_its_ends_and_on_beyond_them() -> None:
    scale = Scale(0, 200, 50, 450)

    assert [scale.at(value) for value in (0, 50, 200, 250)] == [50, 150, 450, 550]


def test_a_scale_may_go_downwards_as_pixels_do() -> None:
    scale = Scale(0, 10, 300, 100)

    assert [scale.at(value) for value in (0, 5, 10)] == [300, 200, 100]


def test_a_logarithmic_scale_gives_every_decade_the_same_room() -> None:
    scale = Scale(1, 1_000, 0, 300, is_log=True)

    assert [scale.at(value) for value in (1, 10, 100, 1_000)] == pytest.approx([0, 100, 200, 300])
    assert [scale.at(value) for value in (0, -5)] == [0, 0]
    assert [Scale(2, 200, 10, 210, is_log=True).at(value) for value in (2, 20, 200)] == pytest.approx([10, 110, 210])


@pytest.mark.parametrize(("low", "high", "is_log"), [(1, 1, False), (2, 1, False), (0, 1, True), (-1, 1, True)])
def test_a_scale_that_maps_nothing_is_refused(low: float, high: float, is_log: bool) -> None:
    with pytest.raises(ValueError, match="scale must"):
        Scale(low, high, 0, 100, is_log)


@pytest.mark.parametrize(
    ("low", "high", "most", "ticks"),
    [
        (0, 100, 6, [0, 20, 40, 60, 80, 100]),
        (0, 100, 5, [0, 50, 100]),
        (0, 2_850, 7, [0, 500, 1_000, 1_500, 2_000, 2_500]),
        (0, 0.3, 4, [0, 0.1, 0.2, 0.3]),
        (-10, 10, 5, [-10, -5, 0, 5, 10]),
        (0.4, 0.6, 5, [0.4, 0.45, 0.5, 0.55, 0.6]),
    ],
)
def test_ticks_of_a_linear_axis(low: float, high: float, most: int, ticks: list[float]) -> None:
    assert linear_ticks(low, high, most) == ticks


@pytest.mark.parametrize(
    ("low", "high", "most", "ticks"),
    [
        (1, 500, 10, [1, 2, 5, 10, 20, 50, 100, 200, 500]),
        (1, 500, 5, [1, 10, 100]),
        (0.05, 2, 8, [0.05, 0.1, 0.2, 0.5, 1, 2]),
        (1e-3, 1e6, 5, [0.01, 1, 100, 10_000, 1e6]),
    ],
)
def test_ticks_of_a_logarithmic_axis(low: float, high: float, most: int, ticks: list[float]) -> None:
    assert log_ticks(low, high, most) == ticks


@given(low=measured, size=measured, most=st.integers(2, 10))
def test_there_are_never_too_many_ticks_and_all_are_inside(low: float, size: float, most: int) -> None:
    high = low + max(size, low / 1_000)

    ticks = linear_ticks(low, high, most)

    assert len(ticks) <= most
    assert all(low - (high - low) / 1e6 <= tick <= high + (high - low) / 1e6 for tick in ticks)
    assert len(log_ticks(low, high, most)) <= most


@given(values=st.lists(measured, min_size=1))
def test_the_ends_of_an_axis_hold_all_values(values: list[float]) -> None:
    low, high = linear_ends(values, 6)
    below, above = log_ends(values)

    assert low == 0
    assert high >= max(values)
    assert below <= min(values)
    assert above >= max(values)
    assert below < above


@pytest.mark.parametrize(
    ("values", "ends"),
    [([], (0, 1)), ([0, 0], (0, 1)), ([3, 87], (0, 100)), ([100], (0, 100)), ([-3, 8], (-4, 8))],
)
def test_a_linear_axis_begins_at_nothing_and_ends_on_a_tick(values: list[float], ends: tuple[float, float]) -> None:
    assert linear_ends(values, 6) == ends


@pytest.mark.parametrize(
    ("values", "ends"),
    [([], (1, 2)), ([0], (1, 2)), ([3, 87], (2, 100)), ([10], (10, 20)), ([0.04, 0.3], (0.02, 0.5)), ([0, 4], (2, 5))],
)
def test_a_logarithmic_axis_ends_on_round_numbers(values: list[float], ends: tuple[float, float]) -> None:
    assert log_ends(values) == ends


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
        (0, "0"),
        (4, "4"),
        (12.0, "12"),
        (1_234_567, "1,234,567"),
        (1_234.5, "1,234"),
        (45.678, "45.7"),
        (4.5678, "4.57"),
        (0.45678, "0.457"),
        (-45.678, "-45.7"),
    ],
)
def test_measured_numbers_have_three_figures_that_count(value: float | None, written: str) -> None:
    assert figure(value) == written


def test_numbers_of_ticks_are_written_whole() -> None:
    assert [tick_text(value) for value in (0.05, 0.3, 20, 5_000.0, 1e6)] == ["0.05", "0.3", "20", "5,000", "1,000,000"]


def test_long_times_are_in_minutes_and_hours() -> None:
    assert [time_unit(seconds) for seconds in (60, 899, 900, 10_800)] == [("s", 1), ("s", 1), ("min", 60), ("h", 3_600)]


def test_a_column_is_what_is_nearest_to_its_position() -> None:
    assert columns([10, 20, 40], 0, 50) == [(0, 15), (15, 30), (30, 50)]
    assert columns([], 0, 50) == []
