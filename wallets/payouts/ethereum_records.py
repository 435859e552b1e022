"""Ethereum transactions as they are signed and stored: one way for payments, sweeps, gas, fillers and replacements."""

from collections.abc import Iterable
from dataclasses import dataclass

from mex.money import cost_from_chain, units_to_chain
from wallets.chains import keys
from wallets.chains.ethereum_raw import call_of
from wallets.chains.tokens import transfer_call
from wallets.models import Asset, ChainTransaction
from wallets.payouts.ethereum_fees import Fees
from wallets.payouts.records import Kind

TOKEN_GAS_MAX = 300_000
"""Gas that a transfer of a token may use at most; one that wants more is not signed."""
_GAS_MARGIN = (3, 2)
"""A transfer costs more when its receiver has spent his last token before it is mined."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a transaction does: moves wei, or asks a contract. `gas` is its limit."""

    to: str
    wei: int
    gas: int
    data: str = "0x"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What a transaction is for: `amount` units of `asset`, sent to `recipient`."""

    kind: Kind
    asset: Asset
    coin: Asset
    recipient: str
    amount: int


def token_gas_limit(estimate: int) -> int | None:
    """Return the gas limit of a transfer of a token that would use so much now; None where that is out of reason."""
    limit = estimate * _GAS_MARGIN[0] // _GAS_MARGIN[1]
    return limit if limit <= TOKEN_GAS_MAX else None


def token_call(asset: Asset, recipient: str, amount: int, gas: int) -> Call:
    """Return the call that pays `amount` units of a token."""
    value = units_to_chain(amount, asset.chain_decimals)
    return Call(asset.contract, 0, gas, transfer_call(recipient, value))


def fees_offered(versions: Iterable[ChainTransaction]) -> Fees:
    """Return the highest fee and the highest tip that any of these offers: what is to replace all must outbid both."""
    offered = [call_of(version.raw) for version in versions]
    return Fees(max(one.fee_per_gas for one in offered), max(one.tip_per_gas for one in offered))


def transaction_sign(
    purpose: Purpose,
    call: Call,
    *,
    key: bytes,
    sender: str,
    nonce: int,
    fees: Fees,
    first_version: ChainTransaction | None = None,
) -> ChainTransaction:
    """Return a signed transaction, ready to be stored by the caller."""
    signed = keys.payment_sign(
        key,
        to=call.to,
        wei=call.wei,
        nonce=nonce,
        gas=call.gas,
        fee_per_gas=fees.cap,
        tip_per_gas=fees.tip,
        data=call.data,
    )
    return ChainTransaction(
        asset=purpose.asset,
        fee_asset=purpose.coin,
        kind=purpose.kind,
        txid=signed.txid,
        raw=signed.raw,
        first_version=first_version,
        sender=sender,
        nonce=nonce,
        recipient=purpose.recipient,
        amount=purpose.amount,
        fee_rate=fees.cap,
        tip_rate=fees.tip,
        network_fee=cost_from_chain(call.gas * fees.cap, purpose.coin.chain_decimals),
    )
