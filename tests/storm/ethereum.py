"""A storm on Ethereum: `python -m tests.storm.ethereum SEED BLOCKS FOLDER`, where an engine runs.

Blocks, reorganisations deeper than what is credited, chains that get shorter, a node that stops and forgets what waits,
fees that rise; ether and tokens, some of it paid by a contract; and a worker that dies again and again.
"""

import random
import sys
from collections import Counter
from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402
from eth_account import Account  # noqa: E402

from tests.storm.course import sail  # noqa: E402
from tests.wallets.nodes import Anvil  # noqa: E402
from wallets.chains.tokens import TRANSFER_TOPIC, payment_of_log  # noqa: E402
from wallets.deposits.contracts import contract_deploy  # noqa: E402
from wallets.models import Asset, Chain, ChainTransaction, DepositAddress  # noqa: E402

CONFIRMATIONS = 3
DEPTH_MAX = 5
GWEI = 10**9


class EthereumSea:
    """anvil in bad weather."""

    assets = ("ETH", "USDT")

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.told: Counter[str] = Counter()
        self._chance = chance
        self._firm = 0
        """Height that no reorganisation goes below: anvil loses its state when it goes back beyond its own start."""
        self._anvil = Anvil(folder, f"--state={folder / 'state.json'}", "--preserve-historical-states")

    def begin(self) -> None:
        self._anvil.start()
        settings.ETHEREUM_RPC_URL = self._anvil.url
        contract_deploy(asset=Asset.objects.get(code="USDT"), node=self._anvil.node)
        self._anvil.mine(10)
        Asset.objects.filter(chain=Chain.ETHEREUM).update(confirmations=CONFIRMATIONS, withdrawals_open=True)
        Asset.objects.filter(code="USDT").update(withdrawal_fee=10_000, withdrawal_min=100_000)

    def weather(self) -> None:
        events = (
            (0.10, self._reorganise),
            (0.05, self._get_shorter),
            (0.05, self._restart),
            (0.08, self._fees_change),
            (0.05, self._forget_what_waits),
        )
        for likelihood, event in events:
            if self._chance.random() < likelihood:
                event()

    def mine(self) -> None:
        self._anvil.mine()

    def settle(self) -> None:
        """Let fees fall."""
        settings.BUMP_AFTER_S = 0
        self._anvil.call("anvil_setNextBlockBaseFeePerGas", hex(GWEI))

    def pay(self, asset: Asset, address: str, units: int) -> None:
        if asset.is_token:
            self._anvil.pay_token(asset.contract, address, units // 100)
        else:
            self._anvil.pay(address, units * 10**10)
        self.told["payment"] += 1

    def fresh(self) -> str:
        return str(Account.from_key(self._chance.randbytes(32)).address)

    def arrived(self, asset: Asset) -> Counter[str]:
        inside = set(DepositAddress.objects.values_list("address", flat=True))
        filled = set(ChainTransaction.objects.filter(kind=ChainTransaction.Kind.GAS).values_list("txid", flat=True))
        total: Counter[str] = Counter()
        blocks = self._anvil.node.blocks(range(self._anvil.node.height() + 1))
        if asset.is_token:
            for block in blocks:
                logs = self._anvil.node.rpc.call(
                    "eth_getLogs", {"blockHash": block.hash, "address": asset.contract, "topics": [TRANSFER_TOPIC]}
                )
                for payment in filter(None, (payment_of_log(log, 0) for log in logs)):
                    if payment.sender not in inside:
                        total[payment.recipient] += payment.value * 100
            return total
        payments = [payment for block in blocks for payment in block.payments]
        receipts = self._anvil.node.receipts([payment.txid for payment in payments])
        for payment in payments:
            receipt = receipts[payment.txid]
            if receipt and receipt.succeeded and payment.sender not in inside and payment.txid not in filled:
                assert payment.wei % 10**10 == 0
                total[payment.recipient] += payment.wei // 10**10
        return total

    def end(self) -> None:
        self._anvil.stop()

    def _reorganise(self) -> None:
        depth = min(self._chance.randint(1, DEPTH_MAX), self._anvil.node.height() - self._firm)
        if depth < 1:
            return
        self._anvil.call("anvil_reorg", depth, [])
        self.told["reorganisation"] += 1
        if depth > CONFIRMATIONS:
            self.told["deep reorganisation"] += 1

    def _get_shorter(self) -> None:
        depth = self._chance.randint(1, 2)
        if depth > self._anvil.node.height() - self._firm:
            return
        self._anvil.call("anvil_rollback", depth)
        self.told["shorter chain"] += 1

    def _restart(self) -> None:
        self._anvil.stop()
        self._anvil.start()
        self._firm = self._anvil.node.height()
        self.told["restart"] += 1

    def _fees_change(self) -> None:
        """A base fee above what was offered keeps payments waiting until they are bumped."""
        self._anvil.call("anvil_setNextBlockBaseFeePerGas", hex(self._chance.randint(1, 40) * GWEI))
        settings.BUMP_AFTER_S = self._chance.choice((0, 600))
        self.told["other fees"] += 1

    def _forget_what_waits(self) -> None:
        self._anvil.call("anvil_dropAllTransactions")
        self.told["lost pool"] += 1


if __name__ == "__main__":
    seed = int(sys.argv[1])
    sea = EthereumSea(Path(sys.argv[3]), random.Random(f"weather {seed}"))
    sail(sea, seed, int(sys.argv[2]), sea.told)
