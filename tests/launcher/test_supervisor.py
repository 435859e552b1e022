"""Children are started in order, started again when they die, and ended in order and in time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from launcher import processes
from launcher import supervisor as supervisor_module
from launcher.processes import identity, wait_until
from launcher.services import Program
from launcher.supervisor import Stage, StartFailed, Supervisor
from tests.launcher.waiting import wait_for

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
TELLS_ITS_END = (
    "import signal, sys, time\n"
    "def end(*_):\n"
    "    open('ends', 'a').write(sys.argv[1] + ' ')\n"
    "    sys.exit(0)\n"
    "signal.signal(signal.SIGTERM, end)\n"
    "print('ready', flush=True)\n"
    "time.sleep(600)\n"
)


def python(name: str, code: str, *arguments: str) -> Program:
    return Program(name, sys.executable, "-c", code, *arguments, ready_text="ready")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervise(tmp_path: Path, said: list[str]) -> Iterator[Callable[..., Supervisor]]:
    made: list[tuple[Supervisor, list[Program]]] = []

    def make(*programs: Program) -> Supervisor:
        supervisor = Supervisor(
            logs=tmp_path / "logs",
            pid_files=tmp_path / "run",
            environment=os.environ,
            cwd=tmp_path,
            say=said.append,
            backoff_s=0.1,
        )
        made.append((supervisor, list(programs)))
        supervisor.start(programs)
        return supervisor

    yield make
    for supervisor, programs in made:
        supervisor.stop([Stage(services=programs, grace_s=0.0)])


def pid_of(tmp_path: Path, name: str) -> int:
    path = tmp_path / "run" / f"{name}.pid"
    return int(path.read_text().split()[0]) if path.exists() and path.read_text() else 0


def test_a_child_may_have_an_environment_of_its_own(tmp_path: Path, said: list[str]) -> None:
    """Also when it is started again."""
    tell = "import os, time; print(os.environ.get('SECRET', 'none'), flush=True); time.sleep(60)"
    children = [python("signer", tell), python("web", tell)]
    supervisor = Supervisor(
        logs=tmp_path / "logs",
        pid_files=tmp_path / "run",
        environment=os.environ,
        own_environments={"signer": {**os.environ, "SECRET": "passphrase"}},
        cwd=tmp_path,
        say=said.append,
        backoff_s=0.1,
    )
    supervisor.start(children)
    try:
        assert wait_until(lambda: (tmp_path / "logs" / "signer.log").read_text() == "passphrase\n", timeout_s=10)
        os.kill(pid_of(tmp_path, "signer"), signal.SIGKILL)

        def is_back() -> bool:
            supervisor.watch()
            return (tmp_path / "logs" / "signer.log").read_text() == "passphrase\n" * 2

        assert wait_until(is_back, timeout_s=10)
        assert wait_until(lambda: (tmp_path / "logs" / "web.log").read_text() == "none\n", timeout_s=10)
    finally:
        supervisor.stop([Stage(services=children, grace_s=0.0)])


def test_a_child_that_died_is_started_again_and_it_is_said(
    tmp_path: Path, supervise: Callable[..., Supervisor], said: list[str]
) -> None:
    child = python("engine", SLEEPER)
    supervisor = supervise(child)
    supervisor.wait_ready([child], timeout_s=10)
    first = pid_of(tmp_path, "engine")

    os.kill(first, signal.SIGKILL)
    wait_for(lambda: supervisor.watch() or pid_of(tmp_path, "engine") not in (0, first))
    supervisor.wait_ready([child], timeout_s=10)

    assert said == [f"mex: engine ended with code -9: starting it again in 0.1 s (see {tmp_path}/logs/engine.log)"]


def test_the_wait_before_a_restart_doubles(
    tmp_path: Path, supervise: Callable[..., Supervisor], said: list[str]
) -> None:
    supervisor = supervise(python("worker", "raise SystemExit(3)"))

    wait_for(lambda: supervisor.watch() or len(said) == 3)

    assert [text.split(" in ")[1].split(" s ")[0] for text in said] == ["0.1", "0.2", "0.4"]


def test_a_child_that_never_gets_ready_fails_the_start_with_its_last_words(
    supervise: Callable[..., Supervisor],
) -> None:
    child = python("engine", "raise SystemExit('no such table')")
    supervisor = supervise(child)

    with pytest.raises(StartFailed, match=r"(?s)engine ended 3 times before it was ready.*no such table"):
        supervisor.wait_ready([child], timeout_s=20)


def test_stages_end_last_first(tmp_path: Path, supervise: Callable[..., Supervisor]) -> None:
    database, engine, web = (python(name, TELLS_ITS_END, name) for name in ("database", "engine", "web"))
    supervisor = supervise(database, engine, web)
    supervisor.wait_ready([database, engine, web], timeout_s=10)

    supervisor.stop([Stage(services=[service], grace_s=5) for service in (database, engine, web)])

    assert (tmp_path / "ends").read_text() == "web engine database "
    assert list((tmp_path / "run").iterdir()) == []


def test_a_child_that_will_not_end_is_killed_when_its_time_is_over(
    tmp_path: Path, supervise: Callable[..., Supervisor]
) -> None:
    child = python("web", DEAF)
    supervisor = supervise(child)
    supervisor.wait_ready([child], timeout_s=10)
    pid = pid_of(tmp_path, "web")

    started_s = time.monotonic()
    supervisor.stop([Stage(services=[child], grace_s=0.3)])

    assert identity(pid) is None
    assert time.monotonic() - started_s < 15


def test_what_a_child_started_ends_with_it(tmp_path: Path, supervise: Callable[..., Supervisor]) -> None:
    code = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {DEAF!r}])\n"
        "open('grandchild', 'w').write(str(child.pid))\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    child = python("worker", code)
    supervisor = supervise(child)
    supervisor.wait_ready([child], timeout_s=10)
    grandchild = int((tmp_path / "grandchild").read_text())

    supervisor.stop([Stage(services=[child], grace_s=1)])

    wait_for(lambda: identity(grandchild) is None)


def test_a_log_that_grows_is_kept_small(
    tmp_path: Path, supervise: Callable[..., Supervisor], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import time\nprint('ready')\nwhile True:\n    print('x' * 99, flush=True)\n    time.sleep(0.02)"
    monkeypatch.setattr(processes, "_LOG_BYTES_MAX", 10_000)
    monkeypatch.setattr(supervisor_module, "TICK_S", 0.0)
    supervisor = supervise(python("web", code))
    log, old = tmp_path / "logs/web.log", tmp_path / "logs/web.log.1"

    wait_for(lambda: log.stat().st_size > 10_000)
    supervisor.watch()

    assert old.stat().st_size > 10_000
    assert log.stat().st_size < 10_000
    wait_for(lambda: log.read_bytes().startswith(b"x"))


def test_children_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from launcher.processes import Process\n"
        "from launcher.services import Program\n"
        f"Process(Program('child', sys.executable, '-c', {SLEEPER!r}), log=Path('log'), env=os.environ,"
        " pid_file=Path('run/child.pid'))\n"
        "print('started', flush=True)\n"
        "sys.stdin.read()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"started\n"
    child = pid_of(tmp_path, "child")
    assert identity(child) is not None

    parent.kill()
    parent.communicate()

    wait_for(lambda: identity(child) is None)
