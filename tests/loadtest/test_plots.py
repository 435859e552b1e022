"""A plot draws each point where its scales say, leaves gaps, and tells every value in a tooltip."""

import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from loadtest.markup import add, as_html, as_xml, clean
from loadtest.plots import PLOT_HEIGHT, WIDTH, Plot, Rule, Series, as_file, draw

NAMESPACE = "{http://www.w3.org/2000/svg}"


def plot(*series: Series, **more: Any) -> Plot:
    """Return a plot whose title and labels do not matter."""
    return Plot("title", "level", "upright", series, **more)


def of_class(svg: Element, name: str) -> list[Element]:
    """Return all elements that have a class."""
    return [element for element in svg.iter() if name in element.get("class", "").split()]


def places(path: Element) -> list[tuple[float, float]]:
    """Return where the parts of a path begin or go to."""
    found = re.findall(r"[ML]([-\d.]+) ([-\d.]+)", path.get("d", ""))
    return [(float(x), float(y)) for x, y in found]


def tick_places(svg: Element) -> dict[str, tuple[float, float]]:
    """Return where the numbers of the axes stand, by text: the level one and the upright one have other numbers."""
    labels = [*of_class(svg, "middle"), *of_class(svg, "end")]
    return {label.text or "": (float(label.get("x", "")), float(label.get("y", ""))) for label in labels}


def test_points_are_at_their_ticks() -> None:
    svg = draw(plot(Series("it", [(0, 0), (100, 30), (200, 60)], 0)))

    drawn = places(of_class(svg, "curve")[0])

    ticks = tick_places(svg)
    assert drawn[1][0] == pytest.approx(ticks["100"][0], abs=0.1)
    assert drawn[2][0] == pytest.approx(ticks["200"][0], abs=0.1)
    # A number stands 4.5 pixels under its line, so that the line goes through its middle.
    assert drawn[1][1] == pytest.approx(ticks["30"][1] - 4.5, abs=0.1)
    assert drawn[2][1] == pytest.approx(ticks["60"][1] - 4.5, abs=0.1)
    assert drawn[0][1] - drawn[2][1] == pytest.approx(PLOT_HEIGHT, abs=0.1)


def test_points_of_a_logarithmic_axis_are_at_their_ticks() -> None:
    svg = draw(plot(Series("it", [(0, 3), (10, 70), (20, 2_000)], 0), is_log=True, rules=[Rule(70, "limit")]))

    drawn = places(of_class(svg, "curve")[0])

    ticks = tick_places(svg)
    assert drawn[2][1] == pytest.approx(ticks["2,000"][1] - 4.5, abs=0.1)
    (line,) = (element for element in of_class(svg, "limit") if element.tag == "line")
    assert float(line.get("y1", "")) == float(line.get("y2", "")) == pytest.approx(drawn[1][1], abs=0.1)


def test_marks_and_crosses_are_where_the_line_goes() -> None:
    series = Series("it", [(0, 1), (50, 7), (100, 4)], 0, has_marks=True, crossed=frozenset({100}))

    group = draw(plot(series)).findall("g")[0]

    line = places(of_class(group, "curve")[0])
    assert [places(mark)[0] for mark in of_class(group, "mark")] == line[:2]
    (cross,) = (places(cross)[0] for cross in of_class(group, "cross"))
    # It begins at its upper left end.
    assert (cross[0] + 5, cross[1] + 5) == pytest.approx(line[2], abs=0.1)


def test_a_rule_beyond_all_values_is_inside_of_the_plot() -> None:
    rules = [Rule(500, "knee", is_upright=True), Rule(80, "limit")]

    svg = draw(plot(Series("it", [(0, 1), (200, 1)], 0), rules=rules))

    ticks = tick_places(svg)
    assert {"500", "80"} <= set(ticks)
    upright, level = (element for element in of_class(svg, "limit") if element.tag == "line")
    assert float(upright.get("x1", "")) == pytest.approx(ticks["500"][0], abs=0.1)
    assert float(level.get("y1", "")) == pytest.approx(ticks["80"][1] - 4.5, abs=0.1)


def test_an_upright_rule_is_where_its_value_is() -> None:
    svg = draw(plot(Series("it", [(0, 1), (200, 1)], 0), rules=[Rule(100, "knee", is_upright=True)]))

    (line,) = (element for element in of_class(svg, "limit") if element.tag == "line")

    assert float(line.get("x1", "")) == pytest.approx(tick_places(svg)["100"][0], abs=0.1)


def test_what_was_not_measured_is_a_gap_in_the_line() -> None:
    svg = draw(plot(Series("it", [(0, 1), (1, 2), (2, None), (3, 3), (4, None), (5, 1), (6, 1)], 0)))

    (curve,) = (element for element in of_class(svg, "curve") if len(places(element)) > 1)

    assert re.sub(r"[^ML]", "", curve.get("d", "")) == "MLMML"
    # A point between two gaps has no line to anywhere, and is a mark.
    assert len(of_class(svg, "mark")) == 1


def test_marks_are_crosses_where_an_objective_broke() -> None:
    series = Series("it", [(1, 1), (2, 2), (3, 3)], 0, has_marks=True, crossed=frozenset({3}))

    svg = draw(plot(series))

    # One more of each is in the legend.
    assert len(of_class(svg, "mark")) == 2 + 1
    assert len(of_class(svg, "cross")) == 1 + 1
    assert "an objective broken" in [element.text for element in of_class(svg, "name")]


def test_a_column_tells_all_values_at_its_place() -> None:
    one = Series("one", [(0, 1_234.5), (1, 2)], 0)
    other = Series("other", [(0, 0.25), (1, None)], 1)
    guide = Series("guide", [(0, 9), (1, 9)], 0, is_guide=True)

    svg = draw(plot(one, other, guide, x_unit="s", y_unit="ms", notes={1: "broken: why"}))

    titles = [element.findtext("title") for element in of_class(svg, "column")]
    assert titles == ["0 s\none: 1,234 ms\nother: 0.250 ms", "1 s\none: 2 ms\nbroken: why"]


def test_columns_lie_side_by_side_over_the_whole_plot() -> None:
    svg = draw(plot(Series("it", [(x, 1) for x in range(7)], 0)))

    boxes = [(float(box.get("x", "")), float(box.get("width", ""))) for box in of_class(svg, "column")]

    for (left, width), (following, _) in pairwise(boxes):
        assert left + width == pytest.approx(following, abs=0.02)


def test_every_line_differs_from_every_other_in_colour_or_dashes() -> None:
    svg = draw(plot(*(Series(f"process {number}", [(0, number), (1, number)], number) for number in range(18))))

    groups = [group for group in svg.findall("g") if group.find("path[@class]") is not None][:18]

    looks = {(group.get("class"), group[0].get("class")) for group in groups}
    assert len(looks) == 18


def test_the_legend_stays_inside() -> None:
    svg = draw(plot(*(Series(f"a rather long name {number}", [(0, 1)], number) for number in range(9))))

    names = of_class(svg, "name")

    height = float(svg.get("viewBox", "").split()[3])
    assert len(names) == 9
    assert all(float(name.get("x", "")) < WIDTH - 100 for name in names)
    assert all(float(name.get("y", "")) < height for name in names)


def test_numbers_of_an_axis_do_not_touch_each_other() -> None:
    svg = draw(plot(Series("it", [(0, 1), (123_456_789, 1)], 0)))

    xs = sorted(float(label.get("x", "")) for label in of_class(svg, "middle"))

    assert len(xs) >= 2
    assert all(right - left > len("100,000,000") * 6 for left, right in pairwise(xs))


def test_categories_stand_under_their_points() -> None:
    svg = draw(plot(Series("it", [(0, 1), (1, 2)], 0), categories=("p50", "p99")))

    drawn = places(of_class(svg, "curve")[0])

    ticks = tick_places(svg)
    assert [x for x, _ in drawn] == pytest.approx([ticks["p50"][0], ticks["p99"][0]], abs=0.1)
    assert [box.findtext("title") for box in of_class(svg, "column")] == ["p50\nit: 1", "p99\nit: 2"]


@pytest.mark.parametrize("points", [[], [(0, None)], [(0, 0)], [(5, 3)]])
@pytest.mark.parametrize("is_log", [False, True])
def test_a_plot_of_nearly_nothing_is_drawn(points: list[tuple[float, float | None]], is_log: bool) -> None:
    it = plot(Series("it", points, 0), is_log=is_log)

    svg = draw(it)

    assert it.is_empty == (not any(y is not None for _, y in points))
    assert len(of_class(svg, "mark")) == (0 if it.is_empty else 1)


def test_a_file_stands_alone_and_is_escaped() -> None:
    svg = ElementTree.fromstring(as_file(Plot('a < b & "c"', "x", "<y>", [Series("<script>", [(0, 1), (1, 2)], 0)])))

    assert svg.tag == f"{NAMESPACE}svg"
    assert "prefers-color-scheme" in (svg.findtext(f"{NAMESPACE}style") or "")
    assert svg.findtext(f"{NAMESPACE}title") == 'a < b & "c"'
    assert "<script>" in [element.text for element in of_class(svg, "name")]
    assert svg.get("width") == str(WIDTH)


def test_attributes_and_texts_are_escaped_in_both_forms() -> None:
    root = Element("p")
    add(root, "b", "<i> & \x00\ud800", class_='"x"', data_of=1.005, stroke_width=2.0)

    assert as_xml(root) == '<p><b class="&quot;x&quot;" data-of="1" stroke-width="2">&lt;i&gt; &amp; ��</b></p>\n'
    assert "&lt;i&gt; &amp;" in as_html(root)
    assert clean(None) == "None"
