"""Real nodes, a database that threads can share, and a ledger that answers at once."""
# ruff: noqa: E402

from collections.abc import Iterator
from pathlib import Path

import django
import pytest
from django.conf import settings

django.setup()  # a conftest.py named on the command line is loaded before tests/conftest.py may do it

from accounts.models import User
from accounts.services import account_register
from tests.wallets.books import Books
from tests.wallets.desk import GIFT, Desk
from tests.wallets.key_files import as_signer
from tests.wallets.nodes import Anvil, Bitcoind, prepared_bitcoind
from tests.wallets.payouts import ETHER
from tests.wallets.tokens import scan
from wallets import services
from wallets.chains import health, keys
from wallets.deposits.contracts import contract_deploy
from wallets.deposits.pool import ethereum_pool_fill
from wallets.models import Asset

PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def nothing_said() -> None:
    """What is said once is said again in each test."""
    health._said.clear()


@pytest.fixture(scope="session")
def run_keys() -> None:
    """The keys of the whole run, which nodes that tests share watch."""
    with as_signer():
        pass


@pytest.fixture(scope="session")
def bitcoind(tmp_path_factory: pytest.TempPathFactory, run_keys: None) -> Iterator[Bitcoind]:
    """A regtest bitcoind that tests share: each has addresses and rows of its own."""
    with prepared_bitcoind(tmp_path_factory.mktemp("bitcoind")) as node:
        yield node


@pytest.fixture
def anvil(tmp_path: Path) -> Iterator[Anvil]:
    """An anvil of its own, which mines when told to."""
    node = Anvil(tmp_path / "anvil")
    try:
        node.start()
        yield node
    finally:
        node.stop()


@pytest.fixture
def ledger_db(transactional_db: None) -> None:
    """A database in which transactions really commit, and which threads share."""


@pytest.fixture
def empty_wallet(bitcoind: Bitcoind, run_keys: None) -> Bitcoind:
    """The shared node, without whatever earlier tests have put into our wallet."""
    bitcoind.empty()
    return bitcoind


@pytest.fixture
def desk(empty_wallet: Bitcoind, btc: Asset, books: Books, alice: User) -> Desk:
    """Alice with 10 BTC in the books, and an empty hot wallet."""
    books.give(alice.pk, btc.pk, GIFT)
    return Desk(empty_wallet, btc, books, alice)


@pytest.fixture
def books(ledger_db: None) -> Books:
    """The engine's place: what is sent takes effect at once, unless it is closed."""
    return Books()


@pytest.fixture
def btc(ledger_db: None, key_file: Path) -> Asset:
    """Bitcoin, credited at three confirmations."""
    columns = {
        "name": "Bitcoin",
        "chain": "bitcoin",
        "network": "BTC",
        "chain_decimals": 8,
        "confirmations": 3,
        "transaction_url": "https://explorer.invalid/tx/{txid}",
        "withdrawal_fee": 2_000,
        "withdrawal_min": 10_000,
        "approval_above": None,
    }
    return Asset.objects.update_or_create(code="BTC", defaults=columns)[0]


@pytest.fixture
def eth(ledger_db: None, key_file: Path) -> Asset:
    """Ether, credited at three confirmations."""
    columns = {
        "name": "Ether",
        "chain": "ethereum",
        "network": "ETH",
        "chain_decimals": 18,
        "confirmations": 3,
        "withdrawal_fee": 50_000,
        "withdrawal_min": 1_000_000,
    }
    return Asset.objects.update_or_create(code="ETH", defaults=columns)[0]


@pytest.fixture
def hot(anvil: Anvil, eth: Asset) -> Anvil:
    """The node, with 10 ETH at our hot address; modules about another asset have a `hot` of their own."""
    anvil.pay(keys.hot_address(), 10 * ETHER)
    anvil.mine()
    return anvil


@pytest.fixture
def rich(books: Books, alice: User, eth: Asset) -> User:
    """Alice, with 100 ETH in the books."""
    books.give(alice.pk, eth.pk, 100 * 10**8)
    return alice


@pytest.fixture
def usdt(eth: Asset, anvil: Anvil) -> Asset:
    """The test token, deployed on the test's own chain, credited at three confirmations."""
    columns = {"name": "Test dollar", "chain": "ethereum", "network": "ETH", "chain_decimals": 6, "confirmations": 3}
    columns |= {"withdrawal_fee": 100_000_000, "withdrawal_min": 1_000_000_000}
    columns |= {"is_token": True, "withdrawals_open": True, "contract": ""}
    asset = Asset.objects.update_or_create(code="USDT", defaults=columns)[0]
    contract_deploy(asset=asset, node=anvil.node)
    return asset


@pytest.fixture
def address(anvil: Anvil, eth: Asset, usdt: Asset, books: Books, alice: User) -> str:
    """Where Alice's tokens arrive, looked at by a scanner that has begun."""
    scan(anvil, books)
    ethereum_pool_fill(asset=eth, size=3)
    return services.deposit_address_assign(user=alice, asset=usdt).address


@pytest.fixture
def key_file(run_keys: None) -> Iterator[Path]:
    """The key file of the run, in a process that may sign with it."""
    with as_signer():
        yield settings.KEY_FILE


@pytest.fixture
def alice(ledger_db: None) -> User:
    """A user."""
    return account_register(email="alice@example.com", password=PASSWORD, verified=True)


@pytest.fixture
def bob(ledger_db: None) -> User:
    """Another user."""
    return account_register(email="bob@example.com", password=PASSWORD, verified=True)
