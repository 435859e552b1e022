"""What a process can do with the keys, told by itself: `python -m tests.wallets.signing_probe MODULE`, or as a task.

Everything is tried that could sign: the loading functions, the same after taking the role, the passphrase, the node.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import django

django.setup()

from celery_app import app  # noqa: E402
from wallets.chains import keys  # noqa: E402
from wallets.chains.bitcoin import BitcoinNode  # noqa: E402
from wallets.chains.keyfile import passphrase_given  # noqa: E402
from wallets.chains.signing_role import signing_role  # noqa: E402

ATTEMPTS: dict[str, Callable[[], object]] = {
    "ethereum key": keys.hot_key,
    "bitcoin keys": keys.bitcoin_signing_descriptors,
    "passphrase": passphrase_given,
    "private keys of the node": lambda: BitcoinNode().rpc.call("listdescriptors", True),
    "payment by the node": lambda: BitcoinNode().rpc.call(
        "sendtoaddress", BitcoinNode().rpc.call("getnewaddress"), "0.0001", fee_rate=2
    ),
}


def outcomes() -> dict[str, str]:
    """Return what each attempt came to: the error's name, or "done"."""
    found = {}
    for name, attempt in ATTEMPTS.items():
        found[name] = _outcome(attempt)
    if found["ethereum key"] != "done":
        with signing_role():  # what somebody would do who runs code of his own in this process
            found["ethereum key, with the role taken"] = _outcome(keys.hot_key)
    return found


def _outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except Exception as error:  # noqa: BLE001  # whatever it is, its name is the answer
        return type(error).__name__
    return "done"


@app.task
def probe(path: str) -> None:
    """Write what this worker can do to a file, in one step."""
    draft = Path(path + ".draft")
    draft.write_text(json.dumps(outcomes()))
    os.replace(draft, path)


if __name__ == "__main__":
    importlib.import_module(sys.argv[1])
    sys.stdout.write(json.dumps(outcomes()) + "\n")
