"""Whether a key file is the right one: against its public file, the stored addresses, and the node's wallet."""

from collections.abc import Callable
from typing import Literal

import msgspec
from django.conf import settings

from wallets.chains.bitcoin import BitcoinNode
from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable
from wallets.chains.keyfile import Header, KeysUnusable, public_file_read
from wallets.chains.keys import address_at, keys_allowed_check, public_side_of
from wallets.chains.networks import WrongNetwork, bitcoin_network_check
from wallets.chains.watch import WalletForeign, watch_wallet_check
from wallets.chains.watch_history import GAP, addresses_find
from wallets.models import Chain, DepositAddress

SAMPLE = 1_000
"""Newest addresses that are derived again unless all are wanted."""

_SHOWN = 3


class Finding(msgspec.Struct, frozen=True):
    """What a comparison came to, in one line."""

    state: Literal["ok", "wrong", "unknown"]
    text: str


def keys_verify(header: Header, seed: bytes, *, every: bool, ask_node: bool) -> list[Finding]:
    """Compare a seed with all that was made from it. The node is asked if `ask_node`, which raises nothing."""
    content = public_side_of(header, seed)
    checks: list[Callable[[], Finding]] = [
        lambda: _network(header, seed),
        lambda: _public_file(header, seed),
        lambda: _ethereum(content.ethereum, every),
        lambda: _bitcoin(content.bitcoin, every),
    ]
    if ask_node:
        checks.append(lambda: _wallet(content.bitcoin))
    return [check() for check in checks]


def _network(header: Header, seed: bytes) -> Finding:
    try:
        keys_allowed_check(public_side_of(header, seed))
    except KeysUnusable as error:
        return Finding("wrong", str(error))
    return Finding("ok", f"made for {header.made_for} chains")


def _public_file(header: Header, seed: bytes) -> Finding:
    try:
        content = public_file_read(settings.KEY_PUBLIC_FILE)
    except KeysUnusable as error:
        return Finding("wrong", str(error))
    if content != public_side_of(header, seed):
        return Finding("wrong", f"{settings.KEY_PUBLIC_FILE} is of key {content.fingerprint}, not of this one")
    return Finding("ok", f"{settings.KEY_PUBLIC_FILE} is of this key")


def _ethereum(xpub: str, every: bool) -> Finding:
    rows = DepositAddress.objects.filter(asset__chain=Chain.ETHEREUM).order_by("-pk")
    wrong, count = [], 0
    for address, index in (rows if every else rows[:SAMPLE]).values_list("address", "derivation_index"):
        count += 1
        if index is None or address_at(xpub, index) != address:
            wrong.append(address)
    return _addresses("Ethereum", count, wrong)


def _bitcoin(descriptors: tuple[str, ...], every: bool) -> Finding:
    rows = DepositAddress.objects.filter(asset__chain=Chain.BITCOIN).order_by("-pk")
    addresses = set((rows if every else rows[:SAMPLE]).values_list("address", flat=True))
    _, strangers = addresses_find(addresses, descriptors, gap=GAP + rows.count())
    return _addresses("Bitcoin", len(addresses), sorted(strangers))


def _addresses(chain: str, count: int, wrong: list[str]) -> Finding:
    if wrong:
        return Finding("wrong", f"{len(wrong)} of {count} {chain} addresses are not of this key: {wrong[:_SHOWN]}")
    return Finding("ok", f"{count} stored {chain} addresses are of this key")


def _wallet(descriptors: tuple[str, ...]) -> Finding:
    node = BitcoinNode()
    try:
        bitcoin_network_check(node.root)
        watch_wallet_check(node.root, node.rpc, node.wallet, descriptors)
    except (WalletForeign, WrongNetwork) as error:
        return Finding("wrong", str(error))
    except (ChainUnavailable, ChainRefused) as error:
        return Finding("unknown", f"the Bitcoin node was not asked: {error}")
    return Finding("ok", f"the node's wallet {node.wallet} watches this key and has none")
