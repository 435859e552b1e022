"""The report of a load test as one HTML file: `python -m loadtest.report RESULT.json > report.html`."""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from loadtest import plots
from loadtest.markup import add, as_html
from loadtest.report_plots import PHASES
from loadtest.report_plots import plots as plots_of
from loadtest.report_tables import Cell, Table, beside, failures, key_figures, pairs, steps_table, verdict
from loadtest.report_values import check, mappings, of_kinds, part, text

STYLE = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
_HEADS = {"soak": "Soak", "overload": "Overload, and recovery from it"}


def render(result: dict[str, Any]) -> str:
    """Return the report of a result as a whole HTML document, which needs no other file and no network.

    Parts that the result does not have do not appear. Raises ValueError: the result is malformed.
    """
    check(result)
    html = Element("html", {"lang": "en"})
    _add_head(html, result)
    body = add(html, "body")
    add(body, "h1", _sentence(result))
    add(body, "p", _about(result), class_="soft")
    if result.get("interrupted"):
        add(body, "p", "Interrupted: only what was measured until then is here.", class_="verdict unknown")
    _add_verdict(body, result)
    _add_figures(body, result)
    drawn = plots_of(result)
    _add_plots(body, "At each rate", [plot for name, plot in drawn.items() if not name.startswith(tuple(PHASES))])
    _add_table(body, "Steps", steps_table(result))
    for phase in PHASES:
        if of_kinds(mappings(result, "steps"), *PHASES[phase]):
            _add_plots(body, _HEADS[phase], [plot for name, plot in drawn.items() if name.startswith(f"{phase}-")])
    _add_table(body, "Beside the orders", beside(result))
    for failure in failures(result):
        add(body, "p", failure, class_="failure")
    _add_pairs(body, result)
    return as_html(html)


def svg(result: dict[str, Any], name: str) -> str:
    """Return one plot of a result as an .svg file, which needs no other file.

    Raises ValueError: the result is malformed, or has no plot of that name.
    """
    drawn = plots_of(check(result))
    if name not in drawn:
        raise ValueError(f"no plot {name!r} in this result: it has {', '.join(drawn) or 'none'}")
    return plots.as_file(drawn[name])


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report of a result, or one plot of it, to standard output. Return 1 if the file is no result."""
    parser = argparse.ArgumentParser("loadtest.report", description=__doc__)
    parser.add_argument("result", type=Path, help="what `manage.py loadtest --json FILE` wrote")
    parser.add_argument("--svg", metavar="NAME", help="one plot as an .svg file, and not the whole report")
    chosen = parser.parse_args(arguments)
    try:
        result = check(json.loads(chosen.result.read_text(encoding="utf-8")))
        page = svg(result, chosen.svg) if chosen.svg else render(result)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"loadtest.report: {chosen.result}: {error}\n")
        return 1
    sys.stdout.buffer.write(page.encode())
    return 0


def _sentence(result: dict[str, Any]) -> str:
    found = text(part(result, "knee"), "sentence") or "load test"
    return found[0].upper() + found[1:]


def _about(result: dict[str, Any]) -> str:
    names = ("started", "server", "database")
    return ", ".join(f"{name} {text(result, name)}" for name in names if text(result, name))


def _add_head(html: Element, result: dict[str, Any]) -> None:
    head = add(html, "head")
    add(head, "meta", charset="utf-8")
    add(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    # Whatever came into the result: the page may load nothing and run nothing.
    add(head, "meta", http_equiv="Content-Security-Policy", content="default-src 'none'; style-src 'unsafe-inline'")
    add(head, "title", f"Load test of mex: {_sentence(result)}")
    add(head, "style", plots.STYLE + STYLE)


def _add_verdict(body: Element, result: dict[str, Any]) -> None:
    found = verdict(result)
    box = add(body, "div", class_=f"verdict {found.style}")
    add(box, "strong", found.head)
    for line in found.lines:
        add(box, "p", line)


def _add_figures(body: Element, result: dict[str, Any]) -> None:
    found = key_figures(result)
    if not found:
        return
    listing = add(body, "dl", class_="figures")
    for name, value in found:
        box = add(listing, "div")
        add(box, "dt", name)
        add(box, "dd", value)


def _add_plots(body: Element, head: str, chosen: Sequence[plots.Plot]) -> None:
    if not chosen:
        return
    add(body, "h2", head)
    grid = add(body, "div", class_="plots")
    for plot in chosen:
        add(grid, "figure").append(plots.draw(plot))


def _add_table(body: Element, head: str, table: Table) -> None:
    if not table.rows:
        return
    add(body, "h2", head)
    element = add(add(body, "div", class_="wide"), "table")
    _add_row(add(element, "thead"), table.heads, is_head=True)
    rows = add(element, "tbody")
    for row in table.rows:
        _add_row(rows, row)


def _add_row(parent: Element, cells: Iterable[Cell], *, is_head: bool = False) -> None:
    row = add(parent, "tr")
    for place, cell in enumerate(cells):
        tag = "th" if is_head or place == 0 else "td"
        add(row, tag, cell.text, **({"class_": cell.style} if cell.style else {}))


def _add_pairs(body: Element, result: dict[str, Any]) -> None:
    halves = add(body, "div", class_="halves")
    for head, name in (("Machine", "machine"), ("Options", "options"), ("Objectives", "objectives")):
        found = pairs(part(result, name))
        if not found:
            continue
        half = add(halves, "section")
        add(half, "h2", head)
        table = add(add(half, "div", class_="wide"), "table", class_="pairs")
        for key, value in found:
            row = add(table, "tr")
            add(row, "th", key)
            add(row, "td", value)


if __name__ == "__main__":
    sys.exit(main())
