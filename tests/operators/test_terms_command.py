"""manage.py terms: fee rates of single accounts."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from tests.operators.engine import RunningEngine
from trading.models import Terms


def terms(*arguments: str) -> str:
    """Run the command and return what it printed."""
    out = StringIO()
    call_command("terms", *arguments, stdout=out)
    return out.getvalue()


def terms_json(*arguments: str) -> Any:
    """Run the command with --json and return what it printed."""
    return json.loads(terms(*arguments, "--json"))


@pytest.fixture
def ann(engine: RunningEngine) -> User:
    """Return an account without terms of its own."""
    return User.objects.create(email="ann@example.org")


def test_what_is_not_named_stays(ann: User) -> None:
    terms("set", "Ann@example.org", "--maker-ppm", "0", "--taker-ppm", "750", "--note", "a tier")

    shown = terms_json("set", "ann@example.org", "--stp", "EXPIRE_MAKER", "--taker-ppm", "market")

    assert shown == {
        "account": "ann@example.org",
        "maker_fee_ppm": "0",
        "taker_fee_ppm": "the market's",
        "stp": "EXPIRE_MAKER",
    }
    row = Terms.objects.get()
    assert (row.account_id, row.maker_fee_ppm, row.taker_fee_ppm, row.stp) == (ann.pk, 0, -1, 3)
    assert terms_json("show", "ann@example.org") == terms_json("show") == [shown]
    first, second = reversed(terms_json("history", "ann@example.org"))
    assert (first["note"], first["changes"]["taker_fee_ppm"]) == ("a tier", {"before": "", "after": "750"})
    assert second["changes"] == {
        "taker_fee_ppm": {"before": "750", "after": "the market's"},
        "stp": {"before": "NONE", "after": "EXPIRE_MAKER"},
    }


def test_an_account_without_terms_has_the_markets(ann: User) -> None:
    assert terms("show", "ann@example.org") == (
        "account            ann@example.org\n"
        "maker_fee_ppm      the market's\n"
        "taker_fee_ppm      the market's\n"
        "stp                NONE\n"
    )
    assert terms("show") == ""


def test_people_read_who_it_was_about(ann: User) -> None:
    terms("set", "ann@example.org", "--maker-ppm", "10")

    history = terms("history")

    assert "  ann@example.org  " in history
    assert "    maker_fee_ppm: 10\n    taker_fee_ppm: the market's\n    stp: NONE\n" in history


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("set", "bob@example.org", "--maker-ppm", "1"), "no user has the e-mail bob@example.org"),
        (("set", "ann@example.org", "--maker-ppm", "1000000"), r"maker_fee_ppm: A fee must be 0 to 999999 ppm.*-9003"),
        (("set", "ann@example.org", "--maker-ppm=-1"), "'-1' is neither a whole number of ppm nor"),
        (("set", "ann@example.org", "--stp", "MAYBE"), "invalid choice: 'MAYBE'"),
        (("set", "ann@example.org"), r"ann@example.org is like that already: nothing was changed\. \(-9005\)"),
        (("history", "--limit", "0"), "the limit must be at least 1"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(ann: User, arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        terms(*arguments)

    assert Terms.objects.count() == 0
