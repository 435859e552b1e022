"""The market maker's own account and key, and how it asks for coins."""

import json
import stat
from pathlib import Path

import pytest
from django.core.management import CommandError
from pytest_django.fixtures import Settings

from accounts.authentication import credential_load
from accounts.models import ApiKey, User
from mex.errors import AddressNotReady
from mex.limits import FAUCET_UNITS_MAX
from trading.management.commands import run_market_maker
from trading.management.commands.run_market_maker import EMAIL, GIFT, LOW, Faucet
from wallets.models import Asset


@pytest.fixture
def key_file(settings: Settings, tmp_path: Path, db: None) -> Path:
    """Return where the key will be."""
    settings.MEX_DATA = tmp_path
    return tmp_path / "keys" / "market_maker.json"


def test_the_first_start_makes_an_account_and_a_key_that_may_not_withdraw(key_file: Path) -> None:
    key, secret = run_market_maker.credentials()

    assert json.loads(key_file.read_text()) == {"api_key": key, "secret": secret}
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    credential = credential_load(key)
    assert credential is not None
    assert credential.secret == secret.encode()
    assert credential.caller.account == User.objects.get(email=EMAIL).pk
    assert (credential.caller.can_trade, credential.caller.can_withdraw) == (True, False)


def test_later_starts_use_the_same_key(key_file: Path) -> None:
    assert run_market_maker.credentials() == run_market_maker.credentials()
    assert ApiKey.objects.count() == 1


def test_a_lost_file_means_a_new_key_and_the_end_of_the_old_one(key_file: Path) -> None:
    old, _ = run_market_maker.credentials()
    key_file.unlink()

    new, _ = run_market_maker.credentials()

    assert credential_load(old) is None
    assert credential_load(new) is not None
    assert User.objects.filter(email=EMAIL).count() == 1


def test_elsewhere_no_key_is_made(key_file: Path, settings: Settings) -> None:
    settings.MEX_LOCAL_CHAINS = False

    with pytest.raises(CommandError, match="there is no valid key in"):
        run_market_maker.credentials()

    assert User.objects.count() == 0


async def test_the_faucet_is_asked_for_what_is_short_and_not_again_at_once() -> None:
    asked: list[list[str]] = []

    def ask(codes: list[str]) -> list[str]:
        asked.append(codes)
        return codes

    faucet = Faucet(ask)
    await faucet.top_up({"BTC": 10**12, "ETH": 0, "USDT": 10**15})
    await faucet.top_up({"BTC": 0, "ETH": 0})
    await faucet.top_up({"BTC": 0, "ETH": 0})

    assert asked == [["ETH"], ["BTC", "USDT"]]


def test_gifts_fit_through_the_faucet_and_are_worth_asking_for() -> None:
    assert set(GIFT) == set(LOW) == set(FAUCET_UNITS_MAX)
    assert all(LOW[code] < GIFT[code] <= FAUCET_UNITS_MAX[code] for code in GIFT)


def test_an_asset_that_the_faucet_cannot_give_keeps_no_other_waiting(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_market_maker.credentials()

    def request(*, user: User, asset: Asset, amount: int) -> None:
        if asset.code == "BTC":
            raise AddressNotReady()
        assert (user.email, amount) == (EMAIL, GIFT[asset.code])

    monkeypatch.setattr(run_market_maker, "faucet_request", request)
    monkeypatch.setattr(run_market_maker.connections, "close_all", lambda: None)

    assert run_market_maker.faucet_ask(["USDT", "BTC", "ETH"]) == ["ETH", "USDT"]
