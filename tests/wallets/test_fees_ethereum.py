"""What is offered for gas: within floor and ceiling, and for a replacement an eighth more on both fees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from tests.wallets.nodes import Anvil
from wallets.chains.ethereum import GWEI
from wallets.models import Asset
from wallets.payouts.ethereum_fees import Fees, fees_bumped, fees_for, fees_now

CEILING = 500 * GWEI


def test_a_fee_holds_while_the_base_fee_doubles() -> None:
    assert fees_for(10 * GWEI, 2 * GWEI, floor=GWEI, ceiling=CEILING) == Fees(22 * GWEI, 2 * GWEI, 10 * GWEI)


def test_a_tip_is_never_below_the_floor() -> None:
    assert fees_for(10 * GWEI, 5, floor=3 * GWEI, ceiling=CEILING) == Fees(23 * GWEI, 3 * GWEI, 10 * GWEI)


def test_a_fee_is_never_above_the_ceiling() -> None:
    """Of the tip as much is left as fits above the base fee."""
    assert fees_for(300 * GWEI, 2 * GWEI, floor=GWEI, ceiling=CEILING) == Fees(CEILING, 2 * GWEI, 300 * GWEI)
    assert fees_for(498 * GWEI, 50 * GWEI, floor=GWEI, ceiling=CEILING) == Fees(CEILING, 2 * GWEI, 498 * GWEI)


def test_above_the_ceiling_there_is_no_fee() -> None:
    assert fees_for(499 * GWEI, 0, floor=GWEI, ceiling=CEILING) == Fees(CEILING, GWEI, 499 * GWEI)
    assert fees_for(499 * GWEI + 1, 0, floor=GWEI, ceiling=CEILING) is None


def test_a_replacement_offers_an_eighth_more_of_both() -> None:
    """Also where the chain asks for less now."""
    assert fees_bumped(Fees(800, 80), Fees(1, 1, 1)) == Fees(900, 90, 1)
    assert fees_bumped(Fees(801, 81), Fees(1, 1, 1)) == Fees(902, 92, 1)


def test_a_replacement_offers_what_the_chain_asks_for_now() -> None:
    assert fees_bumped(Fees(800, 80), Fees(5_000, 81, 7)) == Fees(5_000, 90, 7)
    assert fees_bumped(Fees(800, 80), Fees(801, 500, 7)) == Fees(900, 500, 7)


def test_a_replacement_stays_below_the_ceiling_or_is_none() -> None:
    old = Fees(400 * GWEI, GWEI)
    assert fees_bumped(old, Fees(499 * GWEI, GWEI)) == Fees(499 * GWEI, 9 * GWEI // 8)
    assert fees_bumped(Fees(445 * GWEI, GWEI), Fees(CEILING, GWEI)) is None


@given(cap=st.integers(1, CEILING), tip=st.integers(1, CEILING), wanted=st.integers(1, CEILING))
def test_every_replacement_keeps_the_rule(cap: int, tip: int, wanted: int) -> None:
    old = Fees(max(cap, tip), tip)
    new = fees_bumped(old, Fees(wanted, min(wanted, GWEI), 0))

    assert new is None or (new.cap * 8 >= old.cap * 9 and new.tip * 8 >= old.tip * 9 and new.tip <= new.cap <= CEILING)
    assert new is not None or old.cap * 9 > CEILING * 8


def test_while_gas_costs_more_than_the_ceiling_nothing_is_signed(
    anvil: Anvil, eth: Asset, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    anvil.call("anvil_setNextBlockBaseFeePerGas", hex(20 * GWEI))
    anvil.mine()
    settings.ETHEREUM_FEE_CEILING_GWEI = 15
    waiting = fees_now(anvil.node)
    fees_now(anvil.node)
    settings.ETHEREUM_FEE_CEILING_GWEI = 30
    fees = fees_now(anvil.node)

    assert waiting is None
    assert caplog.text.count("more than the ceiling") == 1
    assert fees is not None
    assert fees.cap == 30 * GWEI
