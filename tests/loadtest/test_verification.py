"""The verification passes what is kept, and fails for an acknowledged order that is missing, another, or twice."""

from pathlib import Path

import pytest

from accounts.models import User
from loadtest.exchange import audit_sentence
from loadtest.verification import AckFileBroken, Seen, read_acks, verify
from trading.models import Market, Order

pytestmark = pytest.mark.django_db


def keep_order(number: int, client_id: str, symbol: str = "ETHBTC") -> str:
    """Put an order into the database and return its acknowledgement."""
    user, _ = User.objects.get_or_create(email="a@example.com")
    Order.objects.create(
        id=number,
        account=user,
        market=Market.objects.get(symbol=symbol),
        client_order_id=client_id,
        side=1,
        type=1,
        time_in_force=1,
        status=1,
        price=1,
        quantity=1,
        quote_quantity=0,
        executed=0,
        executed_quote=0,
        created_ms=1,
        updated_ms=1,
    )
    return f"{number} {client_id} {symbol}\n"


@pytest.fixture
def acks(tmp_path: Path) -> Path:
    return tmp_path / "acks.txt"


def test_orders_that_are_kept_pass_over_all_files(tmp_path: Path) -> None:
    files = [tmp_path / "a.txt", tmp_path / "b.txt"]
    files[0].write_text(keep_order(1, "lt-1") + keep_order(3, "lt-3", "BTCUSDT"))
    files[1].write_text(keep_order(2, "lt-2"))
    keep_order(4, "lt-4")  # its acknowledgement was lost: that is no failure

    found = verify(files, "lt-")

    assert found.is_good
    assert (found.acknowledged, found.in_database, found.missing, found.twice) == (3, 3, [], [])


def test_an_acknowledged_order_that_is_not_there_fails(acks: Path) -> None:
    acks.write_text(keep_order(1, "lt-1") + "2 lt-2 ETHBTC\n")

    found = verify([acks], "lt-")

    assert not found.is_good
    assert (found.acknowledged, found.in_database, found.missing_count) == (2, 1, 1)
    assert found.missing == ["order 2 (lt-2, ETHBTC) is not there"]


@pytest.mark.parametrize("forged", ["1 lt-9 ETHBTC\n", "1 lt-1 BTCUSDT\n"])
def test_an_order_under_another_id_or_in_another_market_fails(acks: Path, forged: str) -> None:
    keep_order(1, "lt-1")
    acks.write_text(forged)

    found = verify([acks], "lt-")

    assert not found.is_good
    assert (found.in_database, found.missing_count, found.twice_count) == (0, 1, 0)
    assert "order 1 is lt-1 of ETHBTC, not " in found.missing[0]


def test_an_order_that_was_acknowledged_twice_fails_also_over_two_files(tmp_path: Path) -> None:
    files = [tmp_path / "a.txt", tmp_path / "b.txt"]
    ack = keep_order(1, "lt-1")
    for file in files:
        file.write_text(ack)

    found = verify(files, "lt-")

    assert not found.is_good
    assert found.twice == ["order 1 was acknowledged twice, the second time as lt-1"]


def test_two_orders_under_one_client_id_fail(acks: Path) -> None:
    # Of one account the database refuses it; a gateway that mixes up accounts could do it.
    acks.write_text(keep_order(1, "lt-1"))
    keep_order(2, "lt-2")
    other = User.objects.create(email="b@example.com")
    Order.objects.filter(id=2).update(account=other, client_order_id="lt-1")

    found = verify([acks], "lt-")

    assert not found.is_good
    assert found.twice == ["2 orders are lt-1"]


def test_only_the_first_ones_are_named_and_all_counted(acks: Path) -> None:
    acks.write_text("".join(f"{number} lt-{number} ETHBTC\n" for number in range(1, 101)))

    found = verify([acks], "lt-")

    assert (found.missing_count, len(found.missing)) == (100, 20)


@pytest.mark.parametrize("line", ["", "1 lt-1", "x lt-1 ETHBTC", "1 lt-1 ETHBTC more", "-1 lt-1 ETHBTC"])
def test_a_broken_file_is_no_pass(acks: Path, line: str) -> None:
    acks.write_text(f"1 lt-1 ETHBTC\n{line}\n")

    with pytest.raises(AckFileBroken, match=r"acks\.txt:2"):
        list(read_acks(acks))


def test_seen_knows_each_number_once() -> None:
    seen = Seen()

    first = [seen.add(number) for number in (0, 7, 8, 1_000_000, 9)]

    assert first == [False] * 5
    assert [seen.add(number) for number in (0, 1, 7, 8, 9, 999_999, 1_000_000)] == [
        True,
        False,
        True,
        True,
        True,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("checks", "clean", "said"),
    [
        ([{"name": "sums", "status": "ok", "first": [], "reason": ""}], True, "clean"),
        (
            [
                {"name": "sums", "status": "ok", "first": [], "reason": ""},
                {"name": "holds", "status": "wrong", "first": ["A", "B"], "reason": ""},
                {"name": "coins", "status": "not checked", "first": [], "reason": "no node"},
            ],
            False,
            "holds: A · B; coins: no node",
        ),
        ([{"name": "coins", "status": "not checked", "first": [], "reason": "no node"}], True, "coins: no node"),
    ],
)
def test_an_audit_is_clean_only_if_everything_was_checked(checks: list[object], clean: bool, said: str) -> None:
    assert audit_sentence({"clean": clean, "checks": checks}) == said
