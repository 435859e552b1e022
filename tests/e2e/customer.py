"""A customer of a running instance through its public API, who keeps trying while something is being restarted."""

import secrets
import time
from typing import Any

from mex.money import format_short, parse_units
from tests.e2e.waiting import wait_for
from trading.client.errors import ApiRefused, ApiUnavailable
from trading.client.rest import RestClient
from trading.demo.outcome import DemoFailed
from trading.demo.person import Person

SYMBOL = "ETHBTC"
_RETRYABLE = {-1007, -1008, -4012}
"""What the API answers while a part of it is away, and "address not ready"."""
_TRIED, _CREDITED, _COMPLETED = 60.0, 1, 6
_PRESS_AGAIN_S, _DEPOSIT_S = 30.0, 120.0
WITHDRAWAL_S = 180.0


class Customer:
    """One user with a key for everything."""

    def __init__(self, url: str, name: str) -> None:
        self._person = Person(url, name)
        self._person.register()
        self._person.make_key()
        self.api: RestClient = self._person.api
        self.key, self.secret = self._person.key, self._person.secret

    def ask(self, method: str, path: str, **params: str) -> Any:
        """Return the answer of a signed request; one that may not be answered now is made again."""

        def look() -> list[Any] | None:
            try:
                return [self.api.signed(method, path, **params)]
            except ApiUnavailable:
                return None
            except ApiRefused as refusal:
                if refusal.code not in _RETRYABLE:
                    raise
                return None

        return wait_for(f"an answer to {method} {path}", look, timeout_s=_TRIED)[0]

    def balances(self) -> dict[str, tuple[int, int]]:
        """Return (free, locked) units by asset, of those that there is something of."""
        rows = self.ask("GET", "/api/v3/account")["balances"]
        every = {row["asset"]: (parse_units(row["free"]), parse_units(row["locked"])) for row in rows}
        return {asset: funds for asset, funds in every.items() if funds != (0, 0)}

    def totals(self) -> dict[str, int]:
        """Return units by asset, whether free or in orders and withdrawals."""
        return {asset: free + locked for asset, (free, locked) in self.balances().items()}

    def open_orders(self) -> list[tuple[str, str, str, str]]:
        """Return (client order id, side, price, quantity) of the open orders."""
        rows = self.ask("GET", "/api/v3/openOrders", symbol=SYMBOL)
        return [(row["clientOrderId"], row["side"], row["price"], row["origQty"]) for row in rows]

    def all_orders(self) -> list[dict[str, Any]]:
        """Return every order there ever was, the oldest first."""
        rows: list[dict[str, Any]] = []
        while True:
            first = str(rows[-1]["orderId"] + 1) if rows else "0"
            page = self.ask("GET", "/api/v3/allOrders", symbol=SYMBOL, orderId=first, limit="1000")
            rows += page
            if len(page) < 1000:
                return rows

    def place(self, *, price: str, quantity: str) -> str:
        """Place a limit order to buy ether and return its name. Raises ApiRefused or ApiUnavailable."""
        name = f"e2e-{secrets.token_hex(8)}"
        order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
        self.api.signed("POST", "/api/v3/order", **order, price=price, quantity=quantity, newClientOrderId=name)
        return name

    def cancel(self, name: str) -> None:
        """Cancel an order. Raises ApiRefused or ApiUnavailable."""
        self.api.signed("DELETE", "/api/v3/order", symbol=SYMBOL, origClientOrderId=name)

    def trade(self) -> None:
        """Place an order that rests and cancel it, as soon as that works."""

        def look() -> bool:
            try:
                self.cancel(self.place(price="0.01", quantity="0.1"))
            except ApiUnavailable:
                return False
            except ApiRefused as refusal:
                if refusal.code not in _RETRYABLE:
                    raise
                return False
            return True

        wait_for("an order to be placed and canceled", look, timeout_s=_TRIED)

    def deposits(self, asset: str) -> list[dict[str, Any]]:
        """Return the deposits of an asset."""
        rows: list[dict[str, Any]] = self.ask("GET", "/sapi/v1/capital/deposit/hisrec", coin=asset)
        return rows

    def deposit(self, asset: str, amount: str) -> None:
        """Press the faucet until a new deposit shows, and wait until it is credited."""
        before = {row["txId"] for row in self.deposits(asset)}

        def fresh() -> dict[str, Any] | None:
            return next((row for row in self.deposits(asset) if row["txId"] not in before), None)

        def is_credited() -> bool:
            row = fresh()
            return row is not None and row["status"] == _CREDITED

        # What the faucet was asked for while its node was down does not come: people press again.
        pressed: list[float] = []

        def look() -> dict[str, Any] | None:
            if not pressed or time.monotonic() > pressed[-1] + _PRESS_AGAIN_S:
                try:
                    self.press_faucet(asset, amount)
                except DemoFailed:
                    return None  # the page says that it is busy
                pressed.append(time.monotonic())
            return fresh()

        wait_for(f"a deposit of {asset}", look, timeout_s=_DEPOSIT_S)
        wait_for(f"the credit of {asset}", is_credited, timeout_s=_DEPOSIT_S)

    def press_faucet(self, asset: str, amount: str) -> None:
        """Press the faucet once."""
        self.address(asset)
        self._person.press_faucet(asset, amount)

    def address(self, asset: str) -> str:
        """Return the deposit address of an asset."""
        return str(self.ask("GET", "/sapi/v1/capital/deposit/address", coin=asset)["address"])

    def withdraw(self, asset: str, address: str, units: int) -> str:
        """Ask for a withdrawal and return its id."""
        amount = format_short(units)
        return self._person.withdraw(asset, address, amount)

    def withdrawal(self, asset: str, name: str) -> dict[str, Any]:
        """Return a withdrawal."""
        rows = self.ask("GET", "/sapi/v1/capital/withdraw/history", coin=asset)
        row: dict[str, Any] = next(row for row in rows if row["id"] == name)
        return row

    def see_completed(self, asset: str, name: str) -> None:
        """Wait until a withdrawal is on chain for good."""
        wait_for(
            f"the end of a withdrawal of {asset}",
            lambda: self.withdrawal(asset, name)["status"] == _COMPLETED,
            timeout_s=WITHDRAWAL_S,
        )
