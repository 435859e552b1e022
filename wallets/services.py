"""What people ask of wallets: an address, a withdrawal, test coins. Nothing here talks to a node or waits for one."""

import logging
from functools import partial

import redis
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet, Subquery
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.models import User
from celery_app import app
from mex.errors import (
    AccountFrozen,
    AddressIllegal,
    AddressNotReady,
    DepositsClosed,
    EngineBusy,
    FaucetLimit,
    MexError,
    ParameterInvalid,
    WithdrawalFundsMissing,
    WithdrawalsClosed,
    WithdrawalStep,
    WithdrawalTooSmall,
)
from mex.limits import FAUCET_UNITS_MAX
from mex.money import format_short, format_units
from trading.gateway import sender
from wallets import selectors
from wallets.chains import keys
from wallets.chains.addresses import address_normalize
from wallets.chains.segwit import AddressMalformed
from wallets.control.accounts import frozen_because
from wallets.control.book import book_check
from wallets.control.limits import is_to_be_approved, limit_check
from wallets.control.second_factor import Origin, WithdrawalFacts, is_second_factor_set, second_factor_check
from wallets.control.switch import withdrawals_halted
from wallets.lock_objects import account_lock
from wallets.models import Asset, Chain, DepositAddress, Withdrawal
from wallets.news import withdrawal_news
from wallets.pace import Send
from wallets.payouts.progress import hold_command

log = logging.getLogger(__name__)
ADDRESS_CHARS_MAX = 100
CLIENT_ID_CHARS_MAX = 64


def deposit_address_assign(*, user: User, asset: Asset) -> DepositAddress:
    """Return the user's deposit address; the first time, one is taken from the pool for good.

    After a rotation of the keys he gets another one, of the newest generation that the pool has, and keeps the old one.

    A token has the address of its chain's own coin. Raises DepositsClosed, or AddressNotReady when the pool is empty
    or a local chain does not have the token yet: within seconds it will.
    """
    if asset.is_token:
        return _address_of_token(user, asset)
    own = _own(user, asset)
    if own is not None:
        return own
    if not asset.takes_deposits:
        raise DepositsClosed()
    return _address_of_coin(user, asset)


def _address_of_token(user: User, token: Asset) -> DepositAddress:
    # Nobody would look at what is sent to it: an address that is there already is no reason to show it.
    if not token.takes_deposits:
        raise AddressNotReady() if token.deposits_open and settings.MEX_LOCAL_CHAINS else DepositsClosed()
    coin = Asset.objects.get(chain=token.chain, is_token=False)
    return _own(user, coin) or _address_of_coin(user, coin)


def _newest(coin: Asset) -> QuerySet[DepositAddress]:
    """Return the addresses that may be given out: of the newest generation, which the pool tells, not the keys.

    Web hosts need not have the public file.
    """
    rows = DepositAddress.objects.filter(asset=coin)
    return rows.filter(generation=Subquery(rows.order_by("-generation").values("generation")[:1]))


def _own(user: User, coin: Asset) -> DepositAddress | None:
    return _newest(coin).filter(user=user).first()


def _address_of_coin(user: User, asset: Asset) -> DepositAddress:
    try:
        return _take_from_pool(user, asset)
    except IntegrityError:
        # Another request of the same user was first.
        own = _own(user, asset)
        if own is None:
            raise AddressNotReady() from None  # and the keys were rotated between the two
        return own


def _take_from_pool(user: User, asset: Asset) -> DepositAddress:
    with transaction.atomic():
        own = _own(user, asset)
        if own is not None:
            return own
        waiting = _newest(asset).select_for_update(skip_locked=True).filter(user=None)
        row = waiting.order_by("pk").first()
        if row is None:
            raise AddressNotReady()
        row.user = user
        row.assigned_at = timezone.now()
        row.save(update_fields=["user", "assigned_at"])
        return row


def withdrawal_request(
    *,
    user_id: int,
    asset: Asset,
    address: str,
    amount: int,
    client_id: str | None = None,
    origin: Origin = Origin.API,
    code: str = "",
    send: Send = sender.send,
) -> Withdrawal:
    """Record a withdrawal and ask the engine to hold its funds; workers do the rest.

    amount: units that leave the balance; the asset's fee is taken out of it. `code` is for the second factor, where
    there is one. A repeat of `client_id` returns the first withdrawal when it asks for the same. Raises
    WithdrawalsClosed, AddressIllegal, WithdrawalStep, WithdrawalTooSmall, WithdrawalFundsMissing, AccountFrozen,
    AddressNotInBook, AddressTooNew, WithdrawalLimitExceeded, SecondFactorWrong, or ParameterInvalid for a client id
    that was used for another one.
    """
    destination = _destination(asset, address)
    if client_id is not None and not 0 < len(client_id) <= CLIENT_ID_CHARS_MAX:
        raise ParameterInvalid("withdrawOrderId")
    earlier = _earlier(user_id, client_id)
    if earlier is not None:
        return _same(earlier, asset, destination, amount)
    _check_amount(asset, amount)
    if selectors.available(user_id, asset) < amount:
        raise WithdrawalFundsMissing()
    if is_second_factor_set():
        # A code can be used once: it is not asked for where the answer is no anyway.
        _check_account(user_id, asset, destination, amount)
        facts = WithdrawalFacts(asset.code, destination, amount, asset.withdrawal_fee, origin)
        second_factor_check(user_id=user_id, facts=facts, code=code)
    with transaction.atomic():
        account_lock(user_id)
        earlier = _earlier(user_id, client_id)
        if earlier is not None:
            return _same(earlier, asset, destination, amount)
        _check_account(user_id, asset, destination, amount)
        withdrawal = Withdrawal.objects.create(
            user_id=user_id,
            asset=asset,
            address=destination,
            amount=amount,
            fee=asset.withdrawal_fee,
            client_id=client_id,
            needs_email=settings.WITHDRAWAL_EMAILS and origin == Origin.PAGE,
            needs_approval=is_to_be_approved(user_id=user_id, asset=asset, amount=amount),
        )
        transaction.on_commit(partial(_announce, withdrawal, send))
    log.info("withdrawal %s of %d units of %s is requested", withdrawal.pk, amount, asset.code)
    return withdrawal


def _earlier(user_id: int, client_id: str | None) -> Withdrawal | None:
    if client_id is None:
        return None
    return Withdrawal.objects.filter(user_id=user_id, client_id=client_id).first()


def _check_account(user_id: int, asset: Asset, destination: str, amount: int) -> None:
    if frozen_because(user_id):
        raise AccountFrozen()
    book_check(user_id=user_id, asset=asset, address=destination)
    limit_check(user_id=user_id, asset=asset, amount=amount)


def _destination(asset: Asset, address: str) -> str:
    if len(address) > ADDRESS_CHARS_MAX:
        raise AddressIllegal()
    try:
        destination = address_normalize(asset.chain, address)
    except AddressMalformed:
        raise AddressIllegal() from None
    if asset.chain == Chain.ETHEREUM and (destination in _hot_addresses() or _swallows(destination)):
        raise AddressIllegal()
    return destination


def _swallows(destination: str) -> bool:
    """Return whether what is sent there is lost: nobody's address, or the contract of a token."""
    return int(destination, 16) == 0 or Asset.objects.filter(contract=destination).exists()


def _hot_addresses() -> tuple[str, ...]:
    try:
        return keys.hot_addresses()
    except keys.KeysMissing:
        return ()  # a web host without the public branch; paying oneself would harm nobody else


def _check_amount(asset: Asset, amount: int) -> None:
    if withdrawals_halted(asset):
        raise WithdrawalsClosed()
    step = selectors.withdrawal_step(asset)
    if amount % step:
        raise WithdrawalStep(format_short(step))
    if amount < asset.withdrawal_min:
        raise WithdrawalTooSmall(format_units(asset.withdrawal_min))


def _same(earlier: Withdrawal, asset: Asset, address: str, amount: int) -> Withdrawal:
    if (earlier.asset_id, earlier.address, earlier.amount) != (asset.pk, address, amount):
        raise ParameterInvalid("withdrawOrderId")
    return earlier


def _announce(withdrawal: Withdrawal, send: Send) -> None:
    try:
        send([hold_command(withdrawal)])
    except redis.RedisError as error:
        log.warning("the hold of withdrawal %s is asked for by a worker: %s", withdrawal.pk, error)
    withdrawal_news(withdrawal)


def faucet_request(*, user: User, asset: Asset, amount: int) -> None:
    """Have test coins paid to the user's deposit address; on local chains only.

    amount: units. Raises FaucetLimit, ParameterInvalid for more decimals than the chain can carry, AddressNotReady,
    DepositsClosed, or EngineBusy when no worker can be reached.
    """
    if not settings.MEX_LOCAL_CHAINS:
        raise MexError(-1020, "This operation is not supported.")
    limit = FAUCET_UNITS_MAX.get(asset.code, 0)
    if not 0 < amount <= limit:
        raise FaucetLimit(format_short(limit))
    if amount % selectors.withdrawal_step(asset):
        raise ParameterInvalid("amount")
    address = deposit_address_assign(user=user, asset=asset)
    try:
        app.send_task("wallets.tasks.faucet_pay", (address.address, asset.code, amount), queue="chains", retry=False)
    except OperationalError as error:
        log.warning("the faucet could not be reached: %s", error)
        raise EngineBusy() from error
