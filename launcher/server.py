"""`script/server`: the whole exchange on one machine, until it is told to stop."""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from launcher import nodes, web_servers
from launcher.console import say, step
from launcher.instance import ROOT, AlreadyRunning, Instance, default_folder, has_local_chains
from launcher.processes import Service, end_leftovers, port_problem
from launcher.programs import InstallError
from launcher.readiness import answers_page, answers_websocket
from launcher.services import Anvil, Bitcoind, Program, Valkey
from launcher.supervisor import Stage, StartFailed, Stopped, Supervisor
from mex.outages import is_disk_full

_READY_TIMEOUT_S = 90.0
_LEFTOVERS_GRACE_S = 5.0
_POLL_S = 0.05
_PYTHON = sys.executable
_SIGNER = "worker-signer"
_NODES = ("BITCOIN_RPC_URL", "ETHEREUM_RPC_URL")

# In all less than the 15 seconds in which everything must have ended.
_GRACE_S = {"interface": 5.0, "engine": 3.0, "backing": 5.0}


class Web(Program):
    """Pages, API and websockets; ready when a page and a websocket answer."""

    def __init__(self, server: str, port: int, log_level: str) -> None:
        names_requests = log_level in ("http", "debug")
        super().__init__("web", _PYTHON, *web_servers.arguments(server, port=port, names_requests=names_requests))
        self._port = port

    def is_ready(self) -> bool:
        """Return whether a page and a websocket answer."""
        return answers_page(f"http://127.0.0.1:{self._port}/") and answers_websocket(self._port)


def backing_services(instance: Instance, programs: Path, environment: Mapping[str, str]) -> list[Service]:
    """Return what mex runs on, without what the operator brings himself through the environment."""
    folder = instance.folder
    services: list[Service] = []
    if "REDIS_URL" not in environment:
        services.append(Valkey(folder / "valkey", port=instance.valkey_port, password=instance.valkey_password))
    if "BITCOIN_RPC_URL" not in environment:
        services.append(
            Bitcoind(
                folder / "bitcoin",
                programs / "bitcoind",
                port=instance.bitcoin_port,
                password=instance.bitcoin_password,
                zmq_port=instance.bitcoin_zmq_port,
            )
        )
    if "ETHEREUM_RPC_URL" not in environment:
        chain_id = int(environment.get("MEX_ETHEREUM_CHAIN_ID", "31337"))
        services.append(Anvil(folder / "ethereum", programs / "anvil", port=instance.ethereum_port, chain_id=chain_id))
    return services


def engine_service() -> Service:
    """Return the matching engine."""
    return Program("engine", _PYTHON, "manage.py", "run_engine", ready_text="engine ready")


def worker_services(instance: Instance, *, is_local: bool = True, has_bell: bool = True) -> list[Service]:
    """Return what polls the chains and signs, the clock of both, what wakes them, and the miner of our own chains.

    Only the one that signs gets what opens the keys: see `_SIGNER`.
    """
    celery = (_PYTHON, "-m", "celery", "-A", "celery_app")
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO")
    return [
        Program(
            "worker-chains", *celery, "worker", "-Q", "chains", "-P", "threads", "-c", "2", "-n", "chains@mex", *quiet
        ),
        Program(_SIGNER, *celery, "worker", "-Q", "signer", "-P", "solo", "-n", "signer@mex", *quiet),
        Program(
            "beat", *celery, "beat", "--pidfile=", "-s", str(instance.folder / "beat-schedule"), "--loglevel", "INFO"
        ),
        *([Program("bell", _PYTHON, "manage.py", "watch_bitcoin")] if has_bell else []),
        *([Program("miner", _PYTHON, "manage.py", "run_miner")] if is_local else []),
    ]


def market_maker() -> Service:
    """Return the small market maker, which trades through the public API."""
    return Program("market-maker", _PYTHON, "manage.py", "run_market_maker")


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() else 0
    if not 0 < port < 65_536:
        raise argparse.ArgumentTypeError(f"must be a number from 1 to 65535, was {text!r}")
    return port


def main(arguments: Sequence[str]) -> int:
    """Run the server and return its exit code."""
    parser = argparse.ArgumentParser(prog="script/server", description="Run the whole exchange on this machine.")
    parser.add_argument("--port", type=_port, default=8000, help="port of pages and API on 127.0.0.1 (default 8000)")
    parser.add_argument("--data", type=Path, default=default_folder(os.environ), help="folder of all state (.mex)")
    parser.add_argument("--no-market-maker", action="store_true", help="nobody quotes: all orders are those of users")
    parser.add_argument(
        "--server", choices=web_servers.SERVERS, default=web_servers.DEFAULT, help="of the web process (%(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        instance = Instance.open(options.data)
        with instance.lock():
            return _serve(instance, options.port, options.server, has_maker=not options.no_market_maker)
    except AlreadyRunning as error:
        say(f"mex: {error}")
    except OSError as error:
        if not is_disk_full(error):
            raise
        say(f"mex: the disk of {options.data} is full: make room, then start again ({error})")
    return 1


def _serve(instance: Instance, port: int, server: str, *, has_maker: bool) -> int:
    left = end_leftovers(instance.folder / "run", grace_s=_LEFTOVERS_GRACE_S)
    if left:
        say(f"mex: ended what an earlier run left behind: {', '.join(left)}")
    if problem := port_problem(port):
        say(f"mex: port {port} of 127.0.0.1 {problem}: choose another with --port")
        return 1
    instance.choose_ports(port)
    instance.web_server = server
    instance.keep(os.environ)
    instance.save()
    environment = instance.environment(os.environ)
    is_local = has_local_chains(environment)
    missing = [name for name in _NODES if not is_local and not os.environ.get(name)]
    if missing:
        say(f"mex: on chains that are not our own, set {' and '.join(missing)}: script/server starts local nodes only")
        return 1
    supervisor = _supervisor(instance, environment)
    try:
        programs = nodes.ensure()
    except InstallError as error:
        say(f"mex: {error}")
        return 1
    backing = backing_services(instance, programs, os.environ)
    engine = engine_service()
    web = Web(server, port, environment.get("LOG_LEVEL", "info"))
    workers = worker_services(instance, is_local=is_local, has_bell=bool(environment.get("MEX_BITCOIN_ZMQ")))
    makers = [market_maker()] if is_local and has_maker else []
    prepare = [("migrate", "--noinput"), *([("run_miner", "--prepare")] if is_local else [])]
    stages = [
        Stage(services=backing, grace_s=_GRACE_S["backing"]),
        Stage(services=[engine], grace_s=_GRACE_S["engine"]),
        Stage(services=[web, *workers, *makers], grace_s=_GRACE_S["interface"]),
    ]
    try:
        with step("starting the pipe and the chains, bringing the database up to date"):
            supervisor.start(backing)
            # The miner waits for bitcoind by itself.
            _manage(supervisor, environment, instance.folder, *prepare)
            supervisor.wait_ready(backing, timeout_s=_READY_TIMEOUT_S)
        with step("starting engine, web and workers"):
            supervisor.start([engine, web, *workers])
            supervisor.wait_ready([engine, web], timeout_s=_READY_TIMEOUT_S)
            supervisor.start(makers)
        supervisor.wait_ready(backing, timeout_s=_READY_TIMEOUT_S)
        say(f"mex is ready at {instance.url}")
        supervisor.run()
    except Stopped:
        pass
    except StartFailed as error:
        say(f"mex: {error}")
        return 1
    finally:
        say("mex: stopping")
        supervisor.stop(stages)
    say("mex: stopped")
    return 0


def _supervisor(instance: Instance, environment: Mapping[str, str]) -> Supervisor:
    """Return what runs the children, and is told when we are to stop."""
    supervisor = Supervisor(
        logs=instance.folder / "logs",
        pid_files=instance.folder / "run",
        environment=environment,
        own_environments={_SIGNER: instance.signer_environment(os.environ)},
        cwd=ROOT,
        say=say,
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: supervisor.stopping.set())
    return supervisor


def _manage(supervisor: Supervisor, environment: Mapping[str, str], folder: Path, *commands: Sequence[str]) -> None:
    """Run management commands side by side, to their ends. Raises StartFailed with what one said, or Stopped."""
    logs = folder / "logs"
    running = {command[0]: _start_command(command, environment, logs) for command in commands}
    try:
        while any(process.poll() is None for process in running.values()):
            if supervisor.stopping.wait(_POLL_S):
                raise Stopped
    finally:
        for process in running.values():
            process.terminate()
            process.wait()
    for name, process in running.items():
        if process.returncode:
            said = "\n".join((logs / f"{name}.log").read_text(errors="replace").strip().splitlines()[-15:])
            raise StartFailed(f"manage.py {name} ended with code {process.returncode}:\n{said}")


def _start_command(command: Sequence[str], environment: Mapping[str, str], logs: Path) -> "subprocess.Popen[bytes]":
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / f"{command[0]}.log").open("wb") as output:
        return subprocess.Popen(
            [_PYTHON, "manage.py", *command], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
