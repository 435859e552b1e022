"""bitcoind as the judge of our signatures: it signs the same, with the same keys, which nothing but tests gives it."""

from typing import Any

from wallets.chains.bitcoin import BitcoinNode
from wallets.chains.descriptors import Descriptor, descriptor_checksum
from wallets.chains.hd import PrivateNode
from wallets.chains.keys import bitcoin_signing_descriptors
from wallets.chains.psbt import psbt_read


def private_keys(psbt: str) -> list[tuple[Descriptor, int, PrivateNode]]:
    """Return descriptor, number and private key of each coin that a PSBT of ours spends."""
    ours = [Descriptor.parse(text) for text in bitcoin_signing_descriptors()]
    return [
        (item, origin.path[-1], item.private_branch().derive(str(origin.path[-1])))
        for coin in psbt_read(psbt).inputs
        for origin in coin.origins
        for item in ours
        if (origin.fingerprint, origin.path) == (item.fingerprint, item.path(origin.path[-1]))
    ]


def node_signed(node: BitcoinNode, psbt: str, *, is_final: bool = True) -> dict[str, Any]:
    """Return what bitcoind makes of a PSBT of ours with our keys: with `hex` if it is to be final."""
    texts = {
        f"{of.kind}([{of.fingerprint}/{of.account}/{of.branch}/{index}]{key.wif(testnet=True)})"
        for of, index, key in private_keys(psbt)
    }
    requests = [f"{text}#{descriptor_checksum(text)}" for text in sorted(texts)]
    answer = node.root.call("descriptorprocesspsbt", psbt, requests, "DEFAULT", True, is_final)
    assert isinstance(answer, dict)
    return answer
