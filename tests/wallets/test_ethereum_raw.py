"""Our own encoding of transactions against the library that everybody uses: the same bytes, for any of them."""

from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes
from hypothesis import given, settings
from hypothesis import strategies as st

from wallets.chains.ethereum_raw import SignedCall, call_of, call_sign, cost_max_of
from wallets.chains.tokens import transfer_call

KEYS = st.integers(1, 2**250).map(lambda number: number.to_bytes(32))
ADDRESSES = st.integers(0, 2**160 - 1).map(lambda number: f"0x{number:040x}")


@settings(max_examples=60)
@given(
    key=KEYS,
    to=ADDRESSES,
    wei=st.integers(0, 2**100),
    nonce=st.integers(0, 2**32),
    gas=st.integers(21_000, 10**7),
    tip=st.integers(0, 10**12),
    more=st.integers(0, 10**12),
    is_token=st.booleans(),
    chain_id=st.sampled_from([1, 31337, 11155111]),
)
def test_our_bytes_are_those_of_the_library(
    key: bytes, to: str, wei: int, nonce: int, gas: int, tip: int, more: int, is_token: bool, chain_id: int
) -> None:
    data = transfer_call(to, wei) if is_token else "0x"
    call = SignedCall(to, wei, data, nonce, gas, tip + more, tip)
    expected = Account.sign_transaction(
        {
            "type": 2,
            "chainId": chain_id,
            "to": HexBytes(to),
            "value": wei,
            "data": data,
            "gas": gas,
            "nonce": nonce,
            "maxFeePerGas": tip + more,
            "maxPriorityFeePerGas": tip,
        },
        key,
    )

    txid, raw = call_sign(call, key=key, chain_id=chain_id)
    read = call_of(raw)

    assert (txid, raw) == (expected.hash.to_0x_hex(), expected.raw_transaction.to_0x_hex())
    assert cost_max_of(raw) == wei + call.gas * call.fee_per_gas
    assert in_small_letters(read) == call
    assert TypedTransaction.from_bytes(HexBytes(raw)).as_dict()["value"] == wei
    assert Account.recover_transaction(raw) == Account.from_key(key).address


def in_small_letters(call: SignedCall) -> SignedCall:
    return SignedCall(call.to.lower(), call.wei, call.data, call.nonce, call.gas, call.fee_per_gas, call.tip_per_gas)
