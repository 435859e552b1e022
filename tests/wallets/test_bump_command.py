"""`manage.py bump`: an operator asks, a signing worker raises the fee."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from tests.wallets.desk import Desk, statuses
from wallets import tasks
from wallets.models import ChainTransaction

COIN = 100_000_000


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[str, ...], str]]:
    """What was sent to workers: arguments and queue."""
    sent: list[tuple[tuple[str, ...], str]] = []
    monkeypatch.setattr(tasks.bump, "apply_async", lambda arguments, *, queue, expires: sent.append((arguments, queue)))
    return sent


def test_a_signing_worker_is_asked_and_raises_the_fee_of_the_newest_version(
    desk: Desk, asked: list[tuple[tuple[str, ...], str]], settings: Settings
) -> None:
    desk.fund(COIN)
    withdrawal = desk.ask()
    first = desk.sign()[0]
    desk.send()
    settings.BITCOIN_RPC_URL = desk.chain.url
    tasks.bitcoin_node_opened.cache_clear()

    out = StringIO()
    call_command("bump", first.txid, stdout=out)
    tasks.bump(*asked[0][0])
    tasks.bitcoin_node_opened.cache_clear()
    second = ChainTransaction.objects.get(first_version=first)
    pending = desk.chain.is_pending(second.txid)
    desk.finish()

    assert asked == [((first.txid,), "signer")]
    assert "version 1" in out.getvalue()
    assert pending
    assert statuses(withdrawal) == ["confirmed"]
    assert ChainTransaction.objects.get(pk=second.pk).status == "confirmed"
    with pytest.raises(CommandError, match="confirmed"):
        call_command("bump", first.txid)


def test_what_is_not_ours_is_refused(ledger_db: None, asked: list[object]) -> None:
    with pytest.raises(CommandError, match="no transaction of ours"):
        call_command("bump", "00" * 32)
    assert asked == []
