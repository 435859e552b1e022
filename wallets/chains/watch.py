"""The wallet of bitcoind that mex works with: it watches our descriptors and has no key.

Made at the first start, and again on a node that lost it. Everything here may run twice and in two processes at once.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from wallets.chains.descriptors import EXTERNAL, Descriptor, descriptor_checksum
from wallets.chains.jsonrpc import ChainRefused, ChainUnavailable, JsonRpc

RANGE = 200
"""Addresses of each branch that a new wallet watches; the node goes on by itself as they are used."""

_WALLET_ERROR = -4
_NO_SUCH_WALLET = -18


class Past(msgspec.Struct, frozen=True):
    """What was watched of a descriptor before, for a node that lost its wallet: how many addresses, and since when.

    `since_s` is Unix time; with none there is nothing to look for in old blocks.
    """

    used: int = 0
    since_s: int | None = None


History = Mapping[str, Past]
"""By public descriptor; what is not in it was never used."""


class WalletForeign(Exception):
    """Raised when the node's wallet of our name is not the watch-only wallet of our keys."""


def wallet_load(root: JsonRpc, name: str) -> bool:
    """Load a wallet and return whether the node has it. Raises ChainUnavailable, also while it is being loaded."""
    try:
        root.call("loadwallet", filename=name, load_on_startup=True)
    except ChainRefused as refusal:
        if refusal.code == _NO_SUCH_WALLET:
            return False
        _unless_loaded(root, name, refusal)
    return True


def wallet_create(root: JsonRpc, name: str, **options: object) -> None:
    """Make a wallet, unless another process makes it at the same time. Raises ChainUnavailable or ChainRefused."""
    try:
        root.call("createwallet", wallet_name=name, load_on_startup=True, repeatable=False, **options)
    except ChainRefused as refusal:
        _unless_loaded(root, name, refusal)


def _unless_loaded(root: JsonRpc, name: str, refusal: ChainRefused) -> None:
    """Raise what a refusal means, unless the wallet is there."""
    if _is_loaded(root, name):
        return
    if refusal.code == _WALLET_ERROR:
        # Mostly another process that is at it in this moment: its file is locked, or already there.
        raise ChainUnavailable(f"the wallet {name} is not open yet: {refusal.message}") from refusal
    raise refusal


def watch_wallet_open(
    root: JsonRpc,
    rpc: JsonRpc,
    name: str,
    descriptors: Sequence[str],
    history: Callable[[], History] = dict,
) -> None:
    """Have the watch-only wallet of these public descriptors loaded, made if there is none.

    `descriptors`: of all generations, oldest first. New addresses, and change, are of the last one of each kind; the
    others are watched, and what they receive can be spent.

    `history` is asked when it has to be made: addresses that were handed out before are watched again, and looked for
    in the blocks since then. Raises WalletForeign when the wallet of that name has private keys or watches anything
    else, ChainRefused, or ChainUnavailable, the latter also while another process is about it.
    """
    if not wallet_load(root, name):
        wallet_create(root, name, disable_private_keys=True, blank=True, descriptors=True)
    missing = _missing(rpc, name, descriptors)
    if not missing:
        return
    past, active = history(), _active(descriptors)
    requests = [_request(text, past.get(text, Past()), end, text in active) for text, end in missing.items()]
    try:
        answers = rpc.call("importdescriptors", requests)
    except ChainRefused as refusal:
        if refusal.code == _WALLET_ERROR:
            # Another process imports at this moment.
            raise ChainUnavailable(f"the wallet {name} is being made: {refusal.message}") from refusal
        raise
    for answer in answers:
        if not answer["success"]:
            error = answer.get("error", {})
            raise ChainRefused(int(error.get("code", 0)), str(error.get("message", "")), "importdescriptors")
    if _missing(rpc, name, descriptors):
        raise ChainRefused(0, f"the wallet {name} does not watch what was imported", "importdescriptors")


def watch_wallet_check(root: JsonRpc, rpc: JsonRpc, name: str, descriptors: Sequence[str]) -> None:
    """Raise WalletForeign unless the node has the watch-only wallet of these descriptors. Nothing is changed."""
    if not _is_loaded(root, name):
        raise WalletForeign(f"the Bitcoin node does not have the wallet {name} loaded: a worker makes it at its start")
    missing = _missing(rpc, name, descriptors)
    if missing:
        raise WalletForeign(f"the Bitcoin node's wallet {name} does not watch {len(missing)} of our descriptors")


def _missing(rpc: JsonRpc, name: str, descriptors: Sequence[str]) -> dict[str, int]:
    """Return those that the wallet does not watch yet, or does not hand out addresses of as it should.

    With the last number that it watches of each.
    """
    if rpc.call("getwalletinfo")["private_keys_enabled"]:
        raise WalletForeign(
            f"the Bitcoin node's wallet {name} can hold private keys, and mex works with one that cannot: "
            "give MEX_BITCOIN_WALLET another name"
        )
    there = {_plain(item["desc"]): item for item in rpc.call("listdescriptors")["descriptors"]}
    ours = {_plain(text): text for text in descriptors}
    if there.keys() - ours.keys():
        raise WalletForeign(
            f"the Bitcoin node's wallet {name} watches addresses of other keys than those of our key file: "
            "give MEX_BITCOIN_WALLET another name, or bring back the right key file"
        )
    ends = {text: int(there[plain]["range"][1]) if plain in there else -1 for plain, text in ours.items()}
    active = _active(descriptors)
    return {
        text: ends[text]
        for plain, text in ours.items()
        if plain not in there or (text in active and not there[plain]["active"])
    }


def _active(descriptors: Sequence[str]) -> set[str]:
    """Return the last one of each kind and branch. The node lets the one before it rest when it gets the next."""
    last = {}
    for text in descriptors:
        descriptor = Descriptor.parse(text)
        last[descriptor.kind, descriptor.branch] = text
    return set(last.values())


def _request(text: str, past: Past, watched_to: int, is_active: bool) -> dict[str, Any]:
    request: dict[str, Any] = {
        "desc": f"{text}#{descriptor_checksum(text)}",
        "active": is_active,
        "internal": Descriptor.parse(text).branch != EXTERNAL,
        # One that was imported before and saw coins arrive may reach further: a range cannot be made shorter.
        "range": [0, max(past.used + RANGE - 1, watched_to)],
        "timestamp": "now" if past.since_s is None else past.since_s,
    }
    return request | {"next_index": past.used} if is_active else request


def _plain(text: str) -> str:
    """Return a descriptor as we write it."""
    try:
        return Descriptor.parse(text).text()
    except ValueError:
        return text


def _is_loaded(root: JsonRpc, name: str) -> bool:
    return name in root.call("listwallets")
