"""Transfers to the Bitcoin cold address that an operator sends himself: found, whatever the wallet hears of since."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.wallets.desk import Desk
from tests.wallets.node_signing import payment_signed
from tests.wallets.test_cold_bitcoin import COIN, offered, watch
from tests.wallets.test_cold_bitcoin import bank as bank  # its fixture
from wallets.cold import sent
from wallets.cold.inputs import inputs_of_offer
from wallets.models import ChainTransaction, HotWallet

MANY = 250


def sent_by_an_operator(bank: Desk) -> str:
    """Send a transfer to the cold address past mex, after a look at the hot wallet, and return its txid."""
    bank.node.inputs_unlock(inputs_of_offer(offered(bank)))
    own = payment_signed(bank.node, bank.btc.cold_address, 5 * COIN // 2, 5)
    assert bank.node.broadcast(own.raw) == ""
    return own.txid


def receive_many(bank: Desk) -> None:
    """Give the wallet more new entries than are always read."""
    amounts = dict.fromkeys(bank.node.addresses_new(MANY), "0.0001")
    bank.chain.settle()
    bank.chain.faucet.rpc.call("sendmany", "", amounts, repeatable=False, fee_rate=2)
    bank.chain.settle()


def parts_read(bank: Desk, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Look once, and return how many entries were asked for, and how many were skipped, each time."""
    call, parts = bank.node.rpc.call, []

    def noted(method: str, *args: Any, **named: Any) -> Any:
        if method == "listtransactions":
            parts.append((args[1], args[2]))
        return call(method, *args, **named)

    monkeypatch.setattr(bank.node.rpc, "call", noted)
    watch(bank)
    monkeypatch.setattr(bank.node.rpc, "call", call)
    return parts


def test_a_transfer_behind_many_newer_entries_is_recognised(bank: Desk) -> None:
    txid = sent_by_an_operator(bank)
    receive_many(bank)

    watch(bank)

    record = ChainTransaction.objects.get()
    assert (record.txid, record.kind, record.status, record.amount) == (txid, "cold", "broadcast", 5 * COIN // 2)


def test_what_was_there_at_the_last_look_is_not_read_again(bank: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    watch(bank)
    receive_many(bank)
    HotWallet.objects.update(seen_at=timezone.now() - timedelta(days=1))
    after_a_day = parts_read(bank, monkeypatch)
    HotWallet.objects.update(seen_at=timezone.now() + timedelta(hours=1))
    nothing_new = parts_read(bank, monkeypatch)

    assert after_a_day[:2] == [(200, 0), (200, 200)]
    assert all(count == skipped for count, skipped in after_a_day[1:])
    assert nothing_new == [(200, 0)]


def test_more_than_can_be_read_is_said(
    bank: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watch(bank)
    receive_many(bank)
    monkeypatch.setattr(sent, "_RECENT_MAX", 200)

    parts = parts_read(bank, monkeypatch)

    assert parts == [(200, 0)]
    assert caplog.text.count("more than 200 entries of the wallet are new") == 1
