"""Deposits and withdrawals in the background: coins of our own chains, through the faucet and the public API."""

import random
import secrets
import time
from collections.abc import Callable, Sequence

from accounts.models import User as Account
from loadtest.messages import User
from mex.errors import MexError
from mex.money import parse_units
from trading.client.rest import RestClient
from trading.demo.outside import fresh_bitcoin_address, fresh_ethereum_address
from wallets.models import Asset
from wallets.services import faucet_request

_DEPOSITS = {"BTC": "0.01", "ETH": "0.1", "USDT": "50"}
_WITHDRAWALS = {"BTC": "0.01", "ETH": "0.02", "USDT": "30"}
_CREDITED, _COMPLETED = 1, 6
_REFUSED = "the faucet refused"


class FaucetRefused(Exception):
    """Raised when the faucet gives nothing, with what it said."""


class Coins:
    """What was asked for, and how much of it has arrived. Called from one thread at a time."""

    def __init__(self, url: str, users: Sequence[User], seed: str) -> None:
        self._dice = random.Random(seed)
        self._users = list(users)
        self._clients = {user.email: RestClient(url, user.key, user.secret) for user in users}
        self._since_ms = time.time_ns() // 1_000_000
        self._paid: dict[tuple[str, str], int] = {}
        self._credited: dict[tuple[str, str], int] = {}
        self._waiting: dict[str, tuple[str, str]] = {}
        self.sent = self.requested = self.confirmed = 0

    @property
    def credited(self) -> int:
        """How many of the deposits were credited."""
        return sum(self._credited.values())

    def deposit(self) -> None:
        """Have the faucet pay a user. Raises FaucetRefused."""
        email, coin = self._dice.choice(self._users).email, self._dice.choice(list(_DEPOSITS))
        try:
            faucet_request(
                user=Account.objects.get(email=email),
                asset=Asset.objects.get(code=coin),
                amount=parse_units(_DEPOSITS[coin]),
            )
        except MexError as error:
            raise FaucetRefused(f"{_REFUSED} {_DEPOSITS[coin]} {coin}: {error.message}") from error
        self.sent += 1
        self._paid[email, coin] = self._paid.get((email, coin), 0) + 1

    def withdraw(self) -> None:
        """Ask for a withdrawal to an address outside. Raises ApiRefused or ApiUnavailable."""
        email, coin = self._dice.choice(self._users).email, self._dice.choice(list(_WITHDRAWALS))
        address: Callable[[], str] = fresh_bitcoin_address if coin == "BTC" else fresh_ethereum_address
        name = secrets.token_hex(8)
        self._clients[email].signed(
            "POST",
            "/sapi/v1/capital/withdraw/apply",
            coin=coin,
            address=address(),
            amount=_WITHDRAWALS[coin],
            withdrawOrderId=name,
        )
        self.requested += 1
        self._waiting[name] = (email, coin)

    def look(self) -> None:
        """Look what has arrived since. Raises ApiRefused or ApiUnavailable."""
        since = str(self._since_ms)
        for (email, coin), paid in self._paid.items():
            if self._credited.get((email, coin), 0) < paid:
                rows = self._clients[email].signed(
                    "GET", "/sapi/v1/capital/deposit/hisrec", coin=coin, startTime=since, status=str(_CREDITED)
                )
                self._credited[email, coin] = len(rows)
        for name, (email, _) in list(self._waiting.items()):
            rows = self._clients[email].signed("GET", "/sapi/v1/capital/withdraw/history", withdrawOrderId=name)
            if rows and rows[0]["status"] == _COMPLETED:
                del self._waiting[name]
                self.confirmed += 1
