"""A node that was taken over names addresses of its own, for users and for change: found out by deriving them."""

from pathlib import Path

import pytest

from tests.wallets.nodes import Bitcoind
from tests.wallets.test_watch import COIN, coin_in
from wallets.chains import keys
from wallets.chains.bitcoin import BitcoinNode
from wallets.chains.descriptors import Descriptor, account_descriptors
from wallets.chains.hd import PrivateNode
from wallets.chains.ownership import own_outputs, strange_addresses
from wallets.chains.psbt import Psbt, psbt_read
from wallets.chains.watch import WalletForeign

OTHERS = account_descriptors(PrivateNode.from_seed(bytes(32)), private=False)


def built(bitcoind: Bitcoind, *, change_type: str, change: str = "") -> Psbt:
    """Return a payment of ours with change: of our wallet, or to an address."""
    txid, number = coin_in(bitcoind)
    options: dict[str, object] = {"fee_rate": 3, "add_inputs": False, "changePosition": 1}
    options |= {"changeAddress": change} if change else {"change_type": change_type}
    outputs = [{bitcoind.fresh_address(): "0.3"}]
    inputs = [{"txid": txid, "vout": number}]
    return psbt_read(bitcoind.node.rpc.call("walletcreatefundedpsbt", inputs, outputs, 0, options)["psbt"])


@pytest.mark.parametrize("kind", ["bech32", "bech32m"])
def test_change_of_ours_is_known(bitcoind: Bitcoind, key_file: Path, kind: str) -> None:
    asked = built(bitcoind, change_type=kind)

    assert own_outputs(asked, keys.bitcoin_descriptors()) == {1}
    assert own_outputs(asked, OTHERS) == set()


def test_change_to_somebody_else_is_not_ours(bitcoind: Bitcoind, key_file: Path) -> None:
    asked = built(bitcoind, change_type="", change=bitcoind.fresh_address())

    assert own_outputs(asked, keys.bitcoin_descriptors()) == set()


def test_a_place_in_our_wallet_does_not_make_an_output_ours(bitcoind: Bitcoind, key_file: Path) -> None:
    """The node tells where each output comes from, and may tell anything: the script must be the one derived there."""
    asked = built(bitcoind, change_type="bech32")
    lying = Psbt(asked.transaction, asked.inputs, (asked.outputs[1], ()))

    assert own_outputs(lying, keys.bitcoin_descriptors()) == set()


def test_a_payment_to_a_deposit_address_of_ours_is_ours(bitcoind: Bitcoind, key_file: Path) -> None:
    txid, number = coin_in(bitcoind)
    outputs = [{bitcoind.node.addresses_new(1)[0]: "0.3"}]
    psbt = bitcoind.node.rpc.call(
        "walletcreatefundedpsbt", [{"txid": txid, "vout": number}], outputs, 0, {"fee_rate": 3, "changePosition": 1}
    )["psbt"]

    assert own_outputs(psbt_read(psbt), keys.bitcoin_descriptors()) == {0, 1}


@pytest.mark.parametrize("kind", ["bech32", "bech32m"])
def test_addresses_of_our_wallet_are_proven(bitcoind: Bitcoind, key_file: Path, kind: str) -> None:
    address = bitcoind.node.rpc.call("getnewaddress", "deposit", kind)
    text = bitcoind.node.rpc.call("getaddressinfo", address)["desc"]

    assert strange_addresses([(address, text)], keys.bitcoin_descriptors()) == []
    assert strange_addresses([(address, text)], OTHERS) == [address]
    for lie in ("", "wpkh(02ab)", text.replace("/0/", "/1/"), text.replace("/84h", "/44h").replace("/86h", "/44h")):
        assert strange_addresses([(address, lie)], keys.bitcoin_descriptors()) == [address]


def test_an_address_that_is_not_ours_is_not_handed_out(
    bitcoind: Bitcoind, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the node lies about where it comes from."""
    ours = Descriptor.parse(keys.bitcoin_descriptors()[0])
    theirs = Descriptor.parse(OTHERS[0]).address(3, prefix="bcrt")
    answers = {
        "getnewaddress": theirs,
        "getaddressinfo": {"desc": f"wpkh([{ours.fingerprint}/{ours.account}/0/3]02ab)#xxxxxxxx"},
    }
    node = BitcoinNode(bitcoind.url)
    monkeypatch.setattr(node.rpc, "batch", lambda method, arguments: [answers[method]] * len(arguments))

    with pytest.raises(WalletForeign, match="not of our keys"):
        node.addresses_new(2)


def test_the_worth_of_a_coin_does_not_matter_to_whose_it_is(bitcoind: Bitcoind, key_file: Path) -> None:
    asked = built(bitcoind, change_type="bech32")

    assert sum(output.nValue for output in asked.transaction.vout) + asked.fee_satoshis == COIN
