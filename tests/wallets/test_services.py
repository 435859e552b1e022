"""What people may ask of wallets, and what they are told when they may not."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from accounts.models import User
from mex.errors import (
    AddressIllegal,
    AddressNotReady,
    DepositsClosed,
    FaucetLimit,
    MexError,
    ParameterInvalid,
    WithdrawalFundsMissing,
    WithdrawalsClosed,
    WithdrawalStep,
    WithdrawalTooSmall,
)
from tests.wallets.books import Books
from trading.engine.commands import HoldFunds
from wallets import services
from wallets.models import Asset, DepositAddress, Withdrawal

ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
OTHER = "bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6"


def request(user: User, asset: Asset, books: Books, **changes: object) -> Withdrawal:
    wanted: dict[str, object] = {"address": ADDRESS, "amount": 20_000}
    return services.withdrawal_request(user_id=user.pk, asset=asset, send=books.send, **(wanted | changes))  # type: ignore[arg-type]


def test_an_address_is_the_users_for_good(btc: Asset, alice: User, bob: User) -> None:
    DepositAddress.objects.bulk_create(DepositAddress(asset=btc, address=f"address-{n}") for n in range(3))

    first = services.deposit_address_assign(user=alice, asset=btc)
    again = services.deposit_address_assign(user=alice, asset=btc)
    other = services.deposit_address_assign(user=bob, asset=btc)

    assert first.address == again.address == "address-0"
    assert other.address == "address-1"


def test_an_empty_pool_is_said(btc: Asset, alice: User) -> None:
    with pytest.raises(AddressNotReady):
        services.deposit_address_assign(user=alice, asset=btc)


def test_a_closed_asset_gives_no_new_address_but_shows_an_old_one(btc: Asset, alice: User, bob: User) -> None:
    DepositAddress.objects.bulk_create(DepositAddress(asset=btc, address=f"address-{n}") for n in range(2))
    services.deposit_address_assign(user=alice, asset=btc)
    btc.deposits_open = False

    with pytest.raises(DepositsClosed):
        services.deposit_address_assign(user=bob, asset=btc)

    assert services.deposit_address_assign(user=alice, asset=btc).address == "address-0"


def test_racing_requests_give_one_address_to_one_user(btc: Asset, alice: User, bob: User) -> None:
    DepositAddress.objects.bulk_create(DepositAddress(asset=btc, address=f"address-{n}") for n in range(8))
    start = threading.Barrier(6)

    def work(user: User) -> tuple[int, str]:
        start.wait(10)
        try:
            return user.pk, services.deposit_address_assign(user=user, asset=btc).address
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        given = {future.result(30) for future in [pool.submit(work, user) for user in (alice, bob) * 3]}

    assert len(given) == 2
    assert len({address for _, address in given}) == 2
    assert DepositAddress.objects.exclude(user=None).count() == 2


def test_a_request_is_recorded_and_its_hold_asked_for(btc: Asset, books: Books, alice: User) -> None:
    books.give(alice.pk, btc.pk, 100_000)

    withdrawal = request(alice, btc, books)

    assert books.sent == [HoldFunds(withdrawal.id.hex, alice.pk, btc.pk, 20_000)]
    assert (withdrawal.status, withdrawal.fee, withdrawal.address) == ("requested", 2_000, ADDRESS)


@pytest.mark.parametrize(
    ("label", "changes", "error", "code"),
    [
        ("mistyped", {"address": ADDRESS[:-1] + "q"}, AddressIllegal, -4033),
        ("mainnet", {"address": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"}, AddressIllegal, -4033),
        ("Ethereum's", {"address": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"}, AddressIllegal, -4033),
        ("endless", {"address": "m" * 10_000}, AddressIllegal, -4033),
        ("below the minimum", {"amount": 9_999}, WithdrawalTooSmall, -4022),
        ("zero", {"amount": 0}, WithdrawalTooSmall, -4022),
        ("negative", {"amount": -20_000}, WithdrawalTooSmall, -4022),
        ("more than there is", {"amount": 100_001}, WithdrawalFundsMissing, -4026),
        ("empty client id", {"client_id": ""}, ParameterInvalid, -1130),
        ("long client id", {"client_id": "x" * 65}, ParameterInvalid, -1130),
    ],
)
def test_what_cannot_be_paid_is_refused_and_changes_nothing(
    btc: Asset, books: Books, alice: User, label: str, changes: dict[str, object], error: type[MexError], code: int
) -> None:
    books.give(alice.pk, btc.pk, 100_000)

    with pytest.raises(error) as refusal:
        request(alice, btc, books, **changes)

    assert refusal.value.code == code
    assert not Withdrawal.objects.exists()
    assert books.sent == []


def test_what_the_chain_cannot_carry_is_refused(btc: Asset, books: Books, alice: User) -> None:
    books.give(alice.pk, btc.pk, 100_000)
    btc.chain_decimals = 6

    with pytest.raises(WithdrawalStep) as refusal:
        request(alice, btc, books, amount=20_050)

    assert refusal.value.message == "Asset withdrawal must be an integer multiple of 0.000001."


def test_a_closed_asset_is_not_paid_out(btc: Asset, books: Books, alice: User) -> None:
    books.give(alice.pk, btc.pk, 100_000)
    btc.withdrawals_open = False

    with pytest.raises(WithdrawalsClosed):
        request(alice, btc, books)


def test_a_repeated_client_id_is_the_first_withdrawal(btc: Asset, books: Books, alice: User, bob: User) -> None:
    books.give(alice.pk, btc.pk, 30_000)
    books.give(bob.pk, btc.pk, 30_000)

    first = request(alice, btc, books, client_id="w1")
    again = request(alice, btc, books, client_id="w1")
    someone_else = request(bob, btc, books, client_id="w1")

    assert first.pk == again.pk != someone_else.pk
    assert len(books.sent) == 2


@pytest.mark.parametrize("changes", [{"amount": 21_000}, {"address": OTHER}])
def test_a_client_id_cannot_name_another_withdrawal(
    btc: Asset, books: Books, alice: User, changes: dict[str, object]
) -> None:
    books.give(alice.pk, btc.pk, 100_000)
    request(alice, btc, books, client_id="w1")

    with pytest.raises(ParameterInvalid) as refusal:
        request(alice, btc, books, client_id="w1", **changes)

    assert refusal.value.message == "Data sent for parameter 'withdrawOrderId' is not valid."
    assert Withdrawal.objects.count() == 1


@pytest.mark.parametrize("amount", [0, -1, 10 * 10**8 + 1])
def test_the_faucet_has_a_limit(btc: Asset, alice: User, amount: int) -> None:
    with pytest.raises(FaucetLimit):
        services.faucet_request(user=alice, asset=btc, amount=amount)
