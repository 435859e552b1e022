"""The verification passes what is kept, and fails for what was acknowledged and is missing, another, or twice."""

from pathlib import Path

import pytest

from accounts.models import User
from loadtest.acks import Ack
from loadtest.exchange import audit_sentence
from loadtest.verification import Kept, Seen, verify, wrong_with
from mex.money import parse_units
from trading.engine.enums import OrderStatus, Side
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
        side=Side.BUY,
        type=1,
        time_in_force=1,
        status=OrderStatus.NEW,
        price=parse_units("0.05"),
        quantity=parse_units("2"),
        quote_quantity=0,
        executed=0,
        executed_quote=0,
        created_ms=1,
        updated_ms=1,
    )
    return acked(number, client_id, symbol)


def acked(number: int, client_id: str, symbol: str = "ETHBTC") -> str:
    """Return the acknowledgement of an order such as `keep_order` makes."""
    return f"{number} {client_id} {symbol} BUY 0.05000000 2.00000000 NEW 0.00000000\n"


def write(path: Path, *acks: str) -> None:
    """Write a whole file."""
    path.write_text("".join(acks) + f"end {len(acks)}\n")


@pytest.fixture
def acks(tmp_path: Path) -> Path:
    return tmp_path / "acks.txt"


def test_orders_that_are_kept_pass_over_all_files(tmp_path: Path) -> None:
    files = [tmp_path / "a.txt", tmp_path / "b.txt"]
    write(files[0], keep_order(1, "lt-1"), keep_order(3, "lt-3", "BTCUSDT"))
    write(files[1], keep_order(2, "lt-2"))
    keep_order(4, "lt-4")  # its acknowledgement was lost: that is no failure

    found = verify(files, "lt-")

    assert found.is_good
    assert (found.acknowledged, found.in_database, found.missing, found.twice) == (3, 3, [], [])


def test_an_acknowledged_order_that_is_not_there_fails(acks: Path) -> None:
    write(acks, keep_order(1, "lt-1"), acked(2, "lt-2"))

    found = verify([acks], "lt-")

    assert not found.is_good
    assert (found.acknowledged, found.in_database, found.missing_count) == (2, 1, 1)
    assert found.missing == ["order 2 (lt-2, ETHBTC) is not there"]


@pytest.mark.parametrize("forged", [acked(1, "lt-9"), acked(1, "lt-1", "BTCUSDT")])
def test_an_order_under_another_id_or_in_another_market_fails(acks: Path, forged: str) -> None:
    keep_order(1, "lt-1")
    write(acks, forged)

    found = verify([acks], "lt-")

    assert not found.is_good
    assert (found.in_database, found.missing_count, found.twice_count) == (0, 1, 0)
    assert found.missing[0].startswith("order 1 (lt-")


def test_an_order_that_was_acknowledged_twice_fails_also_over_two_files(tmp_path: Path) -> None:
    files = [tmp_path / "a.txt", tmp_path / "b.txt"]
    ack = keep_order(1, "lt-1")
    for file in files:
        write(file, ack)

    found = verify(files, "lt-")

    assert not found.is_good
    assert found.twice == ["order 1 was acknowledged twice, the second time as lt-1"]


def test_two_orders_under_one_client_id_fail(acks: Path) -> None:
    # Of one account the database refuses it; a gateway that mixes up accounts could do it.
    write(acks, keep_order(1, "lt-1"))
    keep_order(2, "lt-2")
    other = User.objects.create(email="b@example.com")
    Order.objects.filter(id=2).update(account=other, client_order_id="lt-1")

    found = verify([acks], "lt-")

    assert not found.is_good
    assert found.twice == ["2 orders are lt-1"]


def refused(client_id: str) -> str:
    """Return the line of an order that was refused."""
    return f"0 {client_id} ETHBTC BUY 0.05000000 2.00000000 REFUSED -\n"


def test_an_order_that_was_refused_must_not_be_there(tmp_path: Path) -> None:
    files = [tmp_path / "a.txt", tmp_path / "b.txt"]
    write(files[0], keep_order(1, "lt-1"), refused("lt-2"))
    write(files[1], refused("lt-3"))

    found = verify(files, "lt-")

    assert found.is_good
    assert (found.acknowledged, found.refused, found.done_count) == (1, 2, 0)

    keep_order(3, "lt-3")

    found = verify(files, "lt-")

    assert not found.is_good
    assert (found.missing, found.twice, found.done) == ([], [], ["lt-3 was refused, and is there"])


def test_only_the_first_ones_are_named_and_all_counted(acks: Path) -> None:
    write(acks, *(acked(number, f"lt-{number}") for number in range(1, 101)))

    found = verify([acks], "lt-")

    assert (found.missing_count, len(found.missing)) == (100, 20)


def test_a_cancel_that_was_acknowledged_must_have_been_done(acks: Path) -> None:
    canceled = "1 - ETHBTC - - - CANCELED 0.00000000\n"
    write(acks, keep_order(1, "lt-1"), canceled)

    found = verify([acks], "lt-")

    assert (found.acknowledged, found.canceled, found.missing_count) == (1, 1, 1)
    assert found.missing == ["order 1 (-, ETHBTC): status 1, not 4"]

    Order.objects.filter(id=1).update(status=OrderStatus.CANCELED)
    assert verify([acks], "lt-").is_good


PARTLY = Ack(1, "c", "ETHBTC", "SELL", "0.05000000", "2.00000000", "PARTIALLY_FILLED", "0.50000000")
FILLED = PARTLY._replace(status="FILLED", executed="2.00000000")
CANCEL = Ack(1, "-", "ETHBTC", "-", "-", "-", "CANCELED", "0.50000000")
KEPT = Kept("c", "ETHBTC", Side.SELL, parse_units("0.05"), parse_units("2"), OrderStatus.PARTIALLY_FILLED, 50_000_000)
KEPT_FILLED = KEPT._replace(status=OrderStatus.FILLED, executed=parse_units("2"))
KEPT_CANCELED = KEPT._replace(status=OrderStatus.CANCELED)


@pytest.mark.parametrize(
    ("ack", "kept"),
    [
        (PARTLY, KEPT),
        (PARTLY, KEPT_FILLED),
        (PARTLY, KEPT_CANCELED),
        (PARTLY._replace(status="NEW", executed="0.00000000"), KEPT),
        (FILLED, KEPT_FILLED),
        (FILLED._replace(price="-"), KEPT_FILLED._replace(price=0)),
        (CANCEL, KEPT_CANCELED),
    ],
)
def test_an_order_may_have_gone_on_since_it_was_acknowledged(ack: Ack, kept: Kept) -> None:
    assert wrong_with(ack, kept) == ""


@pytest.mark.parametrize(
    ("ack", "kept", "said"),
    [
        (PARTLY, KEPT._replace(executed=49_999_999), "executed 49999999, not 50000000"),
        (PARTLY, KEPT._replace(side=Side.BUY), "side 1, not 2"),
        (PARTLY, KEPT._replace(price=1), "price 1, not 5000000"),
        (PARTLY, KEPT._replace(quantity=1), "quantity 1, not 200000000"),
        (FILLED, KEPT, "status 2, not 3, executed 50000000, not 200000000"),
        (FILLED, KEPT_CANCELED._replace(executed=200_000_000), "status 4, not 3"),
        (CANCEL, KEPT, "status 2, not 4"),
        (CANCEL, KEPT_FILLED, "status 3, not 4, executed 200000000, not 50000000"),
        (CANCEL, KEPT_CANCELED._replace(symbol="BTCUSDT"), "symbol BTCUSDT, not ETHBTC"),
    ],
)
def test_an_order_that_is_not_as_it_was_acknowledged_is_told(ack: Ack, kept: Kept, said: str) -> None:
    assert wrong_with(ack, kept) == f"order 1 ({ack.client_id}, ETHBTC): {said}"


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
