"""Each step between request and settlement, killed before and after its commit: nothing is lost, nothing done twice."""

import json
import signal
import subprocess
from pathlib import Path

from tests.crash.stack import Stack
from tests.crash.test_worker_killed import anvil, bitcoind, check_deposits, check_withdrawals, stack
from tests.wallets.nodes import Anvil, Bitcoind

__all__ = ["anvil", "bitcoind", "stack"]

ELSEWHERE = {
    "deposits.reversals._finish": "tests/wallets/test_deposit_states.py",
    "payouts.follow.transaction_sent": "tests/crash/test_worker_killed.py, after other deaths",
    "payouts.bitcoin_bump._store": "tests/wallets/test_bumps_bitcoin.py",
    "payouts.ethereum_bumps._store": "tests/wallets/test_deaths_ethereum.py",
    "payouts.ethereum_gaps._fill": "tests/wallets/test_deaths_ethereum.py",
    "payouts.ethereum_overtaken._give_up": "tests/wallets/test_deaths_ethereum.py",
    "payouts.fee_doubts._end": "tests/wallets/test_fee_corrections.py",
    "payouts.fee_doubts._settle": "tests/wallets/test_fee_corrections.py",
}
"""Steps that a usual deposit or withdrawal may not come by, and the tests where they are killed."""


def test_each_step_is_killed_before_and_after_it(
    node_programs: Path, stack: Stack, bitcoind: Bitcoind, anvil: Anvil
) -> None:
    # What step_by_step.py pays in are small coins, and a few of them are too many.
    stack.environment["MEX_BITCOIN_SMALL_COIN"] = "5000000"
    stack.environment["MEX_BITCOIN_SMALL_COINS_MAX"] = "4"
    engine = stack.python("manage.py", "run_engine")
    course = stack.python("-m", "tests.crash.step_by_step", stdout=subprocess.PIPE)
    output, _ = course.communicate(timeout=900)
    assert course.returncode == 0
    told = json.loads(output.splitlines()[-1])
    engine.send_signal(signal.SIGTERM)
    assert engine.wait(30) == 0

    print(f"{told['steps']} places to die at, {len(told['deposits'])} deposits")
    missed = {label.split()[1] for label in told["unreached"]}
    assert missed <= set(ELSEWHERE), "steps that nothing came by"
    check_deposits(stack, told["deposits"])
    check_withdrawals(stack, bitcoind, anvil, at_least=told["steps"])
    audit = stack.manage("audit", "--json", check=False)
    assert audit.returncode == 0, audit.stdout
