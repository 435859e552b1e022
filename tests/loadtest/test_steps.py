"""Seconds become rows, and rows totals."""

from loadtest.histogram import Histogram
from loadtest.messages import Around, Calls, Second, Times
from loadtest.progress import line_of, summary_of
from loadtest.queues import Reading, parse
from loadtest.steps import StepRows, merged


def times(*ms: int) -> Times:
    histogram = Histogram()
    for each in ms:
        histogram.add(each * 1000)
    return Times.of(histogram)


def second(t: float, acked: int, **more: object) -> Second:
    return Second(t=t, sent=acked, acked=acked, **more)  # type: ignore[arg-type]


def rows() -> StepRows:
    return StepRows(name="ramp 10/s", kind="ramp", offered=10.0, seconds=2.0, before=Reading(0, 0, 100, 1_000))


def test_a_step_is_the_sum_of_its_seconds() -> None:
    step_rows = rows()
    around = Around(frames=5, lag=times(3), pages=Calls(2, 1, times(40)), deposits_sent=1, failures=["no"])
    first = second(1.0, 9, latency=times(1, 2), refused={"-1008": 2}, errors={"-1007": 1}, in_flight=4, oldest_ms=80.0)
    last = second(2.0, 11, latency=times(30), cancel_latency=times(7), refused={"-1008": 1}, in_flight=1)

    step_rows.add(first, [around], {"web": 0.5}, {"web": 100.0}, Reading(3, 40, 110, 1_200))
    step_rows.add(last, [around, around], {"web": 0.7}, {"web": 120.0}, Reading(0, 50, 115, 1_400))
    step = step_rows.step()

    assert (step["sent"], step["acked"], step["throughput"]) == (20, 20, 10.0)
    assert (step["refused"], step["errors"], step["codes"]) == (3, 1, {"-1008": 3, "-1007": 1})
    assert (step["latency_ms"]["max"], step["cancel_latency_ms"]["max"]) == (30.0, 7.0)
    assert (step["cpu"], step["rss_mb"]) == ({"web": 0.6}, {"web": 120.0})
    assert step["queue"] == {"waiting_max": 50, "stream_max": 3}
    assert step["commits"] == {"count": 15, "size_mean": 26.667, "size_max": 40.0}
    assert step["market_data"] == {"readers": 0, "frames": 15, "gaps": 0, "closes": 0, "lag_p99_ms": 3.0}
    assert step["background"]["pages"] == {"sent": 6, "failed": 3, "p99_ms": 40.0}
    assert step["background"]["deposits"] == {"sent": 3, "credited": 0}
    assert step["background"]["failures"] == ["no"] * 3
    assert [row["acked"] for row in step["rows"]] == [9, 11]
    assert step["rows"][0]["in_flight"] == 4
    assert step["rows"][0]["commit_size"] == 20.0
    assert step["unanswered"] == 1


def test_what_is_answered_after_the_end_counts_as_answered_and_not_as_speed() -> None:
    step_rows = rows()
    reading = Reading(0, 0, 100, 1_000)

    step_rows.add(second(1.0, 4), [], {}, {}, reading)
    step_rows.add(second(2.0, 4), [], {}, {}, reading)
    step_rows.add(second(9.0, 12, draining=True, done=True, latency=times(7_000)), [], {}, {}, reading)
    step = step_rows.step()

    assert (step["acked"], step["throughput"], step["latency_ms"]["max"]) == (20, 4.0, 7_000.0)
    assert len(step["rows"]) == 2
    assert step["commits"] == {"count": 0, "size_mean": 0.0, "size_max": 0.0}
    assert step["rows"][0]["p99"] is None


def test_several_generators_are_like_one() -> None:
    parts = [
        second(1.0, 3, latency=times(1), in_flight=2, oldest_ms=5.0, kinds={"place": 3}, done=True),
        second(1.1, 4, latency=times(9), in_flight=3, oldest_ms=2.0, kinds={"place": 1, "cross": 3}, done=True),
    ]

    whole = merged(parts)

    assert (whole.t, whole.acked, whole.in_flight, whole.oldest_ms, whole.done) == (1.1, 7, 5, 5.0, True)
    assert whole.kinds == {"place": 4, "cross": 3}
    assert whole.latency == times(1, 9)


def test_metrics_are_read_whatever_else_is_there() -> None:
    text = (
        "# HELP mex_engine_batches Batches committed.\n# TYPE mex_engine_batches gauge\nmex_engine_batches 12.0\n"
        'mex_engine_commands 1.234567e+06\nmex_web_commands_waiting 7.0\nmex_chain_height{chain="bitcoin"} 101.0\n'
    )

    assert parse(text) == Reading(stream=0, waiting=7, batches=12, commands=1_234_567)


def test_progress_is_one_line() -> None:
    step_rows = rows()
    row = step_rows.add(
        second(1.0, 9, latency=times(4)), [], {"web": 0.5, "engine": 0.25}, {}, Reading(0, 0, 100, 1_000)
    )

    assert line_of("ramp 10/s", 2, row) == (
        "ramp 10/s  1/2 s  acked 9  refused 0  errors 0  in flight 0  p50 4.0  p99 4.0 ms  cores: web 0.50 engine 0.25"
    )
    assert summary_of(step_rows.step()) == (
        "ramp 10/s: 4/s acknowledged, 0 refused, 0 errors, p50 4.0 p99 4.0 ms, holds"
    )
