"""A key is read once for many requests, and not kept when it was revoked."""

import asyncio

import pytest

from accounts import credentials as module
from accounts.authentication import Caller, Credential
from accounts.credentials import Credentials

CREDENTIAL = Credential(Caller(1, can_trade=True, can_withdraw=False), b"secret")


class Database:
    """Answers when it is told to; counts what it was asked."""

    def __init__(self) -> None:
        self.answer: Credential | None = CREDENTIAL
        self.reads = 0
        self.may_answer = asyncio.Event()

    async def read(self, load: object, key: str) -> Credential | None:
        self.reads += 1
        answer = self.answer
        await self.may_answer.wait()
        return answer


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    database = Database()
    monkeypatch.setattr(module, "in_database", database.read)
    return database


async def test_a_key_is_read_once(database: Database) -> None:
    known = Credentials()
    database.may_answer.set()

    assert [await known.find("key") for _ in range(3)] == [CREDENTIAL] * 3
    assert database.reads == 1


async def test_a_key_that_was_revoked_while_it_was_read_is_not_kept(database: Database) -> None:
    known = Credentials()
    reading = asyncio.create_task(known.find("key"))
    while not database.reads:
        await asyncio.sleep(0)

    database.answer = None
    known.forget("key")
    database.may_answer.set()

    assert await reading == CREDENTIAL
    assert await known.find("key") is None


async def test_an_unknown_key_is_asked_for_each_time(database: Database) -> None:
    known = Credentials()
    database.answer = None
    database.may_answer.set()

    assert [await known.find("key") for _ in range(2)] == [None, None]
    assert database.reads == 2
