"""What is a decision about a contradiction and what is none, and a payment that takes nobody's place."""

import pytest
from django.core.management import CommandError, call_command

from tests.wallets.books import Books
from wallets.ledger.audit import check_database
from wallets.models import Asset, ChainTransaction
from wallets.payouts.contradictions import outcome_set

CHECK = "settled transactions have the outcome that they were settled for"


def findings() -> tuple[str, ...]:
    return next(finding.first for finding in check_database() if finding.name == CHECK)


@pytest.mark.parametrize(("note", "why"), [(" ", "Say what was decided"), ("x" * 201, "at most 200"), ("x", "nothing")])
def test_what_is_no_decision_is_refused(books: Books, eth: Asset, note: str, why: str) -> None:
    ChainTransaction.objects.create(
        asset=eth, fee_asset=eth, kind="withdrawal", status="confirmed", txid="fine", raw="00", network_fee=0
    )

    with pytest.raises(CommandError, match=why):
        call_command("contradiction", "fine", "--note", note)
    with pytest.raises(CommandError, match="no transaction"):
        call_command("contradiction", "unknown", "--note", "x")


def test_another_payment_than_the_settled_one_is_an_alarm_and_takes_nobodys_place(books: Books, eth: Asset) -> None:
    """A payment that was given up, because the operator's own had its nonce, is mined in the end: both are paid."""
    columns = {"asset": eth, "fee_asset": eth, "raw": "00", "network_fee": 0}
    given_up = ChainTransaction.objects.create(txid="given up", kind="withdrawal", status="replaced", **columns)
    own = ChainTransaction.objects.create(
        txid="his own", kind="cold", status="confirmed", first_version=given_up, **columns
    )

    outcome_set(given_up, True)
    given_up.save()

    assert list(ChainTransaction.objects.order_by("pk").values_list("status", flat=True)) == ["replaced", "confirmed"]
    assert findings() == (f"ETH withdrawal {given_up.txid} is replaced, and the chain says otherwise",)
    outcome_set(own, True)
    own.save()
    assert findings() == ()
