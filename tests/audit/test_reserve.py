"""The operator's own coins on local chains: paid once, booked once."""

import pytest
from pytest_django.fixtures import Settings

from tests.audit.exchange import post
from trading.engine.commands import Command, Transfer
from trading.engine.enums import Reason
from wallets.ledger.chart import Owner
from wallets.models import Asset
from wallets.pace import Pacer
from wallets.reserve import RESERVE, is_reserved, reserve_advance


class Hands:
    """Keeps what was paid and sent."""

    def __init__(self) -> None:
        self.paid: list[int] = []
        self.sent: list[Command] = []
        self.pacer = Pacer()

    def advance(self, asset: Asset, *, arrived: int, expected: int) -> None:
        """Take the reserve one step on."""
        reserve_advance(
            asset=asset, arrived=arrived, expected=expected, pay=self._pay, send=self.sent.extend, pacer=self.pacer
        )

    def _pay(self, units: int) -> str:
        self.paid.append(units)
        return "a transaction"


@pytest.fixture
def ether(db: None) -> Asset:
    """Return the asset whose deposits are swept."""
    return Asset.objects.get(code="ETH")


def test_an_empty_hot_wallet_is_paid_once_however_often_it_is_looked_at(ether: Asset) -> None:
    hands = Hands()

    hands.advance(ether, arrived=0, expected=0)
    hands.advance(ether, arrived=0, expected=0)
    hands.advance(ether, arrived=0, expected=RESERVE["ETH"])

    assert hands.paid == [RESERVE["ETH"]]
    assert hands.sent == []


def test_what_arrived_is_booked_as_the_operators_own(ether: Asset) -> None:
    hands = Hands()

    hands.advance(ether, arrived=RESERVE["ETH"], expected=RESERVE["ETH"])

    assert hands.paid == []
    assert hands.sent == [Transfer("reserve:ETH", Owner.CHAIN, Owner.FUNDING, ether.pk, RESERVE["ETH"], Reason.FUNDING)]


def test_a_booked_reserve_is_done(ether: Asset) -> None:
    assert not is_reserved(ether)

    post(Owner.CHAIN, Owner.FUNDING, ether, RESERVE["ETH"], Reason.FUNDING, "reserve:ETH")

    assert is_reserved(ether)


def test_elsewhere_the_operator_funds_the_hot_wallet_himself(ether: Asset, settings: Settings) -> None:
    settings.MEX_LOCAL_CHAINS = False

    assert is_reserved(ether)
