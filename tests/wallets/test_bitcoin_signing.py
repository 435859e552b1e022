"""Transactions signed in our own process, with a real node as their judge."""

import base64
import re
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import msgspec
import pytest
from bitcoin.core import CTransaction
from coincurve import PrivateKey

from tests.wallets.desk import Desk, statuses
from tests.wallets.key_files import as_signer
from tests.wallets.node_signing import node_signed, private_keys, wif
from tests.wallets.nodes import Bitcoind
from tests.wallets.test_watch import COIN, built, coin_in
from wallets.chains import bitcoin_signing, keys
from wallets.chains.bitcoin import BitcoinNode, psbt_sign
from wallets.chains.bitcoin_signing import NotSigned, ecdsa_sign, transaction_sign
from wallets.chains.descriptors import Descriptor, account_descriptors
from wallets.chains.hd import PrivateNode
from wallets.chains.jsonrpc import JsonRpc
from wallets.chains.psbt import Origin, Psbt, PsbtInput, PsbtMalformed, psbt_read
from wallets.chains.scripts import size_of
from wallets.payouts.bitcoin_build import WITNESS_VB


def signed(asked: Psbt) -> str:
    """Sign with the keys of the run."""
    return transaction_sign(asked, [Descriptor.parse(text) for text in keys.bitcoin_signing_descriptors()])


def place_of(asked: Psbt, kind: str) -> int:
    """Return the number of the first input of a kind, told by the length of its script."""
    return [len(coin.script or b"") for coin in asked.inputs].index({"bech32": 22, "bech32m": 34}[kind])


def with_coin(asked: Psbt, number: int = 0, **changes: object) -> Psbt:
    """Return a PSBT that tells something else of one coin."""
    coins = list(asked.inputs)
    coins[number] = msgspec.structs.replace(coins[number], **changes)
    return msgspec.structs.replace(asked, inputs=tuple(coins))


def coins_in(bitcoind: Bitcoind, kinds: list[str], satoshis: int = 20_000) -> list[tuple[str, int]]:
    """Give our wallet many coins by one transaction, and return where they are."""
    addresses = [bitcoind.node.rpc.call("getnewaddress", "deposit", kind) for kind in kinds]
    txid = bitcoind.faucet.rpc.call("sendmany", "", {address: f"{satoshis / COIN:.8f}" for address in addresses})
    bitcoind.settle()
    bitcoind.mine()
    found = bitcoind.node.rpc.call("listunspent", 1, 9_999_999, addresses)
    places = {item["address"]: (item["txid"], item["vout"]) for item in found}
    assert {place[0] for place in places.values()} == {txid}
    return [places[address] for address in addresses]


# Of both kinds where there are many: the wallet of Knots 29.4 builds nothing with more than 252 inputs of P2WPKH alone.
@pytest.mark.parametrize(
    "kinds",
    [["bech32"], ["bech32m"], ["bech32", "bech32m"], ["bech32m"] * 7, ["bech32", "bech32m", "bech32m", "bech32"] * 70],
    ids=["key hash", "taproot", "both", "seven of taproot", "280"],
)
def test_the_node_signs_the_same_to_the_last_byte_and_takes_ours(
    bitcoind: Bitcoind, key_file: Path, kinds: list[str]
) -> None:
    coins = coins_in(bitcoind, kinds)
    psbt = built(bitcoind, *coins, pays=10_000 * len(kinds))

    ours = psbt_sign(psbt_read(psbt))

    theirs = node_signed(bitcoind.node, psbt)
    told = bitcoind.node.root.call("decodepsbt", psbt)
    assert theirs["complete"] is True
    assert ours.raw == theirs["hex"]
    assert ours.txid == told["tx"]["txid"]
    assert ours.fee_satoshis == int(told["fee"] * COIN)
    assert set(ours.inputs) == set(coins)
    assert size_of(ours.raw) <= len(psbt_read(psbt).transaction.serialize()) + WITNESS_VB * len(kinds)
    [verdict] = bitcoind.node.root.call("testmempoolaccept", [ours.raw])
    assert verdict["allowed"], verdict
    assert verdict["vsize"] == size_of(ours.raw)
    assert bitcoind.node.broadcast(ours.raw) == ""
    bitcoind.mine()
    assert bitcoind.node.root.call("getrawtransaction", ours.txid, 1)["confirmations"] == 1


def test_coins_of_one_address_and_change_can_be_spent(bitcoind: Bitcoind, key_file: Path) -> None:
    address = bitcoind.node.rpc.call("getnewaddress", "deposit", "bech32m")
    coins = []
    for _ in range(2):
        txid = bitcoind.pay(address, COIN)
        bitcoind.mine()
        found = bitcoind.node.rpc.call("listunspent", 1, 9_999_999, [address])
        coins.append(next((item["txid"], item["vout"]) for item in found if item["txid"] == txid))
    first = psbt_sign(psbt_read(built(bitcoind, *coins, pays=COIN)))
    assert bitcoind.node.broadcast(first.raw) == ""
    bitcoind.mine()
    unspent = bitcoind.node.rpc.call("listunspent")
    change = next((item["txid"], item["vout"]) for item in unspent if item["txid"] == first.txid)

    second = psbt_sign(psbt_read(built(bitcoind, change, pays=COIN // 8)))

    assert (set(first.inputs), second.inputs) == (set(coins), (change,))
    assert bitcoind.node.broadcast(second.raw) == ""
    bitcoind.mine()


def test_keys_of_several_seeds_sign_together(bitcoind: Bitcoind, key_file: Path) -> None:
    """Seeds follow one another, and old coins keep their keys: each is found by its fingerprint."""
    ours = [Descriptor.parse(text) for text in keys.bitcoin_signing_descriptors()]
    others = [Descriptor.parse(text) for text in account_descriptors(PrivateNode.from_seed(bytes(32)), private=True)]
    asked = psbt_read(built(bitcoind, coin_in(bitcoind), coin_in(bitcoind, "bech32m"), pays=COIN))

    assert transaction_sign(asked, others + ours) == transaction_sign(asked, ours)
    with pytest.raises(NotSigned, match="not of our keys"):
        transaction_sign(asked, others)


def test_a_coin_that_is_not_ours_is_not_signed_for(bitcoind: Bitcoind, key_file: Path) -> None:
    elsewhere = bitcoind.faucet.rpc.call(
        "walletcreatefundedpsbt", [], [{bitcoind.fresh_address(): 1}], 0, {"fee_rate": 2}
    )

    with pytest.raises(NotSigned, match="not of our keys"):
        psbt_sign(psbt_read(elsewhere["psbt"]))


def _other_origin(coin: PsbtInput) -> PsbtInput:
    return msgspec.structs.replace(coin, origins=(Origin("00000000", coin.origins[0].path),))


def _other_account(coin: PsbtInput) -> PsbtInput:
    origin = coin.origins[0]
    path = (origin.path[0], origin.path[1], origin.path[2] + 1, *origin.path[3:])
    return msgspec.structs.replace(coin, origins=(Origin(origin.fingerprint, path),))


def _hardened(coin: PsbtInput) -> PsbtInput:
    origin = coin.origins[0]
    path = (*origin.path[:-1], origin.path[-1] | 1 << 31)
    return msgspec.structs.replace(coin, origins=(Origin(origin.fingerprint, path),))


def _account_itself(coin: PsbtInput) -> PsbtInput:
    return msgspec.structs.replace(coin, origins=(Origin(coin.origins[0].fingerprint, coin.origins[0].path[:3]),))


def _no_origin(coin: PsbtInput) -> PsbtInput:
    return msgspec.structs.replace(coin, origins=())


def _other_key(coin: PsbtInput) -> PsbtInput:
    origin = coin.origins[0]
    return msgspec.structs.replace(
        coin, origins=(Origin(origin.fingerprint, (*origin.path[:-1], origin.path[-1] + 1)),)
    )


def _other_script(coin: PsbtInput) -> PsbtInput:
    assert coin.script is not None
    return msgspec.structs.replace(coin, script=coin.script[:-1] + bytes([coin.script[-1] ^ 1]))


def _no_script(coin: PsbtInput) -> PsbtInput:
    return msgspec.structs.replace(coin, script=None)


def _no_amount(coin: PsbtInput) -> PsbtInput:
    return msgspec.structs.replace(coin, satoshis=None)


@pytest.mark.parametrize("kind", ["bech32", "bech32m"])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_other_origin, "not of our keys"),
        (_other_account, "not of our keys"),
        (_hardened, "not of our keys"),
        (_account_itself, "not of our keys"),
        (_no_origin, "not of our keys"),
        (_other_key, "another script"),
        (_other_script, "another script"),
        (_no_script, "does not say what the coin"),
        (_no_amount, "is worth"),
    ],
)
def test_what_the_node_says_of_a_coin_must_fit_our_keys(
    bitcoind: Bitcoind, key_file: Path, kind: str, change: Callable[[PsbtInput], PsbtInput], reason: str
) -> None:
    asked = psbt_read(built(bitcoind, coin_in(bitcoind), coin_in(bitcoind, kind), pays=COIN))
    number = place_of(asked, kind)
    coins = list(asked.inputs)
    coins[number] = change(coins[number])

    with pytest.raises(NotSigned, match=reason):
        signed(msgspec.structs.replace(asked, inputs=tuple(coins)))


def test_an_amount_that_is_a_lie_makes_a_signature_that_no_node_takes(bitcoind: Bitcoind, key_file: Path) -> None:
    """BIP 341: each signature is of the amounts of all coins, so a lie about one of them costs nothing but the try."""
    asked = psbt_read(built(bitcoind, coin_in(bitcoind), coin_in(bitcoind, "bech32m"), pays=COIN))
    number = place_of(asked, "bech32m")

    [honest] = bitcoind.node.root.call("testmempoolaccept", [signed(asked)])
    [lying] = bitcoind.node.root.call("testmempoolaccept", [signed(with_coin(asked, number, satoshis=COIN - 1))])

    assert (honest["allowed"], lying["allowed"]) == (True, False)
    assert "Invalid Schnorr signature" in lying["reject-reason"]


def test_a_coin_of_the_older_kind_is_not_signed_for_without_the_transaction_that_made_it(
    bitcoind: Bitcoind, key_file: Path
) -> None:
    """Its signature is of its own amount alone: those of two lies could be put together, with a fee that nobody saw."""
    asked = psbt_read(built(bitcoind, coin_in(bitcoind), coin_in(bitcoind), pays=COIN))

    assert [coin.is_proven for coin in asked.inputs] == [True, True]
    with pytest.raises(NotSigned, match="the transaction that made"):
        signed(with_coin(asked, 1, is_proven=False))


def tampered(psbt: str, old: bytes, new: bytes) -> str:
    """Return a PSBT in which some bytes are others."""
    data = base64.b64decode(psbt)
    assert data.count(old) == 1
    return base64.b64encode(data.replace(old, new)).decode()


@pytest.mark.parametrize("place", [0, 8, 9, 30])
@pytest.mark.parametrize(("where", "reason"), [("told", "two things|damaged"), ("made", "another transaction|damaged")])
def test_a_psbt_that_lies_about_a_coin_contradicts_itself(
    bitcoind: Bitcoind, key_file: Path, place: int, where: str, reason: str
) -> None:
    """Amount, length, kind and hash of a coin: told beside the transaction that made it, or in that transaction."""
    psbt = built(bitcoind, coin_in(bitcoind))
    [coin] = psbt_read(psbt).inputs
    assert coin.script is not None
    output = COIN.to_bytes(8, "little") + bytes([len(coin.script)]) + coin.script
    lie = output[:place] + bytes([output[place] ^ 1]) + output[place + 1 :]
    field = b"\x01\x01" + bytes([len(output)]) + output
    data = base64.b64decode(psbt)
    assert (data.count(output), data.count(field)) == (2, 1)

    before, _, after = data.partition(field)
    if where == "told":
        changed = before + field.replace(output, lie) + after
    else:
        changed = before.replace(output, lie) + field + after.replace(output, lie)

    with pytest.raises(PsbtMalformed, match=reason):
        psbt_read(base64.b64encode(changed).decode())


def test_a_transaction_that_is_signed_already_is_not_signed_again(bitcoind: Bitcoind, key_file: Path) -> None:
    """BIP 174: without signatures. What stands in the place of one would change the id of what is signed."""
    psbt = built(bitcoind, coin_in(bitcoind))
    raw = psbt_read(psbt).transaction.serialize()
    # version, number of inputs, txid, output: then an empty script
    with_script = raw[:41] + b"\x01\x51" + raw[42:]
    lengths = bytes([len(raw)]), bytes([len(raw) + 1])

    with pytest.raises(PsbtMalformed, match="signatures already"):
        psbt_read(tampered(psbt, lengths[0] + raw, lengths[1] + with_script))


def test_a_signature_that_came_out_wrong_is_never_used(
    bitcoind: Bitcoind, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = psbt_read(built(bitcoind, coin_in(bitcoind)))
    usual = ecdsa_sign
    monkeypatch.setattr(bitcoin_signing, "ecdsa_sign", lambda key, digest: usual(key, digest[::-1]))
    with pytest.raises(NotSigned, match="came out wrong"):
        signed(asked)

    asked = psbt_read(built(bitcoind, coin_in(bitcoind, "bech32m")))
    schnorr = PrivateKey.sign_schnorr
    monkeypatch.setattr(PrivateKey, "sign_schnorr", lambda key, digest, extra: schnorr(key, digest[::-1], extra))
    with pytest.raises(NotSigned, match="came out wrong"):
        signed(asked)


def test_a_transaction_that_came_out_as_another_one_is_never_used(
    bitcoind: Bitcoind, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = psbt_read(built(bitcoind, coin_in(bitcoind)))

    def later(coins: Any, outputs: Any, lock_time: int, version: int, witness: Any) -> CTransaction:
        return CTransaction(coins, outputs, lock_time + 1, version, witness)

    monkeypatch.setattr(bitcoin_signing, "CTransaction", later)

    with pytest.raises(NotSigned, match="another transaction"):
        signed(asked)


def test_a_transaction_that_spends_nothing_is_not_signed() -> None:
    with pytest.raises(NotSigned, match="spends nothing"):
        transaction_sign(Psbt(CTransaction(), ()), [])


def test_no_key_leaves_the_process_during_a_withdrawal(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the node is told, byte by byte: nothing from which a key, or a descriptor with one, could be read."""
    told, exchange = bytearray(), JsonRpc._exchange
    psbts: list[str] = []
    fund = BitcoinNode.payment_fund

    def recorded(rpc: JsonRpc, connection: HTTPConnection, body: bytes) -> tuple[int, bytes]:
        told.extend(body)
        return exchange(rpc, connection, body)

    def funded(*args: Any, **options: Any) -> str:
        psbts.append(fund(*args, **options))
        return psbts[-1]

    monkeypatch.setattr(JsonRpc, "_exchange", recorded)
    monkeypatch.setattr(BitcoinNode, "payment_fund", funded)
    desk.fund(COIN, COIN)
    withdrawal = desk.ask()

    desk.sign()
    desk.send()
    desk.bump()
    desk.finish()

    assert statuses(withdrawal) == ["confirmed"]
    assert [b"walletcreatefundedpsbt" in told, b"sendrawtransaction" in told, len(psbts)] == [True, True, 2]
    used = [key for psbt in psbts for _, _, key in private_keys(psbt)]
    secrets = {wif(key) for key in used} | {key.key.hex() for key in used}
    secrets |= {base64.b64encode(key.key).decode()[:40] for key in used}
    secrets |= {Descriptor.parse(text).key for text in keys.bitcoin_signing_descriptors()}
    assert len(secrets) >= 3 + 2
    assert [text for text in (*secrets, "descriptorprocesspsbt") if text.encode() in told] == []
    assert re.search(rb"\btprv\w{20}", told) is None


def test_outside_a_signing_process_nothing_is_signed(bitcoind: Bitcoind) -> None:
    with as_signer():
        asked = psbt_read(built(bitcoind, coin_in(bitcoind)))

    with pytest.raises(keys.KeysLocked, match="does not sign"):
        psbt_sign(asked)
