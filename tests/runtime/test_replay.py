"""`manage.py replay`: the database alone gives the state that the running engine has in memory."""

import json
import signal
from typing import Any

from tests.runtime.conftest import EngineStack
from tests.runtime.processes import applied, play, play_all, start


def replay(stack: EngineStack) -> tuple[int, dict[str, Any], str]:
    """Return the exit status, what was printed as JSON, and what was said of it."""
    process = stack.manage("replay", "--json", check=False)
    return process.returncode, json.loads(process.stdout or "{}"), process.stderr


def test_the_database_gives_the_state_of_the_running_engine(stack: EngineStack) -> None:
    start(stack, "engine ready, epoch 1")
    sent = play_all(stack, 5, 3_000)

    status, found, _ = replay(stack)

    assert status == 0
    assert (found["equal"], found["is_running"], found["sequence"]) == (True, True, sent + 1)
    assert found["engine"] == found["database"]
    assert found["open_orders"] > 20


def test_under_load_it_finds_a_moment_to_look(stack: EngineStack) -> None:
    start(stack, "engine ready, epoch 1")
    load, _ = play(stack, 6, 20_000)

    status, found, said = replay(stack)

    assert status == 0, said
    assert found["equal"] is True
    assert int(load.communicate(timeout=120)[0]) > 20_000


def test_a_state_that_the_database_does_not_give_is_told(stack: EngineStack) -> None:
    """Somebody gave by hand what the running engine knows nothing of."""
    start(stack, "engine ready, epoch 1")
    play_all(stack, 5, 300)
    stack.execute("UPDATE wallets_balance SET balance = balance + 1 WHERE owner = -5 AND asset_id = 1")

    status, found, said = replay(stack)

    assert status == 1
    assert found["equal"] is False
    assert found["engine"] != found["database"]
    assert "is not the engine's" in said


def test_without_an_engine_the_last_hash_is_taken_or_missed(stack: EngineStack) -> None:
    engine = start(stack, "engine ready, epoch 1")
    sent = play_all(stack, 5, 300)
    engine.send_signal(signal.SIGTERM)
    assert engine.wait(30) == 0

    status, found, said = replay(stack)
    assert (status, found) == (2, {})
    assert f"the last hash is of command 0, not of the last one, {sent}" in said

    engine = start(stack, "engine ready, epoch 2")
    assert replay(stack)[0] == 0
    engine.send_signal(signal.SIGTERM)
    assert engine.wait(30) == 0
    status, found, _ = replay(stack)
    assert (status, found["equal"], found["is_running"], found["sequence"]) == (0, True, False, sent + 1)
    applied(stack, sent + 1)
