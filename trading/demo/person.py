"""Someone who uses mex as anybody would: pages to register, make a key and press the faucet, the API for the rest."""

import secrets
from collections.abc import Callable
from typing import Any

from mex.money import parse_units
from trading.client.errors import ApiRefused
from trading.client.rest import RestClient
from trading.demo.browser import Browser
from trading.demo.outcome import DemoFailed, demand, wait_for

DEPOSIT_TIMEOUT_S = 180.0
WITHDRAWAL_TIMEOUT_S = 180.0
_ADDRESS_TIMEOUT_S = 60.0
_ADDRESS_NOT_READY = -4012
_CREDITED, _COMPLETED = 1, 6
_FAILED = (1, 3, 5)

Say = Callable[[str], object]


class Person:
    """One user of an instance. Every method may raise DemoFailed, ApiRefused or ApiUnavailable."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self.email = f"{name.lower()}-{secrets.token_hex(5)}@example.com"
        self._browser = Browser(url)
        self._url = url
        self._password = secrets.token_urlsafe(18)
        self.key = self.secret = ""
        self.api = RestClient(url)

    def register(self) -> None:
        """Create an account on the page."""
        form = {"email": self.email, "password": self._password, "password_again": self._password}
        page = self._browser.submit("/register", form)
        demand(not page.url.endswith("/register"), f"{self.email} could not register: {' '.join(page.errors)}")

    def make_key(self) -> None:
        """Create an API key on the page, and use it from here on."""
        form = {"label": "demo", "can_trade": "on", "can_withdraw": "on", "password": self._password}
        page = self._browser.submit("/api-keys", form)
        self.key, self.secret = page.texts.get("new-api-key", ""), page.texts.get("new-api-secret", "")
        demand(bool(self.key and self.secret), f"the page shows {self.name} no new key: {' '.join(page.errors)}")
        self.api = RestClient(self._url, self.key, self.secret)

    def deposit_address(self, asset: str) -> str:
        """Return the own deposit address; the first ones of an instance take a moment."""

        def look() -> str | None:
            try:
                return str(self.api.signed("GET", "/sapi/v1/capital/deposit/address", coin=asset)["address"])
            except ApiRefused as refusal:
                if refusal.code != _ADDRESS_NOT_READY:
                    raise
                return None

        return wait_for(f"a deposit address of {asset}", look, _ADDRESS_TIMEOUT_S)

    def press_faucet(self, asset: str, amount: str) -> None:
        """Press the faucet's button on the deposit page."""
        page = self._browser.submit(f"/deposit/{asset}/faucet", {"amount": amount}, token_from=f"/deposit/{asset}")
        demand(not page.url.endswith("/faucet"), f"the faucet gives no {asset}: {' '.join(page.errors)}")

    def watch_deposit(self, asset: str, say: Say) -> dict[str, Any]:
        """Report each step of the one deposit of an asset until it is credited, and return it."""
        said = ""

        def look() -> dict[str, Any] | None:
            nonlocal said
            rows = self.api.signed("GET", "/sapi/v1/capital/deposit/hisrec", coin=asset)
            demand(len(rows) <= 1, f"one deposit of {asset} was made, {len(rows)} are listed")
            if not rows:
                return None
            row: dict[str, Any] = rows[0]
            if row["confirmTimes"] != said:
                said = row["confirmTimes"]
                say(f"{self.name}: {row['amount']} {asset} confirming {said}, transaction {row['txId']}")
            return row if row["status"] == _CREDITED else None

        return wait_for(f"the credit of a deposit of {asset}", look, DEPOSIT_TIMEOUT_S)

    def balances(self) -> dict[str, tuple[int, int]]:
        """Return (free, locked) units by asset."""
        rows = self.api.signed("GET", "/api/v3/account")["balances"]
        found = {row["asset"]: (parse_units(row["free"]), parse_units(row["locked"])) for row in rows}
        return {"BTC": (0, 0), "ETH": (0, 0), "USDT": (0, 0)} | found

    def withdraw(self, asset: str, address: str, amount: str) -> str:
        """Ask for a withdrawal and return its id."""
        answer = self.api.signed("POST", "/sapi/v1/capital/withdraw/apply", coin=asset, address=address, amount=amount)
        return str(answer["id"])

    def watch_withdrawal(self, asset: str, name: str, say: Say) -> dict[str, Any]:
        """Report each step of a withdrawal until it is completed, and return it."""
        said: tuple[object, ...] = ()

        def look() -> dict[str, Any] | None:
            nonlocal said
            rows = self.api.signed("GET", "/sapi/v1/capital/withdraw/history", coin=asset)
            row = next((row for row in rows if row["id"] == name), None)
            if row is None:
                raise DemoFailed(f"withdrawal {name} is not listed")
            demand(row["status"] not in _FAILED, f"withdrawal {name} ended with status {row['status']}: {row['info']}")
            now = (row["status"], row["txId"], row["confirmNo"])
            if now != said:
                said = now
                words = "done" if row["status"] == _COMPLETED else "on its way"
                sent = f", transaction {row['txId']}, {row['confirmNo']} confirmations" if row["txId"] else ""
                say(f"{self.name}: withdrawal of {asset} {words}{sent}")
            return row if row["status"] == _COMPLETED else None

        return wait_for(f"a withdrawal of {asset}", look, WITHDRAWAL_TIMEOUT_S)
