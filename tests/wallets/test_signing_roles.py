"""No process but a signing worker can sign: real ones, in the environments that the launcher gives them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from celery_app import app
from launcher.instance import ROOT, Instance, without_settings
from launcher.processes import wait_until
from launcher.services import Process
from tests.wallets.nodes import Anvil, Bitcoind

CANNOT = {
    "ethereum key": "KeysLocked",
    "bitcoin keys": "KeysLocked",
    "passphrase": "KeysLocked",
    "ethereum key, with the role taken": "KeysLocked",
    "private keys of the node": "ChainRefused",
    "payment by the node": "ChainRefused",
}
CAN = {
    "ethereum key": "done",
    "bitcoin keys": "done",
    "passphrase": "done",
    # Not even the signer can do without its key file: bitcoind has no keys.
    "private keys of the node": "ChainRefused",
    "payment by the node": "ChainRefused",
}
_START_S = 60.0


@pytest.fixture
def bitcoind(tmp_path: Path) -> Iterator[Bitcoind]:
    """A node of the instance, without any wallet yet."""
    node = Bitcoind(tmp_path / "bitcoin")
    try:
        node.start()
        yield node
    finally:
        node.stop()


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    """An instance as `script/server` makes it."""
    return Instance.open(tmp_path / "instance")


@pytest.fixture
def caller(bitcoind: Bitcoind, anvil: Anvil, valkey: Process, ledger_db: None) -> dict[str, str]:
    """The environment of who starts the server: nodes, pipe and database are brought along."""
    brought = {name: os.environ[name] for name in ("REDIS_URL", "DATABASE_URL", "DJANGO_SETTINGS_MODULE")}
    nodes = {"BITCOIN_RPC_URL": bitcoind.url, "ETHEREUM_RPC_URL": anvil.url}
    return {**without_settings(os.environ), **brought, **nodes, "LOG_LEVEL": "info"}


@contextmanager
def worker(queue: str, environment: dict[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A real worker that knows the probe, ready for tasks."""
    # The pool that Celery takes by itself: tasks run in forks of the process that was allowed to sign.
    command = [sys.executable, "-m", "celery", "-A", "celery_app", "worker", "-Q", queue, "-P", "prefork", "-c", "1"]
    command += ["-n", f"probe-{queue}@mex", "-I", "tests.wallets.signing_probe", "--loglevel", "INFO"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        ready = wait_until(lambda: " ready." in log.read_text() or process.poll() is not None, timeout_s=_START_S)
        assert ready, log.read_text()
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        process.terminate()
        process.wait(30)


def probed(queue: str, path: Path) -> dict[str, str]:
    """Let the worker of a queue try everything, and return what came of it."""
    app.send_task("tests.wallets.signing_probe.probe", args=[str(path)], queue=queue)
    assert wait_until(path.exists, timeout_s=30.0), "the worker does not answer"
    result: dict[str, str] = json.loads(path.read_text())
    return result


@pytest.fixture
def signed_once(instance: Instance, caller: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """What the signing worker of the instance can do; it has made the keys, and the node watches them."""
    with worker("signer", instance.signer_environment(caller), tmp_path / "signer.log"):
        outcome = probed("signer", tmp_path / "signer.json")
    script = (
        "import django; django.setup(); from wallets.chains.bitcoin import BitcoinNode; BitcoinNode().wallet_open()"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=instance.environment(caller), check=True, timeout=60)
    return outcome


def test_the_signing_worker_signs_and_no_other_process_does(
    signed_once: dict[str, str], instance: Instance, caller: dict[str, str], tmp_path: Path
) -> None:
    environment = instance.environment(caller)
    with worker("chains", environment, tmp_path / "chains.log"):
        chains = probed("chains", tmp_path / "chains.json")
    others = {}
    for module in ("mex.asgi", "trading.management.commands.run_engine", "wallets.management.commands.run_miner"):
        told = subprocess.run(
            [sys.executable, "-m", "tests.wallets.signing_probe", module],
            cwd=ROOT, env=environment, check=True, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        others[module] = json.loads(told.stdout.splitlines()[-1])

    # A wallet that the node had not loaded would refuse everything, too: then these say nothing about keys.
    assert signed_once | {"payment by the node": CAN["payment by the node"]} == CAN
    assert chains == CANNOT
    assert others == dict.fromkeys(others, CANNOT)


def test_a_worker_of_another_queue_does_not_sign_even_with_everything_that_opens_the_keys(
    keys_made: None, instance: Instance, caller: dict[str, str], tmp_path: Path
) -> None:
    """A passphrase in the wrong environment is a mistake of an operator; it must not become a second signer."""
    with worker("chains", instance.signer_environment(caller), tmp_path / "chains.log"):
        told = probed("chains", tmp_path / "chains.json")

    assert (told["ethereum key"], told["bitcoin keys"]) == ("KeysLocked", "KeysLocked")
    assert (told["passphrase"], told["ethereum key, with the role taken"]) == ("done", "done")


@pytest.fixture
def keys_made(instance: Instance, caller: dict[str, str]) -> None:
    """The keys of the instance, made as its signing worker makes them at its first start."""
    script = (
        "import django; django.setup(); from wallets.worker_start import worker_start; worker_start(queues=['signer'])"
    )
    environment = instance.signer_environment(caller)
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, check=True, timeout=60)


def test_the_keys_lie_encrypted_beside_a_passphrase_for_their_owner_alone(keys_made: None, instance: Instance) -> None:
    folder = instance.folder / "keys"

    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {"mex.keys": 0o600, "mex.keys.public": 0o644, "passphrase": 0o600}


def test_a_signer_without_a_passphrase_ends_with_one_line(
    keys_made: None, instance: Instance, caller: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "celery", "-A", "celery_app", "worker", "-Q", "signer", "-P", "solo"]

    refused = subprocess.run(
        command, cwd=ROOT, env=instance.environment(caller), capture_output=True, text=True, timeout=60
    )

    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1] == (
        "mex cannot start: the keys are locked: neither MEX_KEY_PASSPHRASE nor MEX_KEY_PASSPHRASE_FILE is set"
    )
    assert "Traceback" not in refused.stderr


def test_a_signer_with_a_development_key_on_a_public_network_ends_with_one_line(
    keys_made: None, instance: Instance, caller: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "celery", "-A", "celery_app", "worker", "-Q", "signer", "-P", "solo"]
    # The same nodes, of which mex is told that they are not our own.
    environment = instance.signer_environment(caller) | {"MEX_LOCAL_CHAINS": "off"}

    refused = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)

    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith("mex cannot start: the key file was made for local chains")
    assert "Traceback" not in refused.stderr
