"""The environment of the tests, set before Django loads, and the servers that tests may ask for.

Everything is in one temporary folder and on ports of its own. Child processes inherit the environment, so an engine or
a worker that a test starts uses the same database, pipe and nodes.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import django
import django.conf
import hypothesis
import pytest

from launcher import nodes
from launcher.processes import free_port
from launcher.services import Anvil, Bitcoind, Process, Valkey, running

if django.conf.settings.configured:
    # pytest-django loads it before this file when DJANGO_SETTINGS_MODULE is exported, and then the database that the
    # caller's environment names would be emptied.
    raise pytest.UsageError("Django is loaded already: unset DJANGO_SETTINGS_MODULE before running the tests")

FOLDER = Path(tempfile.mkdtemp(prefix="mex-tests-"))
_PORTS: list[int] = []
for _ in range(3):
    _PORTS.append(free_port(taken=_PORTS))
_VALKEY_PORT, _BITCOIN_PORT, _ETHEREUM_PORT = _PORTS

os.environ.update(
    {
        "DJANGO_SETTINGS_MODULE": "mex.settings",
        "MEX_PROFILE": "test",
        "MEX_DATA": str(FOLDER),
        "SECRET_KEY": "a-key-for-tests-only-that-signs-nothing-of-value",
        "DATABASE_URL": os.environ.get("MEX_TEST_DATABASE_URL", f"sqlite:///{FOLDER / 'mex.sqlite3'}"),
        "REDIS_URL": f"redis://:test@127.0.0.1:{_VALKEY_PORT}/0",
        "BITCOIN_RPC_URL": f"http://mex:test@127.0.0.1:{_BITCOIN_PORT}",
        "ETHEREUM_RPC_URL": f"http://127.0.0.1:{_ETHEREUM_PORT}",
    }
)


# How long an example takes tells of what else the machine does. What fails is told so that it can be repeated.
hypothesis.settings.register_profile(
    "mex", deadline=None, database=None, print_blob=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("mex")


def pytest_configure() -> None:
    """Load Django in the environment above."""
    django.setup()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder when everything has been ended."""
    shutil.rmtree(FOLDER, ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Let the test database be the file that DATABASE_URL names, so that threads and child processes share it."""
    from django.conf import settings

    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database["TEST"] = {**database.get("TEST", {}), "NAME": database["NAME"]}


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: object) -> None:
    """Let a transactional test leave the database as the migrations made it: seeds in it, guards on."""
    from django.db import connection

    from tests.database_reset import keep_migrated_state

    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # pytest-django names its class privately
        keep_migrated_state(connection)


@pytest.fixture(scope="session")
def valkey() -> Iterator[Process]:
    """A Valkey server at settings.REDIS_URL."""
    with running(Valkey(FOLDER / "valkey", port=_VALKEY_PORT, password="test"), FOLDER) as process:
        yield process


@pytest.fixture(scope="session")
def node_programs() -> Path:
    """The folder with bitcoind, bitcoin-cli and anvil, which are installed if they are missing."""
    return nodes.ensure()


@pytest.fixture(scope="session")
def bitcoind(node_programs: Path) -> Iterator[Process]:
    """A regtest bitcoind at settings.BITCOIN_RPC_URL, without blocks or wallets at first."""
    service = Bitcoind(FOLDER / "bitcoin", node_programs / "bitcoind", port=_BITCOIN_PORT, password="test")
    with running(service, FOLDER) as process:
        yield process


@pytest.fixture(scope="session")
def anvil(node_programs: Path) -> Iterator[Process]:
    """An anvil at settings.ETHEREUM_RPC_URL that mines when told to."""
    service = Anvil(FOLDER / "ethereum", node_programs / "anvil", port=_ETHEREUM_PORT)
    with running(service, FOLDER) as process:
        yield process
