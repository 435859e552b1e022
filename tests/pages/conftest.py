"""Two people with something to see, and a browser of one of them."""

import django
import pytest
from django.test import Client
from pytest_django import Settings

django.setup()  # pytest loads this file before Django is ready; the environment is tests/conftest.py's

from accounts.models import User  # noqa: E402
from accounts.services import account_register  # noqa: E402
from mex import page_cache  # noqa: E402
from tests.pages.rows import PASSWORD, give_everything  # noqa: E402


@pytest.fixture(autouse=True)
def quick_hashes(settings: Settings) -> None:
    """Hash passwords quickly: Argon2 is slow on purpose, and nearly every test here makes somebody."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def fresh_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Render each page anew: tests change what it shows more than once in a second."""
    monkeypatch.setattr(page_cache, "KEPT_S", 0.0)


@pytest.fixture
def alice(db: None) -> User:
    """Return a person with deposits, withdrawals, orders and trades."""
    user = account_register(email="alice@example.org", password=PASSWORD, verified=True)
    give_everything(user)
    return user


@pytest.fixture
def bob(db: None) -> User:
    """Return another person, with nothing but an account."""
    return account_register(email="bob@example.org", password=PASSWORD, verified=True)


@pytest.fixture
def browser(alice: User) -> Client:
    """Return a browser in which Alice is logged in."""
    client = Client()
    client.force_login(alice)
    return client


@pytest.fixture
def operator(db: None) -> Client:
    """Return a browser in which an operator is logged in."""
    client = Client()
    client.force_login(User.objects.create_superuser(email="operator@example.org", password=PASSWORD))
    return client
