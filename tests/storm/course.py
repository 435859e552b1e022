"""What storms of both chains share: users, withdrawals, the way to calm water, and the reckoning at the end."""

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from accounts.models import User
from accounts.services import account_register
from mex.errors import AddressNotReady, MexError
from tests.storm.mortal import Worker
from wallets import reserve, services
from wallets.ledger.audit import audit_run
from wallets.models import Asset, ChainTransaction, Deposit, DepositAddress, Withdrawal, WithdrawalRules

USERS = 5
CALM_S = 240.0
FINAL_DEPOSITS = ("credited", "collecting", "orphaned", "expired", "reversed")
FINAL_WITHDRAWALS = ("confirmed", "cancelled", "rejected")


class Sea(Protocol):
    """A chain that storms."""

    assets: tuple[str, ...]

    def begin(self) -> None:
        """Start the node and have coins to pay with."""

    def weather(self) -> None:
        """Let one thing happen outside."""

    def mine(self) -> None:
        """Mine a block."""

    def settle(self) -> None:
        """End all strange weather: what can still be confirmed is sent again."""

    def pay(self, asset: Asset, address: str, units: int) -> None:
        """Pay into mex."""

    def fresh(self) -> str:
        """Return an address outside that nobody ever paid to."""

    def arrived(self, asset: Asset) -> Counter[str]:
        """Return the units that each address has ever received in the chain as it stands, from outside mex."""

    def end(self) -> None:
        """Stop the node."""


class Course:
    """A storm of so many blocks, from one seed."""

    def __init__(self, sea: Sea, seed: int, blocks: int) -> None:
        self.sea = sea
        self.blocks = blocks
        self.chance = random.Random(seed)
        self.worker = Worker(self.chance)
        self.asked: dict[str, tuple[str, int]] = {}
        """Address of each withdrawal: its asset's code and the units that should arrive."""

    def run(self) -> dict[str, object]:
        """Sail through it and return what was seen."""
        for code in reserve.RESERVE:
            reserve.RESERVE[code] *= 200  # what users lose with our deposits is paid from it
        self.sea.begin()
        users = [account_register(email=f"u{n}@storm.test", password="correct horse battery") for n in range(USERS)]
        assets = list(Asset.objects.filter(code__in=self.sea.assets).order_by("pk"))
        addresses = {(user.pk, asset.pk): self._address(user, asset) for user in users for asset in assets}
        for user in users:
            for asset in assets:
                self.sea.pay(asset, addresses[user.pk, asset.pk], 10**8)
        self._until_finished()
        self.worker.mortality = 0.3
        for _ in range(self.blocks):
            for _ in range(self.chance.randint(0, 2)):
                user, asset = self.chance.choice(users), self.chance.choice(assets)
                if self.chance.random() < 0.5:
                    units = self.chance.randint(100_000, 3_000_000) // 100 * 100
                    self.sea.pay(asset, addresses[user.pk, asset.pk], units)
                else:
                    self._withdraw(user, asset)
            self.sea.weather()
            self.sea.mine()
            for _ in range(self.chance.randint(0, 2)):
                self.worker.round()
        self.worker.mortality = 0.0
        self._until_finished()
        return self._reckoning(assets)

    def _address(self, user: User, asset: Asset) -> str:
        for _ in self._until(60.0):
            try:
                return services.deposit_address_assign(user=user, asset=asset).address
            except AddressNotReady:
                self.sea.mine()
                self.worker.round()
        raise AssertionError("no deposit address")

    def _withdraw(self, user: User, asset: Asset) -> None:
        address = self.sea.fresh()
        step = 10 ** max(8 - asset.chain_decimals, 0)
        amount = max(self.chance.randint(200_000, 4_000_000), asset.withdrawal_min) // step * step
        try:
            row = services.withdrawal_request(user_id=user.pk, asset=asset, address=address, amount=amount)
        except MexError:
            return  # nothing is credited yet, or the account is frozen
        self.asked[row.address] = (asset.code, amount - row.fee)

    def _until_finished(self) -> None:
        """Go on in calm water until every deposit and every payment has come to its end."""
        for _ in self._until(CALM_S):
            # An operator has looked at the accounts that lost a deposit, and lets them withdraw again.
            WithdrawalRules.objects.update(frozen_at=None, frozen_because="")
            self.sea.settle()
            self.sea.mine()
            self.worker.round()
            if Deposit.objects.exists() and not self._unfinished():
                return
        print(f"unfinished: {self._unfinished()}", file=sys.stderr)

    def _unfinished(self) -> list[str]:
        deposits = Deposit.objects.exclude(status__in=FINAL_DEPOSITS)
        lost = Deposit.objects.filter(status="orphaned", credited_at__isnull=False)
        withdrawals = Withdrawal.objects.exclude(status__in=FINAL_WITHDRAWALS)
        transactions = ChainTransaction.objects.filter(status__in=["signed", "broadcast"])
        doubts = ChainTransaction.objects.filter(fee_in_doubt=True)
        return [
            *(f"deposit {row.pk} of {row.asset} is {row.status}" for row in (*deposits, *lost)),
            *(f"withdrawal {row.pk} of {row.asset} is {row.status}" for row in withdrawals.select_related("asset")),
            *(f"{row.kind} {row.txid} is {row.status}" for row in transactions),
            *(f"what {row.kind} {row.txid} cost is in doubt" for row in doubts),
        ]

    def _reckoning(self, assets: list[Asset]) -> dict[str, object]:
        differences = self._unfinished()
        own = set(DepositAddress.objects.exclude(user=None).values_list("address", flat=True))
        for asset in assets:
            arrived = self.sea.arrived(asset)
            credited: Counter[str] = Counter()
            for row in Deposit.objects.filter(asset=asset, status__in=["credited", "collecting"]):
                credited[row.address.address] += row.amount
            for address in sorted(own | set(credited)):
                if arrived[address] != credited[address]:
                    differences.append(f"{address} got {arrived[address]} {asset}, credited are {credited[address]}")
            differences += self._unpaid(asset, arrived)
        report = audit_run()
        elsewhere = [f"the {code} ledger" for code in ("BTC", "ETH", "USDT") if code not in self.sea.assets]
        differences += [
            f"{finding.name}: {finding.skipped or finding.first}"
            for finding in report.findings
            if not finding.has_passed and not finding.name.endswith(tuple(elsewhere))
        ]
        states = Counter(Deposit.objects.values_list("status", flat=True))
        kinds = Counter(ChainTransaction.objects.values_list("kind", "status"))
        return {
            "differences": differences,
            "deposits": dict(states),
            "withdrawals": dict(Counter(Withdrawal.objects.values_list("status", flat=True))),
            "transactions": {f"{kind} {status}": count for (kind, status), count in sorted(kinds.items())},
            "deaths": self.worker.deaths.total(),
        }

    def _unpaid(self, asset: Asset, arrived: Counter[str]) -> Iterator[str]:
        paid = dict(Withdrawal.objects.filter(asset=asset, status="confirmed").values_list("address", "amount"))
        for address, (code, units) in self.asked.items():
            if code == asset.code and arrived[address] != (units if address in paid else 0):
                yield f"{address} should have {units if address in paid else 0} {asset}, and has {arrived[address]}"

    @staticmethod
    def _until(seconds: float) -> Iterator[None]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            yield


def sail(sea: Sea, seed: int, blocks: int, told: Counter[str]) -> None:
    """Run a storm, print what was seen as one line of JSON, and end the node however it ends."""
    try:
        result = Course(sea, seed, blocks).run()
        print(json.dumps(result | {"weather": dict(told)}), flush=True)
    finally:
        sea.end()
