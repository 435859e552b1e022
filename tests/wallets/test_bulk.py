"""Many new rows at once (mex/bulk.py): the same rows as Django's own way leaves."""

from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.forms.models import model_to_dict
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mex.bulk import rows_insert
from wallets.models import Asset, ChainTransaction


def _row(asset: Asset, txid: str, **more: Any) -> ChainTransaction:
    kind = ChainTransaction.Kind.WITHDRAWAL
    return ChainTransaction(asset=asset, fee_asset=asset, kind=kind, txid=txid, raw="0x02", nonce=None, **more)


def test_rows_are_those_that_django_would_store(eth: Asset) -> None:
    now = timezone.now()
    mine = {"created_at": now, "amount": 2**62, "sender": "", "status": ChainTransaction.Status.BROADCAST}

    rows_insert([_row(eth, "first", **mine), _row(eth, "second", **mine, confirmed_at=now)])
    ChainTransaction.objects.bulk_create([_row(eth, "third", **mine)])

    first, second, third = (ChainTransaction.objects.get(txid=txid) for txid in ("first", "second", "third"))
    own = {"id", "txid", "confirmed_at"}
    assert model_to_dict(first, exclude=own) == model_to_dict(second, exclude=own) == model_to_dict(third, exclude=own)
    assert (first.confirmed_at, second.confirmed_at, first.fee_sent, first.block_hash) == (None, now, False, "")


def test_none_of_the_rows_is_there_when_one_is_refused(eth: Asset) -> None:
    with pytest.raises(DatabaseError):
        rows_insert([_row(eth, "once"), _row(eth, "again"), _row(eth, "again")])


def test_rows_that_leave_different_fields_to_the_database_are_refused(eth: Asset) -> None:
    with pytest.raises(DatabaseError):
        rows_insert([_row(eth, "said", block_hash="0x00"), _row(eth, "left to the database")])


def test_no_rows_are_no_statement(eth: Asset) -> None:
    with CaptureQueriesContext(connection) as captured:
        rows_insert([])
    assert not captured
