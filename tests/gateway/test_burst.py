"""100,000 orders against an engine that stands still and then goes on: each is answered once, none is lost."""

import json
import subprocess
from pathlib import Path

from mex.limits import COMMANDS_UNANSWERED_MAX
from tests.crash.stack import Stack


def test_a_burst_against_a_stalled_engine_is_bounded_and_every_order_is_answered_once(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    try:
        accounts = stack.fund_users(20)
        engine = stack.python("manage.py", "run_engine", stdout=subprocess.PIPE)
        assert engine.stdout is not None
        assert engine.stdout.readline().startswith("engine ready")

        words = [str(engine.pid), ",".join(map(str, accounts))]
        process = stack.python("-m", "tests.gateway.burst", *words, stdout=subprocess.PIPE)
        output = process.communicate(timeout=240)[0]

        assert process.returncode == 0
        found = json.loads(output)
        assert found["answers"] == [1]
        # While the engine stood still as much was taken as may wait, and everything else was refused at once.
        assert found["stalled"] == {"waiting": COMMANDS_UNANSWERED_MAX, "busy": 50_000 - COMMANDS_UNANSWERED_MAX}
        assert found["urgent"] == ["Closed", "Amended", "Closed"]
        assert found["most"] == COMMANDS_UNANSWERED_MAX + len(found["urgent"])
        assert found["told"].keys() == {"Accepted", "busy"}
        assert sum(found["told"].values()) == 100_000
        assert found["told"]["Accepted"] >= COMMANDS_UNANSWERED_MAX
        assert (found["left"], found["after"]) == (0, "Accepted")
        orders = stack.rows("SELECT count(*) FROM trading_order WHERE client_order_id LIKE 'b%'")
        assert orders == [(found["told"]["Accepted"],)]
    finally:
        stack.close()
