"""Whether addresses and outputs are really of our keys. The node says where they come from; we derive and compare.

bitcoind hands out addresses and chooses where change goes. One that was taken over could name its own: coins would go
there with our signature, or our users' coins without it.
"""

import re
from collections.abc import Iterable, Sequence

from django.conf import settings

from wallets.chains.descriptors import Descriptor
from wallets.chains.psbt import Origin, Psbt
from wallets.chains.scripts import PREFIXES, script_of

_HARDENED = 1 << 31
_ORIGIN = re.compile(r"(?:wpkh|tr)\(\[([0-9a-f]{8})((?:/[0-9]+[h']?)+)\]")


def own_outputs(asked: Psbt, descriptors: Sequence[str]) -> frozenset[int]:
    """Return the numbers of a transaction's outputs that pay an address of these public descriptors."""
    ours = [Descriptor.parse(text) for text in descriptors]
    found = set()
    for number, (output, origins) in enumerate(zip(asked.transaction.vout, asked.outputs, strict=True)):
        if any(bytes(output.scriptPubKey) in _scripts(origin, ours) for origin in origins):
            found.add(number)
    return frozenset(found)


def strange_addresses(told: Iterable[tuple[str, str]], descriptors: Sequence[str]) -> list[str]:
    """Return those of (address, descriptor that the node tells for it) that are not of these public descriptors."""
    ours = [Descriptor.parse(text) for text in descriptors]
    strange = []
    for address, text in told:
        origin = origin_of(text)
        scripts = _scripts(origin, ours) if origin else set()
        if not scripts or script_of(address) not in scripts:
            strange.append(address)
    return strange


def origin_of(text: str) -> Origin | None:
    """Return where the key of an address's descriptor is said to come from; None for a form that is not ours."""
    found = _ORIGIN.match(text)
    return Origin(found[1], _path(found[2])) if found else None


def _scripts(origin: Origin, descriptors: Iterable[Descriptor]) -> set[bytes]:
    """Return the scripts that our descriptors have at a place: none, or one."""
    prefix = PREFIXES[settings.BITCOIN_NETWORK]
    return {
        script_of(descriptor.address(origin.path[-1], prefix=prefix))
        for descriptor in descriptors
        if origin.fingerprint == descriptor.fingerprint and descriptor.path(origin.path[-1]) == origin.path
    }


def _path(text: str) -> tuple[int, ...]:
    steps = text.strip("/").split("/")
    return tuple(int(step.rstrip("h'")) + _HARDENED * step.endswith(("h", "'")) for step in steps)
