"""Wallets outside the exchange, to withdraw to, and what the nodes say arrived there: to the last unit."""

from eth_account import Account

from mex.money import units_to_chain
from trading.demo.outcome import demand
from wallets.chains.bitcoin import satoshis
from wallets.chains.ethereum import EthereumNode
from wallets.chains.local import faucet_node


def fresh_bitcoin_address() -> str:
    """Return a new address of the faucet's wallet, which is not the exchange's."""
    return str(faucet_node().rpc.call("getnewaddress", "demo", "bech32"))


def fresh_ethereum_address() -> str:
    """Return the address of a key that was made just now."""
    return str(Account.create().address)


def demand_bitcoin(address: str, units: int) -> None:
    """Raise DemoFailed unless exactly `units` arrived at an address, in a block."""
    arrived = satoshis(faucet_node().rpc.call("getreceivedbyaddress", address, 1))
    demand(arrived == units, f"{units} satoshis should have arrived at {address}, but it was {arrived}")


def demand_tokens(contract: str, decimals: int, address: str, units: int) -> None:
    """Raise DemoFailed unless an address has exactly `units` of a token."""
    value = EthereumNode().token_balances(contract, [address])[address]
    wanted = units_to_chain(units, decimals)
    demand(value == wanted, f"{wanted} of the token should have arrived at {address}, but it is {value}")


def demand_ether(address: str, units: int) -> None:
    """Raise DemoFailed unless an address has exactly `units` of 10^-8 ETH."""
    wei = EthereumNode().balances([address])[address]
    wanted = units_to_chain(units, 18)
    demand(wei == wanted, f"{wanted} wei should have arrived at {address}, but it is {wei}")
