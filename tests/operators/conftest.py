"""A real engine on a real pipe, a market made for the test, and an operator's browser."""

from collections.abc import Iterator

import django
import pytest

django.setup()  # a conftest.py named on the command line is loaded before tests/conftest.py may do it

from django.test import Client  # noqa: E402

from accounts.models import User  # noqa: E402
from launcher.services import Process  # noqa: E402
from tests.operators.engine import RunningEngine  # noqa: E402
from trading.engine.markets import MarketSpec  # noqa: E402
from trading.gateway import pipes  # noqa: E402
from trading.rules import new_market  # noqa: E402
from trading.services import market_create  # noqa: E402
from wallets.models import Asset  # noqa: E402


@pytest.fixture
def pipe(valkey: Process) -> None:
    """An empty pipe."""
    pipes.connection().flushdb()


@pytest.fixture
def engine(transactional_db: None, pipe: None) -> Iterator[RunningEngine]:
    """An engine on a new database."""
    engine = RunningEngine()
    yield engine
    engine.stop()


@pytest.fixture
def btceth(engine: RunningEngine) -> MarketSpec:
    """A market that was opened while the engine ran: BTC, paid with ETH in steps of 0.01, by lots of 0.0001."""
    btc, eth = Asset.objects.get(code="BTC"), Asset.objects.get(code="ETH")
    return market_create(spec=new_market("BTCETH", btc.pk, eth.pk, 1_000_000, 10_000), actor="opener", note="new")


@pytest.fixture
def operator(transactional_db: None) -> Client:
    """A browser in which an operator is logged in."""
    return browser_of("operator@example.org")


def browser_of(email: str) -> Client:
    """Return a browser in which a new operator is logged in, who has no password: hashing one takes its time."""
    client = Client()
    client.force_login(User.objects.create(email=email, is_staff=True, is_superuser=True))
    return client
