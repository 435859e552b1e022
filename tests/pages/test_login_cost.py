"""What a log-in and a registration cost: one hash each, and nothing that grows with the number of users."""

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from tests.pages.rows import PASSWORD

NEW = {"email": "carol@example.org", "password": PASSWORD, "password_again": PASSWORD}


def plans_of(queries: CaptureQueriesContext) -> list[str]:
    """Return how the database reads users in each query that does; on PostgreSQL as if the table were large."""
    explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
    plans = []
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        for query in queries.captured_queries:
            if query["sql"].startswith("SELECT") and 'FROM "accounts_user"' in query["sql"]:
                cursor.execute(explain + query["sql"])
                plans.append("\n".join(str(row[-1]) for row in cursor.fetchall()))
    return plans


@pytest.mark.parametrize(
    ("path", "form", "count"),
    [("/login", {"username": "Alice@Example.org", "password": PASSWORD}, 1), ("/register", NEW, 2)],
)
def test_users_are_found_by_an_index(alice: User, client: Client, path: str, form: dict[str, str], count: int) -> None:
    """`iexact` looked at every user for each log-in: no index knows upper case."""
    with CaptureQueriesContext(connection) as queries:
        assert client.post(path, form).status_code == 302

    plans = plans_of(queries)

    assert len(plans) == count
    assert [plan for plan in plans if "SCAN" in plan or "Seq Scan" in plan] == []


@pytest.mark.parametrize(
    ("path", "form"), [("/login", {"username": "alice@example.org", "password": PASSWORD}), ("/register", NEW)]
)
def test_one_hash_is_made(
    alice: User, client: Client, monkeypatch: pytest.MonkeyPatch, path: str, form: dict[str, str]
) -> None:
    made: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        made.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)

    assert client.post(path, form).status_code == 302
    assert made == [PASSWORD]
