"""The wallet in bitcoind has no key: made once, watched, refused when it is another one; what it builds is a PSBT."""

import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import User
from tests.wallets.key_files import as_signer
from tests.wallets.nodes import Bitcoind
from wallets.chains import keys, watch
from wallets.chains.bitcoin import BitcoinNode
from wallets.chains.descriptors import Descriptor, account_descriptors
from wallets.chains.hd import PrivateNode
from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable
from wallets.chains.psbt import PsbtMalformed, psbt_read
from wallets.chains.watch import WalletForeign
from wallets.chains.watch_history import addresses_label, watch_history
from wallets.models import Asset, DepositAddress

COIN = 100_000_000


@pytest.fixture
def fresh(bitcoind: Bitcoind, key_file: Path) -> Iterator[BitcoinNode]:
    """A wallet name that the node does not have yet."""
    node = BitcoinNode(bitcoind.url, f"watch-{secrets.token_hex(4)}")
    yield node
    if node.wallet in node.root.call("listwallets"):
        node.root.call("unloadwallet", node.wallet, False)


def coin_in(bitcoind: Bitcoind, kind: str = "bech32", satoshis: int = COIN) -> tuple[str, int]:
    """Give our wallet a coin and return where it is."""
    address = bitcoind.node.rpc.call("getnewaddress", "deposit", kind)
    txid = bitcoind.pay(address, satoshis)
    bitcoind.mine()
    found = bitcoind.node.rpc.call("listunspent", 1, 9_999_999, [address])
    return txid, next(item["vout"] for item in found if item["txid"] == txid)


def built(bitcoind: Bitcoind, *coins: tuple[str, int], pays: int = COIN // 2) -> str:
    """Return a PSBT of our wallet that spends exactly these coins."""
    inputs = [{"txid": txid, "vout": number} for txid, number in coins]
    outputs = [{bitcoind.fresh_address("bech32m"): pays / COIN}]
    options = {"fee_rate": 3, "add_inputs": False, "change_type": "bech32"}
    return str(bitcoind.node.rpc.call("walletcreatefundedpsbt", inputs, outputs, 0, options)["psbt"])


def test_the_wallet_watches_our_descriptors_and_has_no_key(fresh: BitcoinNode) -> None:
    fresh.wallet_open()
    again = fresh.wallet_open

    again()
    info = fresh.rpc.call("getwalletinfo")
    listed = fresh.rpc.call("listdescriptors")["descriptors"]
    assert info["private_keys_enabled"] is False
    assert info["descriptors"] is True
    assert {Descriptor.parse(item["desc"]).text() for item in listed} == set(keys.bitcoin_descriptors())
    assert all(item["active"] for item in listed)
    assert [item["internal"] for item in sorted(listed, key=lambda item: item["desc"])] == [False, True] * 2


def test_the_node_derives_the_addresses_that_we_derive(fresh: BitcoinNode) -> None:
    fresh.wallet_open()
    external = [Descriptor.parse(text) for text in keys.bitcoin_descriptors()[::2]]

    for kind, descriptor in zip(("bech32", "bech32m"), external, strict=True):
        theirs = [fresh.rpc.call("getnewaddress", "deposit", kind) for _ in range(5)]
        # Other tests have paid to addresses of the same keys in recent blocks: those are not given again.
        start = next(index for index in range(20_000) if descriptor.address(index, prefix="bcrt") == theirs[0])
        assert theirs == [descriptor.address(index, prefix="bcrt") for index in range(start, start + 5)]


def test_the_wallet_cannot_spend_whoever_asks_the_node(bitcoind: Bitcoind, key_file: Path) -> None:
    """Who can reach bitcoind with its password can look, and nothing else: the keys are not there."""
    psbt = built(bitcoind, coin_in(bitcoind))
    rpc = bitcoind.node.rpc

    with pytest.raises(ChainRefused, match="Private keys are disabled"):
        rpc.call("sendtoaddress", bitcoind.fresh_address(), "0.1", fee_rate=2)
    assert rpc.call("walletprocesspsbt", psbt)["complete"] is False
    with pytest.raises(ChainRefused):
        rpc.call("listdescriptors", True)


def test_two_processes_that_make_it_at_once_make_one(fresh: BitcoinNode, bitcoind: Bitcoind) -> None:
    start = threading.Barrier(4)

    def work() -> None:
        node = BitcoinNode(bitcoind.url, fresh.wallet)
        start.wait(10)
        for _ in range(50):
            try:
                return node.wallet_open()
            except ChainUnavailable:  # as a worker does: again at its next task
                node.root.call("waitfornewblock", 100)
        raise AssertionError("it is never made")

    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(work) for _ in range(4)]:
            one.result(60)

    assert len(fresh.rpc.call("listdescriptors")["descriptors"]) == 4


@pytest.mark.parametrize("imported", [0, 1, 3])
def test_a_worker_that_died_while_making_it_is_followed_by_one_that_ends_the_work(
    fresh: BitcoinNode, imported: int
) -> None:
    fresh.root.call("createwallet", wallet_name=fresh.wallet, disable_private_keys=True, blank=True, descriptors=True)
    for text in keys.bitcoin_descriptors()[:imported]:
        whole = fresh.root.call("getdescriptorinfo", text)["descriptor"]
        fresh.rpc.call("importdescriptors", [{"desc": whole, "range": [0, 9], "timestamp": "now"}])

    fresh.wallet_open()

    listed = fresh.rpc.call("listdescriptors")["descriptors"]
    assert [item["active"] for item in listed] == [True] * 4


def test_a_wallet_with_private_keys_is_refused(fresh: BitcoinNode) -> None:
    fresh.root.call("createwallet", wallet_name=fresh.wallet)

    with pytest.raises(WalletForeign, match="can hold private keys"):
        fresh.wallet_open()


def test_a_wallet_of_other_keys_is_refused(fresh: BitcoinNode) -> None:
    fresh.wallet_open()
    text = account_descriptors(PrivateNode.from_seed(bytes(32)), private=False)[0]
    whole = fresh.root.call("getdescriptorinfo", text)["descriptor"]
    fresh.rpc.call("importdescriptors", [{"desc": whole, "range": [0, 9], "timestamp": "now"}])

    with pytest.raises(WalletForeign, match="other keys"):
        fresh.wallet_open()


def test_it_is_there_again_after_the_node_was_restarted(tmp_path: Path, key_file: Path) -> None:
    node = Bitcoind(tmp_path / "bitcoind")
    try:
        node.start()
        node.prepare()
        before = node.node.addresses_new(3)
        node.stop()
        node.start()
        node.node.wallet_open()
        after = node.node.addresses_new(3)
    finally:
        node.stop()

    ours = Descriptor.parse(keys.bitcoin_descriptors()[0])
    assert before + after == [ours.address(index, prefix="bcrt") for index in range(6)]


def test_a_node_that_lost_its_wallet_gets_it_back_with_its_coins(
    bitcoind: Bitcoind, fresh: BitcoinNode, btc: Asset, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another node in its place, or an empty data folder: old addresses are watched again, and none is given twice."""
    monkeypatch.setattr(watch, "RANGE", 20)
    fresh.wallet_open()
    addresses = fresh.addresses_new(45)[-5:]
    for address in addresses:
        DepositAddress.objects.create(asset=btc, address=address)
    mine = DepositAddress.objects.get(address=addresses[2])
    mine.user, mine.assigned_at = alice, timezone.now()
    mine.save()
    txid = bitcoind.pay(mine.address, COIN)
    bitcoind.mine()

    reborn = BitcoinNode(bitcoind.url, fresh.wallet + "-again")
    reborn.wallet_open(watch_history)
    addresses_label(reborn.rpc)

    try:
        received, _ = reborn.received_since("", 1)
        # The node is shared, and so are the keys: other tests' coins come back, too.
        here = [item for item in received if item.address in addresses]
        assert [(item.txid, item.address, item.satoshis) for item in here] == [(txid, mine.address, COIN)]
        assert set(reborn.rpc.call("getaddressesbylabel", "deposit")) == set(addresses)
        assert not set(reborn.addresses_new(5)) & set(addresses)
    finally:
        reborn.root.call("unloadwallet", reborn.wallet, False)


def test_addresses_of_other_keys_in_the_database_stop_the_work(bitcoind: Bitcoind, btc: Asset, key_file: Path) -> None:
    """They were handed out, and nobody could spend what arrives there: better nothing is taken at all."""
    DepositAddress.objects.create(asset=btc, address=bitcoind.fresh_address())

    with pytest.raises(WalletForeign, match="not of our key file"):
        watch_history()


def _another_output(raw: bytes) -> bytes:
    """The last byte of the first output's script: another address gets the coins."""
    return raw[:-6] + bytes([raw[-6] ^ 1]) + raw[-5:]


def _another_lock_time(raw: bytes) -> bytes:
    return raw[:-1] + bytes([raw[-1] ^ 1])


def _another_version(raw: bytes) -> bytes:
    return bytes([raw[0] ^ 1]) + raw[1:]


def _another_sequence(raw: bytes) -> bytes:
    # version, number of inputs, txid, output, empty script, sequence
    return raw[:42] + bytes([raw[42] ^ 1]) + raw[43:]


def _another_coin(raw: bytes) -> bytes:
    return raw[:5] + bytes([raw[5] ^ 1]) + raw[6:]


def _another_amount(raw: bytes) -> bytes:
    return raw[:47] + bytes([raw[47] ^ 1]) + raw[48:]


@pytest.mark.parametrize(
    "change",
    [_another_output, _another_lock_time, _another_version, _another_sequence, _another_coin, _another_amount],
)
def test_what_was_signed_elsewhere_and_does_something_else_is_found_out(
    bitcoind: Bitcoind, key_file: Path, change: Callable[[bytes], bytes]
) -> None:
    asked = psbt_read(built(bitcoind, coin_in(bitcoind)))
    raw = asked.transaction.serialize()

    assert asked.is_signed_as(raw.hex())
    assert not asked.is_signed_as(change(raw).hex())


def test_the_fee_is_what_the_node_says_it_is(bitcoind: Bitcoind, key_file: Path) -> None:
    psbt = built(bitcoind, coin_in(bitcoind), coin_in(bitcoind, "bech32m"), pays=COIN)

    read = psbt_read(psbt)

    assert read.fee_satoshis == int(bitcoind.node.root.call("decodepsbt", psbt)["fee"] * COIN)
    assert [coin.satoshis for coin in read.inputs] == [COIN, COIN]


def test_a_psbt_that_does_not_say_what_a_coin_is_worth_has_no_fee(bitcoind: Bitcoind) -> None:
    txid, number = coin_in(bitcoind)
    bare = bitcoind.node.root.call("createpsbt", [{"txid": txid, "vout": number}], [{bitcoind.fresh_address(): "0.5"}])

    read = psbt_read(bare)

    assert (read.inputs[0].txid, read.inputs[0].number, read.inputs[0].satoshis) == (txid, number, None)
    with pytest.raises(PsbtMalformed, match="worth"):
        _ = read.fee_satoshis


@pytest.mark.parametrize("text", ["", "nonsense!", "AAAA", "cHNidP8=", "cHNidP8B", "cHNidP8BAAEA"])
def test_what_is_no_psbt_is_refused(text: str) -> None:
    with pytest.raises(PsbtMalformed):
        psbt_read(text)


def test_without_keys_nobody_makes_the_wallet(bitcoind: Bitcoind, tmp_path: Path, settings: object) -> None:
    settings.KEY_PUBLIC_FILE = tmp_path / "none"  # type: ignore[attr-defined]
    node = BitcoinNode(bitcoind.url, "never")

    with pytest.raises(keys.KeysMissing):
        node.wallet_open()

    assert "never" not in node.root.call("listwallets")


def test_outside_a_signing_process_there_are_no_private_descriptors(run_keys: None) -> None:
    with pytest.raises(keys.KeysLocked, match="does not sign"):
        keys.bitcoin_signing_descriptors()
    with as_signer():
        assert all("tprv" in text for text in keys.bitcoin_signing_descriptors())
