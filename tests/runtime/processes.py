"""Engine processes of a test: started, listened to, given work, waited for."""

import subprocess

from tests.api.exchange import wait_until
from tests.runtime.conftest import EngineStack

_SESSION = """
import sys
import django
django.setup()
from tests.runtime.sessions import Session
from trading.gateway.sender import send
from trading.models import Market
from trading.selectors import market_spec
seed, users, count = sys.argv[1:]
session = Session(int(seed), [int(word) for word in users.split(",")],
    [market_spec(market) for market in Market.objects.all()], with_holds=False)
commands = session.funding() + session.commands(int(count))
send(commands)
print(len(commands))
"""


def run(stack: EngineStack, script: str, *args: str) -> str:
    """Run a Python program to its end and return what it printed."""
    process = stack.python("-c", script, *args, stdout=subprocess.PIPE)
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 0
    return str(output).strip()


def start(stack: EngineStack, expected: str, *options: str) -> "subprocess.Popen[str]":
    """Start an engine and return it when it has said what is expected."""
    engine = stack.python("manage.py", "run_engine", *options, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    read(engine, expected)
    return engine


def read(engine: "subprocess.Popen[str]", expected: str) -> None:
    """Wait for an engine's next line, which must begin as expected."""
    assert engine.stdout is not None
    line = engine.stdout.readline()
    assert line.startswith(expected), line


def play(stack: EngineStack, seed: int, count: int, users: int = 4) -> "tuple[subprocess.Popen[str], list[int]]":
    """Send a session of commands of every kind; the process prints how many they are."""
    accounts = stack.users(users)
    arguments = (str(seed), ",".join(map(str, accounts)), str(count))
    return stack.python("-c", _SESSION, *arguments, stdout=subprocess.PIPE), accounts


def play_all(stack: EngineStack, seed: int, count: int) -> int:
    """Send a session and wait until all of it is applied; return how many commands were applied."""
    process, _ = play(stack, seed, count)
    sent = int(process.communicate(timeout=120)[0])
    applied(stack, sent)
    return sent


def applied(stack: EngineStack, count: int) -> None:
    """Wait until the engine has applied so many commands."""
    wait_until(
        lambda: stack.rows("SELECT sequence FROM trading_enginestate") == [(count,)], f"{count} commands to be applied"
    )
