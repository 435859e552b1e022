"""A standby takes over from a leader that is killed or stopped, wherever that is; nothing is lost or doubled."""

import signal
import subprocess
import time

import pytest

from mex.clock import now_ms
from tests.api.exchange import wait_until
from tests.runtime.conftest import EngineStack
from tests.runtime.processes import applied, is_stopped, play, play_all, read, start, stop_at_rest

TAKEOVER_S = 15.0
# An engine with a lease so long that nobody who waits for its end could be taken for somebody who does not.
_LONG_LEASE = """
from mex import limits
limits.LEASE_MS = 20_000
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", "run_engine"])
"""


def standing(stack: EngineStack) -> tuple[int, ...]:
    [row] = stack.rows("SELECT epoch, sequence, batch, last_order FROM trading_enginestate")
    return row


def check_books(stack: EngineStack) -> None:
    audit = stack.manage("audit", "--json", "--no-chains", check=False)
    assert audit.returncode == 0, audit.stdout
    assert stack.manage("replay", check=False).returncode == 0


def test_a_standby_follows_a_leader_that_is_killed_at_once(stack: EngineStack) -> None:
    """Who can see that the leader is gone does not wait for the end of its lease."""
    leader = stack.python("-c", _LONG_LEASE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    read(leader, "engine ready, epoch 1")
    standby = start(stack, "standing by: engine", "--standby")
    sent = play_all(stack, 3, 500)
    load, _ = play(stack, 4, 3_000)
    [(lease_until_ms,)] = stack.rows("SELECT lease_until_ms FROM trading_enginestate")

    leader.send_signal(signal.SIGKILL)
    read(standby, "engine ready, epoch 2")

    assert now_ms() < lease_until_ms
    applied(stack, sent + int(load.communicate(timeout=120)[0]))
    check_books(stack)


def test_a_standby_follows_a_leader_that_is_stopped_while_idle(stack: EngineStack) -> None:
    leader = start(stack, "engine ready, epoch 1")
    standby = start(stack, "standing by: engine", "--standby")
    sent = play_all(stack, 3, 500)

    stop_at_rest(stack, leader)
    began = time.monotonic()
    read(standby, "engine ready, epoch 2")

    assert time.monotonic() - began < TAKEOVER_S
    before = standing(stack)
    leader.send_signal(signal.SIGCONT)
    assert leader.wait(30) == 1
    assert leader.stderr is not None
    assert "another engine has taken over" in leader.stderr.read()
    assert standing(stack) == before
    assert before[:2] == (2, sent)
    check_books(stack)


@pytest.mark.parametrize("point", ["inside", "committed", "published"])
def test_a_standby_follows_a_leader_that_is_stopped_under_load(stack: EngineStack, point: str) -> None:
    """Stopped inside its transaction, a leader keeps what its successor needs: it must be made to let go."""
    leader = stack.python(
        "-m", "tests.runtime.freezing_engine", point, "4", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    read(leader, "engine ready, epoch 1")
    standby = start(stack, "standing by: engine", "--standby")
    load, _ = play(stack, 5, 3_000)
    wait_until(lambda: is_stopped(leader), "the leader to stop")
    began = time.monotonic()

    read(standby, "engine ready, epoch 2")

    assert time.monotonic() - began < TAKEOVER_S
    sent = int(load.communicate(timeout=120)[0])
    applied(stack, sent)
    before = standing(stack)
    leader.send_signal(signal.SIGCONT)
    # Where nothing else could free the database, it was killed; else it notices for itself.
    was_killed = stack.is_sqlite and point == "inside"
    assert leader.wait(30) == (-signal.SIGKILL if was_killed else 1)
    assert standing(stack) == before
    assert before[:2] == (2, sent)
    check_books(stack)


def test_whoever_does_not_want_to_wait_is_told_who_leads(stack: EngineStack) -> None:
    start(stack, "engine ready, epoch 1")

    refused = stack.manage("run_engine", "--no-wait", check=False)
    both = stack.manage("run_engine", "--no-wait", "--standby", check=False)

    assert refused.returncode == 1
    assert "leads shard 0" in refused.stderr
    assert both.returncode != 0
    assert "not allowed with" in both.stderr
