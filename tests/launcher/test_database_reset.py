"""A transactional test finds the database as the migrations made it, and may write postings."""

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction

from trading.models import MarketState
from wallets.models import Asset, Posting

ROW = {"sequence": 1, "debit": -1, "credit": 1, "amount": 5, "reason": 1, "reference": "test", "time_ms": 0}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("run", [1, 2])
def test_seeds_and_guards_are_back_after_a_flush(run: int) -> None:
    """The second run sees what the flush after the first one left."""
    assert Posting.objects.count() == 0
    assert MarketState.objects.count() == 3
    btc = Asset.objects.get(code="BTC")
    posting = Posting.objects.create(asset=btc, **ROW)

    with pytest.raises(IntegrityError), transaction.atomic():
        posting.delete()

    MarketState.objects.all().delete()
    assert Posting.objects.count() == 1


@pytest.mark.django_db
def test_the_test_database_is_the_one_that_child_processes_open() -> None:
    assert str(connection.settings_dict["NAME"]) == str(settings.MEX_DATA / "mex.sqlite3")
