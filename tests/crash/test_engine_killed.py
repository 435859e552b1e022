"""The engine is killed hundreds of times under load: nothing that was acknowledged is missing, nothing is doubled."""

import json
import os
import signal
import subprocess

from tests.runtime.conftest import EngineStack

LIVES = int(os.environ.get("MEX_TEST_ENGINE_KILLS", "300"))
SEED = int(os.environ.get("MEX_TEST_SEED", "20261123"))
ACCOUNTS = 8


def test_nothing_acknowledged_is_lost_or_doubled_when_the_engine_is_killed(stack: EngineStack) -> None:
    """Given load on an engine that dies at random points of its cycle, every answer holds and the audit is clean."""
    lives = LIVES if stack.is_sqlite else LIVES // 3
    print(f"seed {SEED}, {lives} kills")
    accounts = stack.fund_users(ACCOUNTS)
    funding = 2 * ACCOUNTS
    stop = stack.folder / "stop"
    engine = stack.python("-m", "tests.crash.doomed_engine", str(lives), str(SEED), stdout=subprocess.PIPE)
    load = stack.python(
        "-m", "tests.crash.load", str(stop), str(SEED), ",".join(map(str, accounts)), stdout=subprocess.PIPE
    )
    assert load.stdout is not None
    assert engine.stdout is not None
    assert load.stdout.readline() == "ready\n"

    assert engine.stdout.readline() == "last life\n", "an engine's life ended in a way that it should not"
    stop.touch()
    told = json.loads(load.stdout.readline())
    load.wait(60)
    engine.send_signal(signal.SIGTERM)
    assert engine.wait(60) == 0

    # Every command took effect exactly once, whatever died.
    assert told["answered"] == told["sent"]
    assert told["sent"] > lives, "the load was too thin to mean anything"
    [(sequence, last_order)] = stack.rows("SELECT sequence, last_order FROM trading_enginestate")
    assert sequence == told["sent"] + funding

    # Every acknowledged order is there, once, with at least what its owner was told it had traded.
    stored = {
        client_id: (order, executed, status)
        for client_id, order, executed, status in stack.rows(
            "SELECT client_order_id, id, executed, status FROM trading_order"
        )
    }
    assert len(stored) == last_order == len(told["orders"])
    assert {client_id: order for client_id, (order, _, _) in stored.items()} == told["orders"]
    assert {str(order): executed for order, executed, _ in stored.values() if executed} == told["filled"]
    assert not set(told["refused"]) & set(stored)
    canceled = {order for order, _, status in stored.values() if status == 4}
    assert canceled == set(told["cancelled"])

    # And the books balance.
    audit = stack.manage("audit", "--json", "--no-chains", check=False)
    assert audit.returncode == 0, audit.stdout
    for table in ("trading_trade", "trading_preventedmatch", "trading_orderlist", "trading_ordercondition"):
        assert stack.rows(f"SELECT count(*) FROM {table}")[0][0] > 0
