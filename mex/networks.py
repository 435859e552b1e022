"""The networks that mex runs on, by the name in MEX_NETWORK: what each sets unless it is set otherwise."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A Bitcoin and an Ethereum network that belong together, and what suits them.

    `bitcoin` is what bitcoind calls its chain. Confirmations and links are by chain; a local chain has no explorer.
    """

    bitcoin: str
    ethereum_chain_id: int
    confirmations: dict[str, int]
    transaction_urls: dict[str, str]
    address_urls: dict[str, str]


_OWN_PAGES = "/transaction/{code}/{{txid}}"
_SEPOLIA = 11_155_111
_SEPOLIA_EXPLORER = "https://sepolia.etherscan.io"

NETWORKS = {
    "local": Network(
        bitcoin="regtest",
        ethereum_chain_id=31_337,
        confirmations={"bitcoin": 1, "ethereum": 12},
        transaction_urls={"bitcoin": _OWN_PAGES, "ethereum": _OWN_PAGES},
        address_urls={"bitcoin": "", "ethereum": ""},
    ),
    # Blocks of the lowest difficulty make testnet4 reorganise more deeply than any other network.
    "testnet4": Network(
        bitcoin="testnet4",
        ethereum_chain_id=_SEPOLIA,
        confirmations={"bitcoin": 6, "ethereum": 12},
        transaction_urls={
            "bitcoin": "https://mempool.space/testnet4/tx/{{txid}}",
            "ethereum": _SEPOLIA_EXPLORER + "/tx/{{txid}}",
        },
        address_urls={
            "bitcoin": "https://mempool.space/testnet4/address/{{address}}",
            "ethereum": _SEPOLIA_EXPLORER + "/address/{{address}}",
        },
    ),
    "signet": Network(
        bitcoin="signet",
        ethereum_chain_id=_SEPOLIA,
        confirmations={"bitcoin": 3, "ethereum": 12},
        transaction_urls={
            "bitcoin": "https://mempool.space/signet/tx/{{txid}}",
            "ethereum": _SEPOLIA_EXPLORER + "/tx/{{txid}}",
        },
        address_urls={
            "bitcoin": "https://mempool.space/signet/address/{{address}}",
            "ethereum": _SEPOLIA_EXPLORER + "/address/{{address}}",
        },
    ),
}
LOCAL = "local"
BITCOIN_CHAINS = ("regtest", "signet", "testnet4")
"""Test networks only: on the main network mex would guard real money."""


def asset_defaults(network: str, *, chain: str, code: str) -> dict[str, object]:
    """Return the columns of an asset that depend on the network."""
    profile = NETWORKS[network]
    return {
        "confirmations": profile.confirmations[chain],
        "transaction_url": profile.transaction_urls[chain].format(code=code),
        "address_url": profile.address_urls[chain].format(code=code),
    }
