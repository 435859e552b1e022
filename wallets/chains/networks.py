"""Whether the nodes are on the networks that mex is set up for. On any other one nothing may be done."""

from django.conf import settings

from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable, JsonRpc


class WrongNetwork(Exception):
    """Raised when a node is on another network than the one that is configured."""


def bitcoin_network_check(rpc: JsonRpc) -> None:
    """Raise WrongNetwork unless bitcoind is on the configured network; ChainUnavailable or ChainRefused."""
    chain = rpc.call("getblockchaininfo")["chain"]
    if chain != settings.BITCOIN_NETWORK:
        raise WrongNetwork(
            f"the Bitcoin node is on {chain}, and mex is set up for {settings.BITCOIN_NETWORK} (MEX_BITCOIN_NETWORK)"
        )


def ethereum_network_check(rpc: JsonRpc) -> None:
    """Raise WrongNetwork unless the Ethereum node has the configured chain id; ChainUnavailable or ChainRefused."""
    chain_id = int(rpc.call("eth_chainId"), 16)
    if chain_id != settings.ETHEREUM_CHAIN_ID:
        raise WrongNetwork(
            f"the Ethereum node has chain id {chain_id}, and mex is set up for {settings.ETHEREUM_CHAIN_ID}"
            " (MEX_ETHEREUM_CHAIN_ID)"
        )


def networks_check() -> list[str]:
    """Look at both nodes and return those that do not answer, which must be looked at again before they are used.

    Raises WrongNetwork.
    """
    silent = []
    checks = {
        "bitcoin": (bitcoin_network_check, settings.BITCOIN_RPC_URL),
        "ethereum": (ethereum_network_check, settings.ETHEREUM_RPC_URL),
    }
    for name, (check, url) in checks.items():
        try:
            check(JsonRpc(url))
        except (ChainUnavailable, ChainRefused):
            silent.append(name)
    return silent
