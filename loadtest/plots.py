"""Plots as SVG: lines and marks over two axes, with a legend, and all values of a column as its tooltip. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element

from loadtest.markup import add, as_xml
from loadtest.scales import Scale, columns, figure, linear_ends, linear_ticks, log_ends, log_ticks, tick_text

STYLE = (Path(__file__).parent / "plot.css").read_text(encoding="utf-8")
WIDTH = 420
"""So narrow that the text stays readable when a telephone shows the whole plot."""
PLOT_HEIGHT = 190
COLOURS = 9
TICKS_MAX = 7
"""Of the upright axis."""
LOG_TICKS_MAX = 10
"""Of a logarithmic one: three decades with 1, 2 and 5."""
HEADROOM = 1.2
"""Over a limit there is room for its name, and for what lies a little above."""
LETTER = 7.2
"""Pixels, a little more than a letter takes on average: the font is the reader's, so nothing can be measured."""
ROW = 19

Point = tuple[float, float | None]
"""Where it is on both axes. None is a gap in the line: nothing was measured."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a plot. `colour` is a number from 0; after nine they begin again, with other dashes."""

    name: str
    points: Sequence[Point]
    colour: int
    has_line: bool = True
    has_marks: bool = False
    is_guide: bool = False
    """A line to compare with: grey, dashed, and in no tooltip."""
    crossed: frozenset[float] = frozenset()
    """Where (on the level axis) the mark is a cross."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line across the plot with its name: a limit on the upright axis, or, `is_upright`, a place."""

    at: float
    label: str
    is_upright: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """What is plotted. Labels say quantity and unit; `x_unit` and `y_unit` follow a number in tooltips."""

    title: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    x_unit: str = ""
    y_unit: str = ""
    is_log: bool = False
    rules: Sequence[Rule] = ()
    sections: Sequence[tuple[float, str]] = ()
    """Where parts of the time begin, with their names."""
    categories: Sequence[str] = ()
    """Names of 0, 1, 2 ... on the level axis, instead of numbers."""
    x_end: float | None = None
    """Where the level axis ends; None: at a tick after the last value."""
    notes: Mapping[float, str] = field(default_factory=dict)
    """More to say in the tooltip of a column."""

    @property
    def is_empty(self) -> bool:
        """Whether no value was measured."""
        return not any(y is not None for series in self.series if not series.is_guide for _, y in series.points)


@dataclass(frozen=True, slots=True)
class _Frame:
    """The two scales and the ticks of a plot."""

    x: Scale
    y: Scale
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[float]


def draw(plot: Plot, *, is_alone: bool = False) -> Element:
    """Return a plot as an svg element: for a page that has STYLE, or, `is_alone`, with style and background."""
    frame = _frame(plot)
    names = _legend_places(plot)
    bottom = frame.y.start
    height = int(bottom + 2 * ROW + 4 + ROW * (1 + names[-1][2] if names else 0) + 6)
    svg = Element("svg", {"class": "plot", "viewBox": f"0 0 {WIDTH} {height}", "role": "img"})
    if is_alone:
        svg.set("xmlns", "http://www.w3.org/2000/svg")
        svg.set("width", str(WIDTH))
        svg.set("height", str(height))
        add(svg, "style", STYLE)
    add(svg, "title", plot.title)
    if is_alone:
        add(svg, "rect", class_="surface", width=WIDTH, height=height, rx=8)
    add(svg, "text", plot.title, class_="title", x=8, y=18)
    add(svg, "text", plot.y_label, x=8, y=38)
    _draw_axes(svg, plot, frame)
    _draw_sections(svg, plot, frame)
    for series in plot.series:
        _draw_series(svg, series, frame)
    _draw_rules(svg, plot, frame)
    _draw_legend(svg, plot, names, bottom + 2 * ROW + 4)
    _draw_columns(svg, plot, frame)
    return svg


def as_file(plot: Plot) -> str:
    """Return a plot as an .svg file."""
    return as_xml(draw(plot, is_alone=True))


def _frame(plot: Plot) -> _Frame:
    xs = [x for series in plot.series for x, _ in series.points]
    ys = [y for series in plot.series for _, y in series.points if y is not None]
    xs += [rule.at for rule in plot.rules if rule.is_upright]
    ys += [rule.at * HEADROOM for rule in plot.rules if not rule.is_upright]
    low, high = log_ends(ys) if plot.is_log else linear_ends(ys, TICKS_MAX)
    y_ticks = log_ticks(low, high, LOG_TICKS_MAX) if plot.is_log else linear_ticks(low, high, TICKS_MAX + 1)
    left = max(len(tick_text(tick)) for tick in y_ticks) * LETTER + 16
    right = WIDTH - 24
    top = 50 + (ROW if plot.sections else 0)
    y = Scale(low, high, top + PLOT_HEIGHT, top, plot.is_log)
    if plot.categories:
        x = Scale(-0.5, len(plot.categories) - 0.5, left, right)
        return _Frame(x, y, list(enumerate(plot.categories)), y_ticks)
    first, end = linear_ends(xs, TICKS_MAX)
    x = Scale(first, plot.x_end if plot.x_end is not None else end, left, right)
    return _Frame(x, y, _level_ticks(x), y_ticks)


def _level_ticks(scale: Scale) -> list[tuple[float, str]]:
    # As many as stand beside each other: numbers of many digits need more room.
    for most in range(9, 2, -1):
        ticks = [(tick, tick_text(tick)) for tick in linear_ticks(scale.low, scale.high, most)]
        if len(ticks) * (max(len(text) for _, text in ticks) * LETTER + 14) <= scale.end - scale.start:
            break
    return ticks


def _draw_axes(svg: Element, plot: Plot, frame: _Frame) -> None:
    left, right, bottom = frame.x.start, frame.x.end, frame.y.start
    for tick in frame.y_ticks:
        y = frame.y.at(tick)
        add(svg, "line", class_="grid", x1=left, x2=right, y1=y, y2=y)
        add(svg, "text", tick_text(tick), class_="end", x=left - 8, y=y + 4.5)
    add(svg, "line", class_="axis", x1=left, x2=right, y1=bottom, y2=bottom)
    for tick, text in frame.x_ticks:
        x = frame.x.at(tick)
        add(svg, "line", class_="axis", x1=x, x2=x, y1=bottom, y2=bottom + 4)
        add(svg, "text", text, class_="middle", x=x, y=bottom + 18)
    add(svg, "text", plot.x_label, class_="end", x=right, y=bottom + 2 * ROW - 1)


def _draw_sections(svg: Element, plot: Plot, frame: _Frame) -> None:
    for begin, label in plot.sections:
        x = frame.x.at(begin)
        add(svg, "line", class_="section", x1=x, x2=x, y1=frame.y.end - ROW, y2=frame.y.start)
        add(svg, "text", label, x=x + 5, y=frame.y.end - 7)


def _draw_rules(svg: Element, plot: Plot, frame: _Frame) -> None:
    for rule in plot.rules:
        if rule.is_upright:
            x = frame.x.at(rule.at)
            add(svg, "line", class_="limit", x1=x, x2=x, y1=frame.y.end, y2=frame.y.start)
            is_right = x > (frame.x.start + frame.x.end) / 2
            style = "limit end" if is_right else "limit"
            add(svg, "text", rule.label, class_=style, x=x - 6 if is_right else x + 6, y=frame.y.end + 13)
        else:
            y = frame.y.at(rule.at)
            add(svg, "line", class_="limit", x1=frame.x.start, x2=frame.x.end, y1=y, y2=y)
            # At the top it would lie over the names of sections.
            is_top = y < frame.y.end + ROW
            add(svg, "text", rule.label, class_="limit", x=frame.x.start + 6, y=y + 15 if is_top else y - 5)


def _style(series: Series) -> tuple[str, str]:
    """Return the classes of colour and dashes."""
    if series.is_guide:
        return "cg", "curve guide dash1"
    # Who cannot tell colours apart has dashes, three lines at a time.
    dash = (series.colour // 3 + series.colour // COLOURS) % 3
    return f"c{series.colour % COLOURS}", f"curve dash{dash}" if dash else "curve"


def _draw_series(svg: Element, series: Series, frame: _Frame) -> None:
    colour, curve = _style(series)
    group = add(svg, "g", class_=colour)
    if series.has_line:
        path = _path(series.points, frame)
        if path:
            add(group, "path", class_=curve, d=path)
    lone = set() if series.has_marks or series.is_guide else _lone(series.points)
    for x, y in series.points:
        if y is None or not (series.has_marks or x in lone):
            continue
        place = frame.x.at(x), frame.y.at(y)
        if x in series.crossed:
            add(group, "path", class_="cross", d=_cross(*place))
        else:
            add(group, "path", class_="mark", d=_mark(*place, series.colour))


def _lone(points: Sequence[Point]) -> set[float]:
    """Return where a point has a gap on both sides: a line alone would not show it."""
    known = [False, *(y is not None for _, y in points), False]
    return {
        x for place, (x, _) in enumerate(points, 1) if known[place] and not known[place - 1] and not known[place + 1]
    }


def _path(points: Sequence[Point], frame: _Frame) -> str:
    parts, verb = [], "M"
    for x, y in points:
        if y is None:
            verb = "M"
            continue
        parts.append(f"{verb}{frame.x.at(x):.1f} {frame.y.at(y):.1f}")
        verb = "L"
    return "".join(parts)


def _cross(x: float, y: float) -> str:
    return f"M{x - 5:.1f} {y - 5:.1f}l10 10m0 -10l-10 10"


def _mark(x: float, y: float, colour: int) -> str:
    outlines = (
        "m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
        "m-4 -4h8v8h-8z",
        "m0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z",
        "m0 -5.5l5 9h-10z",
    )
    return f"M{x:.1f} {y:.1f}{outlines[colour % len(outlines)]}"


def _legend_places(plot: Plot) -> list[tuple[str, float, int]]:
    """Return names with where they begin and in which row, as many in a row as there is room for."""
    names = [series.name for series in plot.series]
    if any(series.crossed for series in plot.series):
        names.append("an objective broken")
    places: list[tuple[str, float, int]] = []
    x, row = 8.0, 0
    for name in names:
        width = 34 + len(name) * LETTER + 12
        if x > 8 and x + width > WIDTH:
            x, row = 8.0, row + 1
        places.append((name, x, row))
        x += width
    return places


def _draw_legend(svg: Element, plot: Plot, places: Sequence[tuple[str, float, int]], top: float) -> None:
    for index, (name, x, row) in enumerate(places):
        y = top + row * ROW + 12
        series = plot.series[index] if index < len(plot.series) else None
        colour, curve = ("c6", "curve") if series is None else _style(series)
        group = add(svg, "g", class_=colour)
        if series is None:
            add(group, "path", class_="cross", d=_cross(x + 13, y - 4))
        elif series.has_line:
            add(group, "path", class_=curve, d=f"M{x:.1f} {y - 4:.1f}h26")
        if series is not None and series.has_marks:
            add(group, "path", class_="mark", d=_mark(x + 13, y - 4, series.colour))
        add(svg, "text", name, class_="name", x=x + 32, y=y)


def _draw_columns(svg: Element, plot: Plot, frame: _Frame) -> None:
    texts: dict[float, list[str]] = {}
    for series in plot.series:
        if series.is_guide:
            continue
        for x, y in series.points:
            if y is not None:
                texts.setdefault(x, []).append(f"{series.name}: {figure(y)} {plot.y_unit}".rstrip())
    xs = sorted(texts)
    edges = columns([frame.x.at(x) for x in xs], frame.x.start, frame.x.end)
    for x, (left, right) in zip(xs, edges, strict=True):
        head = plot.categories[int(x)] if plot.categories else f"{figure(x)} {plot.x_unit}".rstrip()
        lines = [head, *texts[x], *([plot.notes[x]] if x in plot.notes else [])]
        box = {"x": left, "y": frame.y.end, "width": right - left, "height": frame.y.start - frame.y.end}
        add(add(svg, "rect", class_="column", **box), "title", "\n".join(lines))
