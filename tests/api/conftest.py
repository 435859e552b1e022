"""A running exchange for the tests of the API."""

from collections.abc import Iterator

import pytest

from tests.api.exchange import Exchange


@pytest.fixture(scope="session")
def running_exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """One exchange for all tests that leave it as it was."""
    exchange = Exchange(tmp_path_factory.mktemp("exchange"))
    try:
        yield exchange
    finally:
        exchange.close()


@pytest.fixture
def exchange(running_exchange: Exchange) -> Iterator[Exchange]:
    """The running exchange, with an empty book before and after each test."""
    yield running_exchange
    running_exchange.tidy()
