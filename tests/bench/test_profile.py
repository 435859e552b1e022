"""What py-spy has sampled is counted by layer, and what is no work is left out."""

from pathlib import Path

import pytest

from bench.profile import LEFT_OUT, OTHER, Stack, as_table, layer_of, main, shares, stacks
from bench.profile_layers import ENGINE, WEB

WEB_PROCESS = 'process 1:"bench web";process 2:"python -m daphne mex.asgi:application";'
SETUP_PROCESS = 'process 1:"bench web";process 3:"python -c import django; django.setup()\ncall(\'migrate\')";'
LOOP = "<module> (daphne/__main__.py:3);BaseEventLoop._run_once (asyncio/base_events.py:1922)"
RAW = (
    f"{WEB_PROCESS}{LOOP};OrderConsumer._run (trading/consumers.py:124);check (accounts/authentication.py:9) 6\n"
    f"{WEB_PROCESS}{LOOP};OrderConsumer._run (trading/consumers.py:124);digest (hmac.py:159) 3\n"
    f"{WEB_PROCESS}{LOOP} 1\n"
    f"{WEB_PROCESS}_find_and_load (<frozen importlib._bootstrap>:1178);<module> (mex/asgi.py:40) 7\n"
    f"{WEB_PROCESS}Thread.run (threading.py:982);_worker (concurrent/futures/thread.py:81) 5\n"
    f"{SETUP_PROCESS}<module> (<string>:1);migrate (django/db/migrations/executor.py:1) 40\n"
)


def test_a_stack_is_of_the_last_process_that_is_named_even_if_its_command_has_lines_and_semicolons() -> None:
    found = list(stacks(RAW))

    assert [stack.samples for stack in found] == [6, 3, 1, 7, 5, 40]
    assert found[0].process == "python -m daphne mex.asgi:application"
    assert found[5] == Stack(
        "python -c import django; django.setup()\ncall('migrate')",
        ("<module> (<string>:1)", "migrate (django/db/migrations/executor.py:1)"),
        40,
    )


def test_a_stack_of_one_process_has_no_command() -> None:
    assert list(stacks("main (manage.py:5);run (trading/runtime/loop.py:9) 12\n")) == [
        Stack("", ("main (manage.py:5)", "run (trading/runtime/loop.py:9)"), 12)
    ]


def test_the_innermost_call_that_a_layer_knows_decides() -> None:
    calls = ["Engine._prepare (trading/runtime/loop.py:1)", "Core.apply (trading/engine/core.py:1)", "max (x.py:1)"]

    assert layer_of(calls, ENGINE) == "matching, funds and fees"
    assert layer_of(calls[:1], ENGINE) == "packing and the loop"
    assert layer_of(calls[2:], ENGINE) == OTHER


def test_calls_of_c_count_for_their_callers_but_the_collector_for_itself() -> None:
    send = "OrderConsumer._submit (trading/consumers.py:1)"

    assert layer_of([send, "send (libc.so.6)"], WEB) == "parsing and checks"
    assert layer_of([send, "gc_collect_main (libpython3.11.so.1.0)"], WEB) == "the garbage collector"
    assert layer_of(["_worker (concurrent/futures/thread.py:81)", "sem_wait (libc.so.6)"], WEB).startswith(LEFT_OUT)


def test_what_a_helper_takes_counts_for_its_caller() -> None:
    look = "LazyObject.__getattribute__ (django/utils/functional.py:280)"

    assert layer_of(["Throttle.request (accounts/throttle.py:48)", look], WEB) == "request budgets"


def test_shares_are_of_the_chosen_process_without_starting_and_waiting() -> None:
    counted = shares(stacks(RAW), WEB, process="daphne.*asgi")

    assert counted == {
        "signature and key": 6,
        "parsing and checks": 3,
        "event loop": 1,
        LEFT_OUT + "starting": 7,
        LEFT_OUT + "threads that wait for work": 5,
    }
    assert shares(stacks(RAW), WEB, process="daphne", under="OrderConsumer.").total() == 9
    assert as_table(counted).splitlines() == [
        "| layer | share |",
        "| --- | ---: |",
        "| signature and key | 60 % |",
        "| parsing and checks | 30 % |",
        "| event loop | 10 % |",
        "",
        "10 samples; without 7 of starting; without 5 of threads that wait for work",
    ]


def test_a_file_is_told_and_one_without_the_process_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "raw"
    file.write_text(RAW)

    assert main(["web", str(file), "--process", "daphne"]) == 0
    assert "| signature and key | 60 % |" in capsys.readouterr().out
    assert main(["web", str(file), "--process", "uvicorn"]) == 1
    assert "python -m daphne mex.asgi:application" in capsys.readouterr().err
