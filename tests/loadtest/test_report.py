"""The report says what the result says, of whatever parts there are, and nothing in a result becomes markup."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from loadtest.report import main, render, svg
from loadtest.report_plots import POINTS_MAX, ROLES, plots
from loadtest.report_tables import beside, failures, key_figures, steps_table, verdict
from tests.loadtest.made_result import CAPACITY, KNEE, made_result

ALL_PLOTS = [
    "throughput",
    "latency",
    "cpu",
    *(
        f"{phase}-{name}"
        for phase in ("soak", "overload")
        for name in ("latency", "rates", "cpu", "memory", "queues", "commits")
    ),
    "overload-cancels",
]
EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;"
VOID = {"meta", "br"}


class Page(HTMLParser):
    """A page as a browser reads it: all tags, with what they must not have, and whether each was closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "xlink:href")]
        assert [name for name, _ in attrs if name.startswith("on")] == []
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def svgs(page: str) -> list[ElementTree.Element]:
    """Return all plots of a page, read as XML."""
    return [ElementTree.fromstring(found) for found in re.findall(r"<svg.*?</svg>", page, flags=re.S)]


def evil(value: Any) -> Any:
    """Return a result with every text made evil, but for what says how to read it."""
    if isinstance(value, dict):
        kept = {"kind": value["kind"]} if "kind" in value else {}
        return {name: evil(inner) for name, inner in value.items()} | kept
    if isinstance(value, list):
        return [evil(inner) for inner in value]
    return value + EVIL if isinstance(value, str) else value


def test_the_page_has_all_parts_in_order() -> None:
    page = Page(render(made_result()))

    found = [text for text in page.texts if text.strip()]
    heads = ["At each rate", "Steps", "Soak", "Overload, and recovery from it", "Beside the orders"]
    heads += ["Machine", "Options", "Objectives"]
    assert found.index("Breaks at 1,900 orders/s because engine needs a whole core (0.98)") < found.index(heads[0])
    assert [text for text in found if text in heads] == heads
    assert page.tags.count("svg") == len(ALL_PLOTS)


def test_every_plot_is_well_formed_in_the_page_and_alone() -> None:
    result = made_result()

    assert list(plots(result)) == ALL_PLOTS
    assert len(svgs(render(result))) == len(ALL_PLOTS)
    for name in ALL_PLOTS:
        assert ElementTree.fromstring(svg(result, name)).tag == "{http://www.w3.org/2000/svg}svg"


def test_the_page_and_its_plots_need_nothing_from_elsewhere() -> None:
    result = made_result()
    page = render(result)

    assert Page(page).addresses == []
    assert "default-src 'none'" in page
    for text in (page, *(svg(result, name) for name in ALL_PLOTS)):
        without_namespace = text.replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert "//" not in re.sub(r"/\*.*?\*/", "", without_namespace, flags=re.S)
        assert "url(" not in text
        assert "@import" not in text
        assert "<script" not in text


def test_nothing_in_a_result_becomes_markup() -> None:
    result = evil(made_result()) | {"version": 1}
    result["verification"] |= {"missing": [EVIL, {EVIL: 1}], "ok": False}
    for step in result["steps"]:
        step["cpu"][EVIL] = 1.0
        step["codes"][EVIL] = 2
        step["background"][EVIL] = {EVIL: 3}
        step["rows"][0]["cpu"][EVIL] = 1.0
    result["options"][EVIL] = [EVIL]

    page = Page(render(result))

    assert "script" not in page.tags
    assert "img" not in page.tags
    assert sum(EVIL in text for text in page.texts) > 20
    assert len(svgs(render(result))) == len(ALL_PLOTS)


def test_characters_that_no_document_may_hold_are_replaced() -> None:
    result = made_result()
    result["knee"]["sentence"] = "a\x00b\x1b\ud800"
    result["steps"][-1]["rows"][0]["cpu"] = {"role\x00": 1.0}

    page = render(result)

    assert "A�b��" in page
    assert page.encode().decode() == page
    assert len(svgs(page)) == len(ALL_PLOTS)


def test_points_of_the_plots_are_what_was_measured() -> None:
    result = made_result()

    found = plots(result)

    acknowledged = found["throughput"].series[1]
    rising = sorted(result["steps"][:7], key=lambda step: step["offered"])
    assert acknowledged.points == [(step["offered"], step["throughput"]) for step in rising]
    assert acknowledged.crossed == {step["offered"] for step in rising if step["broken"]} == {CAPACITY}
    assert [series.name for series in found["latency"].series] == ["p50", "p99", "p99.9", "max"]
    assert found["latency"].series[1].points == [(step["offered"], step["latency_ms"]["p99"]) for step in rising]
    assert [(rule.at, rule.is_upright) for rule in found["latency"].rules] == [(50, False), (KNEE, True)]
    assert [series.name for series in found["soak-cpu"].series] == list(ROLES)
    soak = result["steps"][7]
    assert found["soak-latency"].series[1].points == [(row["t"], row["p99"]) for row in soak["rows"]]


def test_recovery_follows_overload_on_one_clock_wherever_the_rows_clocks_began() -> None:
    result = made_result()
    for row in result["steps"][-1]["rows"]:
        row["t"] += 1_000.0

    plot = plots(result)["overload-rates"]

    assert plot.sections == [(0, "overload 2,850/s"), (30, "recovery 950/s")]
    assert [x for x, _ in plot.series[0].points] == list(range(50))
    assert plot.x_end == 50


def test_a_step_that_took_longer_does_not_lie_over_the_next() -> None:
    result = made_result()
    overload = result["steps"][8]
    overload["rows"] += [dict(overload["rows"][-1], t=30.0 + t) for t in range(5)]

    plot = plots(result)["overload-rates"]

    assert [begin for begin, _ in plot.sections] == [0, 35]
    assert [x for x, _ in plot.series[0].points] == list(range(55))


def test_a_long_soak_is_thinned_to_the_worst_latency_and_the_mean_rate() -> None:
    result = made_result()
    soak = result["steps"][7]
    rows = [{"t": t * 1.0, "acked": 100 + t % 15, "p99": 10.0} for t in range(3_600)]
    rows[1_234]["p99"] = 777.0
    soak |= {"seconds": 3_600.0, "rows": rows}

    found = plots(result)

    latency = found["soak-latency"].series[1].points
    assert len(latency) == POINTS_MAX
    assert [point for point in latency if point[1] != 10.0] == [(1_230 / 60, 777.0)]
    assert {y for _, y in found["soak-rates"].series[1].points} == {107.0}
    assert found["soak-latency"].x_label == "minutes"
    assert found["soak-latency"].y_label == "ms (log); each point is the worst of 15 s"


def test_seconds_without_an_answer_are_gaps() -> None:
    result = made_result()
    result["steps"][7]["rows"][5] |= {"p50": None, "p99": float("nan"), "max": float("inf")}

    found = plots(result)["soak-latency"]

    assert [series.points[5] for series in found.series[:3]] == [(5, None)] * 3
    assert [series.name for series in found.series[3:]] == ["cancels p99", "generator late p99"]


@pytest.mark.parametrize(
    ("missing", "shown"),
    [
        ("steps", "Steps"),
        ("knee", "Limited by"),
        ("machine", "Machine"),
        ("options", "Options"),
        ("objectives", "Objectives"),
        ("verification", "✓ Verified: every acknowledged order was kept, once."),
        ("recovery_s", "Recovery"),
        ("started", "started 2026-11-30T04:00:00Z, server daphne, database postgresql"),
    ],
)
def test_a_part_that_is_missing_does_not_appear(missing: str, shown: str) -> None:
    result = made_result()
    assert shown in Page(render(result)).texts
    del result[missing]

    page = Page(render(result))

    assert shown not in page.texts


def test_a_quick_result_has_only_what_it_measured() -> None:
    result = made_result()
    quick = {"version": 1, "steps": [{"name": "ramp", "kind": "ramp", "offered": 50, "throughput": 49.5}]}

    assert list(plots(quick)) == ["throughput"]
    assert list(plots(result | {"steps": result["steps"][:8]})) == [
        name for name in ALL_PLOTS if not name.startswith("overload")
    ]
    page = Page(render(quick))
    assert page.tags.count("svg") == 1
    assert "Soak" not in page.texts
    assert "Beside the orders" not in page.texts
    assert Page(render({"version": 1})).tags.count("svg") == 0


def test_the_verdict_is_good_only_if_nothing_is_wrong() -> None:
    good = made_result()["verification"]

    assert verdict({"verification": good}).style == "good"
    assert verdict({}).style == "unknown"
    for wrong in (
        {"ok": False},
        {"ok": None},
        {"ok": "yes"},
        {"missing": [1234567]},
        {"missing_count": 3},
        {"twice": [{"orderId": 5}]},
        {"done_count": 1},
    ):
        found = verdict({"verification": good | wrong})
        assert (found.style, "FAILED" in found.head) == ("bad", True)
    assert "Missing, 1 of 1: 1234567." in verdict({"verification": {"missing": [1234567]}}).lines
    counted = good | {"missing_count": 345, "missing": [5, 7]}
    assert "Missing, 2 of 345: 5, 7." in verdict({"verification": counted}).lines
    assert "Refused and done, 1 of 1: lt-5." in verdict({"verification": good | {"done": ["lt-5"]}}).lines
    assert "Audit: 2 breaches." in verdict({"verification": good | {"audit": "2 breaches", "ok": False}}).lines


def test_a_failed_verification_is_seen_in_the_page() -> None:
    result = made_result()
    result["verification"] |= {"ok": False, "missing": [77]}

    page = render(result)

    assert '<div class="verdict bad"><strong>✗ Verification FAILED' in page
    assert "verdict good" not in page


def test_the_figures_that_one_looks_for_first() -> None:
    result = made_result()

    found = dict(key_figures(result))

    assert found["Knee"] == "1,900/s"
    assert found["Limited by"] == "engine"
    assert found["Acknowledged of 2,850/s in overload"] == "2,000/s"
    assert found["Recovery"] == "4 s"
    assert dict(key_figures(result | {"recovery_s": None}))["Recovery"] == "not within the step"
    assert key_figures({"version": 1}) == []


def test_the_table_of_steps_has_a_verdict_for_each() -> None:
    table = steps_table(made_result())

    assert {len(row) for row in table.rows} == {len(table.heads)}
    rows = {row[0].text: dict(zip((head.text for head in table.heads), row, strict=True)) for row in table.rows}
    assert rows["ramp 500/s"]["objectives"].text == "✓ held"
    assert rows["ramp 2000/s"]["objectives"].text.startswith("✗ p99 ")
    assert rows["recovery 950/s"]["objectives"].text == "–"
    assert rows["overload 2850/s"]["refused"].text == "25,500"
    assert rows["overload 2850/s"]["codes"].text == "25,500 × -1008"


def test_columns_that_no_step_measured_are_left_out() -> None:
    result = made_result()
    for step in result["steps"]:
        del step["unanswered"], step["cancel_latency_ms"]

    heads = [head.text for head in steps_table(result).heads]

    assert {"unanswered", "cancel p99 ms"} & set(heads) == set()
    assert {"unanswered", "cancel p99 ms"} <= {head.text for head in steps_table(made_result()).heads}


def test_failures_of_the_background_are_told_with_their_steps() -> None:
    result = made_result()
    result["steps"][4]["background"]["failures"] = ["GET /: 502", "POST /x: timed out"]

    assert failures(result) == ["search 1500/s: GET /: 502", "search 1500/s: POST /x: timed out"]
    assert "search 1500/s: GET /: 502" in Page(render(result)).texts
    assert failures(made_result()) == []


def test_a_run_that_was_interrupted_says_so() -> None:
    told = "Interrupted: only what was measured until then is here."

    assert told in Page(render(made_result() | {"interrupted": True})).texts
    assert told not in Page(render(made_result())).texts


def test_a_gap_of_market_data_is_marked() -> None:
    result = made_result()
    result["steps"][3]["market_data"]["gaps"] = 2

    table = beside(result)

    column = [head.text for head in table.heads].index("market data gaps")
    assert [(row[column].text, row[column].style) for row in table.rows[2:4]] == [("0", ""), ("2", "is-bad")]


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ([], "must be a JSON object"),
        ({}, "version None"),
        ({"version": 2}, "only version 1"),
        ({"version": 1, "steps": {}}, "steps must be a list"),
        ({"version": 1, "steps": ["x"]}, "steps must hold objects"),
        ({"version": 1, "steps": [{"kind": "ramp", "offered": "fast"}]}, "offered must be a number"),
        ({"version": 1, "steps": [{"kind": "ramp", "offered": True}]}, "offered must be a number"),
        ({"version": 1, "steps": [{"kind": "ramp", "offered": 1, "latency_ms": 5}]}, "latency_ms must be an object"),
        ({"version": 1, "knee": "none"}, "knee must be an object"),
        ({"version": 1, "verification": {"missing": 3}}, "missing must be a list"),
    ],
)
def test_a_malformed_result_is_refused_with_the_reason(result: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        render(result)


def test_a_plot_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="no plot 'speed' in this result: it has throughput, latency"):
        svg(made_result(), "speed")


def test_the_command_writes_the_page_or_one_plot(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    file.write_text(json.dumps(made_result()))
    command = [sys.executable, "-m", "loadtest.report", str(file)]

    page = subprocess.run(command, check=True, capture_output=True, timeout=60)
    plot = subprocess.run([*command, "--svg", "soak-cpu"], check=True, capture_output=True, timeout=60)

    assert page.stdout.decode() == render(made_result())
    assert plot.stdout.decode() == svg(made_result(), "soak-cpu")


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"version": 9}'])
def test_the_command_says_what_is_wrong_with_a_file(
    content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "result.json"
    if content is not None:
        file.write_text(content)

    assert main([str(file)]) == 1

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"loadtest.report: {file}: ")
