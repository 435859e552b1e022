"""What is a decision about a contradiction and what is none, and payments and fillers that take nobody's place."""

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tests.wallets.books import Books
from wallets.control.switch import withdrawals_halted
from wallets.ledger.audit import check_database
from wallets.models import Asset, ChainTransaction
from wallets.payouts.contradictions import contradiction_halt, outcome_set

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


def family(eth: Asset, status: str, contradicted: bool, note: str) -> tuple[ChainTransaction, ChainTransaction]:
    """Return a payment, and the final filler that has its nonce."""
    columns = {"asset": eth, "fee_asset": eth, "raw": "00", "network_fee": 0}
    outcome = {"status": status, "contradicted_at": timezone.now() if contradicted else None}
    paying = ChainTransaction.objects.create(
        txid="pays", kind="withdrawal", contradiction_note=note, **outcome, **columns
    )
    filler = ChainTransaction.objects.create(
        txid="fills", kind="filler", status="confirmed", first_version=paying, **columns
    )
    return paying, filler


@pytest.mark.parametrize(
    ("before", "after", "alarm"),
    [
        (("confirmed", True, "given back"), ("confirmed", True, "given back"), False),
        (("confirmed", False, "given back"), ("confirmed", True, "given back"), False),
        (("confirmed", True, ""), ("confirmed", True, ""), True),
        (("confirmed", False, ""), ("confirmed", False, ""), False),
        (("failed", True, "booked as loss"), ("failed", False, "booked as loss"), True),
        (("failed", False, "booked as loss"), ("failed", False, "booked as loss"), True),
        (("failed", True, ""), ("failed", False, ""), False),
        (("replaced", True, ""), ("replaced", False, ""), False),
    ],
)
def test_a_filler_leaves_what_was_settled_and_decided_alone(
    books: Books, eth: Asset, before: tuple[str, bool, str], after: tuple[str, bool, str], alarm: bool
) -> None:
    """The payment has no effect then: what was given back stays so, and a loss that was booked is none."""
    paying, filler = family(eth, *before)

    contradiction_halt(filler, True)
    outcome_set(filler, True)
    filler.save()

    paying.refresh_from_db()
    assert (paying.status, paying.contradicted_at is not None, paying.contradiction_note) == after
    assert (filler.status, filler.contradicted_at, filler.contradiction_note) == ("confirmed", None, "")
    assert findings() == ((f"ETH withdrawal pays is {after[0]}, and the chain says otherwise",) if alarm else ())
    because = "withdrawal pays was settled, and the chain says otherwise" if alarm else ""
    assert withdrawals_halted(Asset.objects.get(code="ETH")) == because


def test_a_payment_that_comes_back_ends_its_filler(books: Books, eth: Asset) -> None:
    """Sent again after another reorganisation, the filler could take the nonce of what is settled."""
    paying, filler = family(eth, "confirmed", True, "given back")

    outcome_set(paying, True)
    paying.save()

    filler.refresh_from_db()
    assert (filler.status, paying.contradicted_at, paying.contradiction_note) == ("replaced", None, "given back")
    assert findings() == ("ETH withdrawal pays is confirmed, and the chain says otherwise",)


def test_a_raised_filler_takes_the_place_of_the_filler_alone(books: Books, eth: Asset) -> None:
    paying, _ = family(eth, "confirmed", True, "given back")
    raised = ChainTransaction.objects.create(
        txid="raised", kind="filler", status="replaced", first_version=paying, asset=eth, fee_asset=eth, raw="00"
    )

    outcome_set(raised, True)
    raised.save()

    rows = ChainTransaction.objects.order_by("pk").values_list("status", "contradiction_note")
    assert list(rows) == [("confirmed", "given back"), ("replaced", ""), ("confirmed", "")]
    assert findings() == ()
