"""A database that cannot be used for a while ends nobody's web process; what is broken for good ends it at once."""

import asyncio
import subprocess
import sys
import textwrap

import psycopg
import pytest
from django.db import OperationalError

from tests.gateway.test_slow_readers import CATALOG
from trading.gateway import catalog, hub
from trading.gateway.hub import Hub

AWAY = OperationalError("the server has gone")
AWAY.__cause__ = psycopg.OperationalError("the server has gone")


async def test_the_catalog_is_kept_while_the_database_is_away_and_read_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An outage of more than five seconds ended the task, and with it the web process."""
    answers = [AWAY, AWAY]

    async def load() -> object:
        if answers:
            raise answers.pop()
        done.set()
        return CATALOG

    async def no_pause(seconds: float) -> None:
        await pause(0)

    done, pause, mine = asyncio.Event(), asyncio.sleep, Hub()
    mine.catalog = CATALOG  # it was read long ago, and so is not fresh
    monkeypatch.setattr(catalog, "load", load)
    monkeypatch.setattr(hub.asyncio, "sleep", no_pause)

    refreshing = asyncio.create_task(mine._refresh_catalog())
    await asyncio.wait({refreshing, asyncio.create_task(done.wait())}, return_when=asyncio.FIRST_COMPLETED, timeout=30)

    assert not refreshing.done()
    assert [record.message for record in caplog.records if "catalog" in record.message] == [
        "the catalog stays as it is while the database cannot be used: it does not answer"
    ]
    refreshing.cancel()
    await mine.close()


async def test_another_error_of_the_database_is_not_taken_for_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    async def load() -> object:
        raise OperationalError("no such table")

    async def no_pause(seconds: float) -> None:
        pass

    mine = Hub()
    mine.catalog = CATALOG
    monkeypatch.setattr(catalog, "load", load)
    monkeypatch.setattr(hub.asyncio, "sleep", no_pause)

    with pytest.raises(OperationalError, match="no such table"):
        await mine._refresh_catalog()
    await mine.close()


def test_a_broken_hub_ends_the_process_although_a_thread_waits_for_its_event_loop() -> None:
    """At its end Python waits for its threads: such a process neither answered nor ended."""
    program = """
        import asyncio, threading, django
        django.setup()
        from trading.gateway import hub

        async def broken():
            raise RuntimeError("broken")

        async def main():
            loop = asyncio.get_running_loop()
            page = threading.Thread(target=lambda: asyncio.run_coroutine_threadsafe(asyncio.sleep(3600), loop).result())
            page.start()
            hub.Hub()._keep(broken)
            await asyncio.sleep(3600)

        loop = asyncio.new_event_loop()  # as under Daphne: nobody cancels what is left
        keep = loop.create_task(main())
        loop.run_forever()
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=30)
    assert (ended.returncode, "a hub task ended" in ended.stderr) == (1, True)
