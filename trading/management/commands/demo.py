"""The whole thing, end to end, on a running instance: register, deposit, trade, withdraw, audit."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from mex.money import format_units, parse_units
from trading.client.errors import ApiRefused, ApiUnavailable
from trading.demo.outcome import DemoFailed, demand
from trading.demo.outside import (
    demand_bitcoin,
    demand_ether,
    demand_tokens,
    fresh_bitcoin_address,
    fresh_ethereum_address,
)
from trading.demo.person import Person
from trading.demo.trade import FOR_BITCOIN, FOR_DOLLARS, Deal, Fill, trade
from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable
from wallets.ledger.audit import audit_run
from wallets.models import Asset

DEPOSIT_BTC, DEPOSIT_ETH, DEPOSIT_USDT = "1.00000000", "5.00000000", "5000.00000000"
WITHDRAW_BTC, WITHDRAW_ETH, WITHDRAW_USDT = "0.02000000", "0.50000000", "25.00000000"


class Command(BaseCommand):
    """Run the demo; end with status 1 at the first thing that does not hold."""

    help = "Two new users deposit, trade and withdraw on the instance at MEX_URL; then the audit."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run all steps."""
        if not settings.MEX_LOCAL_CHAINS:
            raise CommandError("the demo needs local chains: it takes coins from the faucet")
        url = os.environ.get("MEX_URL", "http://127.0.0.1:8000")
        self._number = 0
        try:
            self._run(url)
        except DemoFailed as failure:
            raise CommandError(f"demo: {failure}") from None
        except (ApiRefused, ApiUnavailable, ChainRefused, ChainUnavailable) as error:
            raise CommandError(f"demo: {error}") from error

    def _run(self, url: str) -> None:
        self._say(f"demo at {url}")
        alice, bob = Person(url, "Alice"), Person(url, "Bob")
        for person in (alice, bob):
            person.register()
            person.make_key()
            self._say(f"{person.name}: registered as {person.email}, API key {person.key[:8]}…")
        gifts = [(alice, "BTC", DEPOSIT_BTC), (bob, "ETH", DEPOSIT_ETH), (alice, "USDT", DEPOSIT_USDT)]
        # All are asked for before one is waited for: they confirm side by side.
        addresses = [self._press_faucet(*gift) for gift in gifts]
        for gift, address in zip(gifts, addresses, strict=True):
            self._watch_deposit(*gift, address)
        for deal in (FOR_BITCOIN, FOR_DOLLARS):
            before = {person.name: person.balances() for person in (alice, bob)}
            fill = trade(url, deal, bob, alice, self._say)
            self._settle(deal, alice, bob, before, fill)
        self._withdraw(bob, "BTC", fresh_bitcoin_address(), WITHDRAW_BTC)
        self._withdraw(alice, "ETH", fresh_ethereum_address(), WITHDRAW_ETH)
        self._withdraw(alice, "USDT", fresh_ethereum_address(), WITHDRAW_USDT)
        self._audit()
        self._say("demo: all of it held")

    def _press_faucet(self, person: Person, asset: str, amount: str) -> str:
        address = person.deposit_address(asset)
        person.press_faucet(asset, amount)
        self._say(f"{person.name}: the faucet pays {amount} {asset} to {address}")
        return address

    def _watch_deposit(self, person: Person, asset: str, amount: str, address: str) -> None:
        row = person.watch_deposit(asset, self._say)
        demand(row["amount"] == amount, f"{amount} {asset} were paid, {row['amount']} arrived")
        demand(row["address"] == address, f"the deposit went to {row['address']}, not to {address}")
        self._expect(person, {asset: (parse_units(amount), 0)})
        self._say(f"{person.name}: {self._funds(person)}")

    def _settle(
        self, deal: Deal, buyer: Person, seller: Person, before: dict[str, dict[str, tuple[int, int]]], fill: Fill
    ) -> None:
        moved = {
            buyer.name: {deal.base: deal.quantity - fill.buyer_fee, deal.quote: -fill.quote},
            seller.name: {deal.base: -deal.quantity, deal.quote: fill.quote - fill.seller_fee},
        }
        for person in (buyer, seller):
            old, change = before[person.name], moved[person.name]
            self._expect(person, {asset: (old[asset][0] + change.get(asset, 0), 0) for asset in old})
            self._say(f"{person.name}: {self._funds(person)}")

    def _withdraw(self, person: Person, asset: str, address: str, amount: str) -> None:
        free = person.balances()[asset][0]
        gross = parse_units(amount)
        name = person.withdraw(asset, address, amount)
        self._say(f"{person.name}: asked for {amount} {asset} to {address}, withdrawal {name}")
        row = person.watch_withdrawal(asset, name, self._say)
        net, fee = parse_units(row["amount"]), parse_units(row["transactionFee"])
        demand(net + fee == gross, f"{amount} left the balance, {row['amount']} and {row['transactionFee']} are listed")
        if asset == "USDT":
            token = Asset.objects.get(code=asset)
            demand_tokens(token.contract, token.chain_decimals, address, net)
        else:
            (demand_bitcoin if asset == "BTC" else demand_ether)(address, net)
        self._expect(person, {asset: (free - gross, 0)})
        self._say(f"{person.name}: {format_units(net)} {asset} arrived on chain, fee {format_units(fee)}")
        self._say(f"{person.name}: {self._funds(person)}")

    def _audit(self) -> None:
        report = audit_run()
        for finding in report.findings:
            demand(not finding.skipped, f"audit: {finding.name} was not checked: {finding.skipped}")
            demand(finding.differences == 0, f"audit: {finding.name}: {' · '.join(finding.first)}")
        self._say(f"audit clean: {len(report.findings)} checks")

    def _expect(self, person: Person, wanted: dict[str, tuple[int, int]]) -> None:
        found = person.balances()
        for asset, amounts in wanted.items():
            demand(
                found[asset] == amounts,
                f"{person.name} should have {amounts} units of {asset} (free, locked), but has {found[asset]}",
            )

    def _funds(self, person: Person) -> str:
        parts = [f"{format_units(free + locked)} {asset}" for asset, (free, locked) in person.balances().items()]
        return "has " + " and ".join(parts)

    def _say(self, line: str) -> None:
        self._number += 1
        self.stdout.write(f"{self._number:>3}  {line}")
        self.stdout.flush()
