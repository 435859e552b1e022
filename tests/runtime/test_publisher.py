"""The event stream is bounded in entries and in bytes, however large the batches are."""

from typing import Any

import pytest
from django.conf import settings

from launcher.services import Process
from trading.gateway import pipes
from trading.runtime import publisher as module
from trading.runtime.publisher import Publisher


def test_large_batches_push_old_ones_out(valkey: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVENT_STREAM_BYTES_MAX", 1_000_000)
    pipe: Any = pipes.connection()
    key = pipes.events_key(settings.MEX_SHARD)
    pipe.delete(key)
    publisher = Publisher(pipe, settings.MEX_SHARD)

    for number in range(100):
        publisher.publish(bytes([number]) * 100_000)
    kept = [fields[pipes.FIELD][0] for _, fields in pipe.xrange(key)]
    publisher.publish(b"s")
    publisher.publish(b"x" * 2_000_000)
    publisher.publish(b"t")

    assert kept == list(range(90, 100))
    assert [fields[pipes.FIELD][:1] for _, fields in pipe.xrange(key)] == [b"x", b"t"]
    pipe.delete(key)


def test_small_batches_are_bounded_by_their_number(valkey: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVENT_STREAM_ENTRIES_MAX", 200)
    pipe: Any = pipes.connection()
    key = pipes.events_key(settings.MEX_SHARD)
    pipe.delete(key)
    publisher = Publisher(pipe, settings.MEX_SHARD)

    for _ in range(1_000):
        publisher.publish(b"small")

    assert 200 <= pipe.xlen(key) <= 400  # the server drops whole nodes of a hundred entries
    pipe.delete(key)
