"""bitcoind as the judge of our signatures: it signs the same, with the same keys, which nothing but tests gives it."""

from typing import Any

from bitcoin.base58 import CBase58Data

from wallets.chains.bitcoin import BitcoinNode, SignedBitcoin, psbt_sign
from wallets.chains.descriptors import Descriptor, descriptor_checksum
from wallets.chains.hd import PrivateNode
from wallets.chains.keys import bitcoin_signing_descriptors
from wallets.chains.psbt import psbt_read


def payment_signed(node: BitcoinNode, address: str, amount: int, fee_rate: int) -> SignedBitcoin:
    """Return a signed payment of satoshis, for sat/vB, that nobody has seen yet."""
    return psbt_sign(psbt_read(node.payment_fund([(address, amount)], fee_rate * 1000)))


def wif(key: PrivateNode, *, testnet: bool = True) -> str:
    """Return a key as wallets import it. mex itself gives no key away, in no form."""
    return str(CBase58Data.from_bytes(key.key + b"\x01", 0xEF if testnet else 0x80))


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
        f"{of.kind}([{of.fingerprint}/{of.account}/{of.branch}/{index}]{wif(key)})"
        for of, index, key in private_keys(psbt)
    }
    requests = [f"{text}#{descriptor_checksum(text)}" for text in sorted(texts)]
    answer = node.root.call("descriptorprocesspsbt", psbt, requests, "DEFAULT", True, is_final)
    assert isinstance(answer, dict)
    return answer
