"""The engine as a process: one leads, another takes over, a replaced one ends, a restart keeps everything."""

import signal

from tests.runtime.conftest import EngineStack
from tests.runtime.processes import applied, read, run, start, stop_at_rest

_FUND = """
import sys
import django
django.setup()
from trading.engine.commands import Transfer
from trading.engine.enums import Reason
from trading.gateway.sender import send
first, last = map(int, sys.argv[1:])
send([Transfer(f"t:{n}", -5, 7, 1, 1, Reason.ADJUSTMENT) for n in range(first, last)])
"""
_TRADE = """
import random
import sys
import django
django.setup()
from trading.engine.commands import CancelOrder, PlaceOrder
from trading.engine.enums import OrderType, Side, TimeInForce
from trading.gateway.sender import send
accounts = [int(word) for word in sys.argv[1].split(",")]
chance = random.Random(4)
commands = []
for number in range(400):
    account = chance.choice(accounts)
    if number % 5 == 4:
        commands.append(CancelOrder(account, 1, chance.randint(1, number), "", f"c{number}"))
    else:
        commands.append(PlaceOrder(account, 1, f"o{number}", chance.choice(list(Side)), OrderType.LIMIT,
            chance.choice(list(TimeInForce)), chance.randint(1, 50) * 100_000, chance.randint(4980, 5020) * 1_000))
send(commands)
"""


def test_a_second_engine_waits_and_takes_over_when_the_first_is_killed(stack: EngineStack) -> None:
    first = start(stack, "engine ready, epoch 1")
    second = start(stack, "standing by: engine")
    run(stack, _FUND, "0", "3")
    applied(stack, 3)
    refused = stack.manage("run_engine", "--no-wait", check=False)
    assert refused.returncode != 0
    assert "leads shard 0" in refused.stderr

    first.send_signal(signal.SIGKILL)

    read(second, "engine ready, epoch 2")
    run(stack, _FUND, "0", "5")
    applied(stack, 8)
    assert stack.rows("SELECT balance FROM wallets_balance WHERE owner = 7") == [(5,)]
    assert stack.rows("SELECT count(*) FROM wallets_posting") == [(5,)]
    second.send_signal(signal.SIGTERM)
    assert second.wait(30) == 0
    assert stack.rows("SELECT lease_until_ms FROM trading_enginestate") == [(0,)]


def test_a_leader_that_was_replaced_ends_without_committing(stack: EngineStack) -> None:
    """It was stopped, another took over, and what it had read reaches it when it goes on: the epoch fences it."""
    old = start(stack, "engine ready, epoch 1")
    run(stack, _FUND, "0", "3")
    applied(stack, 3)
    stop_at_rest(stack, old)
    run(stack, _FUND, "3", "6")  # reaches the stopped process's open read
    new = start(stack, "")  # it may have to stand by until the lease is over
    run(stack, _FUND, "6", "8")
    applied(stack, 8)
    [before] = stack.rows("SELECT epoch, sequence, batch, last_order FROM trading_enginestate")

    old.send_signal(signal.SIGCONT)

    assert old.wait(30) == 1
    assert old.stderr is not None
    assert "another engine has taken over" in old.stderr.read()
    assert stack.rows("SELECT epoch, sequence, batch, last_order FROM trading_enginestate") == [before]
    assert before[:2] == (2, 8)
    assert stack.rows("SELECT reference FROM wallets_posting ORDER BY id") == [(f"t:{n}",) for n in range(8)]
    assert stack.rows("SELECT balance FROM wallets_balance WHERE owner = 7") == [(8,)]
    assert new.poll() is None


def test_a_restart_keeps_book_and_balances(stack: EngineStack) -> None:
    engine = start(stack, "engine ready, epoch 1")
    accounts = stack.fund_users(3)
    applied(stack, 6)
    run(stack, _TRADE, ",".join(map(str, accounts)))
    applied(stack, 406)
    counts = "SELECT (SELECT count(*) FROM trading_order), (SELECT count(*) FROM trading_trade)"
    [(orders, trades)] = stack.rows(counts)
    assert orders > 200
    assert trades > 50

    engine.send_signal(signal.SIGKILL)
    engine.wait(30)
    again = start(stack, "engine ready, epoch 2")
    run(stack, _TRADE, ",".join(map(str, accounts)))  # every client order id was used: all are refused
    applied(stack, 806)
    again.send_signal(signal.SIGTERM)
    assert again.wait(30) == 0

    assert stack.rows("SELECT last_order FROM trading_enginestate") == [(orders,)]
    audit = stack.manage("audit", "--json", "--no-chains", check=False)
    assert audit.returncode == 0, audit.stdout
