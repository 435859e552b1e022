"""Money that moves without a trade: once per reference, never more than there is."""

import pytest

from tests.engine.tables import ANN, BOB, BUY, CASH, CHAIN, COIN, FEES, balances, exchange, funds_of, order
from trading.engine.commands import HoldFunds, ReleaseHold, SettleHold, Transfer
from trading.engine.enums import HoldState, Reason, Reject
from trading.engine.events import HoldChanged, Posted, Rejected, TransferRepeated

LOSS, COLD = -6, -7
DEPOSIT = Transfer("d1", CHAIN, ANN, COIN, 50, Reason.DEPOSIT)


def test_a_deposit_moves_funds_from_the_chain_to_the_user() -> None:
    session = exchange(funds=0)

    events = session.step(DEPOSIT)

    assert events == [Posted(CHAIN, ANN, COIN, 50, Reason.DEPOSIT, "d1")]
    assert balances(session.close_batch()) == [(CHAIN, COIN, -50, 0), (ANN, COIN, 50, 0)]


def test_a_transfer_is_applied_once_per_reference_and_reason() -> None:
    session = exchange(funds=0)
    session.step(DEPOSIT)

    repeated = session.step(DEPOSIT)
    other_reason = session.step(Transfer("d1", CHAIN, ANN, COIN, 50, Reason.ADJUSTMENT))

    assert repeated == [TransferRepeated("d1")]
    assert other_reason == [Posted(CHAIN, ANN, COIN, 50, Reason.ADJUSTMENT, "d1")]
    assert funds_of(session, ANN)[0] == 100


@pytest.mark.parametrize(
    ("expected", "command"),
    [
        (Reject.INVALID, Transfer("", CHAIN, ANN, COIN, 5, Reason.DEPOSIT)),
        (Reject.INVALID, Transfer("x" * 81, CHAIN, ANN, COIN, 5, Reason.DEPOSIT)),
        (Reject.INVALID, Transfer("x", CHAIN, ANN, COIN, 0, Reason.DEPOSIT)),
        (Reject.INVALID, Transfer("x", CHAIN, ANN, COIN, -5, Reason.DEPOSIT)),
        (Reject.INVALID, Transfer("x", CHAIN, ANN, COIN, 2**63, Reason.DEPOSIT)),
        (Reject.INVALID, Transfer("x", CHAIN, ANN, COIN, 2**63 - 1, Reason.DEPOSIT)),  # the balance would not fit
        (Reject.INVALID, Transfer("x", CHAIN, ANN, 0, 5, Reason.DEPOSIT)),
        (Reject.INVALID, Transfer("x", ANN, ANN, COIN, 5, Reason.ADJUSTMENT)),
        (Reject.INVALID, Transfer("x", 0, ANN, COIN, 5, Reason.ADJUSTMENT)),
        (Reject.INVALID, Transfer("x", -77, ANN, COIN, 5, Reason.ADJUSTMENT)),
        (Reject.INVALID, Transfer("x", ANN, CHAIN, COIN, 5, Reason.WITHDRAWAL)),
        (Reject.INVALID, Transfer("x", ANN, BOB, COIN, 5, Reason.TRADE_BASE)),
        (Reject.INVALID, Transfer("x", ANN, BOB, COIN, 5, Reason.REVERSAL)),
        (Reject.INVALID, Transfer("x", CHAIN, ANN, COIN, 5, Reason.REVERSAL)),
        (Reject.INVALID, Transfer("x", ANN, CHAIN, COIN, 5, Reason.LOSS)),
        (Reject.INVALID, Transfer("x", CHAIN, ANN, COIN, 5, Reason.DEPOSIT, recoup=6)),
        (Reject.INVALID, Transfer("x", CHAIN, ANN, COIN, 5, Reason.DEPOSIT, recoup=-1)),
        (Reject.INVALID, Transfer("x", CHAIN, BOB, COIN, 5, Reason.ADJUSTMENT, recoup=1)),
        (Reject.INSUFFICIENT_FUNDS, Transfer("x", ANN, CHAIN, CASH, 61, Reason.ADJUSTMENT)),
    ],
)
def test_transfers_that_are_refused(expected: Reject, command: Transfer) -> None:
    session = exchange(funds=100)
    session.step(order(ANN, BUY, 10, 4))  # holds 40 of her 100 cash

    assert session.step(command) == [Rejected(expected)]


def test_only_users_may_not_go_below_zero() -> None:
    session = exchange(funds=100)

    session.step(Transfer("fee", -3, CHAIN, COIN, 500, Reason.NETWORK_FEE))

    assert session.core.balance_of(-3, COIN) == -500


def test_a_reversed_deposit_takes_what_the_user_has_and_the_rest_is_our_loss() -> None:
    session = exchange(funds=100)
    session.step(order(ANN, BUY, 10, 4))  # holds 40 of her 100 cash

    events = session.step(Transfer("deposit:1", ANN, CHAIN, CASH, 75, Reason.REVERSAL))
    again = session.step(Transfer("deposit:1", ANN, CHAIN, CASH, 75, Reason.REVERSAL))

    assert events == [
        Posted(LOSS, ANN, CASH, 15, Reason.LOSS, "deposit:1"),
        Posted(ANN, CHAIN, CASH, 75, Reason.REVERSAL, "deposit:1"),
    ]
    assert again == [TransferRepeated("deposit:1")]
    assert (session.core.balance_of(ANN, CASH), session.core.held_of(ANN, CASH)) == (40, 40)


def test_a_deposit_that_comes_back_gives_what_it_cost_us_back_first() -> None:
    session = exchange(funds=0)

    events = session.step(Transfer("deposit:1:1", CHAIN, ANN, COIN, 100, Reason.DEPOSIT, recoup=60))
    again = session.step(Transfer("deposit:1:1", ANN, CHAIN, COIN, 100, Reason.REVERSAL, recoup=60))

    assert events == [
        Posted(CHAIN, ANN, COIN, 100, Reason.DEPOSIT, "deposit:1:1"),
        Posted(ANN, LOSS, COIN, 60, Reason.RECOUP, "deposit:1:1"),
    ]
    assert again == [
        Posted(LOSS, ANN, COIN, 60, Reason.LOSS, "deposit:1:1"),
        Posted(ANN, CHAIN, COIN, 100, Reason.REVERSAL, "deposit:1:1"),
    ]
    assert (funds_of(session, ANN)[0], session.core.balance_of(LOSS, COIN)) == (0, 0)


def test_what_was_never_credited_is_not_taken_from_other_coins_of_the_user() -> None:
    session = exchange(funds=500)

    session.step(Transfer("deposit:1:1", CHAIN, ANN, COIN, 100, Reason.DEPOSIT, recoup=60))
    session.step(Transfer("deposit:1:1", ANN, CHAIN, COIN, 100, Reason.REVERSAL, recoup=60))

    assert funds_of(session, ANN)[0] == 500


def test_a_reversed_deposit_that_is_all_there_costs_us_nothing() -> None:
    session = exchange(funds=100)

    events = session.step(Transfer("deposit:1", ANN, CHAIN, COIN, 100, Reason.REVERSAL))

    assert events == [Posted(ANN, CHAIN, COIN, 100, Reason.REVERSAL, "deposit:1")]


def test_coins_are_moved_to_a_cold_address() -> None:
    session = exchange(funds=100)

    session.step(Transfer("cold:1", COLD, CHAIN, COIN, 30, Reason.COLD))

    assert session.core.balance_of(COLD, COIN) == -30


def test_a_settled_hold_pays_the_chain_and_the_fee() -> None:
    session = exchange(funds=100)

    held = session.step(HoldFunds("w", ANN, COIN, 60))
    after_hold = session.close_batch()
    settled = session.step(SettleHold("w", 4))

    assert held == [HoldChanged("w", ANN, COIN, 60, HoldState.HELD)]
    assert balances(after_hold) == [(ANN, COIN, 100, 60)]
    assert settled == [
        Posted(ANN, CHAIN, COIN, 56, Reason.WITHDRAWAL, "w"),
        Posted(ANN, FEES, COIN, 4, Reason.WITHDRAWAL_FEE, "w"),
        HoldChanged("w", ANN, COIN, 60, HoldState.SETTLED),
    ]
    assert balances(session.close_batch()) == [(FEES, COIN, 4, 0), (CHAIN, COIN, -244, 0), (ANN, COIN, 40, 0)]


def test_a_hold_settled_without_a_fee_has_one_posting() -> None:
    session = exchange(funds=100)
    session.step(HoldFunds("w", ANN, COIN, 60))

    assert session.step(SettleHold("w", 0)) == [
        Posted(ANN, CHAIN, COIN, 60, Reason.WITHDRAWAL, "w"),
        HoldChanged("w", ANN, COIN, 60, HoldState.SETTLED),
    ]


def test_a_released_hold_gives_everything_back() -> None:
    session = exchange(funds=100)
    session.step(HoldFunds("w", ANN, COIN, 60))

    session.close_batch()

    assert session.step(ReleaseHold("w")) == [HoldChanged("w", ANN, COIN, 60, HoldState.RELEASED)]
    assert balances(session.close_batch()) == [(ANN, COIN, 100, 0)]


def test_a_hold_beyond_what_is_available_is_recorded_as_refused() -> None:
    session = exchange(funds=100)
    session.step(HoldFunds("first", ANN, COIN, 60))

    refused = session.step(HoldFunds("second", ANN, COIN, 41))

    assert refused == [HoldChanged("second", ANN, COIN, 41, HoldState.REFUSED)]
    assert funds_of(session, ANN) == (100, 60, 100, 0)


MADE = {
    "held": [HoldFunds("w", ANN, COIN, 60)],
    "settled": [HoldFunds("w", ANN, COIN, 60), SettleHold("w", 4)],
    "released": [HoldFunds("w", ANN, COIN, 60), ReleaseHold("w")],
    "refused": [HoldFunds("w", ANN, COIN, 600)],
    "unknown": [],
}


@pytest.mark.parametrize("is_forgotten", [False, True])
@pytest.mark.parametrize(
    ("made", "command", "expected"),
    [
        ("held", HoldFunds("w", ANN, COIN, 60), HoldState.HELD),
        ("held", HoldFunds("w", BOB, CASH, 7), HoldState.HELD),
        ("settled", HoldFunds("w", ANN, COIN, 60), HoldState.SETTLED),
        ("released", HoldFunds("w", ANN, COIN, 60), HoldState.RELEASED),
        ("refused", HoldFunds("w", ANN, COIN, 600), HoldState.REFUSED),
        ("settled", SettleHold("w", 4), HoldState.SETTLED),
        ("settled", SettleHold("w", 999), HoldState.SETTLED),
        ("released", ReleaseHold("w"), HoldState.RELEASED),
        ("settled", ReleaseHold("w"), Reject.HOLD_CLOSED),
        ("refused", ReleaseHold("w"), Reject.HOLD_CLOSED),
        ("released", SettleHold("w", 4), Reject.HOLD_CLOSED),
        ("refused", SettleHold("w", 4), Reject.HOLD_CLOSED),
        ("unknown", SettleHold("w", 4), Reject.UNKNOWN_HOLD),
        ("unknown", ReleaseHold("w"), Reject.UNKNOWN_HOLD),
        ("held", SettleHold("w", -1), Reject.INVALID),
        ("held", SettleHold("w", 60), Reject.INVALID),
        ("unknown", HoldFunds("", ANN, COIN, 60), Reject.INVALID),
        ("unknown", HoldFunds("x" * 81, ANN, COIN, 60), Reject.INVALID),
        ("unknown", HoldFunds("w", ANN, COIN, 0), Reject.INVALID),
        ("unknown", HoldFunds("w", ANN, COIN, 2**63), Reject.INVALID),
        ("unknown", HoldFunds("w", CHAIN, COIN, 60), Reject.INVALID),
    ],
)
def test_repeats_report_and_change_nothing(
    made: str, command: HoldFunds | SettleHold | ReleaseHold, expected: HoldState | Reject, is_forgotten: bool
) -> None:
    session = exchange(funds=100)
    for earlier in MADE[made]:
        session.step(earlier)
    session.close_batch()
    if is_forgotten:
        session.core.forget()
    before = funds_of(session, ANN)

    session.run([command])

    assert session.log is not None
    events = session.log[-1][2]
    if isinstance(expected, Reject):
        assert events == [Rejected(expected)]
    else:
        (event,) = events
        assert isinstance(event, HoldChanged)
        assert (event.reference, event.state) == ("w", expected)
    assert funds_of(session, ANN) == before
