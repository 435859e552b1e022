"""Engine processes of a test: started, listened to, given work, waited for."""

import signal
import sqlite3
import subprocess
from pathlib import Path

from tests.api.exchange import DEADLINE_S, wait_until
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


def applied(stack: EngineStack, count: int, *, deadline_s: float = DEADLINE_S) -> None:
    """Wait until the engine has applied so many commands."""
    wait_until(
        lambda: stack.rows("SELECT sequence FROM trading_enginestate") == [(count,)],
        f"{count} commands to be applied",
        deadline_s,
    )


def is_stopped(process: "subprocess.Popen[str]") -> bool:
    """Return whether a process was stopped, and not ended."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def stop_at_rest(stack: EngineStack, engine: "subprocess.Popen[str]") -> None:
    """Stop an idle engine, but not inside a transaction: on SQLite its successor would kill it for what it holds."""

    def is_at_rest() -> bool:
        engine.send_signal(signal.SIGSTOP)
        wait_until(lambda: is_stopped(engine), "the engine to stop")
        if not stack.is_sqlite or _is_free(stack.folder / "mex.sqlite3"):
            return True
        engine.send_signal(signal.SIGCONT)
        return False

    wait_until(is_at_rest, "the engine to hold nothing")


def _is_free(database: Path) -> bool:
    connection = sqlite3.connect(database, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        return False
    finally:
        connection.close()
    return True
