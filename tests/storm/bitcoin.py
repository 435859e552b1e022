"""A storm on Bitcoin: `python -m tests.storm.bitcoin SEED BLOCKS FOLDER`, where an engine runs.

Blocks, reorganisations deeper than what is credited, double spends, replaced payments, a node that stops and forgets
its mempool, fees that rise; and a worker that dies again and again.
"""

import random
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402

from tests.storm.course import sail  # noqa: E402
from tests.wallets.nodes import Bitcoind, ChainRefused  # noqa: E402
from wallets.chains import local  # noqa: E402
from wallets.models import Asset  # noqa: E402

CONFIRMATIONS = 3
DEPTH_MAX = 6
_UNITS = 10**8
_FEE = 2_000


class BitcoinSea:
    """bitcoind in bad weather."""

    assets = ("BTC",)

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.told: Counter[str] = Counter()
        self._chance = chance
        self._rivals: list[str] = []
        self._empty_blocks = 0
        self._node = Bitcoind(folder)
        self._node.command.append("-persistmempool=0")

    def begin(self) -> None:
        self._node.start()
        settings.BITCOIN_RPC_URL = self._node.url
        self._node.faucet = local.faucet_node(self._node.url)
        local.bitcoin_mine(self._node.faucet, 150)
        Asset.objects.filter(code="BTC").update(confirmations=CONFIRMATIONS)
        # Many coins, so that payments do not hang on one another.
        for _ in range(40):
            self._node.pay(self._node.fresh_address(), 5 * _UNITS)
        self.mine()

    def weather(self) -> None:
        events = (
            (0.10, self._reorganise),
            (0.10, self._rival_appears),
            (0.06, self._restart),
            (0.05, self._fees_rise),
            (0.05, self._blocks_stay_empty),
        )
        for likelihood, event in events:
            if self._chance.random() < likelihood:
                event()

    def mine(self) -> None:
        if self._empty_blocks:
            self._empty_blocks -= 1
            self._node.node.root.call("generateblock", self._node.fresh_address(), [])
        else:
            self._node.mine()

    def settle(self) -> None:
        self._empty_blocks = 0
        local.bitcoin_resubmit(self._node.faucet)

    def pay(self, asset: Asset, address: str, units: int) -> None:
        """Pay; one in three times so that a rival with the same coin can replace the payment later."""
        if self._chance.random() < 0.35:
            self._pay_doubtfully(address, units)
        else:
            self._node.pay(address, units)
        self.told["payment"] += 1

    def fresh(self) -> str:
        kinds = ("bech32", "bech32m", "legacy", "p2sh-segwit")
        return self._node.fresh_address(self._chance.choice(kinds))

    def arrived(self, asset: Asset) -> Counter[str]:
        total: Counter[str] = Counter()
        root = self._node.node.root
        for height in range(int(root.call("getblockcount")) + 1):
            block = root.call("getblock", root.call("getblockhash", height), 2)
            for transaction in block["tx"]:
                for output in transaction["vout"]:
                    address = output["scriptPubKey"].get("address")
                    if address is not None:
                        total[address] += int(output["value"] * _UNITS)
        return total

    def end(self) -> None:
        self._node.stop()

    def _pay_doubtfully(self, address: str, units: int) -> None:
        rpc = self._node.faucet.rpc
        coins = rpc.call("listunspent", 1)
        fitting = [coin for coin in coins if coin["amount"] * _UNITS > units + 10 * _FEE]
        if not fitting:
            self._node.pay(address, units)
            return
        coin = self._chance.choice(fitting)
        inputs = [{"txid": coin["txid"], "vout": coin["vout"], "sequence": 0xFFFFFFFD}]
        rest = int(coin["amount"] * _UNITS) - units

        def signed(outputs: list[dict[str, Decimal]]) -> str:
            raw = rpc.call("createrawtransaction", inputs, outputs)
            return str(rpc.call("signrawtransactionwithwallet", raw)["hex"])

        self._node.node.root.call(
            "sendrawtransaction", signed([{address: _btc(units)}, {self._node.fresh_address(): _btc(rest - _FEE)}])
        )
        self._rivals.append(signed([{self._node.fresh_address(): _btc(rest + units - 8 * _FEE)}]))
        self._node.settle()

    def _rival_appears(self) -> None:
        """Somebody spends a coin that he has paid with: in the mempool, or in place of a block that is gone."""
        for rival in self._chance.sample(self._rivals, len(self._rivals)):
            try:
                self._node.node.root.call("sendrawtransaction", rival)
            except ChainRefused:
                continue  # the payment is in a block: too late
            self._rivals.remove(rival)
            self.told["double spend"] += 1
            return

    def _reorganise(self) -> None:
        root = self._node.node.root
        depth = self._chance.randint(1, DEPTH_MAX)
        height = int(root.call("getblockcount"))
        root.call("invalidateblock", root.call("getblockhash", height - depth + 1))
        for _ in range(self._chance.randint(0, 2)):
            self._rival_appears()
        for _ in range(depth + 1):
            if self._chance.random() < 0.5:
                root.call("generateblock", self._node.fresh_address(), [])
            else:
                self._node.mine()
        self.told["reorganisation"] += 1
        if depth > CONFIRMATIONS:
            self.told["deep reorganisation"] += 1

    def _restart(self) -> None:
        self._node.stop()
        self._node.start()
        for wallet in ("faucet", settings.BITCOIN_WALLET):
            try:
                self._node.node.root.call("loadwallet", wallet)
            except ChainRefused:
                continue  # loaded at the start
        self.told["restart"] += 1

    def _fees_rise(self) -> None:
        """What is in no block is old now, and has to be bumped."""
        settings.BUMP_AFTER_S = self._chance.choice((0, 600))
        self.told["rising fees"] += 1

    def _blocks_stay_empty(self) -> None:
        self._empty_blocks = self._chance.randint(2, 6)
        self.told["empty blocks"] += 1


def _btc(units: int) -> Decimal:
    return Decimal(units) / _UNITS


if __name__ == "__main__":
    seed = int(sys.argv[1])
    sea = BitcoinSea(Path(sys.argv[3]), random.Random(f"weather {seed}"))
    sail(sea, seed, int(sys.argv[2]), sea.told)
