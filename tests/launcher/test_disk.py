"""A full disk below an instance: it is said once, nothing is lost, and what could not be started is started later.

/dev/full refuses every write as a full disk does.
"""

import errno
import gzip
import json
import os
import sys
from pathlib import Path

import pytest

from launcher import disk, processes, server, supervisor
from launcher.disk import Disk
from launcher.instance import Instance
from launcher.processes import Process, identity, wait_until
from launcher.services import Anvil, Program
from launcher.supervisor import Stage, Supervisor

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"


def test_that_room_runs_out_and_is_back_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    watched = Disk(tmp_path, said.append)
    assert [watched.look(), watched.look()] == [False, False]
    assert said == []

    monkeypatch.setattr(disk, "LOW_BYTES", 2**62)
    monkeypatch.setattr(disk, "WELL_BYTES", 2**62)
    assert [watched.look(), watched.look()] == [False, False]
    assert [text.startswith(f"mex: the disk of {tmp_path} is full, or nearly: ") for text in said] == [True]

    monkeypatch.setattr(disk, "LOW_BYTES", 0)
    assert watched.look() is False  # between the two: neither
    monkeypatch.setattr(disk, "WELL_BYTES", 0)
    assert [watched.look(), watched.look()] == [True, False]
    assert [text.startswith(f"mex: the disk of {tmp_path} has room again: ") for text in said] == [False, True]


def test_only_a_full_disk_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    watched = Disk(tmp_path, said.append)
    with watched.waiting_for_room():
        Path("/dev/full").write_text("much")
    with watched.waiting_for_room():
        raise OSError(errno.EDQUOT, "Disk quota exceeded")
    assert len(said) == 1

    with pytest.raises(FileNotFoundError), watched.waiting_for_room():
        (tmp_path / "none" / "file").write_text("much")

    # There are bytes enough, and still something was refused a moment ago.
    assert watched.look() is False
    monkeypatch.setattr(disk, "QUIET_S", 0.0)
    assert watched.look() is True


def test_a_child_that_could_not_be_noted_down_does_not_run(tmp_path: Path) -> None:
    """The next server would not know that it is there, and would start a second one."""
    pid_file = tmp_path / "engine.pid"
    pid_file.symlink_to("/dev/full")
    tell = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)"

    with pytest.raises(OSError, match="No space left"):
        Process(
            Program("engine", sys.executable, "-c", tell),
            log=tmp_path / "engine.log",
            env=os.environ,
            cwd=tmp_path,
            pid_file=pid_file,
        )

    started = tmp_path / "pid"
    assert not started.exists() or not started.read_text() or identity(int(started.read_text())) is None
    assert not pid_file.is_symlink()


def test_the_server_outlives_a_full_disk_and_starts_the_child_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "TICK_S", 0.1)
    said: list[str] = []
    child = Program("engine", sys.executable, "-c", SLEEPER, ready_text="ready")
    watching = Supervisor(
        logs=tmp_path / "logs", pid_files=tmp_path / "run", environment=os.environ, cwd=tmp_path, say=said.append
    )
    (tmp_path / "run").mkdir()
    pid_file = tmp_path / "run" / "engine.pid"
    pid_file.symlink_to("/dev/full")

    def is_noted() -> bool:
        watching.watch()
        return bool(pid_file.exists() and not pid_file.is_symlink() and pid_file.read_text())

    watching.start([child])
    try:
        assert [text.split(":")[1] for text in said] == [f" the disk of {tmp_path}/logs is full, or nearly"]
        # Its link to the full disk went with the failure: there is room.
        assert wait_until(is_noted, timeout_s=10)
        watching.wait_ready([child], timeout_s=10)
        assert len(said) == 1
    finally:
        watching.stop([Stage(services=[child], grace_s=0.0)])


def test_the_chores_of_a_child_wait_for_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Keeper(Program):
        def tick(self) -> None:
            Path("/dev/full").write_text("a copy")

    monkeypatch.setattr(supervisor, "TICK_S", 0.0)
    said: list[str] = []
    child = Keeper("anvil", sys.executable, "-c", SLEEPER)
    watching = Supervisor(
        logs=tmp_path / "logs", pid_files=tmp_path / "run", environment=os.environ, cwd=tmp_path, say=said.append
    )
    watching.start([child])
    try:
        for _ in range(3):
            watching.watch()
    finally:
        watching.stop([Stage(services=[child], grace_s=0.0)])

    assert len(said) == 1


def test_anvil_does_not_begin_an_empty_chain_because_the_disk_is_full(tmp_path: Path) -> None:
    service = Anvil(tmp_path, tmp_path / "anvil", port=1)
    state, whole, fresh = (tmp_path / name for name in ("state.json", "state.whole.json", "state.whole.new"))
    state.write_text('{"half": ')
    whole.write_text('{"whole": 1}')
    fresh.symlink_to("/dev/full")

    with pytest.raises(OSError, match="No space left"):
        service.command()
    assert (state.read_text(), whole.read_text()) == ('{"half": ', '{"whole": 1}')
    assert not fresh.is_symlink()  # half a copy would take the last room of the databases

    service.command()
    assert json.loads(state.read_text()) == {"whole": 1}
    assert json.loads(whole.read_text()) == {"whole": 1}


def test_a_server_that_cannot_begin_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(folder: Path) -> Instance:
        Path("/dev/full").write_text("instance")
        return Instance(folder)

    monkeypatch.setattr(Instance, "open", full)

    assert server.main(["--data", str(tmp_path)]) == 1
    told = capsys.readouterr()
    [line] = (told.out + told.err).splitlines()
    assert line.startswith(f"mex: the disk of {tmp_path} is full: make room, then start again")


def test_half_a_copy_does_not_take_the_last_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that could not be copied was copied again and again, as far as there was room, and never became smaller."""
    monkeypatch.setattr(processes, "_LOG_BYTES_MAX", 10)
    log, older = tmp_path / "sleeper.log", tmp_path / "sleeper.log.1"
    older.symlink_to("/dev/full")
    child = Process(Program("sleeper", sys.executable, "-c", SLEEPER), log=log, env=os.environ)
    try:
        assert wait_until(lambda: "ready" in child.output(), timeout_s=60)
        log.write_text("x" * 100)
        with pytest.raises(OSError, match="No space left"):
            child.tick()
    finally:
        child.kill()
    assert (log.stat().st_size, older.is_symlink()) == (0, False)


def test_half_a_copy_of_the_chain_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service, fresh = Anvil(tmp_path, tmp_path / "anvil", port=1), tmp_path / "state.whole.new"
    monkeypatch.setattr(service._dumps, "call", lambda method: "0x" + gzip.compress(b"{}").hex())
    fresh.symlink_to("/dev/full")

    with pytest.raises(OSError, match="No space left"):
        service.tick()

    assert not fresh.is_symlink()
