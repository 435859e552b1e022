"""Whether a key file is the right one: against its public file, the stored addresses, and the node's wallet."""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
from django.conf import settings

from wallets.chains.bitcoin import BitcoinNode
from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable
from wallets.chains.keyfile import Header, KeysUnusable
from wallets.chains.keys import address_at, keys_allowed_check, public_side_of
from wallets.chains.networks import WrongNetwork, bitcoin_network_check
from wallets.chains.public_file import PublicFile, public_file_read
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


def keys_verify(header: Header, seeds: Sequence[bytes], *, every: bool, ask_node: bool) -> list[Finding]:
    """Compare seeds, oldest first, with all that was made from them. The node is asked if `ask_node`.

    Raises nothing. Each stored address is compared with the seed of its generation.
    """
    content = public_side_of(header, seeds)
    checks: list[Callable[[], Finding]] = [
        lambda: _network(content),
        lambda: _public_file(content),
        lambda: _ethereum(content, every),
        lambda: _bitcoin(content, every),
    ]
    if ask_node:
        checks.append(lambda: _wallet([text for one in content.generations for text in one.bitcoin]))
    return [check() for check in checks]


def _network(content: PublicFile) -> Finding:
    try:
        keys_allowed_check(content)
    except KeysUnusable as error:
        return Finding("wrong", str(error))
    return Finding("ok", f"made for {content.made_for} chains")


def _public_file(content: PublicFile) -> Finding:
    path = settings.KEY_PUBLIC_FILE
    try:
        given = public_file_read(path)
    except KeysUnusable as error:
        return Finding("wrong", str(error))
    if given.is_before(content):
        return Finding("wrong", f"{path} is from before the last rotation: `keys rotate` was cut off, run it again")
    if content.is_before(given):
        return Finding("wrong", f"it is from before a rotation: {path} has {len(given.generations)} generations")
    if given != content:
        return Finding("wrong", f"{path} is of key {given.fingerprint}, not of this one")
    return Finding("ok", f"{path} is of this key")


def _ethereum(content: PublicFile, every: bool) -> Finding:
    rows = DepositAddress.objects.filter(asset__chain=Chain.ETHEREUM).order_by("-pk")
    wrong, count = [], 0
    columns = ("address", "derivation_index", "generation")
    for address, index, generation in (rows if every else rows[:SAMPLE]).values_list(*columns):
        count += 1
        is_known = index is not None and generation < len(content.generations)
        if not is_known or address_at(content.generations[generation].ethereum, index) != address:
            wrong.append(address)
    return _addresses("Ethereum", count, wrong)


def _bitcoin(content: PublicFile, every: bool) -> Finding:
    rows = DepositAddress.objects.filter(asset__chain=Chain.BITCOIN).order_by("-pk")
    stored: dict[int, set[str]] = {}
    for address, generation in (rows if every else rows[:SAMPLE]).values_list("address", "generation"):
        stored.setdefault(generation, set()).add(address)
    gap, wrong = GAP + rows.count(), set()
    for generation, addresses in stored.items():
        known = content.generations[generation].bitcoin if generation < len(content.generations) else ()
        wrong |= addresses_find(addresses, known, gap=gap)[1]
    return _addresses("Bitcoin", sum(map(len, stored.values())), sorted(wrong))


def _addresses(chain: str, count: int, wrong: list[str]) -> Finding:
    if wrong:
        return Finding("wrong", f"{len(wrong)} of {count} {chain} addresses are not of this key: {wrong[:_SHOWN]}")
    return Finding("ok", f"{count} stored {chain} addresses are of this key")


def _wallet(descriptors: Sequence[str]) -> Finding:
    node = BitcoinNode()
    try:
        bitcoin_network_check(node.root)
        watch_wallet_check(node.root, node.rpc, node.wallet, descriptors)
    except (WalletForeign, WrongNetwork) as error:
        return Finding("wrong", str(error))
    except (ChainUnavailable, ChainRefused) as error:
        return Finding("unknown", f"the Bitcoin node was not asked: {error}")
    return Finding("ok", f"the node's wallet {node.wallet} watches this key and has none")
