"""Mine the local chains: quickly while something waits for confirmations, hardly at all otherwise."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection

from mex.outages import database_outage
from wallets.chains.bitcoin import BitcoinNode
from wallets.chains.ethereum import EthereumNode
from wallets.chains.health import say_once, say_over
from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable
from wallets.chains.local import bitcoin_fund, bitcoin_mine, bitcoin_resubmit, ethereum_mine, faucet_node
from wallets.deposits.contracts import contract_deploy
from wallets.models import Asset, Chain

log = logging.getLogger(__name__)

TICK_S = 0.5
LINGER_S = 1.5
"""How long a new transaction stays unconfirmed, so that a deposit is seen at 0 confirmations first."""

IDLE_S = 300.0
"""Time between blocks when nothing waits: chains must not grow for ever, nor look dead."""

RESUBMIT_S = 5.0
DEPLOY_S = 5.0
_RETRY_S = 2.0


class MinedChain(Protocol):
    """A chain that we mine ourselves."""

    def has_pending(self) -> bool:
        """Return whether a transaction could go into the next block."""

    def height(self) -> int:
        """Return the number of the last block."""

    def has_transactions(self, height: int) -> bool:
        """Return whether a block holds a transaction that is not the miner's own."""

    def mine(self) -> None:
        """Mine one block."""


class BitcoinChain:
    """bitcoind on regtest; the faucet's wallet gets the rewards."""

    def __init__(self, faucet: BitcoinNode) -> None:
        self._faucet = faucet

    def has_pending(self) -> bool:
        """Return whether the memory pool holds a transaction."""
        return bool(self._faucet.root.call("getmempoolinfo")["size"])

    def height(self) -> int:
        """Return the number of the last block."""
        return int(self._faucet.root.call("getblockcount"))

    def has_transactions(self, height: int) -> bool:
        """Return whether a block holds more than its coinbase."""
        block = self._faucet.root.call("getblockhash", height)
        return bool(self._faucet.root.call("getblockheader", block)["nTx"] > 1)

    def mine(self) -> None:
        """Mine one block."""
        bitcoin_mine(self._faucet)


class EthereumChain:
    """anvil without mining of its own."""

    def __init__(self, node: EthereumNode) -> None:
        self._node = node

    def has_pending(self) -> bool:
        """Return whether the pool holds a transaction that can be mined; one that waits for its nonce cannot."""
        return int(self._node.rpc.call("txpool_status")["pending"], 16) > 0

    def height(self) -> int:
        """Return the number of the last block."""
        return int(self._node.rpc.call("eth_blockNumber"), 16)

    def has_transactions(self, height: int) -> bool:
        """Return whether a block holds a transaction."""
        return int(self._node.rpc.call("eth_getBlockTransactionCountByNumber", hex(height)), 16) > 0

    def mine(self) -> None:
        """Mine one block."""
        ethereum_mine(self._node)


class Miner:
    """Decides when a chain gets its next block. Times are seconds of one clock that never goes back."""

    def __init__(self, chain: MinedChain, *, interval_s: float, needed: Callable[[], int]) -> None:
        self._chain = chain
        self._interval_s = interval_s
        self._needed = needed
        self._pending_since_s: float | None = None
        self._mined_s = float("-inf")
        self._looked_at = (-1, -1)
        self._is_busy = False

    def tick(self, now_s: float) -> bool:
        """Mine a block if it is time, and return whether one was mined."""
        if not self._is_due(now_s):
            return False
        self._chain.mine()
        self._mined_s = now_s
        self._pending_since_s = None
        return True

    def _is_due(self, now_s: float) -> bool:
        since_s = now_s - self._mined_s
        if self._chain.has_pending():
            if self._pending_since_s is None:
                self._pending_since_s = now_s
            return since_s >= self._interval_s and now_s - self._pending_since_s >= LINGER_S
        self._pending_since_s = None
        if self._waits_for_confirmations():
            return since_s >= self._interval_s
        return since_s >= IDLE_S

    def _waits_for_confirmations(self) -> bool:
        # A block with exactly what is needed still counts: it gets one more, to be on the safe side of an off-by-one.
        height, depth = self._chain.height(), self._needed()
        if self._looked_at != (height, depth):
            self._looked_at = (height, depth)
            recent = range(height, max(height - depth, 0), -1)
            self._is_busy = any(self._chain.has_transactions(number) for number in recent)
        return self._is_busy


class Chore(Protocol):
    """Something that the miner looks at all the time and does now and then."""

    def tick(self, now_s: float) -> bool:
        """Do it if it is time, and return whether it was done."""


class Resubmitter:
    """Sends again what the faucet sent and its node forgot, so that a kill costs nobody a deposit."""

    def __init__(self, faucet: BitcoinNode) -> None:
        self._faucet = faucet
        self._looked_s = float("-inf")

    def tick(self, now_s: float) -> bool:
        """Look if it is time, and return whether anything was sent again."""
        if now_s - self._looked_s < RESUBMIT_S:
            return False
        self._looked_s = now_s
        lost = bitcoin_resubmit(self._faucet)
        for txid in lost:
            log.info("sent again, because the node had forgotten it: %s", txid)
        return bool(lost)


class TokenDeployer:
    """Puts our test tokens onto a chain that does not have them: a new one, or one that was killed and forgot them."""

    def __init__(self, node: EthereumNode) -> None:
        self._node = node
        self._looked_s = float("-inf")

    def tick(self, now_s: float) -> bool:
        """Look if it is time, and return whether anything was deployed."""
        if now_s - self._looked_s < DEPLOY_S:
            return False
        tokens = Asset.objects.filter(chain=Chain.ETHEREUM, is_token=True)
        deployed = [contract_deploy(asset=token, node=self._node) for token in tokens]
        self._looked_s = now_s
        return any(deployed)


class Command(BaseCommand):
    """Prepare the local chains and mine them until told to stop."""

    help = "Mine the local chains: quickly while something waits for confirmations. Refused on other chains."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--prepare", action="store_true", help="Make the faucet's first coins, then end.")
        parser.add_argument("--bitcoin-interval", type=float, default=2.0, help="Seconds between BTC blocks (2).")
        parser.add_argument("--ethereum-interval", type=float, default=1.0, help="Seconds between ETH blocks (1).")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.MEX_LOCAL_CHAINS:
            raise CommandError("only local chains are mined here: MEX_LOCAL_CHAINS is off")
        self._stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        faucet = self._prepare()
        if options["prepare"] or faucet is None:
            return
        chores: list[Chore] = [
            TokenDeployer(EthereumNode()),
            Resubmitter(faucet),
            Miner(
                BitcoinChain(faucet),
                interval_s=options["bitcoin_interval"],
                needed=lambda: confirmations(Chain.BITCOIN),
            ),
            Miner(
                EthereumChain(EthereumNode()),
                interval_s=options["ethereum_interval"],
                needed=lambda: confirmations(Chain.ETHEREUM),
            ),
        ]
        self.stdout.write("mining")
        while not self._stopping.wait(TICK_S):
            for place, chore in enumerate(chores):
                if not tick(chore, topic=f"chore {place}"):
                    self._stopping.wait(_RETRY_S)

    def _prepare(self) -> BitcoinNode | None:
        """Open the faucet's wallet and see that it has coins; wait for a node that is not there yet."""
        while not self._stopping.is_set():
            try:
                faucet = faucet_node()
                bitcoin_fund(faucet)
            except ChainUnavailable as error:
                log.warning("waiting for bitcoind: %s", error)
                self._stopping.wait(_RETRY_S)
            else:
                return faucet
        return None

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self._stopping.set()


def tick(chore: Chore, *, topic: str) -> bool:
    """Do a chore if it is time. Return whether it could be looked at; why not is said once for a topic."""
    try:
        chore.tick(time.monotonic())
    except (ChainUnavailable, ChainRefused) as error:
        why = str(error)
    except OperationalError as error:
        outage = database_outage(error)
        if not outage:
            raise
        why = f"the database cannot be used, {outage}"
        connection.close()  # one that broke stays so
    else:
        say_over(topic)
        return True
    if say_once(topic, why):
        log.warning("no block is mined: %s", why)
    return False


def confirmations(chain: Chain) -> int:
    """Return the most confirmations that an asset of the chain waits for."""
    needed = Asset.objects.filter(chain=chain).values_list("confirmations", flat=True)
    return max(needed, default=1)
