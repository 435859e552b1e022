"""Fixtures of the audit's tests. Models are imported when a fixture runs: Django is loaded after this file."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.audit.exchange import Exchange


@pytest.fixture
def exchange(db: None) -> "Exchange":
    """A small exchange, consistent to the last unit."""
    from tests.audit.exchange import exchange_create

    return exchange_create()


@pytest.fixture
def unguarded(exchange: "Exchange") -> "Iterator[Exchange]":
    """The same, in a database that no longer refuses what must never be."""
    from tests.audit.exchange import constraints_restore, guards_remove

    guards_remove()
    yield exchange
    constraints_restore()
