"""Nodes of our own for tests: free loopback ports, temporary folders, ended with the test run however it ends."""

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.wallets.key_files import as_signer
from wallets.chains import local
from wallets.chains.bitcoin import BitcoinNode, psbt_sign
from wallets.chains.ethereum import EthereumNode
from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable
from wallets.chains.psbt import psbt_read

BIN = Path(os.environ.get("MEX_NODES", Path.home() / ".cache/mex/nodes")) / "bin"
START_S = 30.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class NodeProcess:
    """A node that can be stopped and started again."""

    def __init__(self, command: list[str], log: Path) -> None:
        self.command = command
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent
            )
        deadline = time.monotonic() + START_S
        while True:
            try:
                self.ping()
                return
            except ChainUnavailable:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(self.log.read_text()[-1000:]) from None
                time.sleep(0.03)

    def ping(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)


class Bitcoind(NodeProcess):
    """A regtest bitcoind with our wallet and a funded faucet."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port, password = free_port(), secrets.token_hex(8)
        self.url = f"http://mex:{password}@127.0.0.1:{port}"
        flags = "-regtest -server -listen=0 -dnsseed=0 -rpcbind=127.0.0.1 -rpcallowip=127.0.0.1 -txindex=1 -dbcache=32"
        policy = (
            "-addresstype=bech32 -changetype=bech32 -corepolicy -fallbackfee=0.00002 -keypool=100 -printtoconsole=0"
        )
        access = [f"-datadir={folder}", f"-rpcport={port}", "-rpcuser=mex", f"-rpcpassword={password}"]
        super().__init__([str(BIN / "bitcoind"), *flags.split(), *policy.split(), *access], folder / "stdio.log")
        self.node = BitcoinNode(self.url)

    def ping(self) -> None:
        self.node.tip()

    def prepare(self) -> None:
        """Make both wallets and give the faucet coins; the keys must be there (tests/wallets/key_files.py)."""
        self.node.wallet_open()
        self.faucet = local.faucet_node(self.url)
        local.bitcoin_mine(self.faucet, 110)

    def mine(self, blocks: int = 1) -> list[str]:
        return local.bitcoin_mine(self.faucet, blocks)

    def pay(self, address: str, satoshis: int) -> str:
        txid = local.bitcoin_pay(self.faucet, address, satoshis)
        self.settle()
        return txid

    def settle(self) -> None:
        """Wait until the wallets have heard of what is in the mempool."""
        self.node.root.call("syncwithvalidationinterfacequeue")

    def empty(self) -> None:
        """Give all coins of our wallet to the faucet, so that a test begins without any."""
        self.node.rpc.call("lockunspent", True)
        self.mine()
        if self.node.rpc.call("getbalance"):
            built = self.node.rpc.call(
                "sendall", recipients=[self.fresh_address()], options={"fee_rate": 3, "psbt": True}
            )
            with as_signer():
                signed = psbt_sign(psbt_read(built["psbt"]))
            self.node.broadcast(signed.raw)
            self.settle()
        self.mine()

    def received(self, address: str) -> int:
        """Return the satoshis that an address of the faucet's wallet received in blocks."""
        unspent = self.faucet.rpc.call("listunspent", 1, 9999999, [address])
        return sum(int(item["amount"] * 10**8) for item in unspent)

    def fresh_address(self, kind: str = "bech32") -> str:
        return str(self.faucet.rpc.call("getnewaddress", "", kind))

    def is_pending(self, txid: str) -> bool:
        return txid in self.node.root.call("getrawmempool")


@contextmanager
def prepared_bitcoind(folder: Path) -> Iterator[Bitcoind]:
    """Run one with our wallet and coins, until the end of the block."""
    node = Bitcoind(folder)
    try:
        node.start()
        node.prepare()
        yield node
    finally:
        node.stop()


class Anvil(NodeProcess):
    """An anvil that mines when it is told to."""

    def __init__(self, folder: Path, *flags: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        base = ["--host", "127.0.0.1", "--port", str(port), "--chain-id", "31337", "--quiet", "--no-mining"]
        super().__init__([str(BIN / "anvil"), *base, *flags], folder / "stdio.log")
        self.node = EthereumNode(self.url)

    def ping(self) -> None:
        self.node.height()

    def mine(self, blocks: int = 1) -> None:
        local.ethereum_mine(self.node, blocks)

    def pay(self, address: str, wei: int) -> str:
        return local.ethereum_pay(self.node, address, wei)

    def pay_token(self, contract: str, address: str, value: int) -> str:
        return local.token_pay(self.node, contract, address, value)

    def send(self, data: str, to: str | None = None, *, sender: int = -1, tip: int = 10**9) -> str:
        """Send a call, or create a contract, from one of the node's accounts; the last one has the test tokens.

        Who gives a higher tip (wei per gas) comes first in the block.
        """
        account = self.node.rpc.call("eth_accounts")[sender]
        transaction = {"from": account, "data": data, "gas": hex(1_000_000)} | ({} if to is None else {"to": to})
        transaction |= {"maxFeePerGas": hex(10**11 + tip), "maxPriorityFeePerGas": hex(tip)}
        return str(self.node.rpc.call("eth_sendTransaction", transaction))

    def balance(self, address: str) -> int:
        return self.node.balances([address])[address]

    def call(self, method: str, *args: object) -> object:
        return self.node.rpc.call(method, *args)


__all__ = ["Anvil", "Bitcoind", "ChainRefused", "ChainUnavailable", "NodeProcess", "free_port", "prepared_bitcoind"]
